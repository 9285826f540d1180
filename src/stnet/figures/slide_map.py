"""Map of a slide: its image, and the predicted expression of genes in its tiles."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import anndata as ad
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from PIL import Image

from stnet.expression.spatial import picture_of
from stnet.figures.prediction_map import (
    COLOURS,
    add_colour_bar,
    choose_genes,
    colour_note,
    gene_title,
    read_with_reliability,
)
from stnet.figures.spot_map import draw_image, draw_scale_bar
from stnet.figures.style import (
    EXPRESSION_UNITS,
    PAGE_MM,
    hide_axes,
    leave_empty,
    new_figure,
    save,
    styled,
)

COLUMNS = 3
# Printed: gap between maps, height of the tallest map, height of a title and a colour bar.
GAP_MM, TALLEST_MM, BESIDE_MM = 4, 85, 20
FADED = 0.35  # opacity of the image below the tiles
# Corners of a tile relative to its upper left one, in sides.
SQUARE = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])


def draw(
    slide: str | Path,
    figures: Iterable[str | Path],
    *,
    genes: Sequence[str],
    reliability: str | Path | None = None,
) -> None:
    """Draw the map of a slide from its predictions.

    `genes` are symbols or ids; if empty, `choose_genes` chooses. `reliability` is the model's table
    of gene reliability, for predictions that do not contain it. If the slide has no tiles, the
    figure says why.
    """
    tiles = read_with_reliability(slide, reliability)
    name = tiles.uns["slide"]["slide"]
    picture, _ = picture_of(tiles.uns["spatial"][name])
    if tiles.n_obs:
        shown = tiles[:, choose_genes(tiles, genes, slide)]
        save(tile_maps(shown, picture), figures)
    else:
        reason = tiles.uns["refused"] or "no tile has enough tissue"
        save(without_tiles(picture, name, reason), figures)


@styled
def tile_maps(tiles: ad.AnnData, picture: Image.Image) -> Figure:
    """The image of a slide, then one map per gene over the faded image.

    `tiles`, (tiles, genes), are the predictions of a slide. `obs` has `x`, `y` and `size` in
    level-0 pixels, `uns["slide"]` the id, size and scale of the slide. `picture` is the reduced
    image.
    """
    slide = tiles.uns["slide"]
    n_panels = tiles.n_vars + 1
    n_columns = min(n_panels, COLUMNS)
    n_rows = math.ceil(n_panels / n_columns)
    width = PAGE_MM / n_columns - GAP_MM
    height = min(width * slide["height"] / slide["width"], TALLEST_MM)
    figure = new_figure(PAGE_MM, 12 + n_rows * (height + BESIDE_MM))
    panels = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    um = tiles.obs["size"].iloc[0] * slide["um_per_px"]
    about = f"tiles: {tiles.n_obs:,}, each {um:,.0f} µm wide"
    figure.suptitle(f"Slide {slide['slide']} ({about})", fontsize=8)
    unit = EXPRESSION_UNITS[tiles.uns["provenance"]["transform"]]
    figure.supxlabel(colour_note(unit), fontsize=7)
    _draw_picture(panels[0], picture, slide)
    panels[0].set_title("Image")
    draw_scale_bar(panels[0], slide["um_per_px"])
    faded = Image.blend(Image.new("RGB", picture.size, "white"), picture, FADED)
    corners = tiles.obs[["x", "y"]].to_numpy(dtype=float)[:, None]
    squares = corners + tiles.obs["size"].to_numpy(dtype=float)[:, None, None] * SQUARE
    for axis, gene in zip(panels[1:], tiles.var_names, strict=False):
        _draw_picture(axis, faded, slide)
        axis.set_title(gene_title(tiles.var.loc[gene]))
        values = np.asarray(tiles[:, gene].X).ravel()
        # Antialiased edges of the tiles would show as a grid.
        shown = PolyCollection(squares, array=values, cmap=COLOURS, antialiaseds=False)
        add_colour_bar(axis, axis.add_collection(shown, autolim=False), height)
    for axis in panels[n_panels:]:
        axis.set_axis_off()
    return figure


@styled
def without_tiles(picture: Image.Image | None, name: str, reason: str) -> Figure:
    """The image of a slide, if it could be read, and why nothing was predicted."""
    figure = new_figure(PAGE_MM, 70)
    figure.suptitle(f"Slide {name}: no tiles", fontsize=8)
    left, right = figure.subplots(1, 2)
    left.set_axis_off()
    if picture is not None:
        left.imshow(picture)
    leave_empty(right, reason)
    return figure


def _draw_picture(axis: Axes, picture: Image.Image, slide: Mapping) -> None:
    width, height = slide["width"], slide["height"]
    draw_image(axis, picture, width / picture.width)
    axis.set(xlim=(0, width), ylim=(height, 0), aspect="equal")
    hide_axes(axis)
