"""Co-localisation of tumour and immune genes, compared with matched random pairs of genes.

The paper compares "tumour and immune spatial correlations" by "a two-tailed paired t-test" and
leaves chance undefined. Ours: a pair of a tumour and an immune gene is compared with pairs of other
genes, matched in mean expression. Matching matters because correlations within a section rise with
expression: through sequencing depth in measurements, and through shared network outputs in
predictions.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from stnet.core.tables import summary_table
from stnet.evaluation.averages import mean
from stnet.evaluation.bootstrap import mean_interval
from stnet.evaluation.consistency import LARGEST_R
from stnet.evaluation.correlation import FEWEST_SPOTS

logger = logging.getLogger(__name__)

# Number of matched genes for each gene of a pair.
CANDIDATES = 10
UNITS = ["observed_z", "chance_z"]


class Section(NamedTuple):
    """A section or slide: its expression (spots or tiles, genes) in target units."""

    patient: str
    section: str
    values: np.ndarray


class Pair(NamedTuple):
    """A tumour and an immune gene: their symbols, their columns, and n matched pairs.

    `chance` is (2, n), the columns of the matched pairs.
    """

    tumour: str
    immune: str
    columns: tuple[int, int]
    chance: np.ndarray


def make_pairs(
    symbols: Sequence[str], means: np.ndarray, tumour: Sequence[str], immune: Sequence[str]
) -> tuple[list[Pair], str]:
    """All pairs of a tumour and an immune gene, with their matched pairs, which define chance.

    Each gene is matched with the ten genes nearest in mean expression that are neither tumour nor
    immune genes. The matched pairs are all combinations of two different genes: the exact
    expectation over random matched pairs, without sampling.

    Args:
        symbols: of all genes.
        means: (genes,), mean expression over all spots or tiles, in target units.
        tumour, immune: symbols.

    Returns:
        The pairs with both genes present, and a note on missing genes ("" if none is missing).

    Source: the paper's pairs; the matching is ours.
    """
    times = Counter(symbols)
    wanted = [*tumour, *immune]
    column = {name: list(symbols).index(name) for name in wanted if times[name] == 1}
    reasons = {0: "not among the genes", **{n: f"{n} genes are called so" for n in times.values()}}
    note = "; ".join(f"{name}: {reasons[times[name]]}" for name in wanted if times[name] != 1)
    others = np.flatnonzero(~np.isin(symbols, wanted))
    stand_ins = {name: nearest_in_mean(means, others, at) for name, at in column.items()}
    pairs = []
    for one in filter(column.__contains__, tumour):
        for other in filter(column.__contains__, immune):
            chance = np.stack(np.meshgrid(stand_ins[one], stand_ins[other])).reshape(2, -1)
            chance = chance[:, chance[0] != chance[1]]
            pairs.append(Pair(one, other, (column[one], column[other]), chance))
    return pairs, note


def nearest_in_mean(
    means: np.ndarray, others: np.ndarray, gene: int, n: int = CANDIDATES
) -> np.ndarray:
    """The `n` columns of `others` that are nearest to `gene` in `means`, the nearest first."""
    return others[np.argsort(np.abs(means[others] - means[gene]), kind="stable")[:n]]


def matrix(values: np.ndarray) -> np.ndarray:
    """Pearson's r of all genes over the spots of a section, (genes, genes); NaN if constant."""
    with np.errstate(divide="ignore", invalid="ignore"):
        # In double precision the mean of equal float32 values is exact, so r of a constant gene is
        # undefined and not a rounding error.
        return np.corrcoef(values.astype(np.float64), rowvar=False)


def fisher_z(r: np.ndarray) -> np.ndarray:
    """Fisher's z, finite for perfect correlations."""
    return np.arctanh(np.clip(r, -LARGEST_R, LARGEST_R))


def correlations(values: np.ndarray, pairs: Sequence[Pair]) -> tuple[np.ndarray, np.ndarray]:
    """Pearson's r over spots of each pair, and mean Fisher's z of its matched pairs: (pairs,) each.

    `values` is (spots, genes), float32. Undefined with fewer than four spots and for constant
    genes; matched pairs with constant genes are left out. Source: Results, "spatial correlation in
    the tumour and immune expression profiles"; the matching is ours.
    """
    if len(values) < FEWEST_SPOTS or not pairs:
        return np.full((2, len(pairs)), np.nan)
    r = matrix(values)
    observed = np.array([r[pair.columns] for pair in pairs])
    chance = np.array([mean(fisher_z(r[*pair.chance]), axis=0) for pair in pairs])
    return observed, chance


def compare_with_chance(
    sections: Iterable[Section], pairs: Sequence[Pair]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Correlations of the pairs per section, and their comparison with matched pairs per patient.

    Returns:
        A row per pair and section: patient, section, tumour, immune, r. And a row per patient:
        patient, n_sections, observed_z, chance_z, difference. The z of a section is the mean of
        Fisher's z over its defined pairs, or over their matched pairs. The z of a patient is the
        mean over its sections in which both are defined.
    """
    rows, units = [], []
    for patient, section, values in sections:
        r, chance = correlations(values, pairs)
        rows += [
            (patient, section, pair.tumour, pair.immune, value)
            for pair, value in zip(pairs, r, strict=True)
        ]
        both = np.isfinite(r) & np.isfinite(chance)
        z = (side[both].mean() if both.any() else np.nan for side in (fisher_z(r), chance))
        units.append((patient, both.any(), *z))
    of_pairs = pd.DataFrame(rows, columns=["patient", "section", "tumour", "immune", "r"])
    by_patient = pd.DataFrame(units, columns=["patient", "n_sections", *UNITS]).groupby(
        "patient", sort=False
    )
    patients = by_patient[UNITS].mean()
    patients.insert(0, "n_sections", by_patient["n_sections"].sum().astype(int))
    patients["difference"] = patients["observed_z"] - patients["chance_z"]
    return of_pairs, patients.reset_index()


def summarise(patients: pd.DataFrame, n_pairs: int, note: str) -> pd.DataFrame:
    """Table `quantity value` of the patients' table; `note` names missing genes.

    Means are over patients, with their 95% t intervals if there are several. `t` and `p` are of a
    two-tailed paired t-test over patients. `direction` is `less` or `more` than by chance.

    Source: Statistical analysis, "a two-tailed paired t-test".
    """
    defined = patients.dropna(subset=["difference"])
    if not n_pairs:
        note = f"no pair of a tumour and an immune gene is left: {note}"
    elif len(defined) < 2:
        note = "; ".join(filter(None, [note, f"a test over patients needs 2, not {len(defined)}"]))
    values = defined[[*UNITS, "difference"]].to_numpy(dtype=float)
    averages = mean(values, axis=0)
    t = p = np.nan
    names = [*UNITS, "mean_difference"]
    intervals = {}
    if len(defined) > 1:
        t, p = stats.ttest_rel(defined["observed_z"], defined["chance_z"])
        intervals = dict(zip(names, mean_interval(values).T, strict=True))
    if note:
        logger.warning(note)
    found = {
        "n_patients": len(defined),
        "n_sections": int(defined["n_sections"].sum()),
        "n_pairs": n_pairs,
        **dict(zip(names, averages, strict=True)),
        **{"t": float(t), "p": float(p)},
        "direction": {-1: "less", 1: "more"}.get(np.sign(averages[-1]), ""),
        "note": note,
    }
    return summary_table(found, intervals)
