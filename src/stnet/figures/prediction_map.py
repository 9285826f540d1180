"""What maps of predictions share: which genes are shown, their names, their colours."""

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

from stnet.figures.style import EXPRESSION_MAP, EXPRESSION_UNITS, GREY
from stnet.inference.gene_reliability import read_gene_reliability

logger = logging.getLogger(__name__)

SHOWN = 4
MISSING = "#d9d9d9"
COLOURS = colormaps[EXPRESSION_MAP].with_extremes(bad=MISSING)


def read_with_reliability(predictions: str | Path, reliability: str | Path | None) -> ad.AnnData:
    """Predictions whose `var` says which genes are consistent: by `reliability`, else as it is."""
    table = ad.read_h5ad(predictions)
    if reliability is not None:
        table.var["consistent"] = (
            read_gene_reliability(reliability)["consistent"].reindex(table.var_names).eq(True)
        )
    return table


def choose_genes(table: ad.AnnData, wanted: Sequence[str], source: object) -> list[str]:
    """Ids of the genes to show of predictions (rows, genes), by `wanted` ids or symbols.

    A name that is no gene of the model is left out, and a warning names `source`. Where none
    is left or wanted: the four of the greatest spread (s.d.) of the prediction, consistent ones
    before the others.
    """
    chosen = []
    for name in dict.fromkeys(wanted):
        fitting = table.var_names[(table.var_names == name) | (table.var["symbol"] == name)]
        if len(fitting):
            chosen.append(fitting[0])
        else:
            logger.warning(f"{source}: {name} is no gene of the model and is left out")
    if chosen:
        return list(dict.fromkeys(chosen))
    order = table.var[["consistent"]].assign(spread=np.std(table.X, axis=0, dtype=float))
    order = order.sort_values(["consistent", "spread"], ascending=False, kind="stable")
    return order.index[:SHOWN].tolist()


def gene_title(gene: pd.Series) -> str:
    """Symbol of a row of the predictions' `var`, else its id; says if it was not consistent."""
    name = gene["symbol"] or gene.name
    return name if gene["consistent"] else f"{name}\n(not consistent\nin training)"


def colour_note(table: ad.AnnData) -> str:
    """What the colours of the maps of predictions are, in their unit."""
    unit = EXPRESSION_UNITS[table.uns["provenance"]["transform"]]
    return f"Colour: {unit}, from the 2nd to the 98th percentile of each map"


def add_colour_bar(axis: Axes, drawn: ScalarMappable, height_mm: float) -> None:
    """Colour bar below a map of a printed height, with its ends: the 2nd and the 98th percentile
    of the map's values, some of which may be missing.
    """
    low, high = np.percentile(np.ma.masked_invalid(drawn.get_array()).compressed(), [2, 98])
    drawn.set_clim(low, high)
    place = axis.inset_axes((0.1, -4 / height_mm, 0.8, 2 / height_mm))
    bar = axis.figure.colorbar(drawn, cax=place, orientation="horizontal", ticks=[])
    bar.outline.set_visible(False)
    # As many digits as tell the ends apart: predictions of an early network hardly differ.
    digits = max(1, 1 - math.floor(math.log10(high - low))) if high > low else 2
    for x, value, side in ((0, low, "left"), (1, high, "right")):
        text = f"{value:.{digits}f}".replace("-", "−")
        place.text(x, -0.4, text, transform=place.transAxes, ha=side, va="top", fontsize=7)


def annotate(axis: Axes, text: str) -> None:
    """Write in the middle of a map why it is empty."""
    axis.text(
        *(0.5, 0.5, text), transform=axis.transAxes, ha="center", va="center", color=GREY, wrap=True
    )
