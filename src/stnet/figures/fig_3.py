"""Fig. 3: patches, and the regions that make the network predict high expression of a gene."""

from collections.abc import Iterable
from pathlib import Path
from textwrap import wrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from scipy.ndimage import gaussian_filter

from stnet.core.tables import gene_names, read_arrays, read_table
from stnet.figures.spot_map import draw_scale_bar
from stnet.figures.style import COLUMN_MM, hide_axes, new_figure, save, styled
from stnet.slides.patches import parse_view

ROW_MM, BAR_MM = 37, 28
# S.d. of the smoothing as a share of a patch's side, and the percentile drawn in full red.
SMOOTHING, FULL = 0.01, 99
TITLE = 24  # characters in a line of a panel's title
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
    """One row per row of `table`: the patch, and its positive attributions in red.

    `patches`, uint8 (n, side, side, 3), and `attributions`, (n, side, side), are in the order of
    the table and may be longer. `um_per_px` in the table is the scale of a patch's pixels, NaN if
    unknown.
    """
    figure = new_figure(COLUMN_MM, ROW_MM * len(table) + BAR_MM)
    panels = figure.subplots(len(table), 2, squeeze=False)
    name = gene_names(table)[0]
    panels[0][0].set_title("Patch")
    panels[0][1].set_title("\n".join(wrap(f"Regions that raise the prediction of {name}", TITLE)))
    for axes, row in zip(panels, table.itertuples(), strict=True):
        _draw_patch(axes, row, patches[row.Index], attributions[row.Index])
    scale = ScalarMappable(Normalize(0, 1), RED)
    bar = figure.colorbar(scale, ax=panels, location="bottom", shrink=0.5, aspect=30)
    bar.set_ticks([0, 1], labels=["0", f"{FULL}th percentile\nof each patch"])
    bar.set_label("Positive attribution, smoothed")
    return figure


def _draw_patch(axes: Axes, row: object, patch: np.ndarray, values: np.ndarray) -> None:
    picture, attributed = axes
    picture.imshow(patch)
    # The patch is pale and grey, so that anything red is attribution.
    grey = 128 + patch.mean(axis=2) / 2
    attributed.imshow(grey, cmap="gray", vmin=0, vmax=255)
    smooth = gaussian_filter(values.clip(min=0), SMOOTHING * len(values))
    attributed.imshow(smooth, cmap=RED, vmin=0, vmax=np.percentile(smooth, FULL))
    for axis in axes:
        hide_axes(axis)
    if row.um_per_px > 0:
        draw_scale_bar(picture, row.um_per_px)
    # The difference is written, because a barely trained network predicts nearly the same for both.
    raised = row.predicted - row.at_baseline
    side = "above" if raised >= 0 else "below"
    ends = f"predicted {row.predicted:.2f},\n{abs(raised):.2g} {side} baseline".replace("-", "−")
    picture.set_ylabel(f"{row.section}\n{ends}\nerror {row.completeness_error:.1%}")
