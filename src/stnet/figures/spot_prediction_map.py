"""Map of an external Visium section: measured and predicted expression of genes in its spots."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import anndata as ad
import numpy as np
from matplotlib.figure import Figure

from stnet.expression.spatial import picture_of
from stnet.figures.prediction_map import (
    choose_genes,
    colour_note,
    draw_expression,
    gene_title,
    read_with_reliability,
)
from stnet.figures.spot_map import draw_image, draw_scale_bar, frame, spot_pitch
from stnet.figures.style import EXPRESSION_UNITS, PAGE_MM, new_figure, save, styled

GENES = 4  # in a row, beside the image
IMAGE_WIDTH = 1.5  # of the image, in widths of a map
# Printed: gap between maps, and heights of the tallest map, of a colour bar and of a block's title.
GAP_MM, TALLEST_MM, BAR_MM, TITLE_MM = 3, 60, 10, 12
PAD_MM = 1.7


def draw(
    predictions: str | Path,
    figures: Iterable[str | Path],
    *,
    genes: Sequence[str],
    reliability: str | Path | None = None,
) -> None:
    """Draw the map of a section from its predictions.

    `genes` are symbols or ids; if empty, `choose_genes` chooses. `reliability` is the model's table
    of gene reliability, for predictions that do not contain it.
    """
    spots = read_with_reliability(predictions, reliability)
    save(spot_maps(spots[:, choose_genes(spots, genes, predictions)]), figures)


@styled
def spot_maps(spots: ad.AnnData) -> Figure:
    """The image of a section, then one column per gene, measured above predicted.

    `spots`, (spots, genes), are the predictions of one section. If none of the genes was measured,
    there are only the predicted maps.
    """
    places = spots.obsm["spatial"].astype(float)
    pitch = spot_pitch(places)
    layers = {"Measured": np.asarray(spots.layers["observed"]), "Predicted": np.asarray(spots.X)}
    layers = {name: values for name, values in layers.items() if np.isfinite(values).any()}
    n_columns = min(spots.n_vars, GENES)
    n_blocks = math.ceil(spots.n_vars / n_columns)
    wide, high = np.ptp(places, axis=0) + 3 * pitch
    width = PAGE_MM / (IMAGE_WIDTH + n_columns) - GAP_MM
    height = min(width * high / wide, TALLEST_MM)
    block_mm = len(layers) * (height + BAR_MM) + TITLE_MM
    figure = new_figure(PAGE_MM, 12 + n_blocks * block_mm)
    # The layout ignores the numbers below colour bars.
    figure.get_layout_engine().set(h_pad=PAD_MM / 25.4)
    section = spots.obs["section"].iloc[0]
    figure.suptitle(f"Section {section} (spots: {spots.n_obs:,})", fontsize=8)
    unit = EXPRESSION_UNITS[spots.uns["provenance"]["transform"]]
    figure.supxlabel(colour_note(unit), fontsize=7)
    grid = figure.add_gridspec(
        n_blocks * len(layers), 1 + n_columns, width_ratios=[IMAGE_WIDTH] + [1] * n_columns
    )
    image = figure.add_subplot(grid[: len(layers), 0])
    draw_image(image, *picture_of(spots.uns["spatial"][section]))
    frame(image, places, pitch)
    image.set(title="Image", anchor="N")
    draw_scale_bar(image, spots.uns["slide"]["um_per_px"])
    for number, gene in enumerate(spots.var_names):
        block, column = divmod(number, n_columns)
        for row, (name, values) in enumerate(layers.items()):
            axis = figure.add_subplot(grid[block * len(layers) + row, 1 + column])
            frame(axis, places, pitch)
            draw_expression(axis, places, pitch, values[:, number], height, what=name.lower())
            if row == 0:
                axis.set_title(gene_title(spots.var.loc[gene]))
            if column == 0:
                axis.set_ylabel(name)
    return figure
