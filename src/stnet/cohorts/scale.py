"""The size of a pixel, from the array of spots on the image."""

import numpy as np

from stnet.core.errors import InputError
from stnet.expression.grids import GRIDS


def um_per_px(
    array: np.ndarray, pixels: np.ndarray, grid: str, spot_pitch_um: float, path: str
) -> float:
    """Micrometres per pixel from the known distance between spots.

    A least-squares affine map from array to image gives the pitch in pixels, also for rotated and
    flipped arrays.

    Args:
        array: array column and row of each spot, (spots, 2).
        pixels: x and y of each spot in the image, (spots, 2).
        grid: a name of `GRIDS`.
        spot_pitch_um: µm between the centres of neighbouring spots.
        path: spot file, for the error message.

    Returns:
        µm per pixel of the image.

    Raises:
        InputError: the spots lie on one line, in the array or in the image.

    Source: ours.
    """
    array, pixels = (places - places.mean(axis=0) for places in (array, pixels))
    if min(np.linalg.matrix_rank(array), np.linalg.matrix_rank(pixels)) < 2:
        raise InputError(
            f"{path}: all spots lie on one line, which gives no scale; correct the positions, or"
            " set um_per_px in the section sheet"
        )
    affine, *_ = np.linalg.lstsq(array, pixels, rcond=None)
    area = abs(np.linalg.det(affine))
    # The unit of area is one column by one row.
    pitch_squared = area * (1 / np.prod(GRIDS[grid].pitches))
    return float(spot_pitch_um / np.sqrt(pitch_squared))
