"""Skip tiles that a low level of a slide's pyramid proves to be background.

Assumption: the pixels of a level are weighted averages of the full-resolution pixels. Weights are
non-negative, the weights of a full-resolution pixel sum to one, and they reach no farther than one
pixel of the level. Let the darkness of a pixel be 765 - red - green - blue. The darkness of a tile,
summed over its pixels, is then at most that of the level's pixels over the tile and in a ring of
one pixel around it, each multiplied by the number of full-resolution pixels it covers. A pixel that
is not background has at least a certain darkness. This bounds the number of such pixels in a tile,
and a tile with enough background by this bound need not be read. The bound allows for rounding and
JPEG's losses.

The means of a level prove nothing of glass near the limit: of pixels whose mean is 230, five of
seven may be 220, which is tissue, and two 255. So glass darker than about 241 is read, which is
quick for slides in JPEG tiles (`stnet.slides.tiff_tiles`).

A pyramid may be made differently, for instance by dropping pixels. So every tile that is read is
compared with its bound (`Prepass.refutes`), and `stnet.slides.tiling` also reads a sample of the
skipped tiles.

Source: ours; the paper reads everything.
"""

from collections.abc import Sequence
from math import ceil, floor

import numpy as np

from stnet.slides.image import SlideImage

WHITE = 3 * 255
# Tolerated difference of a tile's mean between levels, in grey levels.
ALLOWANCE = 2
# A level is used only if a tile is at least this many of its pixels wide.
FEWEST_PIXELS = 8
# Levels with this many pixels per tile are preferred: the ring then adds 13% of darkness.
PIXELS = 32
# Levels with less downsampling save too little.
LEAST_DOWNSAMPLE = 4


class Prepass:
    """Bounds of the darkness of tiles, from one level of a slide; use `Prepass.of`."""

    def __init__(self, image: SlideImage, level: int, size: int, darkest: int):
        self._image, self._level, self._size, self._darkest = image, level, size, darkest

    @classmethod
    def of(cls, image: SlideImage, size: int, background: float) -> "Prepass | None":
        """The pre-pass for tiles of `size` level-0 pixels; a mean above `background` is background.

        None if the slide has no suitable level, or if even white is not background.
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
        """Upper bounds of the mean darkness of a row of tiles.

        `top` and `lefts` are the tiles' corners in level-0 pixels. The bound is infinite if the
        level ends before the tile.
        """
        level = self._image.levels[self._level]
        across, down = self._image.size[0] / level.width, self._image.size[1] / level.height
        shown = [_covered(*sides) for sides in zip(self._image.size, level[:2], strict=True)]
        if top + self._size > shown[1]:
            return np.full(len(lefts), np.inf)
        first, stop = _with_ring(top, self._size, down, level.height)
        band = self._image.read(0, first, level.width, stop - first, level=self._level)
        darkness = WHITE * len(band) - band.sum(axis=0, dtype=np.int64).sum(axis=1)
        summed = np.concatenate([[0], np.cumsum(darkness)])
        bounds = []
        for left in lefts:
            begin, end = _with_ring(left, self._size, across, level.width)
            is_covered = left + self._size <= shown[0]
            bounds.append((summed[end] - summed[begin]) * across * down if is_covered else np.inf)
        return np.array(bounds) / self._size**2 + 3 * ALLOWANCE

    def is_background(self, bounds: np.ndarray, most_background: float) -> np.ndarray:
        """Whether the bounds prove that a tile's share of background is above `most_background`."""
        return 1 - bounds / self._darkest > most_background

    @staticmethod
    def refutes(bound: float, pixels: np.ndarray) -> bool:
        """Whether a tile's pixels are darker than its bound allows."""
        return WHITE - 3 * float(pixels.mean()) > bound


def _with_ring(start: int, size: int, downsample: float, side: int) -> tuple[int, int]:
    first = floor(start / downsample) - 1
    return max(first, 0), min(ceil((start + size) / downsample) + 1, side)


def _covered(length: int, side: int) -> int:
    """Length of a slide's side that the level covers; many levels drop the last, incomplete box."""
    whole = round(length / side)
    return side * whole if 0 < length - side * whole < whole else length
