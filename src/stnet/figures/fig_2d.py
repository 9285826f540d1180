"""Fig. 2d, Supp. Fig. 7a, b: median r of the network against that of another method, by gene."""

from collections.abc import Iterable
from pathlib import Path
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stnet.core.tables import gene_names, read_table
from stnet.figures.labels import write_beside
from stnet.figures.style import BLACK, BLUE, COLUMN_MM, annotate, new_figure, save, styled

NAMED = 5
LINE = 50  # characters in a line of the title and of the names of the axes


def draw(comparison: str | Path, figures: Iterable[str | Path], *, main: str, other: str) -> None:
    """Draw the comparison `against-….tsv` of two experiments.

    `main` and `other` are their titles.
    """
    save(against(read_table(comparison), main, other), figures)


@styled
def against(comparison: pd.DataFrame, main: str, other: str) -> Figure:
    """Scatter plot with one point per gene, and the names of the five with the highest median r.

    `comparison` has the columns `gene`, `symbol`, `median_pearson`, `median_pearson_other` and
    `ahead`. A gene with either median missing has no point.
    """
    points = comparison.dropna(subset=["median_pearson", "median_pearson_other"])
    points = points.sort_values("median_pearson", ascending=False, kind="stable")
    others, network = points["median_pearson_other"], points["median_pearson"]
    figure = new_figure(COLUMN_MM, 89)
    axis = figure.add_subplot(aspect="equal")
    axis.scatter(others, network, s=8, color=BLUE, alpha=0.7, linewidths=0)
    names = gene_names(points)
    both = np.concatenate([others, network, [0]])
    # Without points the range would be zero.
    margin = 0.1 * np.ptp(both) or 0.1
    limits = both.min() - margin, both.max() + margin
    axis.set(xlim=limits, ylim=limits)
    ahead = f"{main} ahead in {comparison['ahead'].sum()} of {len(comparison)} genes"
    axis.set_title(fill(ahead, LINE))
    axis.set_xlabel(fill(f"Median r: {other}", LINE))
    axis.set_ylabel(fill(f"Median r: {main}", LINE))
    axis.locator_params(nbins=6)
    if points.empty:
        annotate(axis, "no gene has an r by both")
        return figure
    axis.axline((0, 0), slope=1, color=BLACK, linestyle="--", linewidth=0.8)
    # Names need the final layout.
    figure.draw_without_rendering()
    places = np.column_stack([others, network])
    diagonal = np.linspace(limits[:1] * 2, limits[1:] * 2, 100)
    named = list(names)[:NAMED]
    write_beside(
        *(axis, named, places[:NAMED], np.concatenate([places, diagonal])), fontstyle="italic"
    )
    return figure
