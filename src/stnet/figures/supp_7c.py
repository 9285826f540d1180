"""Supp. Fig. 7c: variance explained by the cell-type composition, by number of factors."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from stnet.core.tables import read_table
from stnet.figures.style import (
    BLUE,
    COLUMN_MM,
    GREY,
    ORANGE,
    new_figure,
    save,
    styled,
    whole_numbers,
)


def draw(variance: str | Path, figures: Iterable[str | Path]) -> None:
    """Draw Supp. Fig. 7c from the table of `stnet.analysis.composition`."""
    save(variance_explained(read_table(variance)), figures)


@styled
def variance_explained(variance: pd.DataFrame) -> Figure:
    """Lines over the number of factors: spots fitted, patients left out, and shuffled genes.

    `variance` has one row per number of factors. If no patients were left out, that line is left
    out. The dashed line marks the `configured` row: the factors that the network predicts.
    """
    figure = new_figure(COLUMN_MM, 66)
    axis = figure.add_subplot()
    configured = variance.loc[variance["configured"], "factors"].iloc[0]
    # Markers differ too, for print in black and white.
    for column, colour, marker, name in (
        ("explained", BLUE, "o", "in the spots fitted"),
        ("explained_left_out", ORANGE, "^", "in patients left out of the fit"),
        ("explained_shuffled", GREY, "s", "in the spots fitted, each gene shuffled"),
    ):
        if variance[column].notna().any():
            style = {"color": colour, "marker": marker, "markersize": 3}
            axis.plot(variance["factors"], variance[column], label=name, **style)
    style = {"color": GREY, "linewidth": 0.8, "linestyle": "--"}
    axis.axvline(configured, zorder=0, label="factors that the network predicts", **style)
    axis.set_xlabel("Factors")
    axis.set_ylabel("Variance explained")
    axis.set_ylim(min(0.0, axis.get_ylim()[0]), 1.0)
    axis.yaxis.set_major_formatter("{x:.0%}")
    whole_numbers(axis, "x")
    axis.legend(loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0)
    return figure
