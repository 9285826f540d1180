"""Open images of sections and slides with OpenSlide, Zarr, or Pillow for other formats."""

import re
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import numpy as np
from openslide import (
    PROPERTY_NAME_MPP_X,
    PROPERTY_NAME_MPP_Y,
    PROPERTY_NAME_OBJECTIVE_POWER,
    AbstractSlide,
    OpenSlide,
    OpenSlideError,
)
from PIL import Image, UnidentifiedImageError

from stnet.core.errors import InputError, check_system
from stnet.slides.tiff import COMMON, Tiff, inspect_tiff, is_tiff, refused
from stnet.slides.tiff_tiles import JpegTiles
from stnet.slides.whole import LARGE, WholeImage, check_bomb, over_white
from stnet.slides.zarr_image import ZarrImage

# Plausible micrometres per pixel of a slide. OpenSlide also derives them from the dots per inch of
# a TIFF, which usually describe a printer or a screen: 1,200 dpi are 21 µm, 72 dpi are 353 µm.
LEAST_UM_PER_PX, MOST_UM_PER_PX = 0.05, 20
# Where micrometres per pixel are stated, across and down; the first that has them counts.
MPP = [("PhysicalSizeX", "PhysicalSizeY"), (PROPERTY_NAME_MPP_X, PROPERTY_NAME_MPP_Y)]
# Stated values may differ by this share.
MPP_TOLERANCE = 0.1
# As in `stnet.slides.whole`; tiles that were not scanned take no bytes.
MOST_PIXELS_PER_BYTE = 1000
UNSUPPORTED = re.compile(r"unsupported|not (supported|implemented|configured)", re.IGNORECASE)


class Level(NamedTuple):
    """A level of a slide's pyramid: width and height in pixels, and downsampling factor."""

    width: int
    height: int
    downsample: float


