"""Map of an external Visium section: measured and predicted expression of genes in its spots."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import anndata as ad
import numpy as np
from matplotlib.figure import Figure

from stnet.expression.pitch import spot_pitch
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
from stnet.figures.spot_map import draw_image, draw_scale_bar, draw_spots, frame
from stnet.figures.style import PAGE_MM, save, styled
from stnet.inference.reliable import read_with_reliability

GENES = 4  # in a row, beside the image
IMAGE_WIDTH = 1.5  # of the image, in widths of a map
# Printed: gap between maps, and heights of the tallest map, of a colour bar and of a block's title.
GAP_MM, TALLEST_MM, BAR_MM, TITLE_MM = 3, 60, 10, 12


def draw(
    predictions: str | Path,
    figures: Iterable[str | Path],
    *,
    genes: Sequence[str],
) -> None:
    """Draw the map of a section from its predictions.

    `genes` are symbols or ids; if empty, `choose_genes` chooses.
    """
    spots = read_with_reliability(predictions, None)
    save(spot_maps(spots[:, choose_genes(spots, genes, predictions)]), figures)


@styled
def spot_maps(spots: ad.AnnData) -> Figure:
    """The image of a section, then one column per gene, measured above predicted.

    `spots`, (spots, genes), are the predictions of one section. Genes that were not measured come
    last, in rows of their own. Measured and predicted expression of a gene have the same colours.
    """
    places = spots.obsm["spatial"].astype(float)
    pitch = spot_pitch(places)
    layers = {
        "Measured": np.asarray(spots.layers["observed"]),
        "Predicted": known_expression(spots),
    }
    measured = np.isfinite(layers["Measured"]).any(axis=0)
    n_columns = min(spots.n_vars, GENES)
    # Each row of maps: what it shows, and of which genes.
    rows: list[tuple[str, np.ndarray]] = []
    for names, those in ((["Measured", "Predicted"], measured), (["Predicted"], ~measured)):
        for first in range(0, those.sum(), n_columns):
            genes = np.flatnonzero(those)[first : first + n_columns]
            rows += [(name, genes) for name in names]
    n_bars = sum(name == "Predicted" for name, _ in rows)
    wide, high = np.ptp(places, axis=0) + 3 * pitch
    width = PAGE_MM / (IMAGE_WIDTH + n_columns) - GAP_MM
    height = min(width * high / wide, TALLEST_MM)
    section = spots.obs["section"].iloc[0]
    below_mm = 12 + len(rows) * height + n_bars * (BAR_MM + TITLE_MM)
    figure = headed_figure(spots, f"Section {section}", "", below_mm)
    of = "of the maps of a gene" + ("" if measured.all() else RANGE_NOTE)
    figure.supxlabel(colour_note(spots.uns["provenance"]["transform"], of), fontsize=7)
    grid = figure.add_gridspec(
        len(rows), 1 + n_columns, width_ratios=[IMAGE_WIDTH] + [1] * n_columns
    )
    image = figure.add_subplot(grid[: 2 if measured.any() else 1, 0])
    draw_image(image, *picture_of(spots.uns["spatial"][section]))
    frame(image, places, pitch)
    image.set(title="Image", anchor="N")
    draw_unknown_key(image, spots)
    abstained = spots.obs["abstained"].to_numpy()
    draw_scale_bar(image, spots.uns["slide"]["um_per_px"])
    for row, (name, genes) in enumerate(rows):
        for column, number in enumerate(genes):
            axis = figure.add_subplot(grid[row, 1 + column])
            frame(axis, places, pitch)
            gene = spots.var.iloc[number]
            discs = draw_spots(
                *(axis, places, pitch), array=layers[name][:, number], cmap=colours_of(gene)
            )
            shown = [each[:, number] for each in layers.values()][0 if measured[number] else 1 :]
            discs.set_clim(*value_range(*shown))
            if name == "Predicted":
                if abstained.any():
                    mark_unknown(draw_spots(axis, places[abstained], pitch))
                add_colour_bar(axis, discs, height)
            if name == "Measured" or not measured[number]:
                title_axis(axis, gene, measured[number])
            if column == 0:
                axis.set_ylabel(name)
    return figure
