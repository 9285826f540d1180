"""Check that spots flagged as under tissue lie on tissue in the image."""

import logging

import numpy as np

from stnet.core.errors import InputError
from stnet.slides.image import open_image

logger = logging.getLogger(__name__)

# Longer side in pixels of the reduced image; a Visium spot is then about ten pixels wide.
SIDE = 2000
# A pixel is glass if its mean of red, green and blue is above this (Methods, "TCGA analysis":
# "220"). On some microscopes glass is grey. The limit is then the 95th percentile of the brightness
# minus a margin (ours).
BACKGROUND = 220.0
BRIGHTEST, MARGIN = 95, 15
# Spots are misplaced if exchanging x and y increases the share of flagged spots on tissue by more
# than the first, or if that share is lower than the share of other spots by more than the second
# (ours).
BETTER, WORSE = 0.05, 0.25
# Fewer spots inside or outside the tissue are not conclusive.
FEWEST = 20


def check_misplaced(
    row: dict[str, str],
    array: np.ndarray,
    pixels: np.ndarray,
    in_tissue: np.ndarray,
    diameter: float,
) -> None:
    """Raise InputError if the spots flagged as under tissue do not lie on tissue in the image.

    A spot is on tissue if the mean colour of its disc is not glass. Flagged spots should lie on
    tissue more often in the right place than in any other, even if some tissue is as pale as glass.
    If the tissue fills the image or is symmetric, misplaced spots cannot be detected. There are two
    faults:

    - x and y are exchanged: the array is mirrored on the image, which is rare for Space Ranger, and
      exchanging x and y puts clearly more of the flagged spots on tissue, and no more of the
      others.
    - Spots outside the tissue are clearly more often on tissue than the flagged ones.

    Args:
        row: row of the section sheet, with an image.
        array: array column and row of each spot, (spots, 2).
        pixels: x and y of each spot in the image, (spots, 2).
        in_tissue: flag of each spot, (spots,).
        diameter: diameter of a spot in pixels.

    Raises:
        InputError: one of the two faults.

    Source: ours.
    """
    if in_tissue.sum() < FEWEST:
        return
    with open_image(row["image"]) as image:
        picture = image.thumbnail(SIDE)
        shrunk = np.array(picture.size) / image.size
    brightness = np.asarray(picture, dtype=np.float32).mean(axis=2)
    glass = min(BACKGROUND, float(np.percentile(brightness, BRIGHTEST)) - MARGIN)
    radius = diameter * shrunk.mean() / 2
    given, exchanged = (
        _on_tissue(brightness, glass, places * shrunk, radius)
        for places in (pixels, pixels[:, ::-1])
    )
    inside, outside = _shares(given, in_tissue)
    inside_exchanged, outside_exchanged = _shares(exchanged, in_tissue)
    found = f"{row['spots']}: {inside:.0%} of the spots under tissue of section {row['section']}"
    mirrored = _mirrored(array, pixels)
    if mirrored and inside_exchanged > inside + BETTER and outside_exchanged <= outside:
        raise InputError(
            f"{found} lie on tissue in {row['image']}, and {inside_exchanged:.0%} with x and y"
            " exchanged: pixel row and column are swapped; correct the positions"
        )
    if inside < outside - WORSE:
        raise InputError(
            f"{found} lie on tissue in {row['image']}, and {outside:.0%} of the others: the spots"
            " are off the tissue; name the image they belong to or correct the positions"
        )
    if mirrored:
        logger.warning(
            f"{found} lie on tissue; the array is mirrored on the image, which happens when pixel"
            " row and column are swapped: look at the section's map"
        )


def _on_tissue(
    brightness: np.ndarray, glass: float, places: np.ndarray, radius: float
) -> np.ndarray:
    """Whether the disc around each of `places` (x, y) is tissue; outside the picture it is not."""
    steps = np.arange(-int(radius), int(radius) + 1)
    disc = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    disc = disc[(disc**2).sum(axis=1) <= radius**2]
    centres = np.floor(places).astype(int)
    last = np.array(brightness.shape[::-1]) - 1
    x, y = np.moveaxis((centres[:, None] + disc).clip(0, last), -1, 0)
    on_image = ((centres >= 0) & (centres <= last)).all(axis=1)
    return on_image & (brightness[y, x].mean(axis=1) <= glass)


def _shares(on_tissue: np.ndarray, in_tissue: np.ndarray) -> tuple[float, float]:
    """Share of flagged spots on tissue, and of the other spots (0 if there are few of these)."""
    others = on_tissue[~in_tissue]
    return on_tissue[in_tissue].mean(), others.mean() if len(others) >= FEWEST else 0.0


def _mirrored(array: np.ndarray, pixels: np.ndarray) -> bool:
    """Whether the map from array to image includes a reflection."""
    array, pixels = (places - places.mean(axis=0) for places in (array, pixels))
    affine, *_ = np.linalg.lstsq(array, pixels, rcond=None)
    return np.linalg.det(affine) < 0
