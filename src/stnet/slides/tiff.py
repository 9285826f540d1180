"""What a TIFF holds, from its tags: pages, channels, bits, orientation and OME's pixel size."""

import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple
from xml.etree import ElementTree

import tifffile

from stnet.core.errors import InputError

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# By OpenSlide's name of the format. Its other formats keep pages and tags in ways of their own.
COMMON = (None, "generic-tiff", "aperio")
# Photometric interpretations by number: grey, RGB, palette, CMYK and YCbCr, and their samples.
SAMPLES = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3}
RGB, YCBCR = 2, 6
SEPARATE = 2  # planar configuration
JPEG = 7  # compression
# Larger JPEG tiles are left to OpenSlide; tiles have sides of 240 to 1,024 px.
MOST_TILE_BYTES = 2**26
UNSIGNED, SIGNED, FLOAT = 1, 2, 3
SAMPLE_FORMATS = {SIGNED: "signed integers", FLOAT: "floating-point numbers, of unknown range"}
ALPHA = (1, 2)
# Compressions that Pillow decodes: none, CCITT, LZW, JPEG, deflate, PackBits, LZMA, Zstandard.
DECODED = (*range(1, 9), 32771, 32773, 32946, 34925, 50000)
# A page that is no level of a pyramid and has more than this share of the first one's pixels shows
# something else of equal rank. Labels, overviews and unmarked levels have less.
EQUAL_RANK = 0.5
# Axes of tifffile that may be channels; Z and T may not.
CHANNELS = ("", "C", "S", "I", "Q")
UM = {"pm": 1e-6, "Å": 1e-4, "nm": 1e-3, "µm": 1.0, "μm": 1.0, "um": 1.0, "mm": 1e3, "cm": 1e4}
# A channel's number is no name.
NUMBERED = re.compile(r"((channel|ch|c)?[ :_-]*\d+(:\d+)?)?")

# It reports each oddity of a file's tags; those that matter are refused here.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)


