"""Open images of sections and slides with OpenSlide, or with Pillow for other formats."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import numpy as np
from openslide import (
    PROPERTY_NAME_MPP_X,
    PROPERTY_NAME_OBJECTIVE_POWER,
    OpenSlide,
    OpenSlideError,
)
from PIL import Image, UnidentifiedImageError

from stnet.core.errors import InputError, SystemFailure

# Plausible micrometres per pixel of a slide. OpenSlide also derives them from the dots per inch of
# a TIFF, which usually describe a printer or a screen: 1,200 dpi are 21 µm, 72 dpi are 353 µm.
LEAST_UM_PER_PX, MOST_UM_PER_PX = 0.05, 20


class Level(NamedTuple):
    """A level of a slide's pyramid: width and height in pixels, and downsampling factor."""

    width: int
    height: int
    downsample: float


class SlideImage:
    """An image open for reading; use `open_image`.

    OpenSlide decodes only the requested region, Pillow the whole image at the first read. Several
    threads may read; with Pillow they take turns.
    """

    def __init__(self, path: Path, source: OpenSlide | Image.Image):
        self.path, self._source = path, source
        self._one_at_a_time = Lock()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height at full resolution, in pixels."""
        if isinstance(self._source, OpenSlide):
            return self._source.dimensions
        return self._source.size

    @cached_property
    def levels(self) -> list[Level]:
        """Levels from full resolution down; a single one for images read by Pillow."""
        if not isinstance(self._source, OpenSlide):
            return [Level(*self.size, 1.0)]
        sides, downsamples = self._source.level_dimensions, self._source.level_downsamples
        return [
            Level(*side, downsample) for side, downsample in zip(sides, downsamples, strict=True)
        ]

    @property
    def um_per_px(self) -> float | None:
        """Micrometres per pixel at full resolution, if the slide's properties state it.

        None if the value is implausible for a microscope, and for images read by Pillow, whose dots
        per inch describe a printer.
        """
        um_per_px = self._positive(PROPERTY_NAME_MPP_X)
        if um_per_px is None or not LEAST_UM_PER_PX <= um_per_px <= MOST_UM_PER_PX:
            return None
        return um_per_px

    @property
    def objective_power(self) -> float | None:
        """Magnification of the objective, if the slide's properties state it."""
        return self._positive(PROPERTY_NAME_OBJECTIVE_POWER)

    def read(
        self, left: int, top: int, width: int, height: int, *, level: int = 0, unscanned: int = 0
    ) -> np.ndarray:
        """Read a region of a level.

        Pixels outside the image are black. Pixels that the scanner left out have the grey value
        `unscanned`; for OpenSlide this includes pixels outside the image. OpenSlide addresses
        regions in whole level-0 pixels, so if a level's downsampling is not a whole number, regions
        are shifted and smoothed by a fraction of a pixel.

        Args:
            left: left edge, in pixels of the level.
            top: top edge, in pixels of the level.
            width: width, in pixels of the level.
            height: height, in pixels of the level.
            level: number of the level; 0 is full resolution.
            unscanned: grey value of pixels that were not scanned.

        Returns:
            RGB pixels, uint8 (height, width, 3).

        Raises:
            InputError: the image's data are damaged.
        """
        with self._damage_named():
            if isinstance(self._source, OpenSlide):
                downsample = self.levels[level].downsample
                place = (round(left * downsample), round(top * downsample))
                region = self._source.read_region(place, level, (width, height))
                return np.asarray(_opaque(region, unscanned))
            with self._one_at_a_time:
                region = self._colours.crop((left, top, left + width, top + height))
            return np.asarray(region)

    def thumbnail(self, side: int) -> Image.Image:
        """The whole image as RGB, its longer side at most `side` pixels. Raises as `read`."""
        with self._damage_named():
            if isinstance(self._source, OpenSlide):
                return self._source.get_thumbnail((side, side)).convert("RGB")
            reduced = min(1.0, side / max(self.size))
            sides = tuple(max(1, round(length * reduced)) for length in self.size)
            return self._colours.resize(sides, Image.Resampling.BICUBIC, reducing_gap=3.0)

    @cached_property
    def _colours(self) -> Image.Image:
        # Convert before cropping: outside a CMYK image, converted pixels would be white.
        return self._source if self._source.mode == "RGB" else self._source.convert("RGB")

    def _positive(self, name: str) -> float | None:
        text = self._source.properties.get(name) if isinstance(self._source, OpenSlide) else None
        try:
            value = float(text) if text is not None else 0.0
        except ValueError:
            return None
        return value if 0 < value < float("inf") else None

    @contextmanager
    def _damage_named(self) -> Iterator[None]:
        try:
            yield
        except (OpenSlideError, OSError) as error:
            raise _named(self.path, error) from error


def _opaque(region: Image.Image, unscanned: int) -> Image.Image:
    # OpenSlide returns transparent pixels for unscanned areas and outside the image.
    if region.getchannel("A").getextrema() == (255, 255):
        return region.convert("RGB")
    canvas = Image.new("RGB", region.size, (unscanned,) * 3)
    canvas.paste(region, mask=region.getchannel("A"))
    return canvas


@contextmanager
def open_image(path: str | Path) -> Iterator[SlideImage]:
    """Open the image at `path`. Raises InputError if it is missing or not readable."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such image; check the image column and the cohort's root")
    with _large_images():
        try:
            source = OpenSlide(path) if OpenSlide.detect_format(path) else _open_plain(path)
        except UnidentifiedImageError as error:
            raise InputError(f"{path}: not an image that OpenSlide or Pillow reads") from error
        except (OpenSlideError, OSError) as error:
            raise _named(path, error) from error
        with source:
            yield SlideImage(path, source)


@contextmanager
def _large_images() -> Iterator[None]:
    # Pillow refuses large images as decompression bombs; whole sections exceed its limit.
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _named(path: Path, error: OpenSlideError | OSError) -> InputError:
    # Only errors of the system have an errno; those of decoders have none.
    if isinstance(error, OSError) and error.errno is not None:
        return SystemFailure(f"{path}: cannot be read now ({error.strerror}); rerun")
    return InputError(f"{path}: damaged image ({error}); fetch it again")


def _open_plain(path: Path) -> Image.Image:
    picture = Image.open(path)
    # Pillow silently reads the remaining pages of a truncated TIFF; counting them reveals it.
    if picture.format == "TIFF":
        try:
            _all_pages = picture.n_frames
        except Exception as error:  # the type depends on where the file ends
            picture.close()
            raise OSError("cut short") from error
    return picture
