"""Check that spots flagged as under tissue lie on tissue in the image."""

import logging
from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
from PIL import Image

from stnet.cohorts.spot_signal import ON_TISSUE, sample, tissue_share
from stnet.cohorts.suspicion import suspect

logger = logging.getLogger(__name__)

# The image is reduced so that a spot is about so many pixels wide.
SPOT_PX = 10
# Spots are misplaced if exchanging x and y increases the share of flagged spots on tissue by more
# than the first, or if that share is lower than the share of other spots by more than the second
# (ours).
BETTER, WORSE = 0.05, 0.25
# Fewer spots inside or outside the tissue are not conclusive.
FEWEST = 20
# If more of the spots are on tissue, the outline alone decides nothing: a part of the tissue may
# have been left out on purpose. If not, tissue may be as pale as glass, such as fat, and its edge
# looks like the outline of spots that are elsewhere.
FIT = 0.85
# Where a spot file has the tissue's spots only, the sites between them are its outside. If no more
# than FIT of such spots are on tissue, they are misplaced if the difference of the two shares
# increases by more than this when all are moved (ours). On HER2ST's own images no move increases
# it; on images of other sections moves increase it by 0.12 to 0.80.
MOVED = 0.15
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

    Flagged spots should lie on tissue more often than others, even if some tissue is as pale as
    glass. If the tissue fills the image or is symmetric, misplaced spots cannot be detected
    (`stnet.cohorts.alignment` looks at counts, too). There are four faults:

    - x and y are exchanged: the array is mirrored on the image, which is rare for Space Ranger, and
      exchanging x and y puts clearly more of the flagged spots on tissue, and no more of the
      others.
    - Spots outside the tissue are clearly more often on tissue than the flagged ones.
    - Only spots under tissue are given, with sites between them, and they fit the tissue far better
      when all are shifted, mirrored or scaled. Space Ranger's own placement is not compared with
      others, because a part of the tissue may have been left out on purpose.
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
    tissue = tissue_share(picture, diameter)
    on_tissue = sample(tissue, pixels) > ON_TISSUE
    if in_tissue.sum() < FEWEST:
        return on_tissue
    mirrored, all_given = _mirrored(array, pixels), not in_tissue.all()
    if not all_given:
        pixels, in_tissue = with_outside(array, pixels)

    def shares(places: np.ndarray) -> tuple[float, float]:
        return _shares(sample(tissue, places) > ON_TISSUE, in_tissue)

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
        steps, hexagonal = array_map(array, pixels[: len(array)])[:2], is_hexagonal(array)
        moved = {
            move: shares(places)
            for move, places in other_places(pixels, steps, hexagonal, picture.size)
        }
        move = max(moved, key=lambda name: moved[name][0] - moved[name][1])
        if moved[move][0] - moved[move][1] > inside - outside + MOVED:
            fault = (
                f", and {moved[move][0]:.0%} when {move}: the image is of another section, or of"
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


def other_places(
    places: np.ndarray, steps: np.ndarray, hexagonal: bool, sides: Sequence[float]
) -> Iterator[tuple[str, np.ndarray]]:
    """Other placements of sites on their image, each with its name.

    Args:
        places: x and y of each site, (sites, 2).
        steps: x and y of a step by a column and by a row, (2, 2).
        hexagonal: whether sites have columns and rows of equal parity.
        sides: width and height of the image.
    """
    for column, row in product(STEPS, STEPS):
        if (column or row) and not (hexagonal and (column + row) % 2):
            name = f"shifted by {column} columns and {row} rows"
            yield name, places + np.array([column, row]) @ steps
    for exchanged, *mirrored in product((False, True), repeat=3):
        parts = ["with x and y exchanged"] * exchanged
        parts += [f"mirrored in {axis}" for axis, each in zip("xy", mirrored, strict=True) if each]
        if parts:
            turned = places[:, ::-1] if exchanged else places
            yield " and ".join(parts), np.where(mirrored, np.array(sides) - turned, turned)
    for factor in FACTORS:
        yield f"scaled by {factor:g}", places * factor


def with_outside(array: np.ndarray, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places in the image of the spots and of the sites between them, and which are spots."""
    affine = array_map(array, pixels)
    columns, rows = (np.arange(axis.min(), axis.max() + 1) for axis in array.T)
    sites = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)
    if is_hexagonal(array):
        sites = sites[sites.sum(axis=1) % 2 == array[0].sum() % 2]
    taken = set(map(tuple, array.tolist()))
    sites = sites[[site not in taken for site in map(tuple, sites.tolist())]]
    outside = np.column_stack([sites, np.ones(len(sites))]) @ affine
    return np.vstack([pixels, outside]), np.arange(len(array) + len(sites)) < len(array)


def is_hexagonal(array: np.ndarray) -> bool:
    """Whether the columns and rows of all spots have sums of one parity."""
    return len(set(array.sum(axis=1) % 2)) == 1


def array_map(array: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """The map from (array column, array row, 1) to the image, (3, 2)."""
    return np.linalg.lstsq(np.column_stack([array, np.ones(len(array))]), pixels, rcond=None)[0]


def _shares(on_tissue: np.ndarray, in_tissue: np.ndarray) -> tuple[float, float]:
    """Share of flagged spots on tissue, and of the other spots (0 if there are few of these)."""
    others = on_tissue[~in_tissue]
    return on_tissue[in_tissue].mean(), others.mean() if len(others) >= FEWEST else 0.0


def _mirrored(array: np.ndarray, pixels: np.ndarray) -> bool:
    """Whether the map from array to image includes a reflection."""
    return np.linalg.det(array_map(array, pixels)[:2]) < 0
