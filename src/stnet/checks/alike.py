"""Patients whose sections are as alike as those of one patient (ours)."""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import squareform

from stnet.expression.targets import choose_genes

GENES, FEWEST_GENES, COUNTS = 1000, 100, 10
# Of HER2ST's 27 sections, those of one patient are apart by 0.53 at most, and from the next of them
# by 0.41; sections of two patients by 0.73 and more. Patients are alike if they are apart by less
# than ONE_PATIENT, and than MORE times what known sections of a patient are from their next; and if
# the next patient is LEAD times as far, because organs and batches part patients, too.
ONE_PATIENT, MORE, LEAD = 0.45, 1.5, 1.5
# Chance may leave no distance at all.
LEAST = 0.03


class Group(NamedTuple):
    """Patients that look like one.

    Attributes:
        patients: their ids.
        inner: the longest step from one to the next.
        outer: the distance to the next other patient, or infinite.
    """

    patients: list[str]
    inner: float
    outer: float


def distances(sums: pd.DataFrame) -> np.ndarray:
    """How far sections are apart: s.d. over genes of the ln ratio of a gene's share of the counts.

    Of the `GENES` genes with most counts, those of which `COUNTS` are expected in both sections if
    they are alike, without what chance adds (Poisson).

    Args:
        sums: summed counts (genes, sections).

    Returns:
        (sections, sections), at least `LEAST`, and infinite if there are fewer than `FEWEST_GENES`.
    """
    counts = sums.loc[choose_genes(sums.sum(axis=1), min(GENES, len(sums)))].to_numpy()
    totals, logs, noise = sums.sum().to_numpy(), np.log(counts + 0.5), 1 / (counts + 0.5)
    apart = np.full((len(totals), len(totals)), np.inf)
    for one, other in combinations(np.flatnonzero(totals), 2):
        pair = [one, other]
        known = counts[:, pair].sum(axis=1) * totals[pair].min() >= COUNTS * totals[pair].sum()
        if known.sum() >= FEWEST_GENES:
            ratios = logs[known, one] - logs[known, other]
            variance = ratios.var() - noise[np.ix_(known, pair)].sum(axis=1).mean()
            apart[one, other] = apart[other, one] = np.sqrt(max(variance, LEAST**2))
    return apart


def alike_patients(apart: np.ndarray, patients: Sequence[str]) -> tuple[list[Group], float, float]:
    """Groups of patients that look like one patient's sections under several ids.

    Two patients are as far apart as their nearest sections, groups as their nearest patients
    (single linkage). Of groups within each other, the one that stands out most is taken. Sections
    that cannot be compared with each other are left out, those with most gaps first.

    Args:
        apart: `distances` of all sections.
        patients: of each section.

    Returns:
        The groups, the smallest distance of two patients (infinite if there is none), and the limit
        that it was compared with.
    """
    kept = np.arange(len(apart))
    while (unknown := np.isinf(apart[np.ix_(kept, kept)]).sum(axis=1)).max(initial=1) > 1:
        kept = np.delete(kept, unknown.argmax())
    apart, patients = apart[np.ix_(kept, kept)], np.array(patients)[kept]
    siblings = np.where(np.equal.outer(patients, patients), apart, np.inf)
    known = [nearest for nearest in siblings.min(axis=1, initial=np.inf) if nearest < np.inf]
    limit = min(ONE_PATIENT, MORE * max(known, default=np.inf))
    names = np.unique(patients)
    if len(names) < 2:
        return [], np.inf, limit
    between = pd.DataFrame(apart, patients, patients).groupby(level=0).min()
    between = between.T.groupby(level=0).min().to_numpy(copy=True)
    np.fill_diagonal(between, 0)
    tree = linkage(squareform(between), "single")
    groups = [Group([str(name)], 0.0, np.inf) for name in names]
    for *parts, inner, _ in tree:
        members = []
        for part in map(int, parts):
            groups[part] = groups[part]._replace(outer=inner)
            members += groups[part].patients
        groups.append(Group(sorted(members), inner, np.inf))
    found: list[Group] = []
    for group in sorted(groups[len(names) :], key=_lead, reverse=True):
        apart_from = all(set(each.patients).isdisjoint(group.patients) for each in found)
        if group.inner <= limit and _lead(group) >= LEAD and apart_from:
            found.append(group)
    return found, tree[0, 2], limit


def _lead(group: Group) -> float:
    """The whole cohort has no next patient; HER2ST's are farther than this."""
    return min(group.outer, LEAD * ONE_PATIENT) / group.inner
