"""Images that Pillow decodes whole, as upright RGB of 8 bits.

What has one meaning is converted. Transparency is laid over white, as glass is. Grey, palette and
CMYK (without its colour profile) become RGB. Orientation tags are applied. Of 16 bits, those count
that the image uses: 8, 10, 12, 14 or 16, the fewest that hold its largest value. Cameras of 12 bits
and 8-bit images saved as 16-bit ones are common, and neither says so in its tags.

Source: ours.
"""

import sys
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageFile, ImageOps, ImagePalette

from stnet.core.errors import InputError
from stnet.slides.tiff import refused

# JPEG includes MPO, the JPEG of several pictures.
FORMATS = ("TIFF", "JPEG", "PNG", "BMP", "GIF", "WEBP", "JPEG2000")
MODES = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"}
DEEP = {"I;16", "I;16B", "I;16L", "I;16N"}
TURNED = (5, 6, 7, 8)
# Pillow keeps four bytes per pixel, so this is 8 GB.
MOST_PIXELS = 2_000_000_000
# Images of more pixels than the first that have more per byte of their file than the second show
# nothing: tissue has 1 to 30, white alone some 100 in a JPEG and 344 in a PNG.
LARGE, MOST_PIXELS_PER_BYTE = 100_000_000, 200
# Of the bits of a colour in 16-bit images.
BITS = (8, 10, 12, 14, 16)
COLORMAP = 320


class WholeImage:
    """An image that is decoded whole at the first use of `rgb`; close it after use."""

    def __init__(self, path: Path, pages: Sequence[int] = (0,), *, is_inverted: bool = False):
        """Open the image; `pages` of a TIFF are one, or three for red, green and blue.

        `is_inverted`: whether 0 is white, which Pillow heeds in 8 bits only. Raises InputError if
        the image is too large or of a kind that has no single meaning, OSError if it is damaged.
        """
        self._path, self._pages, self._is_inverted = path, pages, is_inverted
        self._picture = _opened(path)
        # Now, because PNG is decoded to find an orientation, which forgets it.
        tiles = self._picture.tile
        self._rawmode = _rawmode(tiles[0].args) if tiles else ""
        try:
            self.size = self._checked_size()
        except BaseException:
            self._picture.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._picture.close()

    @cached_property
    def rgb(self) -> Image.Image:
        """The whole image, upright, in mode RGB."""
        if len(self._pages) > 1:
            return self._rgb_of(np.concatenate([*map(self._samples, self._pages)], axis=2))
        if self._is_deep:
            return self._rgb_of(self._samples(0))
        picture = self._picture
        if picture.format == "TIFF" and picture.mode in ("P", "PA"):
            _mend_palette(picture)
        picture.load()
        ImageOps.exif_transpose(picture, in_place=True)
        if picture.has_transparency_data:
            return over_white(picture.convert("RGBA"))
        return picture if picture.mode == "RGB" else picture.convert("RGB")

    def _checked_size(self) -> tuple[int, int]:
        picture, path = self._picture, self._path
        width, height = picture.size
        if width * height > MOST_PIXELS:
            raise InputError(
                f"{path}: {width} x {height} px; such an image is read whole, and the limit is"
                f" {MOST_PIXELS:,} px; convert it to a pyramid of 8-bit RGB in TIFF tiles"
            )
        check_bomb(path, (width, height), MOST_PIXELS_PER_BYTE)
        # Pillow silently reads the remaining pages of a truncated TIFF; counting them reveals it.
        if picture.format == "TIFF":
            try:
                _all_pages = picture.n_frames
            except Exception as error:  # the type depends on where the file ends
                raise OSError("cut short") from error
        elif picture.format == "MPO":
            _check_frames(path, picture)
        elif getattr(picture, "is_animated", False):
            raise refused(path, "holds several pictures")
        if picture.mode not in MODES and picture.mode not in DEEP:
            raise refused(path, f"has pixels of Pillow's mode {picture.mode}")
        # Pillow swaps the sides of a TIFF itself.
        orientation = picture.getexif().get(ExifTags.Base.Orientation)
        is_turned = picture.format != "TIFF" and orientation in TURNED
        return (height, width) if is_turned else (width, height)

    @property
    def _is_deep(self) -> bool:
        return self._picture.mode in DEEP or ";16" in self._rawmode

    def _samples(self, page: int) -> np.ndarray:
        """Samples of a page, upright, uint8 or uint16 (height, width, channels)."""
        if self._picture.mode in DEEP or not self._is_deep:
            samples = self._decoded(page)
            return samples.astype(samples.dtype.newbyteorder("="))[..., None]
        if self._rawmode == "LA;16B":
            return self._decoded(page, "RGBA").view(">u2")[..., [0, 0, 0, 1]].astype(np.uint16)
        # Pillow keeps the upper byte of each sample. Told that the bytes are in the other order, it
        # keeps the lower one. RGBa would be divided by transparency.
        mode, order = self._rawmode.replace("a", "A").split(";16")
        order = {"N": "L" if sys.byteorder == "little" else "B"}.get(order, order)
        other = {"L": "B", "B": "L"}[order]
        upper, lower = (self._decoded(page, f"{mode};16{each}") for each in (order, other))
        return upper.astype(np.uint16) << 8 | lower

    def _decoded(self, page: int, rawmode: str | None = None) -> np.ndarray:
        """A page as Pillow decodes it, if it takes the pixels in the file for `rawmode`."""
        with _opened(self._path) as picture:
            picture.seek(page)
            if rawmode:
                picture.tile = [
                    tile._replace(
                        args=rawmode if isinstance(tile.args, str) else (rawmode, *tile.args[1:])
                    )
                    for tile in picture.tile
                ]
            picture.load()
            ImageOps.exif_transpose(picture, in_place=True)
            return np.array(picture.convert("L") if picture.mode == "1" else picture)

    def _rgb_of(self, samples: np.ndarray) -> Image.Image:
        """RGB of samples of 8 or 16 bits."""
        mode = self._picture.mode
        if mode != "RGBA":
            shown = _in_8_bits(samples)
            if self._is_inverted and samples.dtype == np.uint16:
                shown = 255 - shown
            transparent = self._picture.info.get("transparency")
            if transparent is not None:  # a colour
                shown[(samples == transparent).all(axis=2)] = 255
            if shown.shape[2] == 1:
                shown = shown.repeat(3, axis=2)
            return Image.fromarray(shown, "CMYK" if mode == "CMYK" else "RGB").convert("RGB")
        # The largest value of transparency says nothing of the colours'.
        colours, alpha = _in_8_bits(samples[..., :3]), _in_8_bits(samples[..., 3:])
        if self._rawmode.startswith("RGBa"):  # the colours are multiplied by it already
            return Image.fromarray(np.minimum(colours, alpha) + (255 - alpha), "RGB")
        return over_white(Image.fromarray(np.concatenate([colours, alpha], axis=2), "RGBA"))


