"""What all figures share: sizes that print, colours that everyone can tell apart, saving."""

from collections.abc import Iterable
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stnet.core.atomic import atomic_path

# Widths of one and two columns of the journal.
COLUMN_MM, PAGE_MM = 89, 183

# Okabe and Ito's palette, told apart by colour-blind readers.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILLION, GREY = "#0072B2", "#D55E00", "#808080"
EXPRESSION_MAP = "viridis"
LABEL_COLOURS = {"tumour": VERMILLION, "normal": SKY}

EXPRESSION_UNITS = {
    "log_fraction": "ln((1 + c) / (G + Σc))",
    "log_cp10k": "ln(1 + 10⁴ c / Σc)",
}

STYLE = {
    "font.size": 7,
    "axes.labelsize": 7,
    "axes.titlesize": 8,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "lines.linewidth": 1.0,
    # Text stays text in the PDF, so that a journal can set it.
    "pdf.fonttype": 42,
}

# Decorator of the functions that draw: they draw in the project's style, and what draws elsewhere
# in the same process keeps its own. Artists look some of it up when they are saved.
styled = matplotlib.rc_context(STYLE)


def new_figure(width_mm: float, height_mm: float) -> Figure:
    """Empty figure of a printed size, laid out so that nothing overlaps."""
    return Figure(figsize=(width_mm / 25.4, height_mm / 25.4), layout="constrained")


def whole_thousands(axis: Axes, which: str) -> None:
    """Write the numbers of the `x` or `y` axis as 1,000."""
    getattr(axis, f"{which}axis").set_major_formatter("{x:,.0f}")


@styled
def save(figure: Figure, paths: Iterable[str | Path]) -> None:
    """Write the figure at its printed size, byte-identical for the same data.

    By the paths' endings as PNG (300 dpi), PDF or, for patches of every section, JPEG: a report of
    them all has to open.
    """
    keys = {
        ".png": {"dpi": 300, "metadata": {"Software": None}},
        ".pdf": {"dpi": 300, "metadata": {"CreationDate": None}},
        # Thin coloured lines stay so without subsampling.
        ".jpg": {"dpi": 200, "pil_kwargs": {"quality": 80, "subsampling": 0}},
    }
    for path in map(Path, paths):
        with atomic_path(path) as temporary:
            figure.savefig(temporary, **keys[path.suffix])
