"""Tests of whether a gene is predicted in more patients than expected by chance.

scipy.stats and statsmodels are imported by the functions that use them: pages need the names and
levels of the tests only, and these two imports are half of a page's start.
"""

import warnings
from typing import NamedTuple

import numpy as np

from stnet.core.printed import short
from stnet.core.tables import FEWEST_PATIENTS, TOO_FEW

# The level the released code (bin/generate_figs.py) gives to Holm for the main result.
HOLM_LEVEL = 0.1
# The binomial test is used only if Holm can reject at this level (ours).
REACHABLE_LEVEL = 0.05
# The level of Benjamini-Hochberg (ours).
BH_LEVEL = 0.05
# Keeps Fisher's z of a perfect correlation finite.
LARGEST_R = 1 - 1e-9


class Rule(NamedTuple):
    """The test that decides whether a gene is consistent.

    `name` is `holm` or `t`. A gene is consistent if its adjusted p in `column` of the gene table is
    at most `level`. `few` decides for no gene. `reason` explains the choice in words.
    """

    name: str
    column: str
    level: float
    reason: str


def binomial_p(n_consistent: np.ndarray, n_patients: np.ndarray) -> np.ndarray:
    """P(Binomial(n_patients, 1/2) >= n_consistent), one value per gene.

    Source: Statistical analysis; `pvalue` in the released code's bin/generate_figs.py.
    """
    from scipy import stats

    return stats.binom.sf(np.asarray(n_consistent) - 1, n_patients, 0.5)


def holm(p: np.ndarray) -> np.ndarray:
    """Holm-Bonferroni adjusted p over genes (family-wise error). Source: Statistical analysis."""
    return _adjusted(p, "holm")


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """Benjamini-Hochberg adjusted p over genes (false discovery rate). Source: ours.

    The paper calls its Holm-adjusted p an FDR. Holm controls the family-wise error; this controls
    the FDR.
    """
    return _adjusted(p, "fdr_bh")


def fisher_t(r: np.ndarray, *, two_sided: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """One-sample t-test of Fisher's z over patients: t and p, one value per gene.

    `r` is (patients, genes). Undefined r are left out; a gene with fewer than two r is NaN. For
    predictions the test is one-sided (r > 0), because it replaces the binomial count of patients
    with r > 0: a gene predicted with the wrong sign is not predicted. Source: ours.
    """
    from scipy import stats

    z = np.arctanh(np.clip(r, -LARGEST_R, LARGEST_R))
    with warnings.catch_warnings():
        # Genes with one patient, or with the same z in all, give warnings.
        warnings.simplefilter("ignore", RuntimeWarning)
        return stats.ttest_1samp(
            z, 0, nan_policy="omit", alternative="two-sided" if two_sided else "greater"
        )


def wilson(n_consistent: np.ndarray, n_patients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's 95% interval of the share of consistent patients, times `n_patients`.

    NaN with fewer than two patients, which are the unit. Source: ours. A bootstrap over patients
    draws duplicates, which bias such a count.
    """
    from statsmodels.stats.proportion import proportion_confint

    n = np.asarray(n_patients, dtype=float)
    low, high = proportion_confint(n_consistent, np.maximum(n, 1), alpha=0.05, method="wilson")
    return np.where(n > 1, low * n, np.nan), np.where(n > 1, high * n, np.nan)


def choose_rule(n_patients: int, n_with_r: int, n_genes: int) -> Rule:
    """Holm on the binomial count if it can reject at 0.05, else Benjamini-Hochberg on the t-test.

    The smallest adjusted p, with r > 0 in all n patients, is n_genes / 2^n: with 250 genes at least
    13 patients are needed. The t-test is over the `n_with_r` patients who have an r, of whom at
    least `FEWEST_PATIENTS` are needed (if none has one, of all: no gene is then consistent).
    Source: the paper's test; ours where that has no power.
    """
    n_tested = n_with_r or n_patients
    smallest = min(1.0, n_genes * 0.5**n_patients)
    reach = (
        f"a gene with r > 0 in all of {n_patients} patients has a Holm-adjusted binomial p of "
        f"{short(smallest)} among {n_genes} genes"
    )
    if smallest > REACHABLE_LEVEL and 0 < n_tested < FEWEST_PATIENTS:
        reason = f"{TOO_FEW}, {n_tested} of the {FEWEST_PATIENTS} that are needed"
        return Rule("few", "p_t_bh", float("nan"), reason)
    if smallest > REACHABLE_LEVEL:
        reason = (
            f"Benjamini–Hochberg ≤ {BH_LEVEL} on a one-sided t-test of Fisher's z over patients. "
            f"The binomial count has no power here: {reach}"
        )
        return Rule("t", "p_t_bh", BH_LEVEL, reason)
    reason = f"Holm ≤ {HOLM_LEVEL} on the binomial count of patients; {reach}"
    return Rule("holm", "p_holm", HOLM_LEVEL, reason)


def _adjusted(p: np.ndarray, method: str) -> np.ndarray:
    """Adjust p. An undefined p stays undefined, but counts as a hypothesis."""
    from statsmodels.stats.multitest import multipletests

    p = np.asarray(p, dtype=float)
    if not p.size:
        return p
    adjusted = multipletests(np.where(np.isnan(p), 1.0, p), method=method)[1]
    return np.where(np.isnan(p), np.nan, adjusted)
