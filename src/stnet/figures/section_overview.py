"""A section at a glance: its spots on the image, at low and full zoom, and their quality (ours)."""

import textwrap
from collections.abc import Mapping
from io import BytesIO
from typing import NamedTuple

import anndata as ad
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpecFromSubplotSpec
from matplotlib.patches import Rectangle
from PIL import Image

from stnet.expression.pitch import spot_pitch
from stnet.expression.spatial import picture_of
from stnet.figures.spot_map import (
    colour_labels,
    draw_image,
    draw_key,
    draw_outlines,
    draw_scale_bar,
    draw_spots,
    frame,
)
from stnet.figures.style import (
    BLACK,
    EXPRESSION_MAP,
    PAGE_MM,
    SKY,
    VERMILLION,
    hide_axes,
    new_figure,
    styled,
)

TITLES = {
    "total_counts": "Total counts (log scale)",
    "n_genes": "Genes with a count",
    "pct_mt": "Mitochondrial counts (%)",
}
# Letters in a line of the title.
LINE = 135
IMAGES_MM, MAPS_MM = 88, 62


def colour_limits(spots: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Ends of the colours by metric: the 1st and 99th percentile of all spots of a cohort.

    All sections have the same, so that a poor one is seen. Without values a metric is left out.
    """
    ends = spots[list(TITLES)].dropna(axis=1, how="all").quantile([0.01, 0.99])
    return {name: (low, max(high, low + 1)) for name, (low, high) in ends.items()}


class Better(NamedTuple):
    """An alignment that clearly fits a section better.

    Attributes:
        name: what it is.
        places: x and y of all kept spots in its image, (n, 2).
        picture: its image at low resolution.
        scale: pixels of the image per pixel of the picture.
    """

    name: str
    places: np.ndarray
    picture: Image.Image
    scale: float


@styled
def overview(
    section: ad.AnnData,
    spots: pd.DataFrame,
    limits: Mapping[str, tuple[float, float]],
    better: Better | None = None,
) -> Figure:
    """Draw the spots of a section on the whole image and on a part of it, and maps of metrics.

    Args:
        section: a section's file.
        spots: its rows of the dataset's table of spots, that is, its used spots in order.
        limits: `colour_limits` of the cohort.
        better: an alignment to draw in place of the part of the image.
    """
    used = section.obs["used"].to_numpy(dtype=bool)
    places = np.asarray(section.obsm["spatial"])[used]
    labels = section.obs["label"][used]
    maps = [name for name in limits if spots[name].notna().any()]
    maps += ["label"] if labels.notna().any() else []
    has_image = "close_up" in section.uns
    heights = [IMAGES_MM, MAPS_MM][not has_image :]
    figure = new_figure(PAGE_MM, sum(heights))
    _write_title(figure, section, used)
    rows = figure.add_gridspec(len(heights), 1, height_ratios=heights)
    if has_image:
        _draw_on_image(figure, rows[0].subgridspec(1, 2), section, used, better)
    pitch = spot_pitch(places)
    below = rows[-1].subgridspec(1, len(maps))
    for number, name in enumerate(maps):
        axis = figure.add_subplot(below[number])
        frame(axis, places, pitch)
        if name == "label":
            colours, kinds = colour_labels(labels)
            draw_spots(axis, places, pitch, facecolors=colours)
            axis.set_title("Labels")
            draw_key(axis, kinds)
            continue
        norm = (LogNorm if name == "total_counts" else Normalize)(*limits[name])
        drawn = draw_spots(axis, places, pitch, array=spots[name], cmap=EXPRESSION_MAP, norm=norm)
        ends = [norm.vmin, norm.inverse(0.5), norm.vmax]
        bar = figure.colorbar(
            drawn, ax=axis, location="bottom", shrink=0.8, aspect=25, pad=0.02, ticks=ends
        )
        bar.ax.minorticks_off()
        bar.set_ticklabels([f"{end:,.0f}" if end >= 10 else f"{end:.2g}" for end in ends])
        bar.outline.set_visible(False)
        axis.set_title(TITLES[name])
    return figure


def _write_title(figure: Figure, section: ad.AnnData, used: np.ndarray) -> None:
    """The section's name, and the warnings of its checks in a colour that is seen."""
    found = f"{used.sum():,} spots used"
    if "on_tissue" in section.obs:
        found += f", {section.obs['on_tissue'][used].mean():.0%} of them on tissue"
    warnings = section.uns["checks"]["warnings"]
    lines = [f"Section {section.obs['section'].iloc[0]}: {found}", *warnings]
    figure.suptitle(
        "\n".join(textwrap.fill(line, LINE) for line in lines),
        fontsize=7 if len(warnings) else 8,
        color=VERMILLION if len(warnings) else BLACK,
    )


def _draw_on_image(
    figure: Figure,
    grid: GridSpecFromSubplotSpec,
    section: ad.AnnData,
    used: np.ndarray,
    better: Better | None,
) -> None:
    """The spots as circles of their own size, on the whole image, and on its part or `better`."""
    of_section = section.uns["spatial"][section.obs["section"].iloc[0]]
    diameter = float(of_section["scalefactors"]["spot_diameter_fullres"])
    um_per_px = float(section.uns["slide"]["um_per_px"])
    places = np.asarray(section.obsm["spatial"])
    whole, near = (figure.add_subplot(grid[column]) for column in (0, 1))
    draw_image(whole, *picture_of(of_section))
    whole.set_title("Whole image")
    if better:
        draw_image(near, better.picture, better.scale)
        near.set_title(f"A better fit: {better.name}")
    else:
        _draw_part(whole, near, section.uns["close_up"], um_per_px)
    on_tissue = section.obs["on_tissue"].to_numpy(dtype=bool)
    kinds = {
        "on tissue": (used & on_tissue, BLACK),
        "off tissue": (used & ~on_tissue, VERMILLION),
        "not used, at the edge": (~used, SKY),
    }
    # Thousands of circles must leave the tissue between them visible.
    points = diameter / max(whole.get_xlim()) * IMAGES_MM * 72 / 25.4
    thin = min(0.7, 0.15 * points)
    # The spots must not widen an axis beyond its picture.
    for axis, at, shown, width in (
        (whole, places, kinds, thin),
        (near, better.places, {"": (used, BLACK)}, thin) if better else (near, places, kinds, 1.5),
    ):
        axis.autoscale(False)
        for chosen, colour in shown.values():
            draw_outlines(axis, at[chosen], diameter, edgecolors=colour, linewidths=width)
        hide_axes(axis)
        draw_scale_bar(axis, um_per_px)
    counts = {name: (colour, chosen.sum()) for name, (chosen, colour) in kinds.items()}
    draw_key(whole, counts, fillstyle="none")


def _draw_part(whole: Axes, near: Axes, close_up: Mapping, um_per_px: float) -> None:
    """The part of the image at full resolution, and its frame on the whole image."""
    part = Image.open(BytesIO(close_up["jpeg"].tobytes()))
    left, top = int(close_up["left"]), int(close_up["top"])
    whole.add_patch(Rectangle((left, top), *part.size, fill=False, linewidth=1.5))
    near.imshow(part, extent=(left, left + part.width, top + part.height, top))
    near.set_title(f"The frame at full resolution ({part.width * um_per_px:,.0f} µm wide)")
