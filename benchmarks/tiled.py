"""Tiled TIFFs for the benchmarks and tests: conversion of images, and simulated slides.

Re-implementations of the paper read patches with OpenSlide, spot by spot. Images that are no
slides, such as the JPEGs of the ST cohort, are converted once and without loss to a tiled TIFF,
which OpenSlide opens as generic-tiff.
"""

from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import tifffile
from openslide import OpenSlide
from PIL import Image

# Sections are larger than the limit at which Pillow suspects a decompression bomb.
Image.MAX_IMAGE_PIXELS = None

TILE = 256  # px, the usual side
# The colour of stained tissue, and the s.d. of the noise of glass and tissue.
GLASS_GRAIN = 2.0
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


def write_tissue_slide(path: str | Path, side: int, glass: int = 243) -> None:
    """Write a pyramidal slide, `side` px wide and high, with a disc of tissue on a quarter of it.

    `glass` is the mean grey level of the rest. Each level is the box mean of the first, reduced by
    a factor in `LEVELS`. The slide is made and written in bands of a tile's height and never held
    whole in memory.
    """
    levels = [((side // f, side // f), _bands(side, f, glass)) for f in LEVELS]
    write_jpeg_tiles(path, levels)


def write_jpeg_tiles(
    path: str | Path,
    levels: Iterable[tuple[tuple[int, int], Iterable[np.ndarray]]],
    *,
    tile: int = TILE,
    quality: int = 70,
    subsampling: int = 2,
    is_rgb: bool = False,
    says: str | None = None,
) -> None:
    """Write a TIFF as slide scanners do, in JPEG tiles that share their tables.

    Args:
        path: output.
        levels: of each its height and width, and its pixels in bands of a tile's height.
        tile: side of a tile, in pixels.
        quality: Pillow's quality of JPEG.
        subsampling: of the colours: 0 none, 1 across, 2 across and down.
        is_rgb: keep red, green and blue instead of YCbCr; they are not subsampled.
        says: the description.
    """
    how = {"quality": quality, "subsampling": 0 if is_rgb else subsampling, "keep_rgb": is_rgb}
    tables = _jpeg(np.zeros((tile, tile, 3), dtype=np.uint8), streamtype=1, **how)
    sampled = (1 + (how["subsampling"] > 0), 1 + (how["subsampling"] > 1))
    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        for number, (shape, bands) in enumerate(levels):
            tiff.write(
                (_jpeg(each, streamtype=2, **how) for band in bands for each in _cut(band, tile)),
                shape=(*shape, 3),
                dtype=np.uint8,
                tile=(tile, tile),
                # tifffile writes JPEG only with a library that is not needed here.
                compression="adobe_deflate",
                photometric="rgb",
                subfiletype=int(number > 0),
                description=says,
                metadata=None,
                extratags=[(347, 7, len(tables), tables, True), (530, "H", 2, sampled, True)],
            )
    with tifffile.TiffFile(path, mode="r+") as tiff:
        for page in tiff.pages:
            page.tags["Compression"].overwrite(7)
            page.tags["PhotometricInterpretation"].overwrite(2 if is_rgb else 6)


def _jpeg(pixels: np.ndarray, **how: int) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "jpeg", **how)
    return file.getvalue()


def _cut(band: np.ndarray, tile: int) -> Iterator[np.ndarray]:
    """The tiles of a band; the last ones are filled up with their edges."""
    for left in range(0, band.shape[1], tile):
        each = band[:, left : left + tile]
        bottom, right = tile - each.shape[0], tile - each.shape[1]
        yield np.pad(each, [(0, bottom), (0, right), (0, 0)], mode="edge")


def _bands(side: int, factor: int, glass: int) -> Iterator[np.ndarray]:
    length = side // factor
    for top in range(0, length, TILE):
        yield _band(side, top, min(TILE, length - top), factor, glass)


def _band(side: int, top: int, rows: int, factor: int, glass: int) -> np.ndarray:
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
        pixels = np.where(inside[..., None], tissue, glass + GLASS_GRAIN * noise)
        full = np.clip(np.rint(pixels), 0, 255).reshape(factor, length, factor, 3)
        band[row] = np.rint(full.mean(axis=(0, 2)))
    return band
