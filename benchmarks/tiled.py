"""The reference of the benchmarks: an image in lossless tiles, read spot by spot with OpenSlide.

So re-implementations of the paper read their patches: images that are no slides, as the JPEGs of
the ST cohort, are converted once to a tiled TIFF, which OpenSlide opens as generic-tiff.
"""

from pathlib import Path

import numpy as np
import tifffile
from openslide import OpenSlide
from PIL import Image

# Pillow refuses large pictures as decompression bombs; whole sections are larger than its limit.
Image.MAX_IMAGE_PIXELS = None

TILE = 256  # px, the usual side


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
