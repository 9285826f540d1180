"""Whether a section's spots fit its image, or clearly fit another alignment better (ours).

Two signals are compared with the image: which sites of the array are spots, with the tissue there,
and the spots' expression, with the haematoxylin there, which is that of nuclei. What they tell is
measured in nats: by how much the image is more likely given the spots than without. The evidence
for one alignment over another is a sum over blocks of the array, and clear if it exceeds its own
noise from block to block. Where both signals are weak, nothing is clear.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import anndata as ad
import numpy as np
import pandas as pd
import scipy.sparse as sp
from scipy.special import ndtri, stdtrit

from stnet.cohorts.orientation import (
    FEWEST,
    FIT,
    array_map,
    is_hexagonal,
    other_places,
    with_outside,
)
from stnet.cohorts.spot_signal import ON_TISSUE, haematoxylin, sample, tissue_share
from stnet.cohorts.text_tables import ARRAY
from stnet.expression.spatial import picture_of

# A section with fewer spots, or with bins of Visium HD closer than so many µm, is not compared: a
# shift by such a bin is within the error of any placement.
LEAST, LEAST_UM = 100, 40
# Spots in a row of a block. Neighbours share tissue, so blocks are the independent units.
BLOCK = 3
# Expression is described by total counts and so many principal components of the most variable
# genes.
COMPONENTS, GENES = 10, 500
FOLDS = 10
# Grades of a spot's share of tissue.
GRADES = 4
# Spots with counts were on tissue. No alignment is better that takes more than this share
# of them off it: along such an edge nuclei would follow any gradient of expression.
LOST = 0.01
# Level of the one-sided test of the best alignment against the present one, if spots fit so, and if
# not: HER2ST's sections with a part made as pale as fat reach 2.7 standard errors, misplaced ones
# 4.8 and more.
LEVEL, PALE_LEVEL = 0.01, 0.0001
ON_IMAGE_OF = "on the image of "


class Placed(NamedTuple):
    """A section's spots and the sites between them on its image.

    Attributes:
        places: x and y in the image, (sites, 2), spots first.
        is_spot: which of them are spots, (sites,).
        steps: x and y of a step by a column and by a row, (2, 2).
        hexagonal: whether sites have columns and rows of equal parity.
        block: block of the array of each site, (sites,).
        expression: standardised total counts and components, (spots, components).
        tissue, nuclei: share of tissue and haematoxylin, (height, width) of the reduced image.
        reduction: pixels of the image per pixel of the reduced one.
    """

    places: np.ndarray
    is_spot: np.ndarray
    steps: np.ndarray
    hexagonal: bool
    block: np.ndarray
    expression: np.ndarray
    tissue: np.ndarray
    nuclei: np.ndarray
    reduction: float


def placed(section: ad.AnnData) -> Placed | None:
    """All kept spots of a section on its image; None without image, with few or close spots."""
    if section.n_obs < LEAST:
        return None
    (of_section,) = section.uns["spatial"].values()
    picture, reduction = picture_of(of_section)
    if picture is None:
        return None
    diameter = of_section["scalefactors"]["spot_diameter_fullres"] / reduction
    array, pixels = section.obs[ARRAY].to_numpy(), section.obsm["spatial"]
    places, is_spot = with_outside(array, pixels)
    affine = array_map(array, pixels)
    if np.linalg.norm(affine[1]) * of_section["metadata"]["um_per_px"] < LEAST_UM:
        return None
    sites = np.rint((places - affine[2]) @ np.linalg.inv(affine[:2])).astype(int)
    hexagonal = is_hexagonal(array)
    corner = (sites - sites.min(axis=0)) // [BLOCK * (1 + hexagonal), BLOCK]
    return Placed(
        places=places,
        is_spot=is_spot,
        steps=affine[:2],
        hexagonal=hexagonal,
        block=np.unique(corner, axis=0, return_inverse=True)[1].ravel(),
        expression=_expression(sp.csr_matrix(section.X, dtype=np.float32)),
        tissue=tissue_share(picture, diameter),
        nuclei=haematoxylin(picture, diameter),
        reduction=reduction,
    )


def moves(section: Placed) -> Iterator[tuple[str, np.ndarray]]:
    """Other placements of a section's sites on its own image, each with its name."""
    sides = np.array(section.tissue.shape[::-1]) * section.reduction
    return other_places(section.places, section.steps, section.hexagonal, sides)


def better_move(section: Placed) -> str:
    """The placement on its own image that clearly fits a section better, or ""."""
    return _better(section, ((name, section, places) for name, places in moves(section)))


def better_image(name: str, sections: Mapping[str, Placed], move: str) -> str:
    """`on the image of …` if a section clearly fits another section's image better, or "".

    `move` is what `better_move` said: another image must fit better than that, too.
    """
    own = sections[name]
    others = [
        (f"{ON_IMAGE_OF}{other}", each, own.places)
        for other, each in sections.items()
        if other != name
    ]
    if move:
        others.append((move, own, dict(moves(own))[move]))
    better = _better(own, others)
    return "" if better == move else better


