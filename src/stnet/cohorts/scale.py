"""The array of spots against the image: how large a pixel is."""

import numpy as np

from stnet.core.errors import InputError

# Squared distance between neighbouring spots over the area of the array's unit square. Hexagonal
# arrays number columns so that neighbours in a row differ by 2, in the next row by 1.
PITCH_SQUARED_PER_AREA = {"square": 1.0, "hexagonal": 4.0 / np.sqrt(3.0)}


def um_per_px(
    array: np.ndarray, pixels: np.ndarray, grid: str, spot_pitch_um: float, path: str
) -> float:
    """Micrometres per pixel, from the known distance between spots (ours).

    `array` and `pixels` (spots, 2) are each spot's array column and row, and pixel column and row;
    `grid` is `square` or `hexagonal`, `spot_pitch_um` the micrometres between the centres of
    neighbours. A least-squares affine map from array to image gives the pitch in pixels, turned
    and flipped arrays included. Raises InputError naming the spot file at `path` if the spots lie
    on one line, in the array or in the image.
    """
    array, pixels = (places - places.mean(axis=0) for places in (array, pixels))
    if min(np.linalg.matrix_rank(array), np.linalg.matrix_rank(pixels)) < 2:
        raise InputError(
            f"{path}: its spots lie on one line, which gives no scale; correct the positions, or"
            " set um_per_px in the section sheet"
        )
    affine, *_ = np.linalg.lstsq(array, pixels, rcond=None)
    area = abs(np.linalg.det(affine))
    return float(spot_pitch_um / np.sqrt(area * PITCH_SQUARED_PER_AREA[grid]))
