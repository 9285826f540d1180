"""Fig. 2d, Supp. Fig. 7a, b: median r of the network against that of another method, by gene."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

from stnet.core.tables import gene_names, read_table
from stnet.figures.style import BLACK, BLUE, COLUMN_MM, new_figure, save, styled

NAMED = 5
# Where a gene's name may be written: offset from its point, in printer's points, and alignment. The
# far places get a line to their point.
NEAR = [
    *[((4, 0), "left"), ((4, -4), "left"), ((4, 4), "left")],
    *[((-4, 0), "right"), ((0, 7), "center"), ((0, -7), "center")],
]
FAR = [
    ((side * reach, height), "left" if side > 0 else "right")
    for reach in (14, 24, 34)
    for height in (8, 16, 0, -8, 24, -16)
    for side in (-1, 1)
]
LINE = {"arrowstyle": "-", "linewidth": 0.4, "shrinkA": 0, "shrinkB": 2}


def draw(comparison: str | Path, figures: Iterable[str | Path], *, main: str, other: str) -> None:
    """Draw the comparison `against-….tsv` of experiment `main` with another method.

    `other` describes the other method, for the axis label.
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
    figure = new_figure(COLUMN_MM, 80)
    axis = figure.add_subplot(aspect="equal")
    axis.scatter(others, network, s=8, color=BLUE, alpha=0.7, linewidths=0)
    axis.axline((0, 0), slope=1, color=BLACK, linestyle="--", linewidth=0.8)
    names = gene_names(points)
    both = np.concatenate([others, network, [0]])
    # Without points the range would be zero.
    margin = 0.1 * np.ptp(both) or 0.1
    limits = both.min() - margin, both.max() + margin
    axis.set(xlim=limits, ylim=limits)
    axis.set_title(f"{main} ahead in {comparison['ahead'].sum()} of {len(comparison)} genes")
    axis.set_xlabel(f"Median r, {other}")
    axis.set_ylabel(f"Median r, {main}")
    # The size of a text in data units is known only after the layout.
    figure.draw_without_rendering()
    on_canvas = axis.transData.transform(np.column_stack([others, network]))
    _name_points(axis, list(zip(names, others, network, strict=True))[:NAMED], on_canvas)
    return figure


def _name_points(
    axis: Axes, points: Sequence[tuple[str, float, float]], on_canvas: np.ndarray
) -> None:
    """Write names beside points (name, x, y) so that they do not overlap.

    `on_canvas` has the canvas coordinates of all points, (points, 2). If another point is nearer
    to the name than its own, the name is moved further away and a line is drawn to its point.
    """
    taken = [Bbox.from_bounds(*(axis.transData.transform(p[1:]) - 3), 6, 6) for p in points]
    for name, *point in points:
        for place in [*NEAR, *FAR]:
            text = _write(axis, name, point, place)
            box = text.get_window_extent()
            covers = any(box.overlaps(other) for other in taken)
            if not covers and (place in FAR or _is_nearest(axis, point, box, on_canvas)):
                break
            text.remove()
        else:
            axis.add_artist(text)
        taken.append(box)
        if place in FAR:
            # After measuring the name, because the line would be part of its extent.
            _write(axis, "", point, place, arrowprops=LINE)


def _is_nearest(axis: Axes, point: Sequence[float], box: Bbox, on_canvas: np.ndarray) -> bool:
    """Whether a name's own point is the nearest one to the box of its text."""
    distances = np.hypot(*(on_canvas - np.clip(on_canvas, box.min, box.max)).T)
    own = np.hypot(*(on_canvas - axis.transData.transform(point)).T) < 1
    return distances[~own].min(initial=np.inf) > distances[own].min()


def _write(
    axis: Axes,
    name: str,
    point: Sequence[float],
    place: tuple[tuple[float, float], str],
    **more: object,
) -> Annotation:
    return axis.annotate(
        name,
        point,
        xytext=place[0],
        textcoords="offset points",
        ha=place[1],
        va="center",
        fontstyle="italic",
        path_effects=[withStroke(linewidth=1.5, foreground="white")],
        # Otherwise the layout would make room for it and move the others.
        in_layout=False,
        **more,
    )
