"""Map of a slide: its tissue, and the predicted expression of genes in its tiles."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import anndata as ad
import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from PIL import Image, ImageOps

from stnet.expression.spatial import picture_of
from stnet.figures.prediction_map import (
    RANGE_NOTE,
    add_colour_bar,
    choose_genes,
    colour_note,
    colours_of,
    draw_unknown_key,
    headed_figure,
    known_expression,
    mark_unknown,
    title_axis,
    value_range,
)
from stnet.figures.spot_map import draw_image, draw_scale_bar
from stnet.figures.style import (
    PAGE_MM,
    hide_axes,
    leave_empty,
    new_figure,
    save,
    styled,
)
from stnet.inference.reliable import read_with_reliability

# Maps in a row, also where they would otherwise be too tall.
COLUMNS, COLUMNS_OF_TALL = 3, 5
# Printed: gap between maps, height of the tallest map, height of a title and a colour bar.
GAP_MM, TALLEST_MM, BESIDE_MM = 4, 85, 23
# Opacity of the tiles, and of the image below them, which is grey so that their colours stay.
TILES, BELOW = 0.7, 0.7
# Corners of a square relative to its centre, in sides.
SQUARE = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) / 2


def draw(
    slide: str | Path,
    figures: Iterable[str | Path],
    *,
    genes: Sequence[str],
) -> None:
    """Draw the map of a slide from its predictions.

    `genes` are symbols or ids; if empty, `choose_genes` chooses. If the slide has no tiles, the
    figure says why.
    """
    tiles = read_with_reliability(slide, None)
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
    """The tissue of a slide, then one map per gene over it; all are cropped to the tiles.

    Tiles that overlap are drawn as their middles, which do not. `tiles`, (tiles, genes), are the
    predictions of a slide. `obs` has `size` in level-0 pixels, `uns["slide"]` the id, size and
    scale of the slide. `picture` is the reduced image.
    """
    slide, tiling = tiles.uns["slide"], tiles.uns["tiling"]
    centres, size = tiles.obsm["spatial"].astype(float), tiles.obs["size"].iloc[0]
    whole = np.array([slide["width"], slide["height"]])
    first = np.maximum(centres.min(axis=0) - size, 0)
    last = np.minimum(centres.max(axis=0) + size, whole)
    n_panels = tiles.n_vars + 1
    n_columns = min(n_panels, COLUMNS)
    wide, high = last - first
    if high / wide * (PAGE_MM / n_columns - GAP_MM) > TALLEST_MM:
        n_columns = min(n_panels, COLUMNS_OF_TALL)
    n_rows = math.ceil(n_panels / n_columns)
    width = PAGE_MM / n_columns - GAP_MM
    # Of what is still too tall, more is shown at both sides: maps grow into any room they have.
    beside = max(0, high * width / TALLEST_MM - wide) / 2
    first[0], last[0] = first[0] - beside, last[0] + beside
    height = width * high / (wide + 2 * beside)
    um = size * slide["um_per_px"]
    middles = ", each drawn as its middle" if tiling["overlap"] else ""
    title, remark = f"Slide {slide['slide']}", f"{middles}; tiles are {um:,.0f} µm wide"
    figure = headed_figure(tiles, title, remark, 12 + n_rows * (height + BESIDE_MM))
    panels = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    transform = tiles.uns["provenance"]["transform"]
    figure.supxlabel(colour_note(transform, f"of each map{RANGE_NOTE}"), fontsize=7)
    grey = ImageOps.grayscale(picture).convert("RGB")
    below = Image.blend(Image.new("RGB", picture.size, "white"), grey, BELOW)
    for axis, image in zip(panels[:n_panels], [picture] + [below] * tiles.n_vars, strict=True):
        draw_image(axis, image, slide["width"] / picture.width)
        axis.set(xlim=(first[0], last[0]), ylim=(last[1], first[1]), aspect="equal")
        hide_axes(axis)
    panels[0].set_title("Image")
    draw_scale_bar(panels[0], slide["um_per_px"])
    squares = centres[:, None] + tiling["step"] * SQUARE
    draw_unknown_key(panels[0], tiles)
    abstained = tiles.obs["abstained"].to_numpy()
    expression = known_expression(tiles).T
    for axis, gene, values in zip(panels[1:], tiles.var_names, expression, strict=False):
        title_axis(axis, tiles.var.loc[gene])
        shown = axis.add_collection(
            PolyCollection(
                squares,
                array=values,
                cmap=colours_of(tiles.var.loc[gene]),
                clim=value_range(values),
                alpha=TILES,
                # Antialiased edges of the tiles would show as a grid.
                antialiaseds=False,
                linewidths=0,
            ),
            autolim=False,
        )
        if abstained.any():
            mark_unknown(axis.add_collection(PolyCollection(squares[abstained]), autolim=False))
        if not abstained.all():
            add_colour_bar(axis, shown, height)
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
