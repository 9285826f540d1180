"""Check that spots flagged as under tissue lie on tissue in the image."""

import logging

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
    (`stnet.cohorts.alignment` looks at counts, too). There are three faults:

    - x and y are exchanged: the array is mirrored on the image, which is rare for Space Ranger, and
      exchanging x and y puts clearly more of the flagged spots on tissue, and no more of the
      others.
    - Spots outside the tissue are clearly more often on tissue than the flagged ones.
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
    mirrored = _mirrored(array, pixels)
    if in_tissue.all():
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
