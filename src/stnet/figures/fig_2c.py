"""Fig. 2c: how well the predictions tell high from low spots of external Visium sections."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stnet.core.tables import read_table
from stnet.figures.style import BLACK, BLUE, COLUMN_MM, GREY, new_figure, save, styled

AUROC_BIN = 0.02


def draw(gene_performance: str | Path, figures: Iterable[str | Path]) -> None:
    """Draw the gene performance on external sections into files."""
    save(auroc_distribution(read_table(gene_performance)["mean_auroc"]), figures)


@styled
def auroc_distribution(auroc: pd.Series) -> Figure:
    """Histogram of AUROC, one value a gene; genes without one are left out."""
    figure = new_figure(COLUMN_MM, 60)
    axis = figure.add_subplot()
    draw_distribution(axis, auroc, chance=0.5, width=AUROC_BIN)
    axis.set_xlabel("AUROC, top against bottom quarter of spots")
    return figure


def draw_distribution(axis: Axes, values: pd.Series, *, chance: float, width: float) -> None:
    """Histogram of one value a gene in bins of `width` that end at `chance`, with the mean.

    Missing values are left out; the legend says how many there are. Without any the axis says so.
    """
    values = values.dropna()
    axis.set_ylabel("Genes")
    axis.axvline(chance, color=GREY, linestyle="--", label=f"chance {chance:g}")
    if values.empty:
        axis.set_yticks([])
        axis.set_title("no gene has a value")
        return
    # Rounding keeps a value on the edge of a bin from making an empty one.
    places = ((values - chance) / width).round(6)
    first, last = np.floor(places.min()), max(np.ceil(places.max()), np.floor(places.min()) + 1)
    axis.hist(values, bins=chance + width * np.arange(first, last + 1), color=BLUE)
    mean = f"mean {values.mean():z.2f}".replace("-", "−")
    axis.axvline(values.mean(), color=BLACK, label=f"{mean} ({len(values)} genes)")
    axis.xaxis.get_major_locator().set_params(steps=[1, 2, 5, 10])
    axis.yaxis.get_major_locator().set_params(integer=True)
    # Above the bars, which may be highest anywhere.
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1), borderaxespad=0.2, ncols=2)
