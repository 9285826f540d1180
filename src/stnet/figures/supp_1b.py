"""Supp. Fig. 1b: mean expression of all genes, target genes marked."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stnet.core.h5ad import read_h5ad
from stnet.core.tables import read_table
from stnet.figures.style import (
    COLUMN_MM,
    GREY,
    VERMILLION,
    log_scale,
    new_figure,
    save,
    styled,
)


def draw(genes: str | Path, targets: str | Path, figures: Iterable[str | Path]) -> None:
    """Draw Supp. Fig. 1b from the dataset's `genes.tsv.gz` and the genes of a targets file."""
    table = read_table(genes)
    chosen = read_h5ad(targets, backed=True).var_names
    save(mean_expression(table["mean_count"], table["gene"].isin(chosen)), figures)


@styled
def mean_expression(mean_count: pd.Series, is_target: pd.Series) -> Figure:
    """Mean counts per spot by rank, on logarithmic axes, without genes that were never counted."""
    counted = (mean_count > 0).to_numpy()
    order = np.argsort(-mean_count.to_numpy()[counted], kind="stable")
    means = mean_count.to_numpy()[counted][order]
    marked = is_target.to_numpy()[counted][order]
    ranks = np.arange(1, len(means) + 1)
    figure = new_figure(COLUMN_MM, 60)
    axis = figure.add_subplot()
    # Sizes and markers differ too, for print in black and white.
    for chosen, style, name in (
        (~marked, {"color": GREY, "s": 3}, "other"),
        (marked, {"color": VERMILLION, "s": 9, "marker": "D"}, "target"),
    ):
        axis.scatter(
            *(ranks[chosen], means[chosen]),
            **style,
            linewidths=0,
            rasterized=True,
            label=f"{chosen.sum():,} {name} genes",
        )
    log_scale(axis, "x")
    log_scale(axis, "y")
    axis.legend(loc="lower left", markerscale=2, handletextpad=0.2)
    axis.set_xlabel("Gene, ranked by mean expression")
    axis.set_ylabel("Mean counts per spot")
    return figure
