"""Square windows of an image, resized to the side and scale of a network's input."""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from stnet.core.errors import InputError
from stnet.slides.image import SlideImage


def fit_side(window: np.ndarray, side: int) -> np.ndarray:
    """Resample a square window uint8 (n, n, 3) to (side, side, 3).

    If n is a multiple of `side`, it takes the mean of blocks, as views do (`stnet.slides.patches`).
    Otherwise it uses Pillow's bilinear filter, which averages over the pixels that each new pixel
    covers (ours).
    """
    n = len(window)
    if n == side:
        return window
    picture = Image.fromarray(window)
    if n % side == 0:
        return np.asarray(picture.reduce(n // side))
    return np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR))


def windows(
    image: SlideImage, centres: np.ndarray, window: int, side: int, batch: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield windows around centres in batches.

    A window is [c - window // 2, c - window // 2 + window) in both directions, black outside the
    image, resampled by `fit_side`. Windows come from top to bottom, so that OpenSlide's tile cache
    is used.

    Args:
        image: the image.
        centres: integers (n, 2), x and y in pixels.
        window: side of a window in the image, in pixels.
        side: side after resampling, in pixels.
        batch: windows per batch.

    Returns:
        For each batch, rows of `centres` (b,) and windows uint8 (b, side, side, 3).

    Raises:
        InputError: the image's data are damaged.
    """
    corners = centres - window // 2
    order = np.argsort(corners[:, 1], kind="stable")
    for start in range(0, len(order), batch):
        rows = order[start : start + batch]
        read = (image.read(*corners[row].tolist(), window, window) for row in rows)
        yield rows, np.stack([fit_side(pixels, side) for pixels in read])


def input_window(
    scale: str, *, window: int, downsampling: int, trained_um_per_px: float, um_per_px: float
) -> tuple[int, int]:
    """Size of the window to read from an image for a network.

    With scale `micrometres` the window has the width in tissue of a training patch; with `pixels`
    it has the same number of pixels.

    Args:
        scale: `micrometres` or `pixels`.
        window: source window of the training view, in pixels.
        downsampling: downsampling of the training view.
        trained_um_per_px: µm per pixel of the training patches, after downsampling.
        um_per_px: µm per pixel of the image.

    Returns:
        Side of the window in the image, and side to resize it to, both in pixels.

    Raises:
        InputError: unknown scale.

    Source: ours; the paper does not say.
    """
    side = window // downsampling
    if scale == "pixels":
        return window, side
    if scale == "micrometres":
        return max(1, round(side * trained_um_per_px / um_per_px)), side
    raise InputError(f"external.*.scale: {scale!r} is not pixels or micrometres")
