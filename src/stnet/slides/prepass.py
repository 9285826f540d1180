"""Which tiles a low level of a slide's pyramid proves to be background.

A level's pixels are taken to be weighted averages of the full-resolution pixels, the weights not
negative, those of a full-resolution pixel summing to one, and none farther than a pixel of the
level. Then what a tile has of darkness (765 less red, green and blue, summed over its pixels) is no
more than that of the level's pixels over it and in a ring of one around it, each counted as often
as it has full-resolution pixels. A pixel that is no background has at least a known darkness: so
the number of these has an upper bound, and a tile whose bound leaves enough background need not be
read. Rounding and JPEG's losses are allowed for.

A pyramid may have been made otherwise, by leaving pixels out for one: every tile that is read is
held to its bound (`Prepass.refutes`), and `stnet.slides.tiling` reads a sample of the others too.

Source: ours; the paper reads everything.
"""

from collections.abc import Sequence
from math import ceil, floor

import numpy as np

from stnet.slides.image import SlideImage

WHITE = 3 * 255
# Grey levels by which the mean of a tile may differ between levels.
ALLOWANCE = 2
# A level is too low where a tile is no more than so many of its pixels wide.
FEWEST_PIXELS = 8
# Below this a level saves too little.
LEAST_DOWNSAMPLE = 4


class Prepass:
    """Bounds of tiles' darkness, from one level of a slide; use `Prepass.of`."""

    def __init__(self, image: SlideImage, level: int, size: int, darkest: int):
        self._image, self._level, self._size, self._darkest = image, level, size, darkest

    @classmethod
    def of(cls, image: SlideImage, size: int, background: float) -> "Prepass | None":
        """For tiles of `size` level-0 pixels, the mean of a background pixel above `background`.

        None if the slide has no level that is low enough, or a white pixel is no background.
        """
        darkest = WHITE - floor(3 * background)
        levels = [
            number
            for number, level in enumerate(image.levels)
            if LEAST_DOWNSAMPLE <= level.downsample <= size / FEWEST_PIXELS
        ]
        return cls(image, levels[-1], size, darkest) if levels and darkest > 0 else None

    def bounds(self, top: int, lefts: Sequence[int]) -> np.ndarray:
        """Upper bounds of the darkness of the tiles of a row, as a mean over their pixels.

        `top` and `lefts` are the tiles' corners in level-0 pixels.
        """
        level = self._image.levels[self._level]
        across, down = self._image.size[0] / level.width, self._image.size[1] / level.height
        first, stop = _with_ring(top, self._size, down, level.height)
        band = self._image.read(
            0, first, level.width, stop - first, level=self._level, unscanned=255
        )
        darkness = WHITE - band.sum(axis=2, dtype=np.int64).sum(axis=0) / len(band)
        summed = np.concatenate([[0.0], np.cumsum(darkness)]) * len(band)
        bounds = []
        for left in lefts:
            begin, end = _with_ring(left, self._size, across, level.width)
            bounds.append((summed[end] - summed[begin]) * across * down)
        return np.array(bounds) / self._size**2 + 3 * ALLOWANCE

    def is_background(self, bounds: np.ndarray, most_background: float) -> np.ndarray:
        """Whether more than `most_background` of a tile is proved to be background."""
        return 1 - bounds / self._darkest > most_background

    @staticmethod
    def refutes(bound: float, pixels: np.ndarray) -> bool:
        """Whether a tile's own pixels are darker than its bound lets them be."""
        return WHITE - 3 * float(pixels.mean()) > bound


def _with_ring(start: int, size: int, downsample: float, side: int) -> tuple[int, int]:
    first = floor(start / downsample) - 1
    return max(first, 0), min(ceil((start + size) / downsample) + 1, side)
