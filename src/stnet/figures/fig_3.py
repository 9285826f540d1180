"""Fig. 3: patches, and the regions by which a network predicts a gene to be highly expressed."""

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

from stnet.core.tables import gene_names, read_table
from stnet.figures.spot_map import draw_scale_bar
from stnet.figures.style import COLUMN_MM, new_figure, save, styled
from stnet.slides.patches import parse_view

ROW_MM, BAR_MM = 37, 28
# Of a patch: s.d. of the smoothing as a share of its side, and the percentile drawn fully red.
SMOOTHING, FULL = 0.01, 99
# Letters of a line over a panel.
TITLE = 24
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
    """Draw the first `shown` patches of `write_attributions`' two files into files.

    `sections` is the dataset's table, for the sections' scale; the patches are of `view`.
    """
    table, found = read_table(attributions)[:shown], np.load(arrays)
    scales = read_table(sections).set_index("section")["um_per_px"]
    table["um_per_px"] = table["section"].map(scales) * parse_view(view)[1]
    save(attributed_patches(found["patches"], found["attributions"], table), figures)


@styled
def attributed_patches(
    patches: np.ndarray, attributions: np.ndarray, table: pd.DataFrame
) -> Figure:
    """A row for each row of `table`: the patch, and what in it speaks for high expression.

    `patches` uint8 (n, side, side, 3) and `attributions` (n, side, side) begin with those of the
    table, in its order; its `um_per_px` is that of a patch's pixels, NaN where unknown.
    """
    figure = new_figure(COLUMN_MM, ROW_MM * len(table) + BAR_MM)
    panels = figure.subplots(len(table), 2, squeeze=False)
    name = gene_names(table)[0]
    panels[0][0].set_title("Patch")
    panels[0][1].set_title("\n".join(["Regions that speak", *wrap(f"for high {name}", TITLE)]))
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
    # Without its own colours, and pale, so that red is attribution and nothing else.
    grey = 128 + patch.mean(axis=2) / 2
    attributed.imshow(grey, cmap="gray", vmin=0, vmax=255)
    smooth = gaussian_filter(values.clip(min=0), SMOOTHING * len(values))
    attributed.imshow(smooth, cmap=RED, vmin=0, vmax=np.percentile(smooth, FULL))
    for axis in axes:
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    if row.um_per_px > 0:
        draw_scale_bar(picture, row.um_per_px)
    # Of a network that has learnt little the two are the same to many digits.
    raised = row.predicted - row.at_baseline
    side = "above" if raised >= 0 else "below"
    ends = f"predicted {row.predicted:.2f},\n{abs(raised):.2g} {side} baseline".replace("-", "−")
    picture.set_ylabel(f"{row.section}\n{ends}\nerror {row.completeness_error:.1%}")
