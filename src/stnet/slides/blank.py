"""Patches that show no stained tissue: black, white, of one colour, or without colour.

They come from a wrong image or channel, from masks, and from lost parts of a scan. The limits are
far from what microscopes give: in the windows of HER2ST's sections and of Aperio's CMU-1, glass
included, pixels of a window differ by 6 levels at least, and red, green and blue of its most
coloured pixel by 5; in windows of 64 to 224 px around spots both differ by 24 or more. So one such
patch is worth a warning.

Source: ours.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np

logger = logging.getLogger(__name__)

BLANK = ("black", "white", "flat", "grey")
# Levels of a black and of a white pixel, and differences that count as none.
BLACK, WHITE, SAME = 5, 250, 2
# Every this many pixels of a row and column are looked at first.
STEP = 8


def blank_kind(patch: np.ndarray) -> str:
    """The first of `BLANK` that all pixels of a patch, uint8 (h, w, 3), fulfil, or empty."""
    # What all pixels fulfil, some fulfil; most patches need no second look.
    return _kind(patch[::STEP, ::STEP]) and _kind(patch)


def count_blank(patches: Iterable[np.ndarray]) -> Counter[str]:
    """Number of patches of each kind; a Counter of those found."""
    return Counter(kind for patch in patches if (kind := blank_kind(patch)))


def all_counts(found: Mapping[str, int]) -> dict[str, int]:
    """The counts of all kinds, in the order of `BLANK`."""
    return {kind: int(found.get(kind, 0)) for kind in BLANK}


def describe_blank(found: Mapping[str, int], total: int) -> str:
    """A sentence about the blank ones of `total` patches, or empty."""
    named = [f"{found[kind]} {kind}" for kind in BLANK if found.get(kind)]
    if not named:
        return ""
    n = sum(found[kind] for kind in BLANK if found.get(kind))
    return f"{n} of {total} patches show no stained tissue ({', '.join(named)}); look at the image"


def report_blank(name: str, found: Mapping[str, int], total: int) -> None:
    """Log a warning if there are blank patches."""
    if sentence := describe_blank(found, total):
        logger.warning(f"{name}: {sentence}")


def _kind(patch: np.ndarray) -> str:
    pixels = patch.reshape(-1, 3)
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    if high.max() <= BLACK:
        return "black"
    if low.min() >= WHITE:
        return "white"
    if (high - low).max() <= SAME:
        return "flat"
    return "grey" if np.ptp(pixels, axis=1).max() <= SAME else ""
