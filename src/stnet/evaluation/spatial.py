"""Nulls that respect the space of a section: r after predictions were moved to other spots.

Neighbouring spots resemble each other, so two fields that have nothing to do with each other can
correlate strongly. Both nulls keep the resemblance of neighbours and the correlations between
genes, and break what ties predictions to measurements.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from scipy import fft
from scipy.linalg import null_space
from scipy.spatial.distance import cdist

from stnet.evaluation.bootstrap import SAMPLES
from stnet.evaluation.correlation import FEWEST_SPOTS

# A larger section is thinned at random, because its eigenvectors cost its cubed number of spots.
MOST_SPOTS = 3000
# A toroidal shift counts if it leaves this share of the spots with a partner.
FEWEST_PARTNERS = 0.3


def spectral_null(
    predicted: np.ndarray,
    observed: np.ndarray,
    at: np.ndarray,
    section: np.ndarray,
    random: np.random.Generator,
) -> np.ndarray:
    """r of a patient under Moran spectral randomisation: the true r first, then 1,000 draws.

    Of a section of more than 3,000 spots, both are over the same 3,000 of them.

    In each section the predictions are written as a sum over the eigenvectors of the centred matrix
    of distances between spots, from the broadest pattern to the finest. A draw changes the sign of
    each pattern at random, for all genes alike. A surrogate thus has the mean and the s.d. of the
    prediction, its Moran's I with minus the distance as weight, and nearly its variogram; genes are
    correlated as before. Sections of a patient share the signs by rank of the pattern, because they
    often show the same tissue; the differences between the sections' means have signs of their own.

    Args:
        predicted, observed: (spots, genes), without missing values.
        at: positions (spots, 2), in spot pitches.
        section: id of each spot's section, (spots,).
        random: of the draws.

    Returns:
        r over the spots, (1 + draws, genes); NaN where either side is constant.

    Source: Wagner and Dray 2015 (doi 10.1111/2041-210X.12407), singleton procedure; the weights
    and the shared signs are ours.
    """
    names = np.unique(section)
    kept = np.concatenate([_thinned(np.flatnonzero(section == name), random) for name in names])
    at, section = at[kept], section[kept]
    sides = [_centred(side[kept]) for side in (predicted, observed)]
    rows = [np.flatnonzero(section == name) for name in names]
    products = np.zeros((max(map(len, rows)) - 1, predicted.shape[1]))
    for of_section in rows:
        patterns = _patterns(at[of_section]).T
        product = np.prod([patterns @ side[of_section] for side in sides], axis=0)
        products[: len(product)] += product
    products = np.concatenate([products, np.prod(_between(sides, rows), axis=0)])
    signs = random.choice([-1.0, 1.0], size=(1 + SAMPLES, len(products)))
    signs[0] = 1
    return _ratio(signs @ products, *(np.square(side).sum(axis=0) for side in sides))


def toroidal_null(
    predicted: np.ndarray,
    observed: np.ndarray,
    steps: np.ndarray,
    section: np.ndarray,
    random: np.random.Generator,
) -> np.ndarray:
    """r of a patient after shifts of its predictions: the true r first, then 1,000 draws.

    In each section all predictions move by the same random number of rows and columns of the array,
    and what leaves the rectangle around the section comes back on the other side. Spots whose place
    is taken by no prediction are left out. Shifts that leave less than 30% of the spots are not
    drawn; no shift at all is one of those drawn. The differences between the sections' means get
    random signs. A section with fewer than four spots, or that cannot be shifted, is left out.

    Args:
        predicted, observed: (spots, genes), without missing values.
        steps: `array_col` and `array_row`, (spots, 2) integers.
        section: id of each spot's section, (spots,).
        random: of the draws.

    Returns:
        r over the pairs, (1 + draws, genes); NaN where a side is constant, and everywhere if no
        section is left.

    Source: toroidal shifts are common in spatial ecology (Fortin and Dale 2005); the details are
    ours.
    """
    sides = [_centred(side) for side in (predicted, observed)]
    moments = np.zeros((3, 1 + SAMPLES, predicted.shape[1]))
    shifted = []
    for name in np.unique(section):
        rows = np.flatnonzero(section == name)
        partner, shifts = _shifts(steps[rows])
        if len(rows) < FEWEST_SPOTS or len(shifts) == 1:
            continue
        shifted.append(rows)
        here = [side[rows] for side in sides]
        drawn = np.concatenate([[0], random.choice(shifts, size=SAMPLES)])
        for draw, shift in enumerate(drawn):
            there = partner(shift)
            pairs = there >= 0
            x, y = _centred(here[0][there[pairs]]), _centred(here[1][pairs])
            for of_all, one, other in zip(moments, (x, x, y), (y, x, y), strict=True):
                of_all[draw] += np.einsum("ij,ij->j", one, other)
    if shifted:
        x, y = _between(sides, shifted)
        signs = random.choice([-1.0, 1.0], size=(1 + SAMPLES, len(x)))
        signs[0] = 1
        moments[0] += signs @ (x * y)
        moments[1:] += [np.square(each).sum(axis=0, keepdims=True) for each in (x, y)]
    return _ratio(*moments)


def _thinned(rows: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return rows if len(rows) <= MOST_SPOTS else random.choice(rows, MOST_SPOTS, replace=False)


def _between(sides: Iterable[np.ndarray], rows: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Contrasts (sections - 1, genes) of the sections' means; their squares sum to what r has."""
    root = np.sqrt([len(of_section) for of_section in rows])
    contrasts = null_space(root[None]).T * root
    return [contrasts @ [side[some].mean(axis=0) for some in rows] for side in sides]


def _patterns(at: np.ndarray) -> np.ndarray:
    """Orthonormal patterns over spots at `at` (n, 2), without the constant: (n, n - 1)."""
    apart = cdist(at, at)
    apart -= apart.mean(axis=0)
    apart -= apart.mean(axis=1, keepdims=True)
    # Distances are negative definite once centred: only the constant has the eigenvalue zero, and
    # it is the last one.
    return np.linalg.eigh(apart)[1][:, :-1]


def _shifts(steps: np.ndarray) -> tuple[Callable[[int], np.ndarray], np.ndarray]:
    """A function from a shift to the partner of each spot (-1 without), and the shifts to draw.

    The first shift, 0, leaves all in place.
    """
    steps = steps - steps.min(axis=0)
    # Even sides, so that the staggered rows of a hexagonal array meet their like.
    sides = (steps.max(axis=0) // 2 + 1) * 2
    row_of = np.full(sides, -1)
    row_of[tuple(steps.T)] = np.arange(len(steps))
    spectrum = np.abs(fft.rfft2(row_of >= 0)) ** 2
    partners = np.rint(fft.irfft2(spectrum, s=tuple(sides))).ravel()
    shifts = np.flatnonzero(partners >= FEWEST_PARTNERS * len(steps))

    def partner(shift: int) -> np.ndarray:
        return row_of[tuple(((steps + np.unravel_index(shift, sides)) % sides).T)]

    return partner, shifts


def _centred(values: np.ndarray) -> np.ndarray:
    """Values (spots, genes) around their mean; zero if constant, which rounding would hide."""
    values = values.astype(np.float64)
    return np.where(np.ptp(values, axis=0) == 0, 0.0, values - values.mean(axis=0))


def _ratio(products: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    spread = np.sqrt(one * other)
    return np.divide(products, spread, out=np.full_like(products, np.nan), where=spread > 0)
