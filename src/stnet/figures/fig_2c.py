"""Fig. 2c: AUROC of the genes on external Visium sections."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stnet.core.printed import decimals
from stnet.core.tables import read_table
from stnet.figures.style import (
    BLACK,
    BLUE,
    COLUMN_MM,
    GREY,
    new_figure,
    save,
    styled,
    whole_numbers,
)

AUROC_BIN = 0.02


def draw(gene_performance: str | Path, figures: Iterable[str | Path]) -> None:
    """Draw Fig. 2c from the gene performance on external sections."""
    save(auroc_distribution(read_table(gene_performance)["mean_auroc"]), figures)


@styled
def auroc_distribution(auroc: pd.Series) -> Figure:
    """Histogram of the AUROC of each gene; genes without one are left out."""
    figure = new_figure(COLUMN_MM, 60)
    axis = figure.add_subplot()
    draw_distribution(axis, auroc, chance=0.5, width=AUROC_BIN)
    axis.set_xlabel("AUROC, top against bottom quarter of spots")
    return figure


def draw_distribution(axis: Axes, values: pd.Series, *, chance: float, width: float) -> None:
    """Draw a histogram of one value per gene, with the mean and the value expected by chance.

    Bins are `width` wide and have an edge at `chance`. Missing values are left out; the legend has
    the number of genes with a value. If there are none, the title says so.
    """
    values = values.dropna()
    axis.set_ylabel("Genes")
    axis.axvline(chance, color=GREY, linestyle="--", label=f"chance {chance:g}")
    if values.empty:
        axis.set_yticks([])
        axis.set_title("no gene has a value")
        return
    # Rounding avoids an empty bin when a value lies on an edge.
    places = ((values - chance) / width).round(6)
    first, last = np.floor(places.min()), max(np.ceil(places.max()), np.floor(places.min()) + 1)
    axis.hist(values, bins=chance + width * np.arange(first, last + 1), color=BLUE)
    mean = values.mean()
    axis.axvline(mean, color=BLACK, label=f"mean {decimals(mean)} ({len(values)} genes)")
    axis.xaxis.get_major_locator().set_params(steps=[1, 2, 5, 10])
    whole_numbers(axis, "y")
    # Above the plot, because the bars may be high anywhere in it.
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1), borderaxespad=0.2, ncols=2)
