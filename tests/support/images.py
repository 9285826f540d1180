"""Images in other modes than 8-bit RGB, and what they show by plain arithmetic."""

import struct
import zlib

import numpy as np
import tifffile

ORIENTATION = 274
COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # of PNG, by the number of channels


def write_png(path, samples, *, before=b"", after=b"", colour_type=None, size=None):
    """A PNG of uint8 or uint16 (h, w, channels); chunks `before` and `after` the pixels."""
    height, width, channels = samples.shape
    bits = 8 * samples.dtype.itemsize
    rows = b"".join(
        b"\0" + row.astype(samples.dtype.newbyteorder(">")).tobytes() for row in samples
    )
    kind = COLOUR_TYPES[channels] if colour_type is None else colour_type
    header = struct.pack(">IIBBBBB", *(size or (width, height)), bits, kind, 0, 0, 0)
    chunks = [chunk(b"IHDR", header), before, chunk(b"IDAT", zlib.compress(rows)), after]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join([*chunks, chunk(b"IEND", b"")]))
    return path


def chunk(name, content):
    check = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)


def exif_chunk(orientation):
    tag = struct.pack(">HHHIHH", 1, ORIENTATION, 3, 1, orientation, 0)
    return chunk(b"eXIf", b"MM\0*\0\0\0\x08" + tag + bytes(4))


def write_tiff(path, samples, *, orientation=1, tiled=False, **keys):
    tags = [(ORIENTATION, 3, 1, orientation, False)] if orientation != 1 else ()
    tile = (16, 16) if tiled else None
    tifffile.imwrite(path, samples, tile=tile, extratags=tags, **{"photometric": "rgb", **keys})
    return path


def turned(pixels, orientation):
    """The upright picture, by the definition of the tag: where row 0 and column 0 are."""
    return {
        2: pixels[:, ::-1],  # top, right
        3: pixels[::-1, ::-1],  # bottom, right
        4: pixels[::-1],  # bottom, left
        5: pixels.swapaxes(0, 1),  # left, top
        6: pixels.swapaxes(0, 1)[:, ::-1],  # right, top
        7: pixels.swapaxes(0, 1)[::-1, ::-1],  # right, bottom
        8: pixels.swapaxes(0, 1)[::-1],  # left, bottom
    }.get(orientation, pixels)


def in_8_bits(samples):
    """Of 16 bits those that the largest value needs, in steps of two from 8."""
    if samples.dtype == np.uint8:
        return samples.astype(float)
    bits = next(bits for bits in (8, 10, 12, 14, 16) if samples.max() < 2**bits)
    return np.rint(samples * 255.0 / (2**bits - 1))


def shown(samples):
    """RGB of (h, w, channels): grey, grey and alpha, RGB or RGBA, over white."""
    channels = samples.shape[2]
    colours = in_8_bits(samples[..., : channels - 1 + channels % 2])
    if channels % 2 == 0:
        alpha = in_8_bits(samples[..., -1:]) / 255
        colours = np.rint(colours * alpha + 255 * (1 - alpha))
    return colours if colours.shape[2] == 3 else colours.repeat(3, axis=2)
