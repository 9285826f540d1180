"""What maps of expression share: choice of genes, titles, colours and colour bars."""

import logging
import math
from collections.abc import Sequence
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable

from stnet.core.h5ad import read_h5ad
from stnet.core.printed import decimals
from stnet.figures.spot_map import draw_spots
from stnet.figures.style import EXPRESSION_MAP, LIGHT_GREY, annotate
from stnet.inference.gene_reliability import read_gene_reliability

logger = logging.getLogger(__name__)

SHOWN = 4
COLOURS = colormaps[EXPRESSION_MAP].with_extremes(bad=LIGHT_GREY)


def read_with_reliability(predictions: str | Path, reliability: str | Path | None) -> ad.AnnData:
    """Read predictions with `var["consistent"]`, whether a gene was consistent in training.

    The column comes from the table of gene reliability, or is in the predictions already where
    `reliability` is None.
    """
    table = read_h5ad(predictions)
    if reliability is not None:
        genes = read_gene_reliability(reliability, table.uns["provenance"]["weights_sha256"])
        table.var["consistent"] = genes["consistent"].reindex(table.var_names).eq(True)
    return table


def choose_genes(table: ad.AnnData, wanted: Sequence[str], source: object) -> list[str]:
    """Choose the genes to draw and return their ids.

    `wanted` has ids or symbols. A name that the model does not predict is left out with a warning,
    which names `source`, the file. If nothing is wanted, or nothing is left, the four genes with
    the largest standard deviation of the prediction are taken, consistent genes first.
    """
    chosen = []
    for name in dict.fromkeys(wanted):
        fitting = table.var_names[(table.var_names == name) | (table.var["symbol"] == name)]
        if len(fitting):
            chosen.append(fitting[0])
        else:
            logger.warning(f"{source}: the model does not predict {name}; it is left out")
    if chosen:
        return list(dict.fromkeys(chosen))
    order = table.var[["consistent"]].assign(spread=np.std(table.X, axis=0, dtype=float))
    order = order.sort_values(["consistent", "spread"], ascending=False, kind="stable")
    return order.index[:SHOWN].tolist()


def gene_title(gene: pd.Series) -> str:
    """Title of a gene's map, from its row of `var`: symbol or id, and whether to distrust it."""
    name = gene["symbol"] or gene.name
    return name if gene["consistent"] else f"{name}\n(not consistent\nin training)"


def colour_note(unit: str) -> str:
    """Describe the colour scale of maps of expression in `unit`."""
    return f"Colour: {unit}, from the 2nd to the 98th percentile of each map"


def draw_expression(
    axis: Axes,
    places: np.ndarray,
    pitch: float,
    values: np.ndarray,
    height_mm: float,
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
        what: "measured" or "predicted", to say what is missing if all values are.
    """
    if np.isnan(values).all():
        annotate(axis, f"not {what}")
    else:
        discs = draw_spots(axis, places, pitch, array=values, cmap=COLOURS)
        add_colour_bar(axis, discs, height_mm)


def add_colour_bar(axis: Axes, drawn: ScalarMappable, height_mm: float) -> None:
    """Add a colour bar below a map that is `height_mm` high in print.

    The colours span the 2nd to the 98th percentile of the map's values, without missing ones; both
    numbers are written at the ends of the bar.
    """
    low, high = np.percentile(np.ma.masked_invalid(drawn.get_array()).compressed(), [2, 98])
    drawn.set_clim(low, high)
    place = axis.inset_axes((0.1, -4 / height_mm, 0.8, 2 / height_mm))
    bar = axis.figure.colorbar(drawn, cax=place, orientation="horizontal", ticks=[])
    bar.outline.set_visible(False)
    # Enough digits for the two ends to differ: predictions of an early network hardly vary.
    digits = max(1, 1 - math.floor(math.log10(high - low))) if high > low else 2
    for x, value, side in ((0, low, "left"), (1, high, "right")):
        text = decimals(value, digits)
        place.text(x, -0.4, text, transform=place.transAxes, ha=side, va="top", fontsize=7)
