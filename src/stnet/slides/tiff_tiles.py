"""The JPEG tiles of a TIFF's full resolution, decoded without OpenSlide and to the same pixels.

OpenSlide draws each decoded tile on a canvas with transparency, which is then converted to RGB.
This takes three times as long as the decoding. Both decode with libjpeg-turbo in the same way. That
the pixels are the same is checked on every slide, on the tile of most bytes, which has the most
detail. Whatever is not plain, such as a tile that was not scanned or is damaged, is left to
OpenSlide, so its errors are the same too.

Source: ours.
"""

import os
import sys
from functools import lru_cache
from pathlib import Path

import numpy as np
from openslide import OpenSlide
from simplejpeg import decode_jpeg, decode_jpeg_header

from stnet.slides.tiff import JpegLayout

# Decoded tiles are kept for the neighbouring windows, as OpenSlide keeps them.
CACHE_BYTES = 32 * 2**20
# JPEG tiles of more than this many times their pixels' bytes are none; noise takes about 1.
MOST_EXPANDED = 4
# Before a tile's own markers: the start of an image, and Adobe's marker, whose last byte says
# whether the colours are YCbCr or RGB.
START = b"\xff\xd8\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00"


class JpegTiles:
    """The full resolution of a slide in JPEG tiles; use `JpegTiles.of`, and close it after use."""

    def __init__(self, path: Path, layout: JpegLayout):
        self._layout = layout
        self._colours = "YCbCr" if layout.is_ycbcr else "RGB"
        self._start = START + bytes([layout.is_ycbcr]) + layout.tables[2:-2]
        self._file = os.open(path, os.O_RDONLY)
        n_kept = max(1, CACHE_BYTES // (3 * layout.tile_width * layout.tile_height))
        self._tile = lru_cache(n_kept)(self._decoded)

    @classmethod
    def of(cls, path: Path, layout: JpegLayout, slide: OpenSlide) -> "JpegTiles | None":
        """The tiles of the slide at `path`; None if OpenSlide shows other pixels."""
        if slide.dimensions != (layout.width, layout.height):
            return None
        found = cls(path, layout)
        row, column = divmod(int(np.argmax(layout.sizes)), layout.across)
        left, top = column * layout.tile_width, row * layout.tile_height
        width = min(layout.tile_width, layout.width - left)
        height = min(layout.tile_height, layout.height - top)
        own = found.region(left, top, width, height)
        if own is not None:
            shown = slide.read_region((left, top), 0, (width, height)).convert("RGB")
            if np.array_equal(own, np.asarray(shown)):
                return found
        found.close()
        return None

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def region(self, left: int, top: int, width: int, height: int) -> np.ndarray | None:
        """Read a region; None if it is to be read by OpenSlide.

        Args:
            left: left edge, in pixels.
            top: top edge, in pixels.
            width: width, in pixels.
            height: height, in pixels.

        Returns:
            RGB pixels, uint8 (height, width, 3), black outside the image.
        """
        layout = self._layout
        pixels = np.zeros((height, width, 3), dtype=np.uint8)
        begin_x, end_x = max(left, 0), min(left + width, layout.width)
        begin_y, end_y = max(top, 0), min(top + height, layout.height)
        if begin_x >= end_x or begin_y >= end_y:
            return pixels
        for row in range(begin_y // layout.tile_height, -(-end_y // layout.tile_height)):
            for column in range(begin_x // layout.tile_width, -(-end_x // layout.tile_width)):
                try:
                    tile = self._tile(row * layout.across + column)
                except ValueError:
                    return None
                x, y = column * layout.tile_width, row * layout.tile_height
                rows = max(y, begin_y), min(y + layout.tile_height, end_y)
                columns = max(x, begin_x), min(x + layout.tile_width, end_x)
                pixels[_from(rows, top), _from(columns, left)] = tile[
                    _from(rows, y), _from(columns, x)
                ]
        return pixels

    def _decoded(self, number: int) -> np.ndarray:
        """A tile's pixels. Raises ValueError if it is not whole, or of another size or colours."""
        layout = self._layout
        offset, size = layout.offsets[number], layout.sizes[number]
        pixels = np.empty((layout.tile_height, layout.tile_width, 3), dtype=np.uint8)
        if offset > sys.maxsize or size > MOST_EXPANDED * pixels.nbytes:
            raise ValueError("a damaged table of tiles")
        # Reading at a place does not move the file's position, which threads share.
        data = os.pread(self._file, size, offset)
        stream = self._start + data[2:]
        if decode_jpeg_header(stream)[2] != self._colours:
            raise ValueError("a tile of other colours")
        shown = decode_jpeg(stream, buffer=pixels, strict=True)
        if shown.shape != pixels.shape:
            raise ValueError("a tile of another size")
        return shown


def _from(ends: tuple[int, int], origin: int) -> slice:
    return slice(ends[0] - origin, ends[1] - origin)
