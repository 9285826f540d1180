"""Numbers as figures and pages print them: a true minus sign, and commas between thousands."""

import math

# Formulas of log expression, by transform. G is of the tables of all sections of the cohort.
EXPRESSION_UNITS = {
    "log_fraction": "ln((1 + c) / (G + Σc))",
    "log_cp10k": "ln(1 + 10⁴ c / Σc)",
}
MEANINGS = {
    "c": "the gene's counts in a spot",
    "Σc": "all counts of the spot",
    "G": "number of measured genes",
}
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def unit_in_words(transform: str) -> str:
    """The formula of log expression, and what its letters mean."""
    formula = EXPRESSION_UNITS[transform]
    said = [f"{letter}: {words}" for letter, words in MEANINGS.items() if letter in formula]
    return f"{formula} ({', '.join(said)})"


def decimals(value: float, digits: int = 2) -> str:
    """Format a number with fixed decimals; zero never has a sign."""
    return f"{value:z,.{digits}f}".replace("-", "−")


def short(value: float | str) -> str:
    """Format a number, or text of a number: whole, or with three significant digits.

    Below 0.0001, as 8.6 × 10⁻⁶. Other text is returned as it is; NaN becomes "".
    """
    try:
        number = float(value)
    except ValueError:
        return value
    if math.isnan(number):
        return ""
    if math.isinf(number):
        return "∞" if number > 0 else "−∞"
    if number == int(number):
        return decimals(number, 0)
    if abs(number) < 1e-4:
        digits, exponent = f"{number:.1e}".replace(".0e", "e").split("e")
        power = str(int(exponent)).translate(SUPERSCRIPTS)
        return f"{digits.replace('-', '−')}\u00a0×\u00a010{power}"
    text = f"{number:,.1f}" if abs(number) >= 1000 else f"{number:.3g}"
    return text.replace("-", "−")


def alike(*numbers: float) -> list[str]:
    """Format numbers that stand together as `short`, but with as many decimals as the largest."""
    finite = [abs(number) for number in numbers if math.isfinite(number)]
    largest = max(finite, default=0.0)
    if all(number == int(number) for number in finite) or not 1e-4 <= largest < 1000:
        return [short(number) for number in numbers]
    digits = 2 - math.floor(math.log10(largest))
    return [
        decimals(number, digits) if math.isfinite(number) else short(number) for number in numbers
    ]
