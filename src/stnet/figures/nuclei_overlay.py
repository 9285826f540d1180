"""Outlines of segmented nuclei over patches of a section, to check the segmentation by eye."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from scipy.ndimage import find_objects
from skimage.measure import find_contours

from stnet.config.segmentation import Segmentation
from stnet.core.h5ad import read_h5ad
from stnet.features.segmentation import segment
from stnet.figures.style import PAGE_MM, new_figure, save, styled
from stnet.slides.patches import parse_view, read_patches

COLUMNS, ROWS = 4, 3
TITLE_MM = 5
# Bright on stained tissue. All pieces of one object have the same colour.
OUTLINES = ["#00FF00", "#FFFF00", "#00FFFF", "#FFFFFF"]


def draw(
    features: str | Path, index: str | Path, section: str | Path, figures: Iterable[str | Path]
) -> None:
    """Draw some patches of a section with the outlines of their nuclei.

    `features` are the section's nuclear features; their settings are used again. `index` is the
    index of their view. `section` is the section's file, for its scale.
    """
    table = read_h5ad(features)
    made = table.uns["features"]
    sections = table.obs["section"].astype(str).unique().tolist()
    patches = read_patches(index, table.obs_names.tolist(), sections)
    slide = read_h5ad(section, backed=True).uns["slide"]
    rows = choose_patches(np.asarray(table[:, "count"].X).ravel())
    settings = {key: np.asarray(value).tolist() for key, value in made["segmentation"].items()}
    labels = [segment(patches[row], Segmentation(**settings)) for row in rows]
    um = parse_view(made["view"])[0] * slide["um_per_px"]
    shown = f"{len(rows)} of {table.n_obs:,} patches, each {um:,.0f} µm wide"
    title = f"Section {', '.join(sections)}: {shown}"
    save(overlays(patches[rows], labels, table.obs["label"].iloc[rows], title), figures)


def choose_patches(counts: np.ndarray) -> np.ndarray:
    """Rows of the patches to show, evenly spaced in the order of their number of nuclei.

    The first has the fewest nuclei, the last the most. Ties are in the order of the rows.
    """
    order = np.argsort(counts, kind="stable")
    shown = min(len(order), COLUMNS * ROWS)
    return order[np.linspace(0, len(order) - 1, shown).round().astype(int)]


@styled
def overlays(
    patches: np.ndarray, labels: list[np.ndarray], classes: pd.Series, title: str
) -> Figure:
    """A page of `patches`, (n, side, side, 3), with the outlines of their nuclei.

    `labels` are label images of `segment`. `classes`, (n,), are the labels of the spots, missing
    if unlabelled.
    """
    side = PAGE_MM / COLUMNS
    n_rows = max(1, -(-len(patches) // COLUMNS))
    figure = new_figure(PAGE_MM, n_rows * (side + TITLE_MM) + TITLE_MM)
    figure.suptitle(title, fontsize=8)
    panels = figure.subplots(n_rows, COLUMNS, squeeze=False).ravel()
    for axis in panels:
        axis.set_axis_off()
    for axis, patch, each, name in zip(panels, patches, labels, classes, strict=False):
        # Pixels as they were segmented. Interpolation would also double the size of the file.
        axis.imshow(patch, interpolation="nearest")
        drawn = [(OUTLINES[number % len(OUTLINES)], line) for number, line in outlines(each)]
        colours, lines = zip(*drawn, strict=True) if drawn else ((), ())
        axis.add_collection(LineCollection(lines, colors=colours, linewidths=0.5))
        count = "1 nucleus" if each.max() == 1 else f"{each.max()} nuclei"
        axis.set_title(f"{count}, {'no label' if pd.isna(name) else name}", fontsize=7)
    return figure


def outlines(labels: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the number of a nucleus and a closed outline, (points, 2) as x and y.

    `labels` is a label image of `segment`. Every piece and every hole has an outline of its own.
    """
    for number, place in enumerate(find_objects(labels), start=1):
        # Padded, so that outlines at the edge of the patch are closed.
        for line in find_contours(np.pad(labels[place] == number, 1).astype(float), 0.5):
            yield number, line[:, ::-1] + (place[1].start - 1, place[0].start - 1)
