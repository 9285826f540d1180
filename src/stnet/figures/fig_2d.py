"""Fig. 2d: median r of the network against that of the tumour/normal labels, gene by gene."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Bbox

from stnet.evaluation.tables import read_table
from stnet.figures.style import BLACK, BLUE, COLUMN_MM, new_figure, save

NAMED = 5
# Where a name may stand: points away from its point, and which side of it is fixed there.
NAME_PLACES = [
    *[((4, 0), "left"), ((4, -4), "left"), ((4, 4), "left")],
    *[((-4, 0), "right"), ((0, 7), "center"), ((0, -7), "center")],
]


def draw(comparison: str | Path, main: str, figures: Iterable[str | Path]) -> None:
    """Draw the table `against-{other}.tsv` of the experiment `main` into files."""
    save(against_labels(read_table(comparison), main), figures)


def against_labels(comparison: pd.DataFrame, main: str) -> Figure:
    """A point a gene of `comparison` (`gene symbol median_pearson median_pearson_other ahead`).

    The five genes of highest median r are named. A gene without a median in either has no point.
    """
    points = comparison.dropna(subset=["median_pearson", "median_pearson_other"])
    points = points.sort_values("median_pearson", ascending=False, kind="stable")
    labels, network = points["median_pearson_other"], points["median_pearson"]
    figure = new_figure(COLUMN_MM, 80)
    axis = figure.add_subplot(aspect="equal")
    axis.scatter(labels, network, s=8, color=BLUE, alpha=0.7, linewidths=0)
    axis.axline((0, 0), slope=1, color=BLACK, linestyle="--", linewidth=0.8)
    names = points["symbol"].fillna(points["gene"])
    both = np.concatenate([labels, network, [0]])
    limits = both.min() - 0.1 * np.ptp(both), both.max() + 0.1 * np.ptp(both)
    axis.set(xlim=limits, ylim=limits)
    axis.set_title(f"{main} ahead in {comparison['ahead'].sum()} of {len(comparison)} genes")
    axis.set_xlabel("Median r, tumour/normal labels")
    axis.set_ylabel(f"Median r, {main}")
    # The size of a name in data units is known only once the figure is laid out.
    figure.draw_without_rendering()
    _name_points(axis, list(zip(names, labels, network, strict=True))[:NAMED])
    return figure


def _name_points(axis: Axes, points: Sequence[tuple[str, float, float]]) -> None:
    """Write names beside points (name, x, y), where they do not cover one another."""
    taken = [Bbox.from_bounds(*(axis.transData.transform(p[1:]) - 3), 6, 6) for p in points]
    for name, x, y in points:
        for offset, across in NAME_PLACES:
            text = axis.annotate(
                name,
                (x, y),
                xytext=offset,
                textcoords="offset points",
                ha=across,
                va="center",
                fontstyle="italic",
                path_effects=[withStroke(linewidth=1.5, foreground="white")],
                # Making room for a name would move the others.
                in_layout=False,
            )
            box = text.get_window_extent()
            if not any(box.overlaps(other) for other in taken):
                break
            text.remove()
        else:
            axis.add_artist(text)
        taken.append(box)
