"""Parts of a map of a section: image, discs at the spots, their key, scale bar."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.lines import Line2D
from matplotlib_scalebar.scalebar import ScaleBar
from PIL import Image

from stnet.figures.style import LABEL_COLOURS, LIGHT_GREY, hide_axes

# How the scale bar's library writes the prefix.
MICRO = r"$\mathregular{\mu}$"


def frame(axis: Axes, places: np.ndarray, pitch: float) -> None:
    """Set the limits of an axis to the part of a section that has spots, y pointing down."""
    (left, top), (right, bottom) = (
        places.min(axis=0) - 1.5 * pitch,
        places.max(axis=0) + 1.5 * pitch,
    )
    axis.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
    hide_axes(axis)


def draw_spots(axis: Axes, places: np.ndarray, pitch: float, **colours) -> EllipseCollection:
    """Draw nearly touching discs at `places`, (n, 2).

    `colours` are arguments of a matplotlib collection, such as `facecolors`, or `array` and `cmap`.
    """
    return _discs(axis, places, 0.9 * pitch, linewidths=0, **colours)


def draw_outlines(axis: Axes, places: np.ndarray, diameter: float, **lines) -> EllipseCollection:
    """Draw circles of the spots' `diameter` at `places`, (n, 2).

    `lines` are arguments of a matplotlib collection, `edgecolors` and `linewidths`.
    """
    return _discs(axis, places, diameter, facecolors="none", **lines)


def _discs(axis: Axes, places: np.ndarray, diameter: float, **style) -> EllipseCollection:
    diameters = np.full(len(places), diameter)
    return axis.add_collection(
        EllipseCollection(
            *(diameters, diameters, np.zeros(len(places))),
            units="xy",
            offsets=places,
            offset_transform=axis.transData,
            **style,
        )
    )


def colour_labels(labels: pd.Series) -> tuple[list[str], dict[str, tuple[str, int]]]:
    """Colours of spots by their labels, and the kinds of `draw_key`."""
    colours = {**LABEL_COLOURS, "no label": LIGHT_GREY}
    words = labels.astype(object).where(labels.isin([*LABEL_COLOURS]), "no label")
    kinds = {name: (colour, int((words == name).sum())) for name, colour in colours.items()}
    return words.map(colours).tolist(), kinds


def draw_key(
    axis: Axes,
    kinds: Mapping[str, tuple[str, int]],
    *,
    counted: bool = True,
    above: bool = False,
    **marker: object,
) -> None:
    """Write below or above an axis what the colours of spots mean.

    `kinds` has the colour and the number of spots of each kind; without spots it is left out.
    `marker` has further keys of the marks.
    """
    style = {"marker": "o", "linewidth": 0, **marker}
    handles = [
        Line2D([], [], color=colour, label=f"{name}: {n:,}" if counted else name, **style)
        for name, (colour, n) in kinds.items()
        if n
    ]
    axis.legend(
        handles=handles,
        loc="lower center" if above else "upper center",
        bbox_to_anchor=(0.5, float(above)),
        ncols=len(handles),
        columnspacing=1,
        handletextpad=0,
        borderaxespad=0 if above else None,
    )


def draw_image(axis: Axes, image: Image.Image, scale: float) -> None:
    """Draw a reduced image in full-resolution pixels; one of its pixels spans `scale` of them."""
    axis.imshow(image, extent=(0, image.width * scale, image.height * scale, 0))


def draw_scale_bar(axis: Axes, um_per_px: float) -> None:
    """Add a scale bar at the lower left, of a round length up to 0.3 of the axis."""
    axis.add_artist(
        ScaleBar(
            um_per_px,
            "um",
            length_fraction=0.3,
            width_fraction=0.012,
            location="lower left",
            scale_loc="top",
            box_alpha=0.7,
            border_pad=1.4,
            sep=1.5,
            # Its own label is a formula, which our style does not draw.
            scale_formatter=lambda length, unit: f"{length:g} {unit.replace(MICRO, 'µ')}",
            font_properties={"size": 7},
        )
    )
