"""Tiled TIFFs for the benchmarks and tests: conversion of images, and simulated slides.

Re-implementations of the paper read patches with OpenSlide, spot by spot. Images that are no
slides, such as the JPEGs of the ST cohort, are converted once and without loss to a tiled TIFF,
which OpenSlide opens as generic-tiff.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile
from openslide import OpenSlide
from PIL import Image

# Sections are larger than the limit at which Pillow suspects a decompression bomb.
Image.MAX_IMAGE_PIXELS = None

TILE = 256  # px, the usual side
# Colours of a scanner's glass and of stained tissue, and the s.d. of their noise.
GLASS, GLASS_GRAIN = (243, 242, 244), 2.0
TISSUE, TISSUE_GRAIN = (190, 130, 175), 25.0
LEVELS = (1, 4, 16)


def to_tiled_tiff(image: str | Path, output: str | Path) -> None:
    """Convert an image that Pillow can read to an RGB TIFF in tiles of 256 x 256 px, without loss.

    Compressed by deflate, the default of common converters.
    """
    with Image.open(image) as opened:
        pixels = np.asarray(opened.convert("RGB"))
    tile = (TILE, TILE)
    tifffile.imwrite(output, pixels, tile=tile, compression="deflate", photometric="rgb")


def read_patch_plain(slide: OpenSlide, x: int, y: int, window: int) -> Image.Image:
    """Read window x window px around pixel (x, y) at full resolution; black outside the image."""
    corner = (x - window // 2, y - window // 2)
    return slide.read_region(corner, 0, (window, window)).convert("RGB")


def write_tissue_slide(path: str | Path, side: int) -> None:
    """Write a pyramidal slide, `side` px wide and high, with a disc of tissue on a quarter of it.

    Each level is the box mean of the first, reduced by a factor in `LEVELS`. The slide is made and
    written in bands of a tile's height and never held whole in memory.
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
    """Make rows of a level as means of the full resolution, which is the same for every level."""
    length = side // factor
    band = np.empty((rows, length, 3), dtype=np.uint8)
    x = np.arange(length * factor) - side / 2
    grain = np.random.default_rng(0).standard_normal((2 * side, 3), dtype=np.float32)
    for row in range(rows):
        y = np.arange((top + row) * factor, (top + row + 1) * factor)
        inside = x**2 + (y[:, None] - side / 2) ** 2 < side**2 / (4 * np.pi)
        # The noise of a row is a part of one long noise, from a start of its own.
        starts = [np.random.default_rng(each).integers(side) for each in y.tolist()]
        noise = np.stack([grain[start : start + len(x)] for start in starts])
        tissue = TISSUE + TISSUE_GRAIN * noise
        pixels = np.where(inside[..., None], tissue, GLASS + GLASS_GRAIN * noise)
        full = np.clip(np.rint(pixels), 0, 255).reshape(factor, length, factor, 3)
        band[row] = np.rint(full.mean(axis=(0, 2)))
    return band
