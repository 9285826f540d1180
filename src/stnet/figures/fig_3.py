"""Fig. 3: patches, and the regions that make the network predict high expression of a gene."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from scipy.ndimage import gaussian_filter

from stnet.core.printed import decimals, short
from stnet.core.tables import gene_names, read_arrays, read_table
from stnet.figures.spot_map import draw_scale_bar
from stnet.figures.style import hide_axes, new_figure, save, styled
from stnet.slides.patches import parse_view

COLUMNS = 3  # patches beside each other
PATCH_MM, TEXT_MM, BAR_MM = 55, 14, 20
# S.d. of the smoothing as a share of a patch's side, and the percentile drawn in full red.
SMOOTHING, FULL = 0.01, 99
RED = LinearSegmentedColormap.from_list("attribution", [(0.85, 0, 0, 0), (0.85, 0, 0, 1)])


def draw(
    arrays: str | Path,
    attributions: str | Path,
    sections: str | Path,
    figures: Iterable[str | Path],
    *,
    view: str,
    shown: int,
) -> None:
    """Draw Fig. 3.

    Args:
        arrays: patches and attributions, as written by `write_attributions`.
        attributions: table of the same function, with one row per patch.
        sections: table of the dataset, for the scale of the sections.
        figures: files to write.
        view: of the patches, for their scale.
        shown: number of patches to draw, from the first.
    """
    table, found = read_table(attributions)[:shown], read_arrays(arrays)
    scales = read_table(sections).set_index("section")["um_per_px"]
    table["um_per_px"] = table["section"].map(scales) * parse_view(view)[1]
    save(attributed_patches(found["patches"], found["attributions"], table), figures)


@styled
def attributed_patches(
    patches: np.ndarray, attributions: np.ndarray, table: pd.DataFrame
) -> Figure:
    """One column per row of `table`: the patch, and below it its positive attributions in red.

    More patches than three continue below.
    `patches`, uint8 (n, side, side, 3), and `attributions`, (n, side, side), are in the order of
    the table and may be longer. `um_per_px` in the table is the scale of a patch's pixels, NaN if
    unknown.
    """
    columns, bands = min(len(table), COLUMNS), -(-len(table) // COLUMNS)
    figure = new_figure(PATCH_MM * columns + TEXT_MM, (2 * PATCH_MM + TEXT_MM) * bands + BAR_MM)
    figure.suptitle(gene_names(table)[0], fontsize=8, fontstyle="italic")
    panels = figure.subplots(2 * bands, columns, squeeze=False)
    for axis in panels.flat:
        hide_axes(axis)
    for row in table.itertuples():
        band, column = divmod(row.Index, COLUMNS)
        axes = panels[2 * band : 2 * band + 2, column]
        _draw_patch(axes, row, patches[row.Index], attributions[row.Index])
    for patch, attributed in panels[:, 0].reshape(-1, 2):
        patch.set_ylabel("Patch")
        attributed.set_ylabel("What raises the prediction")
    # Over the mean grey of the patches, as red is in the maps.
    grey = (_pale(patches[table.index].mean()),) * 3
    scale = ScalarMappable(cmap=LinearSegmentedColormap.from_list("", [grey, RED(1.0)]))
    bar = figure.colorbar(scale, ax=panels, location="bottom", shrink=0.4, aspect=30)
    bar.set_ticks([0, 1], labels=["0", f"{FULL}th percentile\nof each patch"])
    bar.set_label("Positive attribution, smoothed")
    return figure


def _draw_patch(axes: Axes, row: object, patch: np.ndarray, values: np.ndarray) -> None:
    picture, attributed = axes
    picture.imshow(patch)
    # The patch is pale and grey, so that anything red is attribution.
    attributed.imshow(_pale(patch.mean(axis=2)), cmap="gray", vmin=0, vmax=1)
    smooth = gaussian_filter(values.clip(min=0), SMOOTHING * len(values))
    attributed.imshow(smooth, cmap=RED, vmin=0, vmax=np.percentile(smooth, FULL))
    if row.um_per_px > 0:
        draw_scale_bar(picture, row.um_per_px)
    # The difference is written, because a barely trained network predicts nearly the same for both.
    raised = row.predicted - row.at_baseline
    side = "above" if raised >= 0 else "below"
    picture.set_title(
        f"{row.section}: log expression {decimals(row.predicted)},\n"
        f"{short(abs(raised))} {side} baseline;\n"
        f"sum of attributions off by {row.completeness_error:.1%}",
        fontsize=7,
    )


def _pale(grey: np.ndarray | float) -> np.ndarray | float:
    """Grey values from 0 to 255 as pale ones, from 0.5 to 1."""
    return 0.5 + grey / 510
