"""Maps of a section: its image, and values at its spots."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.patheffects import withStroke
from PIL import Image
from scipy.spatial import cKDTree

SCALE_BARS_UM = (100, 200, 500, 1000, 2000, 5000)


def spot_pitch(places: np.ndarray) -> float:
    """Distance between neighbouring spots at `places` (n, 2), in the same unit: the median over
    spots of the distance to the nearest other; 1 for a lone spot.
    """
    if len(places) < 2:
        return 1.0
    return float(np.median(cKDTree(places).query(places, k=2)[0][:, 1]))


def frame(axis: Axes, places: np.ndarray, pitch: float) -> None:
    """Show the part of a section that has spots, in image coordinates (y down), without axes."""
    (left, top), (right, bottom) = (
        places.min(axis=0) - 1.5 * pitch,
        places.max(axis=0) + 1.5 * pitch,
    )
    axis.set(xlim=(left, right), ylim=(bottom, top), aspect="equal", xticks=[], yticks=[])
    axis.spines[:].set_visible(False)


def draw_spots(axis: Axes, places: np.ndarray, pitch: float, **colours) -> EllipseCollection:
    """Discs at `places` (n, 2), nearly touching; `colours` are those of a matplotlib collection."""
    diameters = np.full(len(places), 0.9 * pitch)
    return axis.add_collection(
        EllipseCollection(
            *(diameters, diameters, np.zeros(len(places))),
            units="xy",
            offsets=places,
            offset_transform=axis.transData,
            linewidths=0,
            **colours,
        )
    )


def draw_image(axis: Axes, image: Image.Image, scale: float) -> None:
    """Draw a reduced image whose pixels are `scale` full-resolution pixels wide."""
    axis.imshow(image, extent=(0, image.width * scale, image.height * scale, 0))


def draw_scale_bar(axis: Axes, um_per_px: float) -> None:
    """Bar of a round length, about a quarter of the axis, in its lower left corner."""
    (left, right), (bottom, top) = axis.get_xlim(), axis.get_ylim()
    width, height = right - left, bottom - top
    wanted = 0.25 * width * um_per_px
    length = min(SCALE_BARS_UM, key=lambda candidate: abs(candidate - wanted))
    start = left + 0.04 * width
    axis.plot(
        *([start, start + length / um_per_px], [bottom - 0.04 * height] * 2),
        color="black",
        linewidth=1.5,
        solid_capstyle="butt",
        path_effects=[withStroke(linewidth=2.5, foreground="white")],
        zorder=4,
    )
    axis.text(
        *(start, bottom - 0.055 * height),
        f"{length / 1000:g} mm",
        fontsize=7,
        path_effects=[withStroke(linewidth=1.5, foreground="white")],
        zorder=4,
    )
