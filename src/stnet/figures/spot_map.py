"""Maps of a section: its image, and values at its spots."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib_scalebar.scalebar import ScaleBar
from PIL import Image
from scipy.spatial import cKDTree


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
    """Bar of a round length, up to 0.3 of the axis, in its lower left corner."""
    axis.add_artist(
        ScaleBar(
            um_per_px,
            "um",
            length_fraction=0.3,
            width_fraction=0.012,
            location="lower left",
            scale_loc="top",
            box_alpha=0.7,
            border_pad=0.4,
            sep=1.5,
            font_properties={"size": 7},
        )
    )
