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
# A level is too low where a tile is no more than so many of its pixels wide, and lower than one
# would like where it is less than so many: a ring of one around 32 pixels is 13 % of darkness more.
FEWEST_PIXELS = 8
PIXELS = 32
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
        if not levels or darkest <= 0:
            return None
        fine = [number for number in levels if image.levels[number].downsample <= size / PIXELS]
        return cls(image, fine[-1] if fine else levels[0], size, darkest)

    def bounds(self, top: int, lefts: Sequence[int]) -> np.ndarray:
        """Upper bounds of the darkness of the tiles of a row, as a mean over their pixels.

        `top` and `lefts` are the tiles' corners in level-0 pixels. Infinite where the level ends
        before the tile.
        """
        level = self._image.levels[self._level]
        across, down = self._image.size[0] / level.width, self._image.size[1] / level.height
        shown = [_covered(*sides) for sides in zip(self._image.size, level[:2], strict=True)]
        if top + self._size > shown[1]:
            return np.full(len(lefts), np.inf)
        first, stop = _with_ring(top, self._size, down, level.height)
        band = self._image.read(
            0, first, level.width, stop - first, level=self._level, unscanned=255
        )
        darkness = WHITE * len(band) - band.sum(axis=0, dtype=np.int64).sum(axis=1)
        summed = np.concatenate([[0], np.cumsum(darkness)])
        bounds = []
        for left in lefts:
            begin, end = _with_ring(left, self._size, across, level.width)
            is_covered = left + self._size <= shown[0]
            bounds.append((summed[end] - summed[begin]) * across * down if is_covered else np.inf)
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


def _covered(length: int, side: int) -> int:
    """Of a slide's side, the part that the level shows: many leave out the last, incomplete box."""
    whole = round(length / side)
    return side * whole if 0 < length - side * whole < whole else length