def _opened(path: Path) -> ImageFile.ImageFile:
    picture = Image.open(path, formats=FORMATS)
    # Without a name the file is not mapped to memory, where Pillow scrambles turned TIFFs of grey.
    picture.filename = ""
    return picture


def check_bomb(path: Path, size: tuple[int, int], most: int) -> None:
    """Raise InputError if a large image has more than `most` pixels per byte of its file."""
    n_pixels, n_bytes = size[0] * size[1], path.stat().st_size
    if n_pixels > max(LARGE, most * n_bytes):
        raise InputError(
            f"{path}: {size[0]} x {size[1]} px in {n_bytes:,} bytes, more than {most} px per byte:"
            " a damaged header or a decompression bomb; fetch it again"
        )


def over_white(picture: Image.Image) -> Image.Image:
    """An image of mode RGBA over white, as RGB."""
    alpha = picture.getchannel("A")
    if alpha.getextrema() == (255, 255):
        return picture.convert("RGB")
    canvas = Image.new("RGB", picture.size, "white")
    canvas.paste(picture, mask=alpha)
    return canvas


def _in_8_bits(samples: np.ndarray) -> np.ndarray:
    if samples.dtype == np.uint8:
        return samples
    bits = next(bits for bits in BITS if int(samples.max(initial=0)) < 2**bits)
    levels = np.rint(np.arange(2**bits) * (255 / (2**bits - 1))).astype(np.uint8)
    return levels[samples]


def _rawmode(args: str | tuple) -> str:
    """How Pillow takes the pixels in the file, such as `RGB;16B`, from a decoder's arguments."""
    return args if isinstance(args, str) else str(args[0])


def _check_frames(path: Path, picture: ImageFile.ImageFile) -> None:
    """A camera's JPEG may hold small previews after the picture."""
    width, height = picture.size
    for frame in range(1, picture.n_frames):
        picture.seek(frame)
        if 2 * picture.width * picture.height > width * height:
            raise refused(path, "holds several pictures")
    picture.seek(0)


def _mend_palette(picture: Image.Image) -> None:
    """A palette has 16 bits; some are written with 8, of which Pillow keeps the upper, empty ones.

    OpenSlide's TIFF library mends it likewise.
    """
    colours = picture.tag_v2[COLORMAP]
    if max(colours) < 256:
        picture.palette = ImagePalette.raw("RGB;L", bytes(colours))
