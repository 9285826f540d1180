"""Fig. 1c, d: distribution over spots of the genes with non-zero counts and of total counts."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stnet.core.tables import read_table
from stnet.figures.style import BLUE, COLUMN_MM, new_figure, save, styled, whole_thousands


def draw(spots: str | Path, fig_1c: Iterable[str | Path], fig_1d: Iterable[str | Path]) -> None:
    """Draw Fig. 1c and Fig. 1d from the dataset's `spots.tsv.gz`."""
    table = read_table(spots)
    save(distribution(table["n_genes"], "Genes with non-zero counts per spot"), fig_1c)
    save(distribution(table["total_counts"], "Total counts per spot"), fig_1d)


@styled
def distribution(values: pd.Series, quantity: str) -> Figure:
    """Histogram of one number per spot, with the median marked."""
    figure = new_figure(COLUMN_MM, 55)
    axis = figure.add_subplot()
    axis.hist(values, bins=np.linspace(0, values.max(), 51), color=BLUE)
    median = values.median()
    axis.axvline(median, color="black", linestyle="--", label=f"median {median:,.0f}")
    axis.legend(loc="upper right")
    axis.set_xlim(0, None)
    axis.set_xlabel(quantity)
    axis.set_ylabel("Spots")
    whole_thousands(axis, "x")
    whole_thousands(axis, "y")
    return figure
