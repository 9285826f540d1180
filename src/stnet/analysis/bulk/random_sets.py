"""Random sets of genes in place of the tumour and immune genes, as a null of their co-localisation.

The paired t-test over patients takes the genes as given: it says that *these* genes lie apart in
every patient, which many sets of genes do. Random sets, chosen like them and compared with chance
like them, say whether these genes do so more than others (ours).
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from stnet.analysis.bulk.colocalisation import (
    CANDIDATES,
    Section,
    fisher_z,
    matrix,
    nearest_in_mean,
)
from stnet.core.tables import summary_table
from stnet.evaluation.averages import mean
from stnet.evaluation.bootstrap import percentile_interval
from stnet.evaluation.correlation import FEWEST_SPOTS

DRAWS = 1000
# A gene is replaced by one of so many; with few of them the null is too narrow.
POOL = 20
SEED = 0


class RandomSets(NamedTuple):
    """Columns of drawn genes, (draws, genes) a side, and of those matched with them, (…, ten)."""

    tumour: np.ndarray
    immune: np.ndarray
    tumour_matched: np.ndarray
    immune_matched: np.ndarray


def draw_sets(
    means: np.ndarray, tumour: Sequence[int], immune: Sequence[int], draws: int = DRAWS
) -> RandomSets:
    """Draw random sets of as many genes, matched in mean expression; no set with too few genes.

    For each tumour and immune gene in turn, one of the 20 genes nearest in mean expression is
    drawn that is neither one of them nor drawn already. The genes matched with a drawn gene, which
    define its chance, are the ten nearest that are neither drawn nor tumour or immune genes.

    Args:
        means: (genes,), mean expression over all spots or tiles, in target units.
        tumour, immune: columns of the genes.
        draws: number of sets.
    """
    wanted = [*tumour, *immune]
    others = np.setdiff1d(np.arange(len(means)), wanted)
    if not len(tumour) or not len(immune) or len(others) < len(wanted) + CANDIDATES:
        draws = 0
    random = np.random.default_rng(SEED)
    sets = np.empty((draws, len(wanted)), dtype=int)
    matched = np.empty((*sets.shape, CANDIDATES), dtype=int)
    for drawn, stand_ins in zip(sets, matched, strict=True):
        left = others
        for place, gene in enumerate(wanted):
            drawn[place] = random.choice(nearest_in_mean(means, left, gene, POOL))
            left = left[left != drawn[place]]
        stand_ins[:] = [nearest_in_mean(means, left, gene) for gene in drawn]
    sides = np.split(sets, [len(tumour)], axis=1)
    return RandomSets(*sides, *np.split(matched, [len(tumour)], axis=1))


def random_differences(sections: Iterable[Section], sets: RandomSets) -> np.ndarray:
    """Mean over patients of z minus z by chance for each set, (draws,), as in `summarise`."""
    patients, z = [], []
    for patient, _, values in sections:
        if len(values) >= FEWEST_SPOTS:
            patients.append(patient)
            z.append(_section_z(matrix(values), sets))
    if not z:
        return np.full(len(sets.tumour), np.nan)
    names, z = np.array(patients), np.stack(z)
    by_patient = np.stack([mean(z[names == name], axis=0) for name in dict.fromkeys(patients)])
    return mean(by_patient[..., 0] - by_patient[..., 1], axis=0)


def summarise_null(difference: float, null: np.ndarray) -> pd.DataFrame:
    """Table `quantity value ci_low ci_high unit` of a mean difference among those of random sets.

    `p_random_sets` is two-tailed, like the paper's t-test, and about the sets rather than zero:
    twice the share of sets that are at least as high as `difference`, or at least as low, whichever
    is fewer; `difference` counts as a set itself.
    `mean_difference_null` is the mean over `n_random_sets` sets, with their 95% range.
    """
    null = null[np.isfinite(null)]
    p, average, bounds = np.nan, np.nan, np.full(2, np.nan)
    if len(null) and np.isfinite(difference):
        beyond = min(np.sum(null >= difference), np.sum(null <= difference))
        p = min(1.0, 2 * (1 + beyond) / (1 + len(null)))
        average, bounds = null.mean(), percentile_interval(null)
    found = {"p_random_sets": p, "n_random_sets": len(null), "mean_difference_null": average}
    return summary_table(found, {"mean_difference_null": bounds}, unit="null")


def _section_z(r: np.ndarray, sets: RandomSets) -> np.ndarray:
    """Mean z of the pairs of each set in a section, and of their matched pairs: (draws, 2).

    Pairs in which either is undefined are left out of both.
    """
    z = fisher_z(r)
    np.fill_diagonal(z, np.nan)
    sums, n_pairs = np.zeros((2, len(sets.tumour))), 0
    for gene, matched in zip(sets.tumour.T, np.moveaxis(sets.tumour_matched, 1, 0), strict=True):
        observed = z[gene[:, None], sets.immune]
        pairs = z[matched[:, None, :, None], sets.immune_matched[:, :, None]]
        chance = mean(pairs.reshape(*observed.shape, -1), axis=-1)
        both = np.isfinite(observed) & np.isfinite(chance)
        sums += [np.where(both, side, 0.0).sum(axis=1) for side in (observed, chance)]
        n_pairs = n_pairs + both.sum(axis=1)
    return np.where(n_pairs > 0, sums / np.maximum(n_pairs, 1), np.nan).T
