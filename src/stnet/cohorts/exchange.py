"""Sections of a cohort whose images look exchanged (ours).

A section alone is refused only where its spots clearly miss the tissue (`check_misplaced`). Where
the images of two sections look alike, exchanging them shows more: the two must then fit better,
taken together. Of images that moved on in a circle, several pairs are named.
"""

from collections.abc import Mapping
from itertools import combinations
from typing import NamedTuple

import anndata as ad
import numpy as np
from scipy.ndimage import uniform_filter

from stnet.cohorts.orientation import FEWEST, tissue_shares, with_outside
from stnet.cohorts.text_tables import ARRAY
from stnet.expression.spatial import picture_of
from stnet.slides.colours import glass_limit

# Images look exchanged if exchanging them increases the fit of the two sections together by more.
# The fit of a section is the share of its spots on tissue minus that of the sites between them. Of
# HER2ST's five sections with an image, exchanging any two decreases it by 0.58 to 1.99.
GAIN = 0.15


class Placed(NamedTuple):
    """Spots of a section, and the tissue in its image.

    Attributes:
        places: x and y in the image, of the spots and the sites between them, (places, 2).
        is_spot: which of them are spots, (places,).
        tissue: tissue in the reduced image, (height, width).
        reduction: pixels of the image per pixel of the reduced one.
    """

    places: np.ndarray
    is_spot: np.ndarray
    tissue: np.ndarray
    reduction: float


def placed(section: ad.AnnData) -> Placed | None:
    """All kept spots of a section's file on its image; None without image or with few spots."""
    if section.n_obs < FEWEST:
        return None
    (of_section,) = section.uns["spatial"].values()
    picture, reduction = picture_of(of_section)
    if picture is None:
        return None
    brightness = np.asarray(picture, dtype=np.float32).mean(axis=2)
    diameter = of_section["scalefactors"]["spot_diameter_fullres"] / reduction
    smooth = uniform_filter(brightness, max(1, round(diameter)))
    places, is_spot = with_outside(section.obs[ARRAY].to_numpy(), section.obsm["spatial"])
    return Placed(places, is_spot, smooth <= glass_limit(brightness), reduction)


def exchanged(sections: Mapping[str, Placed]) -> list[tuple[str, str]]:
    """Pairs of sections that together fit better on each other's image."""
    fit = {
        (spots, image): _fit(sections[spots], sections[image])
        for spots in sections
        for image in sections
    }
    return [
        (a, b)
        for a, b in combinations(sections, 2)
        if fit[a, b] + fit[b, a] - fit[a, a] - fit[b, b] > GAIN
    ]


def _fit(spots: Placed, image: Placed) -> float:
    x, y = np.floor(spots.places / image.reduction).astype(int).T
    height, width = image.tissue.shape
    on_image = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    on_tissue = on_image & image.tissue[y.clip(0, height - 1), x.clip(0, width - 1)]
    inside, outside = tissue_shares(on_tissue, spots.is_spot)
    return inside - outside
