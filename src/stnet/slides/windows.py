"""Square windows of an image, brought to the side and scale that a network takes."""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from stnet.core.errors import InputError
from stnet.slides.image import SlideImage


def fit_side(window: np.ndarray, side: int) -> np.ndarray:
    """A square window uint8 (n, n, 3) resampled to (side, side, 3).

    A whole multiple is shrunk by the mean of blocks, as views are (`stnet.slides.patches`); else
    Pillow's bilinear filter, which averages over the pixels that each new one covers (ours).
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
    """Windows around `centres` (n, 2; x, y in whole pixels), `batch` at a time.

    Yields rows of `centres` (b,) and their windows uint8 (b, side, side, 3): `window` pixels wide,
    [c - window // 2, c - window // 2 + window), black off the image, resampled by `fit_side`. They
    come from the top down, so that OpenSlide finds the last tiles in its cache.
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
    """Side of the window to read from an image, and the side it is brought to, both in pixels.

    `window` and `downsampling` are the training view's, `trained_um_per_px` of its patches' pixels
    after downsampling, `um_per_px` that of the image. With scale `micrometres` the window shows as
    much tissue as a training patch, with `pixels` it has as many pixels. Source: the paper says
    neither (ours).
    """
    side = window // downsampling
    if scale == "pixels":
        return window, side
    if scale == "micrometres":
        return max(1, round(side * trained_um_per_px / um_per_px)), side
    raise InputError(f"external.*.scale: {scale!r} is not pixels or micrometres")
