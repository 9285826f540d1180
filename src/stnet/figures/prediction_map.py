"""What maps of expression share: heading, choice of genes, titles, colours and colour bars."""

import math
import textwrap
from collections.abc import Sequence

import anndata as ad
import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import Collection
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from stnet.core.printed import decimals, unit_in_words
from stnet.figures.spot_map import draw_spots
from stnet.figures.style import (
    BLUE,
    EXPRESSION_MAP,
    GREY,
    LIGHT_GREY,
    PAGE_MM,
    VERMILLION,
    annotate,
    new_figure,
)
from stnet.inference.account import PERCENTILES, UNKNOWN, account_of
from stnet.inference.reliable import doubt
from stnet.inference.wanted_genes import find_genes

SHOWN = 4
COLOURS = colormaps[EXPRESSION_MAP].with_extremes(bad=LIGHT_GREY)
# Of genes to doubt: the same colours, mixed with as much light grey.
MUTED = ListedColormap(0.35 * COLOURS(np.arange(COLOURS.N)) + 0.65 * np.array([0.9, 0.9, 0.9, 1]))
# What "range" is in the title of a map without measurement.
RANGE_NOTE = "; range: as a share of the range measured in training"
# Heading: characters in a line and in a bold one, and printed heights of a line and around them.
LINE, BOLD_LINE, LINE_MM, AROUND_MM = 138, 108, 3.3, 9
PAD_MM = 1.7  # printed, around each map
# Of tiles and spots that the model abstains from. Hatched, because glass is grey, too.
UNKNOWN_LOOK = {"facecolor": LIGHT_GREY, "edgecolor": GREY, "hatch": "////", "linewidth": 0}


def known_expression(table: ad.AnnData) -> np.ndarray:
    """The predictions (patches, genes), NaN for those that the model abstains from."""
    return np.where(table.obs[["abstained"]], np.float32(np.nan), table.X)


def mark_unknown(marks: Collection) -> None:
    """Let the marks of tiles or spots look as those of which the model says nothing."""
    marks.set(**UNKNOWN_LOOK)


def draw_unknown_key(axis: Axes, table: ad.AnnData) -> None:
    """Write below an axis what the marks of `mark_unknown` mean, if there are any."""
    if table.obs["abstained"].any():
        axis.legend(
            handles=[Patch(**UNKNOWN_LOOK, label="unknown: unlike\nthe training images")],
            loc="upper center",
            bbox_to_anchor=(0.5, 0),
        )


def headed_figure(table: ad.AnnData, title: str, remark: str, height_mm: float) -> Figure:
    """A figure of the page's width, with a heading and `height_mm` below it.

    The heading has the `title`, what was predicted by which model, a `remark`, and what
    `stnet.inference.account` warns of, as `summary.tsv` does.
    """
    account, provenance = account_of(table), table.uns["provenance"]
    about = f"{account.predicted}{remark}; model {provenance['experiment']}/{provenance['model']}"
    if account.warnings:
        said = [f"Warning: {warning}" for warning in account.warnings]
        colour, weight, length = VERMILLION, "bold", BOLD_LINE
    else:
        stain, latent, scale = (account.far[name] for name in ("stain", "latent", "um_per_px"))
        far = f": stain {stain}, latent features {latent} (1: the farthest training patient)"
        far = f" {stain}" if stain == UNKNOWN else far
        said = [f"Distance from the training images{far}; scale {scale} of theirs"]
        colour, weight, length = BLUE, "normal", LINE
    above = textwrap.wrap(about, LINE)
    below = [line for each in said for line in textwrap.wrap(each, length)]
    heading_mm = AROUND_MM + LINE_MM * (len(above) + len(below))
    total_mm = heading_mm + height_mm
    figure = new_figure(PAGE_MM, total_mm)
    # The layout ignores the numbers below colour bars.
    figure.get_layout_engine().set(rect=(0, 0, 1, height_mm / total_mm), h_pad=PAD_MM / 25.4)
    lines = [(title, 2, {"fontsize": 9, "fontweight": "bold"}), ("\n".join(above), 6, {})]
    frame = {"facecolor": "none", "edgecolor": colour, "linewidth": 0.8, "pad": 2.5}
    style = {"color": colour, "bbox": frame, "fontweight": weight}
    lines.append(("\n".join(below), 8 + LINE_MM * len(above), style))
    for text, from_top, look in lines:
        figure.text(2 / PAGE_MM, 1 - from_top / total_mm, text, va="top", **{"fontsize": 7} | look)
    return figure


