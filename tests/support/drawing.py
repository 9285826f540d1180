"""What a figure shows, without saving it."""

from matplotlib.figure import Figure


def render(figure: Figure) -> Figure:
    """Lay the figure out and draw it, so that what cannot be drawn fails here."""
    figure.draw_without_rendering()
    return figure


def texts(figure: Figure) -> str:
    return " | ".join(text.get_text() for text in figure.findobj(lambda a: hasattr(a, "get_text")))
