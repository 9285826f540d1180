"""Tests of whether a gene is predicted in more patients than expected by chance."""

import warnings

import numpy as np
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

# Keeps Fisher's z of a perfect correlation finite.
LARGEST_R = 1 - 1e-9


def binomial_p(n_consistent: np.ndarray, n_patients: np.ndarray) -> np.ndarray:
    """P(Binomial(n_patients, 1/2) >= n_consistent), one value per gene.

    Source: Statistical analysis; `pvalue` in the released code's bin/generate_figs.py.
    """
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
    n = np.asarray(n_patients, dtype=float)
    low, high = proportion_confint(n_consistent, np.maximum(n, 1), alpha=0.05, method="wilson")
    return np.where(n > 1, low * n, np.nan), np.where(n > 1, high * n, np.nan)


def _adjusted(p: np.ndarray, method: str) -> np.ndarray:
    """Adjust p. An undefined p stays undefined, but counts as a hypothesis."""
    p = np.asarray(p, dtype=float)
    if not p.size:
        return p
    adjusted = multipletests(np.where(np.isnan(p), 1.0, p), method=method)[1]
    return np.where(np.isnan(p), np.nan, adjusted)
