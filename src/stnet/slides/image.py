"""Opening the images of sections and slides: OpenSlide where it reads the format, else Pillow."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import numpy as np
from openslide import OpenSlide, OpenSlideError
from PIL import Image, UnidentifiedImageError

from stnet.core.errors import InputError
from stnet.slides.strips import JpegStrips

# Pillow refuses large pictures as decompression bombs; whole sections are larger than its limit.
Image.MAX_IMAGE_PIXELS = None


class SlideImage:
    """An image open for reading; use `open_image`.

    OpenSlide decodes what is read, Pillow the whole image at the first read, but of a JPEG with
    restart markers the rows that are read: from the top down, each of them once.
    """

    def __init__(self, path: Path, source: OpenSlide | Image.Image):
        self._path, self._source = path, source

    @property
    def size(self) -> tuple[int, int]:
        """Width and height at full resolution, in pixels."""
        if isinstance(self._source, OpenSlide):
            return self._source.dimensions
        return self._source.size

    def read(self, left: int, top: int, width: int, height: int) -> np.ndarray:
        """Region at full resolution as uint8 (height, width, 3); black where it is off the image.

        Raises InputError if the image's data are damaged.
        """
        with self._damage_named():
            if isinstance(self._source, OpenSlide):
                return np.asarray(
                    _opaque(self._source.read_region((left, top), 0, (width, height)))
                )
            if self._strips:
                region = self._strips.read(left, top, width, height)
            else:
                region = self._colours.crop((left, top, left + width, top + height))
            return np.asarray(region)

    def thumbnail(self, side: int) -> Image.Image:
        """The whole image as RGB, its longer side at most `side` pixels. Raises as `read`."""
        with self._damage_named():
            if isinstance(self._source, OpenSlide):
                return self._source.get_thumbnail((side, side)).convert("RGB")
            image = self._source.convert("RGB")
            image.thumbnail((side, side), reducing_gap=3.0)
            return image

    @cached_property
    def _colours(self) -> Image.Image:
        # Whole, before it is cut: what is off a picture in ink would be white.
        return self._source if self._source.mode == "RGB" else self._source.convert("RGB")

    @cached_property
    def _strips(self) -> JpegStrips | None:
        return JpegStrips.of(self._path) if self._source.format == "JPEG" else None

    @contextmanager
    def _damage_named(self) -> Iterator[None]:
        try:
            yield
        except (OpenSlideError, OSError) as error:
            raise InputError(f"{self._path}: damaged image ({error}); fetch it again") from error


def _opaque(region: Image.Image) -> Image.Image:
    # OpenSlide leaves what was never scanned transparent: black, as what is off the image.
    canvas = Image.new("RGB", region.size)
    canvas.paste(region, mask=region.getchannel("A"))
    return canvas


@contextmanager
def open_image(path: str | Path) -> Iterator[SlideImage]:
    """Open the image at `path`. Raises InputError if it is missing or neither library reads it."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such image; check the image column and the cohort's root")
    try:
        source = OpenSlide(path) if OpenSlide.detect_format(path) else Image.open(path)
    except UnidentifiedImageError as error:
        raise InputError(f"{path}: not an image that OpenSlide or Pillow reads") from error
    except (OpenSlideError, OSError) as error:
        raise InputError(f"{path}: damaged image ({error}); fetch it again") from error
    with source:
        yield SlideImage(path, source)
