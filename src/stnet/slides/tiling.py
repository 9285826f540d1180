"""Whole slides cut into tiles with tissue, one after another: no more than a few are in memory."""

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

# One in so many tiles that the pre-pass would skip is read, to see whether it may.
SAMPLED = 50
# Tiles read ahead, a thread.
AHEAD = 4

T = TypeVar("T")


@dataclass(frozen=True)
class Tiling:
    """Tiles of `side` pixels at the working magnification.

    A pixel whose mean of red, green and blue is above `background` is background; a tile with a
    larger share of them than `most_background` is dropped.
    """

    side: int
    background: float
    most_background: float


@dataclass
class TilingRecord:
    """How many tiles there were: `skipped` by the pre-pass, of which `checked` were read to see.

    `refuted`: the pre-pass was wrong about a tile, so that all were read after all.
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
    bound: float  # of its darkness; infinite without a pre-pass
    is_sample: bool = False  # of those that the pre-pass would skip


def tiles(
    image: SlideImage, scale: Scale, tiling: Tiling, record: TilingRecord, *, threads: int
) -> Iterator[Tile]:
    """The tiles of a slide that have enough tissue, row by row.

    Candidates are the whole windows of a grid from the upper left corner, without overlap
    (Methods, "tiling the slides in non-overlapping windows of 512 x 512 pixels"). The decision is
    by every pixel at the working magnification; `stnet.slides.prepass` spares reading what it
    proves to be background. Once it is refuted on a slide nothing more is skipped, and what was is
    read at the end, out of order.

    `record` counts as the tiles go by; `threads` read ahead. Raises InputError if the slide's data
    are damaged.
    """
    reader = _Reader(image, scale, tiling)
    # Tiles that are resampled by a fraction are no averages: at their edges some pixels weigh more.
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
            # A sample that was wrongly skipped comes again with the others that were.
            if not candidate.is_sample and background <= tiling.most_background:
                record.kept += 1
                yield Tile(candidate.x, candidate.y, reader.size, tissue, pixels)

    yield from kept(wanted())
    if record.refuted:
        yield from kept(skipped)


def _candidates(
    image: SlideImage, reader: "_Reader", tiling: Tiling, prepass: Prepass | None
) -> Iterator[tuple[_Candidate, bool]]:
    """The grid's windows, row by row, and whether the pre-pass proves them to be background."""
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

    OpenSlide shifts and smooths the pixels of a level that is not reduced by a whole number: where
    a slide has odd sides its level of 2.0001 gives other tiles than the first one, halved.
    """

    def __init__(self, image: SlideImage, scale: Scale, tiling: Tiling):
        self._image, self._tiling = image, tiling
        self._pitch = tiling.side * scale.downsample
        self.size = round(self._pitch)
        exact = [
            number
            for number, level in enumerate(image.levels)
            if level.downsample.is_integer() and (scale.downsample / level.downsample).is_integer()
        ]
        self._level = exact[-1] if exact else 0
        self._downsample = int(image.levels[self._level].downsample)
        self._side = round(self._pitch / self._downsample)
        self._brightest = floor(3 * tiling.background)

    def starts(self, length: int) -> list[int]:
        """Where the grid's windows begin along a side of the slide, in level-0 pixels."""
        return [round(n * self._pitch) for n in range(int((length + 1e-6) // self._pitch))]

    def read(self, candidate: _Candidate) -> tuple[_Candidate, float, float, np.ndarray]:
        """The candidate with its shares of tissue and of background, and its pixels."""
        pixels = self._image.read(
            candidate.x // self._downsample,
            candidate.y // self._downsample,
            self._side,
            self._side,
            level=self._level,
            unscanned=255,
        )
        pixels = fit_side(pixels, self._tiling.side)
        # Whole numbers: the mean of three is above 220 where their sum is above 660.
        summed = pixels[..., 0].astype(np.uint16)
        summed += pixels[..., 1]
        summed += pixels[..., 2]
        n_tissue = np.count_nonzero(summed <= self._brightest)
        # Each divided on its own: 1 - 0.7 is more than 0.3.
        n_background = summed.size - n_tissue
        return candidate, n_tissue / summed.size, n_background / summed.size, pixels


def _ahead(
    read: Callable[[_Candidate], T], candidates: Iterable[_Candidate], threads: int
) -> Iterator[T]:
    """Results of `read` in order, a few of them read ahead in threads."""
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
            # Where the caller or a read gives up, nobody waits for what is not begun.
            pool.shutdown(cancel_futures=True)
