"""JPEGs decoded in strips, only the rows that are asked for, where restart markers allow it.

What stands between two restart markers is coded without regard to the rest (ITU-T T.81, E.1.4),
so that any run of such intervals behind the picture's own headers is a JPEG of those rows.
Photoshop, which cut the images of HER2ST, writes a marker after every row of blocks.
"""

import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self

from PIL import Image

START, END = b"\xff\xd8", b"\xff\xd9"
# Frames whose blocks are coded once and in order: sequential, by Huffman's method.
FRAMES = (0xC0, 0xC1)
SCAN, RESTART_INTERVAL = 0xDA, 0xDD
# All that a decoder goes by; the rest are tables, and what tells the colours (JFIF, Adobe).
HEADERS = (*FRAMES, SCAN, RESTART_INTERVAL, 0xC4, 0xDB, 0xE0, 0xEE)
# Lower strips have more neighbours that are decoded twice, higher ones more rows in no patch.
STRIP_ROWS = 512


class Strip(NamedTuple):
    """Intervals `begin` to `stop` as a picture, whose row `row` of the whole is its first."""

    begin: int
    stop: int
    row: int
    picture: Image.Image


class JpegStrips:
    """A JPEG that is decoded in strips of about 512 rows; use `JpegStrips.of`.

    Those of the last read are kept, so that reads from the top down decode each row of blocks
    once, and what lies between reads mostly never.
    """

    def __init__(self, header: bytes, height_at: int, interval_rows: int, intervals: list[bytes]):
        self._header, self._height_at = header, height_at
        self._interval_rows, self._intervals = interval_rows, intervals
        (self._height,) = struct.unpack_from(">H", header, height_at)
        self._strips: list[Strip] = []

    @classmethod
    def of(cls, path: Path) -> Self | None:
        """The JPEG at `path`, grey or of colours.

        None if it has no restart markers after whole rows of blocks, or is cut short: then only a
        decoder of the whole can read it, or say what is wrong.
        """
        data = path.read_bytes()
        segments = list(_segments(data))
        last = dict(segments)
        frame = next((last[code] for code in FRAMES if code in last), None)
        if not frame or SCAN not in last or RESTART_INTERVAL not in last:
            return None
        height, width, components = struct.unpack_from(">HHB", frame, 5)
        # With fewer components in this scan, the rows come again in another.
        if components not in (1, 3) or components != last[SCAN][4]:
            return None
        # A lone component's blocks are coded one by one, whatever its sampling factors.
        factors = frame[11::3] if components > 1 else [0x11]
        across = -(-width // (8 * max(factor >> 4 for factor in factors)))
        rows, rest = divmod(int.from_bytes(last[RESTART_INTERVAL][4:6], "big"), across)
        if not rows or rest:
            return None
        interval_rows = rows * 8 * max(factor & 15 for factor in factors)
        begin = len(START) + sum(len(segment) for _, segment in segments)
        intervals = _intervals(data, begin, -(-height // interval_rows))
        if not intervals:
            return None
        header = START + b"".join(segment for code, segment in segments if code in HEADERS)
        return cls(header, header.index(frame) + 5, interval_rows, intervals)

    def read(self, left: int, top: int, width: int, height: int) -> Image.Image:
        """Region as RGB, black where it is off the picture. Raises OSError if data are damaged."""
        first = max(top, 0) // self._interval_rows
        stop = min(-(-(top + height) // self._interval_rows), len(self._intervals))
        kept = [strip for strip in self._strips if strip.stop > first and strip.begin < stop]
        if kept and kept[0].begin > first:
            kept = []
        while (begin := kept[-1].stop if kept else first) < stop:
            kept.append(self._decode(begin))
        self._strips = kept
        region = Image.new("RGB", (width, height))
        for strip in kept:
            y = max(top, strip.begin * self._interval_rows)
            bottom = min(top + height, strip.stop * self._interval_rows)
            box = (left, y - strip.row, left + width, bottom - strip.row)
            region.paste(strip.picture.crop(box), (0, y - top))
        return region

    def _decode(self, begin: int) -> Strip:
        """The strip from interval `begin`, decoded with an interval more above and below.

        Colours are interpolated between rows of blocks: without their neighbours the outer rows
        would not be those of the picture.
        """
        stop = min(begin + max(1, STRIP_ROWS // self._interval_rows), len(self._intervals))
        first = max(begin - 1, 0)
        intervals = self._intervals[first : stop + 1]
        row = first * self._interval_rows
        height = min(len(intervals) * self._interval_rows, self._height - row)
        parts = [self._header[: self._height_at], struct.pack(">H", height)]
        parts.append(self._header[self._height_at + 2 :])
        for i, interval in enumerate(intervals):
            parts += [interval, _marker(i)]
        parts[-1] = END
        picture = Image.open(io.BytesIO(b"".join(parts)), formats=["JPEG"])
        picture.load()
        return Strip(begin, stop, row, picture)


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Codes and whole segments of a JPEG from its start to its first scan, whose data follow."""
    at, code = len(START), 0
    while code != SCAN and at + 4 <= len(data):
        begin, code = at, data[at + 1]
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if at <= len(data):
            yield code, data[begin:at]


def _intervals(data: bytes, begin: int, number: int) -> list[bytes]:
    """The intervals of a scan whose data `begin` there; none if there are not that `number`."""
    stop = data.find(END, begin)
    if stop < 0:
        return []
    begins = [begin]
    while len(begins) < number:
        marker = data.find(_marker(len(begins) - 1), begins[-1], stop)
        if marker < 0:
            return []
        begins.append(marker + 2)
    return [data[a : b - 2] for a, b in zip(begins, [*begins[1:], stop + 2], strict=True)]


def _marker(interval: int) -> bytes:
    """The restart marker after an interval: they count to seven and begin again."""
    return bytes((0xFF, 0xD0 + interval % 8))
