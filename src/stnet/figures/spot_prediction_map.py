"""Map of an external Visium section: measured and predicted expression of genes at its spots."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import anndata as ad
import numpy as np
from matplotlib.figure import Figure

from stnet.expression.spatial import picture_of
from stnet.figures.prediction_map import (
    COLOURS,
    add_colour_bar,
    annotate,
    choose_genes,
    colour_note,
    gene_title,
    read_with_reliability,
)
from stnet.figures.spot_map import draw_image, draw_scale_bar, draw_spots, frame, spot_pitch
from stnet.figures.style import PAGE_MM, new_figure, save, styled

# Genes side by side, beside the image.
GENES = 4
# Width of the image, in maps.
IMAGE_WIDTH = 1.5
# Between maps, printed; the tallest map; what a colour bar and the title of a block of genes need.
GAP_MM, TALLEST_MM, BAR_MM, TITLE_MM = 3, 60, 10, 12
PAD_MM = 1.7


def draw(
    predictions: str | Path,
    figures: Iterable[str | Path],
    *,
    genes: Sequence[str],
    reliability: str | Path | None = None,
) -> None:
    """Draw the predictions of a section's spots, and its measurements, into files.

    `genes` are symbols or ids; none are those that `choose_genes` takes. `reliability` is
    a table of which are consistent, where the predictions do not say it.
    """
    spots = read_with_reliability(predictions, reliability)
    save(spot_maps(spots[:, choose_genes(spots, genes, predictions)]), figures)


@styled
def spot_maps(spots: ad.AnnData) -> Figure:
    """The picture of a section, then the genes of `spots` (spots, genes), measured above predicted.

    `spots` are predictions of one section by their contract. One that measures none of the genes
    has the predicted maps only.
    """
    places = spots.obsm["spatial"].astype(float)
    pitch = spot_pitch(places)
    kinds = {"Measured": np.asarray(spots.layers["observed"]), "Predicted": np.asarray(spots.X)}
    kinds = {kind: values for kind, values in kinds.items() if np.isfinite(values).any()}
    n_columns = min(spots.n_vars, GENES)
    n_blocks = math.ceil(spots.n_vars / n_columns)
    wide, high = np.ptp(places, axis=0) + 3 * pitch
    width = PAGE_MM / (IMAGE_WIDTH + n_columns) - GAP_MM
    height = min(width * high / wide, TALLEST_MM)
    block_mm = len(kinds) * (height + BAR_MM) + TITLE_MM
    figure = new_figure(PAGE_MM, 12 + n_blocks * block_mm)
    # The layout does not know of the numbers below colour bars.
    figure.get_layout_engine().set(h_pad=PAD_MM / 25.4)
    section = spots.obs["section"].iloc[0]
    figure.suptitle(f"Section {section} (spots: {spots.n_obs:,})", fontsize=8)
    figure.supxlabel(colour_note(spots), fontsize=7)
    grid = figure.add_gridspec(
        n_blocks * len(kinds), 1 + n_columns, width_ratios=[IMAGE_WIDTH] + [1] * n_columns
    )
    image = figure.add_subplot(grid[: len(kinds), 0])
    draw_image(image, *picture_of(spots.uns["spatial"][section]))
    frame(image, places, pitch)
    image.set(title="Image", anchor="N")
    draw_scale_bar(image, spots.uns["slide"]["um_per_px"])
    for number, gene in enumerate(spots.var_names):
        block, column = divmod(number, n_columns)
        for row, (kind, values) in enumerate(kinds.items()):
            axis = figure.add_subplot(grid[block * len(kinds) + row, 1 + column])
            frame(axis, places, pitch)
            if np.isnan(values[:, number]).all():
                annotate(axis, "not measured")
            else:
                discs = draw_spots(axis, places, pitch, array=values[:, number], cmap=COLOURS)
                add_colour_bar(axis, discs, height)
            if row == 0:
                axis.set_title(gene_title(spots.var.loc[gene]))
            if column == 0:
                axis.set_ylabel(kind)
    return figure
