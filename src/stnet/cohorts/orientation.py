"""Whether spots lie on the image as their flags say, or their x and y were exchanged."""

import logging

import numpy as np

from stnet.core.errors import InputError
from stnet.slides.image import open_image

logger = logging.getLogger(__name__)

# Longer side, in pixels, of the picture that is looked at: a Visium spot is then some ten wide.
SIDE = 2000
# Mean of red, green and blue above which a pixel is glass (Methods, "TCGA analysis": "220"), where
# glass is brighter than that. It is grey on some microscopes: then what is within a margin of the
# brightest twentieth of the picture is glass (ours).
BACKGROUND = 220.0
BRIGHTEST, MARGIN = 95, 15
# What share more of the spots in the tissue must lie on it exchanged than as given, and what share
# less of them than of the others, to be called misplaced (ours).
BETTER, WORSE = 0.05, 0.25
# Fewer spots in or out of the tissue say nothing.
FEWEST = 20


def check_misplaced(
    row: dict[str, str],
    array: np.ndarray,
    pixels: np.ndarray,
    in_tissue: np.ndarray,
    diameter: float,
) -> None:
    """Raise InputError if the spots' flags fit the image clearly worse than they should (ours).

    A spot is on tissue if the mean colour of its disc is no glass. Where the flagged spots are all
    the tissue there is, more of them lie on it in the right place than in any other, however much
    of it is as pale as glass; where the tissue fills the image, or is symmetric, as many do, and
    nothing is said. Two faults are:

    - x and y exchanged: the array is mirrored on the image, which Space Ranger's seldom are, and
      with x and y exchanged clearly more of the flagged spots are on tissue, and no more of the
      others.
    - Spots out of the tissue are clearly more often on tissue than those in it.

    Args:
        row: of the section sheet, with an image.
        array: array column and row of each spot, (spots, 2).
        pixels: its x and y in the image, (spots, 2).
        in_tissue: its flag, (spots,).
        diameter: of a spot, in pixels.
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
            " exchanged: pixel row and column are in each other's place; correct the positions"
        )
    if inside < outside - WORSE:
        raise InputError(
            f"{found} lie on tissue in {row['image']}, and {outside:.0%} of the others: the spots"
            " are off the tissue; name the image that they were placed on or correct the positions"
        )
    if mirrored:
        logger.warning(
            f"{found} lie on tissue; the array is mirrored on the image, as it is when pixel row"
            " and column are in each other's place: look at the section's map"
        )


def _on_tissue(
    brightness: np.ndarray, glass: float, places: np.ndarray, radius: float
) -> np.ndarray:
    """Which discs around the `places` (x, y) of a picture are no glass; what is off it is glass."""
    steps = np.arange(-int(radius), int(radius) + 1)
    disc = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    disc = disc[(disc**2).sum(axis=1) <= radius**2]
    centres = np.floor(places).astype(int)
    last = np.array(brightness.shape[::-1]) - 1
    x, y = np.moveaxis((centres[:, None] + disc).clip(0, last), -1, 0)
    on_image = ((centres >= 0) & (centres <= last)).all(axis=1)
    return on_image & (brightness[y, x].mean(axis=1) <= glass)


def _shares(on_tissue: np.ndarray, in_tissue: np.ndarray) -> tuple[float, float]:
    """Share of spots on tissue, of those flagged so and of the others (0 if these are few)."""
    others = on_tissue[~in_tissue]
    return on_tissue[in_tissue].mean(), others.mean() if len(others) >= FEWEST else 0.0


def _mirrored(array: np.ndarray, pixels: np.ndarray) -> bool:
    """Whether columns and rows turn into x and y the other way round."""
    array, pixels = (places - places.mean(axis=0) for places in (array, pixels))
    affine, *_ = np.linalg.lstsq(array, pixels, rcond=None)
    return np.linalg.det(affine) < 0
