"""What all figures share: printed sizes, colour-blind-safe colours, text on axes, saving."""

from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from PIL import Image

from stnet.core.atomic import atomic_path

# Width of one column and of a page of the journal.
COLUMN_MM, PAGE_MM = 89, 183

# Okabe and Ito's palette, safe for colour-blind readers.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILLION, GREY = "#0072B2", "#D55E00", "#808080"
LIGHT_GREY = "#d9d9d9"  # no value, or background
EXPRESSION_MAP = "viridis"
# Vermillion is darkened, so that the labels differ in black and white too.
LABEL_COLOURS = {"tumour": "#B34700", "normal": SKY}


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
    # A gene, label or file name with $ is no formula.
    "text.parse_math": False,
    # Text stays text in the PDF, so that a journal can set it.
    "pdf.fonttype": 42,
}

# Decorator of the functions that draw. It sets the project's style for that function only, so that
# other code in the same process keeps its own. `save` has it too: artists look up some settings
# only when they are saved.
styled = matplotlib.rc_context(STYLE)


def new_figure(width_mm: float, height_mm: float) -> Figure:
    """Make an empty figure of a printed size, laid out so that nothing overlaps."""
    return Figure(figsize=(width_mm / 25.4, height_mm / 25.4), layout="constrained")


def whole_thousands(axis: Axes, which: str) -> None:
    """Write the numbers of the `x` or `y` axis as 1,000."""
    getattr(axis, f"{which}axis").set_major_formatter("{x:,.0f}")


def whole_numbers(axis: Axes, which: str) -> None:
    """Put the ticks of the `x` or `y` axis at whole numbers only."""
    getattr(axis, f"{which}axis").get_major_locator().set_params(integer=True)


def log_scale(axis: Axes, which: str) -> None:
    """Make the `x` or `y` axis logarithmic. Its numbers are plain, as formulas are not drawn."""
    getattr(axis, f"set_{which}scale")("log")
    scale = getattr(axis, f"{which}axis")
    scale.set_major_formatter("{x:,.10g}")
    scale.set_minor_formatter(NullFormatter())


def hide_axes(axis: Axes) -> None:
    """Remove ticks and frame, and keep titles and axis labels."""
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)


def annotate(axis: Axes, text: str) -> None:
    """Write in the middle of an axis why it is empty."""
    axis.text(
        *(0.5, 0.5, text), transform=axis.transAxes, ha="center", va="center", color=GREY, wrap=True
    )


def leave_empty(axis: Axes, text: str = "") -> None:
    """Switch an axis off and write in its place why there is nothing to draw."""
    axis.set_axis_off()
    annotate(axis, text)


@styled
def save(figure: Figure, paths: Iterable[str | Path]) -> None:
    """Write a figure at its printed size, byte-identical for the same data.

    The suffix of each path sets the format: PNG (300 dpi), PDF or JPEG (120 dpi). PNGs have the 256
    colours that fit them best, a third of the bytes, and the pages with patches of every section
    are JPEG, to keep the report small enough to open.
    """
    keys = {
        ".png": {"dpi": 300, "metadata": {"Software": None}},
        ".pdf": {"dpi": 300, "metadata": {"CreationDate": None}},
        ".jpg": {"dpi": 120, "pil_kwargs": {"quality": 70}},
    }
    for path in map(Path, paths):
        with atomic_path(path) as temporary:
            figure.savefig(temporary, **keys[path.suffix])
            if path.suffix == ".png":
                _reduce_colours(temporary)


def _reduce_colours(png: Path) -> None:
    """Write a PNG again with a palette, which keeps white and the colours of plots.

    It covers all colours that there are: the few of a colour bar count as much as a photo's many.
    """
    with Image.open(png) as image:
        dpi, drawn = image.info["dpi"], image.convert("RGB")
    palette = Image.Quantize.MAXCOVERAGE
    drawn.quantize(256, palette, dither=Image.Dither.NONE).save(png, optimize=True, dpi=dpi)


@styled
def webp(figure: Figure) -> bytes:
    """A figure as the bytes of a WebP file (200 dpi), for a page that contains its pictures.

    It has half the bytes of a JPEG.
    """
    file = BytesIO()
    figure.savefig(file, format="webp", dpi=200, pil_kwargs={"quality": 70})
    return file.getvalue()
