"""Names beside points: inside the axes, off other points, lines and names."""

from collections.abc import Sequence
from itertools import product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Bbox

# Distances of a name from its point to try, in printer's points, and directions, those beside it
# first. To a name at a far distance leads a line.
NEAR, FAR = (4, 6), (12, 18, 26, 36, 48, 62)
ANGLES = np.deg2rad([angle for up in range(0, 91, 15) for angle in (up, 180 - up, -up, up - 180)])
LINE = {"arrowstyle": "-", "linewidth": 0.4, "shrinkA": 0, "shrinkB": 2}
# Empty space around a name and a line, in printer's points: less than from a name to its own point.
SPACE, LINE_SPACE = 3, 1.5
# What is worse than covering points: covering other names, leaving the axes. And what is better: to
# be farther away, by one printer's point.
NAMES, OUTSIDE, FARTHER = 1e3, 1e6, 0.05


def write_beside(
    axis: Axes, names: Sequence[str], points: np.ndarray, obstacles: np.ndarray, **style: object
) -> None:
    """Write each name where it covers the least, as near to its point as possible.

    The layout must be final, because the size of a text in data units depends on it. Source: ours.

    Args:
        axis: with its final limits.
        names: texts; the first has the first choice of a place.
        points: what is named, (names, 2), in data units.
        obstacles: what names must not cover, (any, 2); the points may be among them.
        style: of the text.
    """
    scale = axis.figure.dpi / 72
    obstacles = axis.transData.transform(obstacles) / scale
    inside, taken = Bbox(axis.bbox.get_points() / scale), []
    for name, point in zip(names, points, strict=True):
        # Otherwise the layout would make room for a name and move the others.
        offset = {"textcoords": "offset points", "in_layout": False}
        text = axis.annotate(name, point, (0, 0), ha="center", va="center", **offset, **style)
        text.set_path_effects([withStroke(linewidth=1.5, foreground="white")])
        place, size = axis.transData.transform(point) / scale, text.get_window_extent().size / scale
        others = obstacles[np.hypot(*(obstacles - place).T) > 1]
        tried = []
        for reach, angle in product(NEAR + FAR, ANGLES):
            middle = place + (reach + size / 2) * (np.cos(angle), np.sin(angle))
            box = Bbox([middle - size / 2, middle + size / 2])
            end = place if reach in NEAR else np.clip(place, box.min, box.max)
            line = np.linspace(place, end, 30)
            cost = _cost(box, line, others, taken, inside) + FARTHER * reach
            tried.append((cost, box, line))
        _, box, line = min(tried, key=lambda each: each[0])
        text.xyann = (box.min + box.max) / 2 - place
        taken.append(box)
        if np.ptp(line):
            axis.annotate("", point, line[-1] - place, arrowprops=LINE, **offset)
            obstacles = np.concatenate([obstacles, line])


def _cost(
    box: Bbox, line: np.ndarray, others: np.ndarray, taken: Sequence[Bbox], inside: Bbox
) -> float:
    """How much a name in `box`, with a line to its point through (any, 2), would cover."""
    apart = np.hypot(*np.moveaxis(others[:, None] - line, -1, 0)).min(axis=1, initial=np.inf)
    covered = box.padded(SPACE).count_contains(others) + np.sum(apart < LINE_SPACE)
    names = sum(box.overlaps(each) + each.count_contains(line) for each in taken)
    leaves = not (inside.contains(*box.min) and inside.contains(*box.max))
    return covered + NAMES * names + OUTSIDE * leaves