def choose_genes(table: ad.AnnData, wanted: Sequence[str], source: object) -> list[str]:
    """Choose the genes to draw and return their ids.

    `wanted` has ids or symbols. If nothing is wanted, the four genes with the largest standard
    deviation of the prediction are taken, consistent genes first, and of those the measured.
    Raises InputError, naming `source`, the file, if the model does not predict a wanted gene.
    """
    if wanted:
        names = table.var[["symbol", "ensembl"]].itertuples(name=None)
        return find_genes(wanted, names, source)
    order = table.var[["consistent"]].assign(spread=np.std(table.X, axis=0, dtype=float))
    order.insert(1, "measured", table.var["match"] != "" if "match" in table.var else True)
    order = order.sort_values([*order.columns], ascending=False, kind="stable")
    return order.index[:SHOWN].tolist()


def gene_title(gene: pd.Series, measured: bool = False) -> str:
    """Title of a gene's map, from its row of `var`: symbol or id, and what to think of it.

    It has r if the gene is drawn beside its measurement, else the share of the range.
    """
    lines = [gene["symbol"] or gene.name]
    if measured:
        lines.append(
            "r undefined" if np.isnan(gene["pearson"]) else f"r = {decimals(gene['pearson'], 2)}"
        )
    elif not np.isnan(gene["range_share"]):
        lines.append(f"range: {gene['range_share']:.0%} of training")
    return "\n".join([*lines, *filter(None, [doubt(gene)])])


def title_axis(axis: Axes, gene: pd.Series, measured: bool = False) -> None:
    """Set `gene_title`, in grey if the gene is doubtful."""
    axis.set_title(gene_title(gene, measured), color=GREY if doubt(gene) else "black", fontsize=7)


def colours_of(gene: pd.Series) -> ListedColormap:
    """Colours of a gene's maps, from its row of `var`; muted if the gene is doubtful."""
    return MUTED if doubt(gene) else COLOURS


def colour_note(transform: str, of: str) -> str:
    """Describe the colour scale of maps of expression, over the percentiles `of` what."""
    unit = unit_in_words(transform)
    return f"Colour: log expression, {unit},\nfrom the 2nd to the 98th percentile {of}"


def value_range(*values: np.ndarray) -> tuple[float, float]:
    """The colour range of values that are drawn alike: the percentiles of all of them.

    Values that are all missing do not count.
    """
    finite = [each[np.isfinite(each)] for each in values]
    ends = [np.percentile(each, PERCENTILES) for each in finite if len(each)] or [(0, 1)]
    return min(low for low, _ in ends), max(high for _, high in ends)


def draw_expression(
    axis: Axes,
    places: np.ndarray,
    pitch: float,
    values: np.ndarray,
    height_mm: float,
    limits: tuple[float, float],
    *,
    what: str,
) -> None:
    """Draw expression at the spots of a section, with a colour bar.

    Args:
        axis: framed to the section already.
        places: spots in pixels, (n, 2).
        pitch: distance between neighbouring spots, in pixels.
        values: expression, (n,); NaN is grey.
        height_mm: of the map in print.
        limits: ends of the colours.
        what: "measured" or "predicted", to say what is missing if all values are.
    """
    if np.isnan(values).all():
        annotate(axis, f"not {what}")
    else:
        discs = draw_spots(axis, places, pitch, array=values, cmap=COLOURS)
        discs.set_clim(*limits)
        add_colour_bar(axis, discs, height_mm)


def add_colour_bar(axis: Axes, drawn: ScalarMappable, height_mm: float) -> None:
    """Add a colour bar below a map that is `height_mm` high in print, with the ends in numbers."""
    low, high = drawn.get_clim()
    place = axis.inset_axes((0.1, -4 / height_mm, 0.8, 2 / height_mm))
    bar = axis.figure.colorbar(drawn, cax=place, orientation="horizontal", ticks=[])
    bar.outline.set_visible(False)
    # Enough digits for the two ends to differ: predictions of an early network hardly vary.
    digits = max(1, 1 - math.floor(math.log10(high - low))) if high > low else 2
    for x, value, side in ((0, low, "left"), (1, high, "right")):
        text = decimals(value, digits)
        place.text(x, -0.4, text, transform=place.transAxes, ha=side, va="top", fontsize=7)
