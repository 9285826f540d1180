"""Cut whole slides into tiles with tissue, with only a few tiles in memory at a time."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from math import floor
from typing import NamedTuple, TypeVar

import numpy as np

from stnet.slides.image import SlideImage
from stnet.slides.prepass import Prepass
from stnet.slides.scale import Scale
from stnet.slides.windows import fit_side

# One in this many skipped tiles is read anyway, to check the pre-pass.
SAMPLED = 50
# Tiles read ahead per thread.
AHEAD = 4

T = TypeVar("T")


@dataclass(frozen=True)
class Tiling:
    """Tiles of `side` pixels at the working magnification, overlapping by a share of it.

    A pixel is background if its mean of red, green and blue is above `background`. A tile is
    dropped if its share of background pixels is above `most_background`.
    """

    side: int
    background: float
    most_background: float
    overlap: float = 0

    @property
    def step(self) -> int:
        """From one tile to the next, in pixels at the working magnification."""
        return max(1, round(self.side * (1 - self.overlap)))


@dataclass
class TilingRecord:
    """Numbers of tiles: `skipped` by the pre-pass, of which `checked` were read as a sample.

    `refuted`: the pre-pass was wrong about a tile, so the skipped ones were read after all.
    """

    candidates: int = 0
    kept: int = 0
    skipped: int = 0
    checked: int = 0
    refuted: bool = False


class Tile(NamedTuple):
    """A tile with tissue: left, top and size in level-0 pixels, and its share of tissue.

    `pixels` are uint8 (side, side, 3) at the working magnification.
    """

    x: int
    y: int
    size: int
    tissue: float
    pixels: np.ndarray


class _Candidate(NamedTuple):
    x: int
    y: int
    bound: float  # of the darkness; infinite without a pre-pass
    is_sample: bool = False  # a skipped tile, read to check the pre-pass


def tiles(
    image: SlideImage, scale: Scale, tiling: Tiling, record: TilingRecord, *, threads: int
) -> Iterator[Tile]:
    """Yield the tiles of a slide with enough tissue, row by row.

    Candidates are the complete windows of a grid from the upper left corner, by default without
    overlap (Methods, "tiling the slides in non-overlapping windows of 512 x 512 pixels"). Every
    pixel at the working magnification counts for the decision, but tiles that
    `stnet.slides.prepass` proves to be background are not read. If the pre-pass turns out wrong on
    a slide, nothing more is skipped, and the skipped tiles are read at the end, out of order.

    Args:
        image: the slide.
        scale: scale of the slide.
        tiling: size of tiles and limits of background.
        record: counts, updated while the tiles are read.
        threads: threads that read ahead.

    Returns:
        The tiles, one at a time.

    Raises:
        InputError: the slide's data are damaged.
    """
    reader = _Reader(image, scale, tiling)
    # Resampling by a fraction is not a plain average: some pixels at the edges weigh more.
    is_average = float(scale.downsample).is_integer()
    prepass = Prepass.of(image, reader.size, tiling.background) if is_average else None
    skipped: list[_Candidate] = []

    def wanted() -> Iterator[_Candidate]:
        for candidate, is_background in _candidates(image, reader, tiling, prepass):
            record.candidates += 1
            if record.refuted or not is_background:
                yield candidate
                continue
            skipped.append(candidate)
            record.skipped += 1
            if record.skipped % SAMPLED == 1:
                record.checked += 1
                yield candidate._replace(is_sample=True)

    def kept(candidates: Iterable[_Candidate]) -> Iterator[Tile]:
        for candidate, tissue, background, pixels in _ahead(reader.read, candidates, threads):
            if prepass is not None and prepass.refutes(candidate.bound, pixels):
                record.refuted = True
            # A sample that was wrongly skipped is read again with the other skipped tiles.
            if not candidate.is_sample and background <= tiling.most_background:
                record.kept += 1
                yield Tile(candidate.x, candidate.y, reader.size, tissue, pixels)

    yield from kept(wanted())
    if record.refuted:
        yield from kept(skipped)


def _candidates(
    image: SlideImage, reader: "_Reader", tiling: Tiling, prepass: Prepass | None
) -> Iterator[tuple[_Candidate, bool]]:
    """Windows of the grid, row by row, and whether the pre-pass proves them to be background."""
    width, height = image.size
    lefts = reader.starts(width)
    for top in reader.starts(height):
        bounds = np.full(len(lefts), np.inf)
        proved = np.zeros(len(lefts), dtype=bool)
        if prepass is not None and lefts:
            bounds = prepass.bounds(top, lefts)
            proved = prepass.is_background(bounds, tiling.most_background)
        for left, bound, is_background in zip(lefts, bounds, proved, strict=True):
            yield _Candidate(left, top, float(bound)), bool(is_background)


class _Reader:
    """Reads tiles at the working magnification from the lowest level that gives them exactly.

    OpenSlide shifts and smooths the pixels of a level whose downsampling is not a whole number. On
    a slide with odd sides, a level of 2.0001 gives other tiles than level 0 reduced by two.
    """

    def __init__(self, image: SlideImage, scale: Scale, tiling: Tiling):
        self._image, self._tiling = image, tiling
        width = tiling.side * scale.downsample
        self._step = tiling.step * scale.downsample
        self._width, self.size = width, round(width)
        exact = [
            number
            for number, level in enumerate(image.levels)
            if level.downsample.is_integer() and (scale.downsample / level.downsample).is_integer()
        ]
        self._level = exact[-1] if exact else 0
        self._downsample = int(image.levels[self._level].downsample)
        self._side = round(width / self._downsample)
        self._brightest = floor(3 * tiling.background)

    def starts(self, length: int) -> list[int]:
        """Starts of the grid's windows along a side of the slide, in level-0 pixels."""
        n = int((length - self._width + 1e-6) // self._step) + 1
        return [round(i * self._step) for i in range(n)]

    def read(self, candidate: _Candidate) -> tuple[_Candidate, float, float, np.ndarray]:
        """The candidate, its shares of tissue and background, and its pixels."""
        pixels = self._image.read(
            candidate.x // self._downsample,
            candidate.y // self._downsample,
            self._side,
            self._side,
            level=self._level,
        )
        pixels = fit_side(pixels, self._tiling.side)
        # Without a dark value there is no tissue; this is much of the glass, and quick to see.
        if 3 * int(pixels.min()) > self._brightest:
            return candidate, 0.0, 1.0, pixels
        # Integer arithmetic: the mean of three values is above 220 if their sum is above 660.
        summed = pixels[..., 0].astype(np.uint16)
        summed += pixels[..., 1]
        summed += pixels[..., 2]
        n_tissue = np.count_nonzero(summed <= self._brightest)
        # Two divisions, because 1 - 0.7 is not 0.3 in floating point.
        n_background = summed.size - n_tissue
        return candidate, n_tissue / summed.size, n_background / summed.size, pixels


def _ahead(
    read: Callable[[_Candidate], T], candidates: Iterable[_Candidate], threads: int
) -> Iterator[T]:
    """Results of `read` in order; threads read a few ahead."""
    waiting: deque[Future[T]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for candidate in candidates:
                waiting.append(pool.submit(read, candidate))
                if len(waiting) > AHEAD * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            # After an error or an early end, do not run the reads that have not started.
            pool.shutdown(cancel_futures=True)
