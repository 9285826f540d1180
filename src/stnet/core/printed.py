"""Numbers as figures and pages print them."""


def decimals(value: float, digits: int = 2) -> str:
    """Format a number with fixed decimals and a true minus sign; zero never has a sign."""
    return f"{value:z.{digits}f}".replace("-", "−")