class SlideImage:
    """An image open for reading as upright RGB of 8 bits; use `open_image`.

    OpenSlide and Zarr decode only the requested region, Pillow the whole image at the first read.
    `stnet.slides.tiff_tiles` decodes JPEG tiles of full resolution in OpenSlide's place.
    Several threads may read; with Pillow they take turns.
    """

    def __init__(
        self,
        path: Path,
        source: AbstractSlide | WholeImage,
        properties: Mapping[str, str | float],
        tiles: JpegTiles | None = None,
    ):
        """`properties` are OpenSlide's and those of OME; `tiles` a faster way to level 0."""
        self.path, self._source, self._properties = path, source, properties
        self._tiles = tiles
        self._one_at_a_time = Lock()

    def close(self) -> None:
        """Close the image's files."""
        self._source.close()
        if self._tiles is not None:
            self._tiles.close()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height at full resolution, in pixels."""
        return self.levels[0][:2]

    @cached_property
    def levels(self) -> list[Level]:
        """Levels from full resolution down; a single one for images read by Pillow."""
        if not isinstance(self._source, AbstractSlide):
            return [Level(*self._source.size, 1.0)]
        sides, downsamples = self._source.level_dimensions, self._source.level_downsamples
        return [
            Level(*side, downsample) for side, downsample in zip(sides, downsamples, strict=True)
        ]

    @cached_property
    def um_per_px(self) -> float | None:
        """Micrometres per pixel at full resolution, if the file states it.

        None if the value is implausible for a microscope, and for images that neither OpenSlide nor
        OME describes, whose dots per inch describe a printer. Raises InputError if the file states
        values that differ by more than `MPP_TOLERANCE`.
        """
        stated: dict[str, float] = {}
        for names in MPP:
            pair = {name: value for name in names if (value := self._positive(name)) is not None}
            if any(LEAST_UM_PER_PX <= value <= MOST_UM_PER_PX for value in pair.values()):
                stated |= pair
        if not stated:
            return None
        small, large = (choose(stated, key=stated.__getitem__) for choose in (min, max))
        if stated[large] > stated[small] * (1 + MPP_TOLERANCE):
            raise InputError(
                f"{self.path}: its µm per pixel are {stated[small]:.4g} ({small}) and"
                f" {stated[large]:.4g} ({large}); set um_per_px to what is right, or make its"
                " pixels square"
            )
        return next(iter(stated.values()))

    @property
    def objective_power(self) -> float | None:
        """Magnification of the objective, if the slide's properties state it."""
        return self._positive(PROPERTY_NAME_OBJECTIVE_POWER)

    def read(self, left: int, top: int, width: int, height: int, *, level: int = 0) -> np.ndarray:
        """Read a region of a level.

        Pixels outside the image are black, transparent ones and those that the scanner left out
        white. OpenSlide addresses regions in whole level-0 pixels, so if a level's downsampling is
        not a whole number, regions are shifted and smoothed by a fraction of a pixel.

        Args:
            left: left edge, in pixels of the level.
            top: top edge, in pixels of the level.
            width: width, in pixels of the level.
            height: height, in pixels of the level.
            level: number of the level; 0 is full resolution.

        Returns:
            RGB pixels, uint8 (height, width, 3).

        Raises:
            InputError: the image's data are damaged.
        """
        with _damage_named(self.path):
            if not isinstance(self._source, AbstractSlide):
                with self._one_at_a_time:
                    region = self._source.rgb.crop((left, top, left + width, top + height))
                return np.asarray(region)
            if level == 0 and self._tiles is not None:
                pixels = self._tiles.region(left, top, width, height)
                if pixels is not None:
                    return pixels
            downsample = self.levels[level].downsample
            place = (round(left * downsample), round(top * downsample))
            region = self._source.read_region(place, level, (width, height))
        shown = over_white(region)
        right, bottom = self.levels[level].width - left, self.levels[level].height - top
        inside = (max(0, -left), max(0, -top), min(width, right), min(height, bottom))
        if inside != (0, 0, width, height):
            within, shown = shown, Image.new("RGB", region.size)
            if inside[0] < inside[2] and inside[1] < inside[3]:
                shown.paste(within.crop(inside), inside[:2])
        return np.asarray(shown)

    def thumbnail(self, side: int) -> Image.Image:
        """The whole image as RGB, its longer side at most `side` pixels. Raises as `read`."""
        with _damage_named(self.path):
            if isinstance(self._source, AbstractSlide):
                level = self._source.get_best_level_for_downsample(max(self.size) / side)
                if self.levels[level].width * self.levels[level].height <= LARGE:
                    return self._source.get_thumbnail((side, side)).convert("RGB")
                whole = self._reduced(level, max(self.levels[level][:2]) // side)
            else:
                whole = self._source.rgb
            shrink = min(1.0, side / max(self.size))
            sides = tuple(max(1, round(length * shrink)) for length in self.size)
            return whole.resize(sides, Image.Resampling.BICUBIC, reducing_gap=3.0)

    def _reduced(self, level: int, factor: int) -> Image.Image:
        """A level too large to be read at once, shrunk by taking means of boxes."""
        width, height, _ = self.levels[level]
        rows = factor * max(1, LARGE // (10 * width * factor))
        bands = [
            Image.fromarray(self.read(0, top, width, min(rows, height - top), level=level)).reduce(
                factor
            )
            for top in range(0, height, rows)
        ]
        return Image.fromarray(np.concatenate(bands))

    def _positive(self, name: str) -> float | None:
        try:
            value = float(self._properties.get(name, 0.0))
        except ValueError:
            return None
        return value if 0 < value < float("inf") else None


@contextmanager
def open_image(path: str | Path) -> Iterator[SlideImage]:
    """Open the image at `path`, whatever its format, colours and bits, as upright 8-bit RGB.

    `stnet.slides.whole` says what is converted and how. Raises InputError if the image is missing,
    not readable, or has no single meaning (`stnet.slides.tiff`).
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such image; correct the path")
    with _large_images():
        with _damage_named(path):
            opened = _opened(path)
        with closing(opened):
            yield opened


def _opened(path: Path) -> SlideImage:
    if path.is_dir():
        return SlideImage(path, ZarrImage(path), {})
    vendor = OpenSlide.detect_format(path)
    if vendor is None and not is_tiff(path):
        return SlideImage(path, WholeImage(path), {})
    tiff = inspect_tiff(path, vendor) if is_tiff(path) else Tiff(True)
    properties: dict[str, str | float] = {}
    if vendor is not None:
        try:
            slide = OpenSlide(path)
        except OpenSlideError as error:
            # Pillow decodes some compressions that OpenSlide does not.
            if vendor not in COMMON or not UNSUPPORTED.search(str(error)):
                raise
        else:
            properties = dict(slide.properties)
            if tiff.in_tiles:
                if vendor in COMMON:
                    check_bomb(path, slide.dimensions, MOST_PIXELS_PER_BYTE)
                tiles = JpegTiles.of(path, tiff.jpeg, slide) if tiff.jpeg else None
                return SlideImage(path, slide, properties | tiff.um_per_px, tiles)
            slide.close()
    if tiff.unknown:
        raise InputError(
            f"{path}: its compression ({tiff.unknown}) is not read; convert it to TIFF with JPEG or"
            " deflate"
        )
    try:
        whole = WholeImage(path, tiff.pages, is_inverted=tiff.is_inverted)
    except UnidentifiedImageError as error:
        raise refused(path, "stores its pixels in a way that is not read") from error
    return SlideImage(path, whole, properties | tiff.um_per_px)


@contextmanager
def _large_images() -> Iterator[None]:
    # Pillow refuses large images as decompression bombs; whole sections exceed its limit, and
    # `WholeImage` has one of its own.
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except UnidentifiedImageError as error:
        raise InputError(
            f"{path}: not a slide, TIFF, JPEG, PNG, JPEG 2000, BMP, GIF or WebP; convert it to"
            " TIFF, or fetch it again if it is one"
        ) from error
    except MemoryError as error:
        raise InputError(
            f"{path}: the memory does not hold the image; convert it to a pyramid of TIFF tiles"
        ) from error
    except Exception as error:  # of a decoder; the type depends on where the file is damaged
        check_system(error, path)
        what = " ".join(str(error).split()) or type(error).__name__
        if UNSUPPORTED.search(what):
            raise InputError(f"{path}: cannot be decoded ({what}); convert it to TIFF") from error
        raise InputError(f"{path}: damaged image ({what}); fetch it again") from error
