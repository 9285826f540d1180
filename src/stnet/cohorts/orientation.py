"""Check that spots flagged as under tissue lie on tissue in the image."""

import logging
from collections.abc import Iterator
from itertools import product

import numpy as np
from PIL import Image

from stnet.cohorts.suspicion import suspect
from stnet.slides.colours import glass_limit

logger = logging.getLogger(__name__)

# The image is reduced so that a spot is about so many pixels wide.
SPOT_PX = 10
# Spots are misplaced if exchanging x and y increases the share of flagged spots on tissue by more
# than the first, or if that share is lower than the share of other spots by more than the second
# (ours).
BETTER, WORSE = 0.05, 0.25
# Fewer spots inside or outside the tissue are not conclusive.
FEWEST = 20
# Where a spot file has the tissue's spots only, the sites between them are its outside. Such spots
# are misplaced if less than the first of them are on tissue, and if the difference of the two
# shares increases by more than the second when all are moved (ours). On HER2ST's own images 100% of
# the spots are on tissue and no move increases the difference; on images of other sections at most
# 77% are, and moves increase it by 0.12 to 0.80, but for one that is too small for its tissue.
FIT, MOVED = 0.85, 0.15
STEPS, FACTORS = range(-6, 7), (0.5, 0.8, 1.25, 1.5, 2.0, 4.0)
# Below these shares of flagged spots on tissue there is a warning, or the image is blank.
FEW, BLANK = 0.5, 0.05


def check_misplaced(
    row: dict[str, str],
    picture: Image.Image,
    array: np.ndarray,
    pixels: np.ndarray,
    in_tissue: np.ndarray,
    diameter: float,
) -> np.ndarray:
    """Raise InputError if the spots flagged as under tissue do not lie on tissue in the image.

    A spot is on tissue if the mean colour of its disc is not glass. Flagged spots should lie on
    tissue more often in the right place than in any other, even if some tissue is as pale as glass.
    If the tissue fills the image or is symmetric, misplaced spots cannot be detected. There are
    four faults:

    - x and y are exchanged: the array is mirrored on the image, which is rare for Space Ranger, and
      exchanging x and y puts clearly more of the flagged spots on tissue, and no more of the
      others.
    - Spots outside the tissue are clearly more often on tissue than the flagged ones.
    - Only spots under tissue are given, with sites between them, and they fit the tissue clearly
      better when all are shifted, mirrored or scaled. Space Ranger's own placement is not compared
      with others, because a part of the tissue may have been left out on purpose.
    - Hardly any spots are on tissue: the image is blank, or nothing like tissue.

    Args:
        row: row of the section sheet, with an image.
        picture: the image at low resolution, where a spot is about `SPOT_PX` wide.
        array: array column and row of each spot, (spots, 2).
        pixels: x and y of each spot in the picture, (spots, 2).
        in_tissue: flag of each spot, (spots,).
        diameter: diameter of a spot in pixels of the picture.

    Returns:
        Whether each spot is on tissue, (spots,).

    Raises:
        InputError: one of the faults.

    Source: ours.
    """
    brightness = np.asarray(picture, dtype=np.float32).mean(axis=2)
    glass = glass_limit(brightness)
    on_tissue = _on_tissue(brightness, glass, pixels, diameter / 2)
    if in_tissue.sum() < FEWEST:
        return on_tissue
    mirrored, all_given = _mirrored(array, pixels), not in_tissue.all()
    if not all_given:
        pixels, in_tissue = with_outside(array, pixels)

    def shares(places: np.ndarray) -> tuple[float, float]:
        return tissue_shares(_on_tissue(brightness, glass, places, diameter / 2), in_tissue)

    inside, outside = shares(pixels)
    inside_exchanged, outside_exchanged = shares(pixels[:, ::-1])
    found = (
        f"{row['spots']}: {inside:.0%} of the spots under tissue of section {row['section']} lie on"
        f" tissue in {row['image']}"
    )
    fault = ""
    if mirrored and inside_exchanged > inside + BETTER and outside_exchanged <= outside:
        fault = (
            f", and {inside_exchanged:.0%} with x and y exchanged: pixel row and column are"
            " swapped; correct the positions"
        )
    elif inside < outside - WORSE:
        fault = (
            f", and {outside:.0%} of the others: the spots are off the tissue; name the image they"
            " belong to or correct the positions"
        )
    # Without sites between the spots, any place where all are on tissue would look better.
    elif not all_given and inside < FIT and (~in_tissue).sum() >= FEWEST:
        moves = {move: shares(places) for move, places in _moves(array, pixels, picture.size)}
        move = max(moves, key=lambda name: moves[name][0] - moves[name][1])
        if moves[move][0] - moves[move][1] > inside - outside + MOVED:
            fault = (
                f", and {moves[move][0]:.0%} when {move}: the image is of another section, or of"
                " another scale or orientation than the spots; name the image that the spots were"
                " placed on"
            )
    if not fault and inside < BLANK:
        fault = (
            ": it is blank, of one even shade, or no H&E; name the image that the spots were"
            " placed on"
        )
    if fault:
        suspect(row, f"{found}{fault}")
    elif mirrored:
        logger.warning(
            f"{found}; the array is mirrored on the image, which happens when pixel row and column"
            " are swapped: look at the spots on the image"
        )
    elif inside < FEW:
        logger.warning(f"{found}: look at the spots on the image")
    return on_tissue


def with_outside(array: np.ndarray, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places in the image of the spots and of the sites between them, and which are spots."""
    affine = _affine(array, pixels)
    columns, rows = (np.arange(axis.min(), axis.max() + 1) for axis in array.T)
    sites = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)
    if len(set(array.sum(axis=1) % 2)) == 1:  # hexagonal
        sites = sites[sites.sum(axis=1) % 2 == array[0].sum() % 2]
    taken = set(map(tuple, array.tolist()))
    sites = sites[[site not in taken for site in map(tuple, sites.tolist())]]
    outside = np.column_stack([sites, np.ones(len(sites))]) @ affine
    return np.vstack([pixels, outside]), np.arange(len(array) + len(sites)) < len(array)


def _affine(array: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """The map from (array column, array row, 1) to the image, (3, 2)."""
    return np.linalg.lstsq(np.column_stack([array, np.ones(len(array))]), pixels, rcond=None)[0]


def _moves(
    array: np.ndarray, places: np.ndarray, sides: tuple[int, int]
) -> Iterator[tuple[str, np.ndarray]]:
    """Other placements of the spots, each with its name."""
    step_column, step_row = _affine(array, places[: len(array)])[:2]
    for column, row in product(STEPS, STEPS):
        if column or row:
            shifted = places + column * step_column + row * step_row
            yield f"shifted by {column} columns and {row} rows", shifted
    for name, signs in (("mirrored", (-1, 1)), ("flipped", (1, -1)), ("turned", (-1, -1))):
        yield name, np.where(np.array(signs) < 0, np.array(sides) - places, places)
    for factor in FACTORS:
        yield f"scaled by {factor:g}", places * factor


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


def tissue_shares(on_tissue: np.ndarray, in_tissue: np.ndarray) -> tuple[float, float]:
    """Share of flagged spots on tissue, and of the other spots (0 if there are few of these)."""
    others = on_tissue[~in_tissue]
    return on_tissue[in_tissue].mean(), others.mean() if len(others) >= FEWEST else 0.0


def _mirrored(array: np.ndarray, pixels: np.ndarray) -> bool:
    """Whether the map from array to image includes a reflection."""
    return np.linalg.det(_affine(array, pixels)[:2]) < 0
