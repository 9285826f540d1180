"""Images as slides are, in tiles: the reference of the benchmarks, and slides to test with.

Re-implementations of the paper read their patches with OpenSlide, spot by spot: images that are no
slides, as the JPEGs of the ST cohort, are converted once to a tiled TIFF, without loss, which
OpenSlide opens as generic-tiff.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile
from openslide import OpenSlide
from PIL import Image

# Pillow refuses large pictures as decompression bombs; whole sections are larger than its limit.
Image.MAX_IMAGE_PIXELS = None

TILE = 256  # px, the usual side
# Grey levels of a scanner's glass and of stained tissue, and of the grain of both.
GLASS, GLASS_GRAIN = (243, 242, 244), 2.0
TISSUE, TISSUE_GRAIN = (190, 130, 175), 25.0
LEVELS = (1, 4, 16)


def to_tiled_tiff(image: str | Path, output: str | Path) -> None:
    """Write an image that Pillow reads as an RGB TIFF in tiles of 256 x 256 px, without loss.

    Deflated, as converters to this format do by default.
    """
    with Image.open(image) as opened:
        pixels = np.asarray(opened.convert("RGB"))
    tile = (TILE, TILE)
    tifffile.imwrite(output, pixels, tile=tile, compression="deflate", photometric="rgb")


def read_patch_plain(slide: OpenSlide, x: int, y: int, window: int) -> Image.Image:
    """The window x window px around pixel (x, y) at full resolution as RGB, black off the image."""
    corner = (x - window // 2, y - window // 2)
    return slide.read_region(corner, 0, (window, window)).convert("RGB")


def write_tissue_slide(path: str | Path, side: int) -> None:
    """Write a slide `side` px wide and high, a disc of tissue on a quarter of it, in a pyramid.

    Levels are box means of the first, `LEVELS` times smaller; all is made and written in bands of
    a tile's height, so that the slide is never whole in memory.
    """
    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        for factor in LEVELS:
            length = side // factor
            tiff.write(
                _tiles(side, factor),
                shape=(length, length, 3),
                dtype=np.uint8,
                tile=(TILE, TILE),
                compression="adobe_deflate",
                compressionargs={"level": 1},
                predictor=True,
                photometric="rgb",
                subfiletype=int(factor > 1),
                metadata=None,
            )


def _tiles(side: int, factor: int) -> Iterator[np.ndarray]:
    length = side // factor
    for top in range(0, length, TILE):
        band = _band(side, top, min(TILE, length - top), factor)
        for left in range(0, length, TILE):
            tile = band[:, left : left + TILE]
            bottom, right = TILE - tile.shape[0], TILE - tile.shape[1]
            yield np.pad(tile, [(0, bottom), (0, right), (0, 0)], mode="edge")


def _band(side: int, top: int, rows: int, factor: int) -> np.ndarray:
    """Rows of a level, the means of those of full resolution; these always come out the same."""
    length = side // factor
    band = np.empty((rows, length, 3), dtype=np.uint8)
    x = np.arange(length * factor) - side / 2
    grain = np.random.default_rng(0).standard_normal((2 * side, 3), dtype=np.float32)
    for row in range(rows):
        y = np.arange((top + row) * factor, (top + row + 1) * factor)
        inside = x**2 + (y[:, None] - side / 2) ** 2 < side**2 / (4 * np.pi)
        # A row's grain is a stretch of one long noise, from a place of its own.
        starts = [np.random.default_rng(each).integers(side) for each in y.tolist()]
        noise = np.stack([grain[start : start + len(x)] for start in starts])
        tissue = TISSUE + TISSUE_GRAIN * noise
        pixels = np.where(inside[..., None], tissue, GLASS + GLASS_GRAIN * noise)
        full = np.clip(np.rint(pixels), 0, 255).reshape(factor, length, factor, 3)
        band[row] = np.rint(full.mean(axis=(0, 2)))
    return band