class JpegLayout(NamedTuple):
    """Where a page in JPEG tiles has them; all sides are in pixels.

    Attributes:
        width: width of the page.
        height: height of the page.
        tile_width: width of a tile.
        tile_height: height of a tile.
        offsets: starts of the tiles in the file, row by row.
        sizes: their lengths in bytes; 0 for those that were not scanned.
        tables: the JPEG stream of tables that all tiles share, or empty.
        is_ycbcr: whether the colours are YCbCr, not RGB.
    """

    width: int
    height: int
    tile_width: int
    tile_height: int
    offsets: tuple[int, ...]
    sizes: tuple[int, ...]
    tables: bytes
    is_ycbcr: bool

    @property
    def across(self) -> int:
        """Number of tiles in a row."""
        return -(-self.width // self.tile_width)


class Tiff(NamedTuple):
    """How to read a TIFF.

    Attributes:
        in_tiles: OpenSlide's pixels are right, so that it may read the image tile by tile.
        pages: pages to read; three are red, green and blue.
        is_inverted: whether 0 is white.
        um_per_px: micrometres per pixel by the name of OME's attribute.
        unknown: name of a compression that Pillow does not decode, or empty.
        jpeg: where its first page has its JPEG tiles, if it is of such.
    """

    in_tiles: bool
    pages: tuple[int, ...] = (0,)
    is_inverted: bool = False
    um_per_px: Mapping[str, float] = MappingProxyType({})
    unknown: str = ""
    jpeg: JpegLayout | None = None


def is_tiff(path: Path) -> bool:
    """Whether the file starts as a TIFF or BigTIFF does."""
    with open(path, "rb") as file:
        return file.read(4) in SIGNATURES


def inspect_tiff(path: Path, vendor: str | None) -> Tiff:
    """How to read the TIFF at `path`, of which OpenSlide says that it is `vendor`'s.

    Raises InputError if it holds anything but one image in colour or grey: a stack, several scenes,
    a thumbnail before the image, too many channels, or pixels of unknown range or colour space.
    """
    if vendor not in COMMON:
        return Tiff(True)
    try:
        with tifffile.TiffFile(path) as tiff:
            page = tiff.pages.first
            ome = _ome(tiff)
            if len(page.dataoffsets) < prod(page.chunked):
                raise OSError("its table of tiles or strips is too short")
            unknown = "" if int(page.compression) in DECODED else _name(page.compression)
            if vendor == "aperio":
                in_tiles = _is_upright(page) and max(_bits(page)) <= 8
                return Tiff(in_tiles, unknown=unknown, jpeg=_jpeg(page))
            _check_pixels(path, page)
            pages = _pages(path, tiff, ome)
            is_plain = _is_plain(page) and len(pages) == 1
            is_inverted = int(page.photometric) == 0
            return Tiff(is_plain, pages, is_inverted, _pixel_sizes(ome), unknown, _jpeg(page))
    except (InputError, OSError):
        raise
    except tifffile.TiffFileError as error:
        raise OSError("cut short") from error
    except Exception as error:  # the type depends on which tag is damaged
        raise OSError(f"its tags are not those of a TIFF: {error}") from error


def _is_plain(page: tifffile.TiffPage) -> bool:
    """Whether OpenSlide gives the right pixels.

    It takes 16 bits for the full range, samples of unknown meaning for transparency, and turns each
    tile for itself if the image is turned. Of uncompressed tiles below 1 KiB it refuses the last.
    """
    tile_bytes = prod(page.chunks) * page.dtype.itemsize
    is_tiny = int(page.compression) == 1 and tile_bytes < 1024
    extra = page.samplesperpixel - SAMPLES.get(int(page.photometric), 0)
    is_known = extra == 0 or (extra == 1 and page.samplesperpixel == 4 and _has_alpha(page))
    return _is_upright(page) and is_known and _bits(page) == {8} and not is_tiny


def _jpeg(page: tifffile.TiffPage) -> JpegLayout | None:
    """The page's tiles if they are JPEG of RGB or YCbCr with 8 bits."""
    photometric = int(page.photometric)
    is_colour = photometric in (RGB, YCBCR) and page.samplesperpixel == 3 and _bits(page) == {8}
    is_flat = int(page.planarconfig) != SEPARATE and page.imagedepth == 1
    is_sound = (
        len(page.databytecounts) == len(page.dataoffsets) and prod(page.chunks) <= MOST_TILE_BYTES
    )
    is_jpeg = page.is_tiled and int(page.compression) == JPEG
    if not (is_jpeg and is_colour and is_flat and is_sound):
        return None
    return JpegLayout(
        page.imagewidth,
        page.imagelength,
        page.tilewidth,
        page.tilelength,
        page.dataoffsets,
        page.databytecounts,
        page.jpegtables or b"",
        photometric == YCBCR,
    )


def _is_upright(page: tifffile.TiffPage) -> bool:
    return _tag(page, "Orientation", 1) not in range(2, 9)


def _check_pixels(path: Path, page: tifffile.TiffPage) -> None:
    photometric, samples, bits = int(page.photometric), page.samplesperpixel, _bits(page)
    if samples > 4:
        raise refused(path, f"has {samples} channels")
    if photometric not in SAMPLES:
        raise refused(path, f"has its colours as {_name(page.photometric)}")
    if int(page.sampleformat) != UNSIGNED:
        kind = SAMPLE_FORMATS.get(int(page.sampleformat), "of an unknown kind")
        raise refused(path, f"has pixels that are {kind}")
    if max(bits) > 16 or len(bits) > 1:
        raise refused(path, f"has {' and '.join(map(str, sorted(bits)))} bits per channel")
    extra = samples - SAMPLES[photometric]
    is_colour = SAMPLES[photometric] > 1
    if extra < 0 or (extra and not is_colour and not (extra == 1 and _has_alpha(page))):
        raise refused(path, f"has {samples} channels and does not say which colours they are")
    in_planes = samples > 1 and int(page.planarconfig) == SEPARATE
    if in_planes and (max(bits) > 8 or not is_colour):  # Pillow shows these wrong
        raise refused(path, f"has {max(bits)} bits per channel and each in a plane of its own")
    if page.imagedepth > 1:
        raise refused(path, f"is a stack of {page.imagedepth} planes")


def _pages(path: Path, tiff: tifffile.TiffFile, ome: ElementTree.Element | None) -> tuple[int, ...]:
    """The pages of the image. Raises InputError if there is more than one image."""
    first = tiff.pages.first
    area = first.imagewidth * first.imagelength
    equal = {0: first}
    tiff.pages.useframes = False
    for number, page in enumerate(tiff.pages[1:], start=1):
        n_pixels = page.imagewidth * page.imagelength
        if page.is_reduced or page.is_mask or n_pixels <= EQUAL_RANK * area:
            continue
        sides = f"{page.imagewidth} x {page.imagelength}"
        own = f"{first.imagewidth} x {first.imagelength}"
        if n_pixels > area:
            raise refused(
                path,
                f"has a first page of {own} px, smaller than page {number + 1} of {sides} px: a"
                " thumbnail or another scene comes first",
            )
        if sides != own:
            raise refused(path, f"holds two images, of {own} and, on page {number + 1}, {sides} px")
        equal[number] = page
    for below in first.pages or ():
        if below.imagewidth * below.imagelength > area:
            raise refused(path, "has a thumbnail as its first page and the image below it")
    series = tiff.series[0]
    planes = len(equal)
    if series.keyframe.shape == first.shape:
        planes = max(planes, prod(series.shape) // prod(first.shape))
    if planes == 1:
        return (0,)
    is_channels = planes == len(equal) == 3 and series.axes.removesuffix("YX") in CHANNELS
    kinds = {
        (page.samplesperpixel, page.bitspersample, _tag(page, "Orientation", 1))
        for page in equal.values()
    }
    if not is_channels or len(kinds) > 1 or first.samplesperpixel > 1:
        raise refused(path, f"is a stack of {planes} images of the same size")
    return tuple([*equal][place] for place in _colours(path, ome))


def _colours(path: Path, ome: ElementTree.Element | None) -> list[int]:
    """Which of three grey pages are red, green and blue."""
    channels = [] if ome is None else ome.findall("./{*}Image[1]/{*}Pixels/{*}Channel")
    names = [channel.get("Name", "") for channel in channels]
    initials = [name.strip().lower() for name in names]
    for colours in (["red", "green", "blue"], ["r", "g", "b"]):
        if sorted(initials) == sorted(colours):
            return [initials.index(colour) for colour in colours]
    is_dye = any(channel.get("Fluor") or channel.get("EmissionWavelength") for channel in channels)
    if is_dye or not all(NUMBERED.fullmatch(initial) for initial in initials):
        raise refused(path, f"has the channels {', '.join(names)}, not red, green and blue")
    return [0, 1, 2]


def _ome(tiff: tifffile.TiffFile) -> ElementTree.Element | None:
    return ElementTree.fromstring(tiff.ome_metadata) if tiff.ome_metadata else None


def _pixel_sizes(ome: ElementTree.Element | None) -> dict[str, float]:
    pixels = None if ome is None else ome.find("./{*}Image[1]/{*}Pixels")
    sizes = {}
    for name in ("PhysicalSizeX", "PhysicalSizeY"):
        text = None if pixels is None else pixels.get(name)
        unit = UM.get("µm" if pixels is None else pixels.get(f"{name}Unit", "µm"))
        with suppress(TypeError, ValueError):  # absent, or a decimal comma
            sizes[name] = float(text) * unit
    return sizes


def _bits(page: tifffile.TiffPage) -> set[int]:
    bits = page.bitspersample
    return {bits} if isinstance(bits, int) else set(bits)


def _name(value: int) -> str:
    return getattr(value, "name", f"number {value}")


def _has_alpha(page: tifffile.TiffPage) -> bool:
    return bool(page.extrasamples) and int(page.extrasamples[0]) in ALPHA


def _tag(page: tifffile.TiffPage, name: str, default: int) -> int:
    tag = page.tags.get(name)
    return default if tag is None else int(tag.value)


def refused(path: Path, why: str) -> InputError:
    """The error for an image that has no single meaning."""
    return InputError(f"{path}: {why}; save the image alone, as RGB of 8 or 16 bits on one page")
