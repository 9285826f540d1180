"""The size of a pixel, from the array of spots on the image; and whether they are an array."""

import numpy as np

from stnet.core.errors import InputError
from stnet.expression.grids import GRIDS

# Limits of a regular array (ours); HER2ST's 27 sections have at most 1.013 and 0.41. The first is
# the ratio of the pitches along two axes. A spot is astray if it is further than a pitch from its
# place; a few may be in ST, where they were corrected by hand, but Space Ranger places them all.
MOST_STRETCHED, MOST_ASTRAY = 1.1, {"square": 0.05, "hexagonal": 0.0}
# Fewer spots may by chance have row + column all even.
FEWEST = 20


def um_per_px(
    array: np.ndarray, pixels: np.ndarray, grid: str, spot_pitch_um: float, path: str
) -> float | None:
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
        µm per pixel of the image; None if all spots lie on one line, which gives no scale.

    Raises:
        InputError: the spots are not an array of that grid, by their array positions or in the
            image.

    Source: ours.
    """
    odd = array.sum(axis=1) % 2
    if grid == "hexagonal" and 0 < odd.sum() < len(odd):
        raise InputError(
            f"{path}: array row + column is even for {len(odd) - odd.sum()} spots and odd for"
            f" {odd.sum()}, so its array is not hexagonal; name a Visium section (not bins of"
            " Visium HD), or set grid to square"
        )
    if grid == "square" and len(odd) >= FEWEST and odd.sum() in (0, len(odd)):
        raise InputError(
            f"{path}: array row + column is {'odd' if odd[0] else 'even'} for all {len(odd)} spots,"
            " so its array is not square; set grid to hexagonal"
        )
    array = (array - array.mean(axis=0)) * GRIDS[grid].pitches
    pixels = pixels - pixels.mean(axis=0)
    if min(np.linalg.matrix_rank(array), np.linalg.matrix_rank(pixels)) < 2:
        return None
    affine, *_ = np.linalg.lstsq(array, pixels, rcond=None)
    along, across = np.linalg.svd(affine, compute_uv=False)
    if along > MOST_STRETCHED * across:
        raise InputError(
            f"{path}: neighbouring spots are {along:.4g} px apart along one axis and {across:.4g}"
            f" along the other, which is no {grid} array; correct the positions, or"
            " grid"
        )
    pitch = np.sqrt(along * across)
    off = np.linalg.norm(array @ affine - pixels, axis=1) / pitch
    astray = int((off > 1).sum())
    if astray > MOST_ASTRAY[grid] * len(off):
        raise InputError(
            f"{path}: {astray} of {len(off)} spots are further than a spot's distance from their"
            " place in the array, so array and pixel positions are of different spots; correct the"
            " positions"
        )
    return float(spot_pitch_um / pitch)