def _better(section: Placed, alternatives: Iterable[tuple[str, Placed, np.ndarray]]) -> str:
    """Name of the alternative (name, whose image, places) with most evidence, if it is clear."""
    present = _evidence(section, section, section.places)
    on_tissue = _on_tissue(section, section, section.places)
    best, gain = "", np.zeros_like(present)
    for name, image, places in alternatives:
        if _on_tissue(section, image, places) < on_tissue - LOST:
            continue
        found = _evidence(section, image, places) - present
        if found.sum() > gain.sum():
            best, gain = name, found
    fits = on_tissue > FIT
    of_expression = gain[1].sum()
    if (fits and of_expression <= 0) or of_expression < -_noise(gain[1], section.block):
        return ""
    limit = stdtrit(section.block.max(), 1 - (LEVEL if fits else PALE_LEVEL))
    return best if gain.sum() > limit * _noise(gain.sum(axis=0), section.block) else ""


def _noise(gain: np.ndarray, block: np.ndarray) -> float:
    """Standard error of a sum over sites, by its spread from block to block."""
    blocks = np.bincount(block, gain)
    return blocks.std(ddof=1) * np.sqrt(len(blocks)) if len(blocks) > 1 else np.inf


def _on_tissue(section: Placed, image: Placed, places: np.ndarray) -> float:
    """Share of the spots that are on tissue, if the sites are at `places`."""
    tissue = sample(image.tissue, places[section.is_spot] / image.reduction)
    return (tissue > ON_TISSUE).mean()


def _evidence(section: Placed, image: Placed, places: np.ndarray) -> np.ndarray:
    """Nats by tissue and by nuclei at each site, (2, sites), if the sites are at `places`."""
    is_spot, places = section.is_spot, places / image.reduction
    found = np.zeros((2, len(places)))
    tissue = sample(image.tissue, places)
    if (~is_spot).sum() >= FEWEST and tissue[is_spot].mean() > tissue[~is_spot].mean():
        found[0] = _of_outline(tissue, is_spot)
    nuclei = sample(image.nuclei, places[is_spot])
    if np.ptp(nuclei) > 0:
        found[1, is_spot] = _of_expression(nuclei, section.expression, section.block[is_spot])
    return found


def _of_outline(tissue: np.ndarray, is_spot: np.ndarray) -> np.ndarray:
    """Log of the odds of a site's grade of tissue, given whether it is a spot, to any site's."""
    grade = np.minimum((tissue * GRADES).astype(int), GRADES - 1)
    of_kind = np.stack(
        [np.bincount(grade[is_spot == kind], minlength=GRADES) + 1 for kind in (0, 1)]
    )
    chance = of_kind / of_kind.sum(axis=1, keepdims=True)
    share = is_spot.mean()
    anywhere = (1 - share) * chance[0] + share * chance[1]
    return np.log(chance[is_spot.astype(int), grade] / anywhere[grade])


def _of_expression(nuclei: np.ndarray, expression: np.ndarray, block: np.ndarray) -> np.ndarray:
    """Log of the odds of each spot's nuclei, given its expression, to any spot's.

    Nuclei are ranks, made normal. They are predicted by ridge regression that saw no block of the
    spot's fold. Its penalty is the number of spots, because a section has few of them.
    """
    values = ndtri((pd.Series(nuclei).rank().to_numpy() - 0.5) / len(nuclei))
    error = values.copy()
    fold = block % FOLDS
    for each in range(FOLDS):
        fit, test = expression[fold != each], fold == each
        gram = fit.T @ fit + len(fold) * np.eye(expression.shape[1])
        mean = values[~test].mean() if len(fit) else 0
        error[test] -= mean + expression[test] @ np.linalg.solve(
            gram, fit.T @ (values[~test] - mean)
        )
    before, after = values.var(), (error**2).mean()
    if after >= before:
        return np.zeros(len(values))
    return (np.log(before / after) + values**2 / before - error**2 / after) / 2


def _expression(counts: sp.csr_matrix) -> np.ndarray:
    """Total counts and principal components of log expression, standardised, (spots, k)."""
    totals = counts.sum(axis=1).A1
    logs = (sp.diags(1e4 / totals, dtype=np.float32) @ counts).log1p().tocsc()
    mean = logs.mean(axis=0).A1
    variable = np.argsort(mean**2 - logs.multiply(logs).mean(axis=0).A1, kind="stable")[:GENES]
    logs, mean = logs[:, variable].astype(np.float64), mean[variable]
    covariance = (logs.T @ logs).toarray() / len(totals) - np.outer(mean, mean)
    axes = np.linalg.eigh(covariance)[1][:, -COMPONENTS:]
    found = np.column_stack([np.log(totals), logs @ axes])
    return (found - found.mean(axis=0)) / np.maximum(found.std(axis=0), 1e-9)
