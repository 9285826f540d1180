"""Names beside points: inside the axes, off other points, lines and names."""

from collections.abc import Sequence
from itertools import product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.path import Path
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Bbox

# Distances of a name from its point to try, in printer's points, and directions, those beside it
# first. To a name at a far distance leads a line.
NEAR, FAR = (4, 6), (12, 18, 26, 36, 48, 62)
ANGLES = np.deg2rad([angle for up in range(0, 91, 15) for angle in (up, 180 - up, -up, up - 180)])
LINE = {"arrowstyle": "-", "linewidth": 0.4, "shrinkA": 0, "shrinkB": 2}
# Empty space around a name and a line, in printer's points: a name is nearest to its own point.
SPACE, LINE_SPACE = 5, 1.5
# What it costs to cover an obstacle, to lead a line over a name or over another line, to cover a
# name, to leave the axes, and to be farther away by one printer's point. A line over an obstacle
# costs 1.
COVERED, OVER, NAMES, OUTSIDE, FARTHER = 10, 50, 1e3, 1e6, 0.05


def write_beside(
    axis: Axes, names: Sequence[str], points: np.ndarray, obstacles: np.ndarray, **style: object
) -> None:
    """Write each name where it covers the least, as near to its point as possible.

    The layout must be final, because the size of a text in data units depends on it. Source: ours.

    Args:
        axis: with its final limits.
        names: texts.
        points: what is named, (names, 2), in data units.
        obstacles: what names must not cover, (any, 2); the points may be among them.
        style: of the text.
    """
    scale = axis.figure.dpi / 72
    # Otherwise the layout would make room for a name and move the others.
    offset = {"textcoords": "offset points", "in_layout": False}
    style |= {"ha": "center", "va": "center", **offset}
    texts = [
        axis.annotate(name, point, (0, 0), **style)
        for name, point in zip(names, points, strict=True)
    ]
    sizes = [text.get_window_extent().size / scale for text in texts]
    places, obstacles = (axis.transData.transform(each) / scale for each in (points, obstacles))
    inside = Bbox(axis.bbox.get_points() / scale)
    least, chosen = np.inf, {}
    # Each name is the first to choose once, as long as a name covers something.
    for first in range(len(texts)):
        order = np.roll(np.arange(len(texts)), -first)
        cost, found = _choose(places[order], [sizes[i] for i in order], obstacles, inside)
        if cost < least:
            least, chosen = cost, dict(zip(order, found, strict=True))
        if least < COVERED:
            break
    for number, (box, line) in chosen.items():
        text, place = texts[number], places[number]
        # In front of the lines of other names.
        text.set(path_effects=[withStroke(linewidth=1.5, foreground="white")], zorder=5)
        text.xyann = (box.min + box.max) / 2 - place
        if len(line):
            axis.annotate("", text.xy, line[-1] - place, arrowprops=LINE, **offset)


def _choose(
    places: np.ndarray, sizes: Sequence[np.ndarray], obstacles: np.ndarray, inside: Bbox
) -> tuple[float, list[tuple[Bbox, np.ndarray]]]:
    """Choose places one after the other: total cost, and box and line (any, 2) of each name."""
    total, boxes, lines, routes = 0.0, [], [], []
    for place, size in zip(places, sizes, strict=True):
        others = np.concatenate([obstacles[np.hypot(*(obstacles - place).T) > 1], *lines])
        tried = []
        for reach, angle in product(NEAR + FAR, ANGLES):
            middle = place + (reach + size / 2) * (np.cos(angle), np.sin(angle))
            box = Bbox([middle - size / 2, middle + size / 2])
            line = np.linspace(place, np.clip(place, box.min, box.max), 25 if reach in FAR else 0)
            # Near the point, lines of neighbouring points meet.
            line = line[np.hypot(*(line - place).T) > SPACE]
            cost = _cost(box, line, others, boxes, inside) + FARTHER * reach
            # Without a line, the route is a point.
            route = Path([place, *line[-1:]])
            cost += OVER * sum(route.intersects_path(each, filled=False) for each in routes)
            tried.append((cost, box, line, route))
        cost, box, line, route = min(tried, key=lambda each: each[0])
        total += cost
        boxes.append(box)
        lines.append(line)
        routes.append(route)
    return total, list(zip(boxes, lines, strict=True))


def _cost(
    box: Bbox, line: np.ndarray, others: np.ndarray, taken: Sequence[Bbox], inside: Bbox
) -> float:
    apart = np.hypot(*np.moveaxis(others[:, None] - line, -1, 0)).min(axis=1, initial=np.inf)
    crossed, covered = np.sum(apart < LINE_SPACE), box.padded(SPACE).count_contains(others)
    names = sum(box.overlaps(each) for each in taken)
    over = sum(each.count_contains(line) > 0 for each in taken)
    leaves = not (inside.contains(*box.min) and inside.contains(*box.max))
    return crossed + COVERED * covered + OVER * over + NAMES * names + OUTSIDE * leaves
