"""95% intervals with the patient as the unit: by bootstrap, and of means."""

from collections.abc import Callable

import numpy as np
from scipy.special import stdtrit

from stnet.evaluation.averages import mean, median, weighted_means

# Statistical analysis: "1,000 bootstrap samples and correspond to intervals of 95%".
SAMPLES = 1000
PERCENTILES = (2.5, 97.5)
# Fewer have no interval (ours, from `benchmarks/interval_coverage.py`).
FEWEST_UNITS = 2
SEED = 0
# Possible values of a quantity: all, and those of r.
ANY, OF_R = (-np.inf, np.inf), (-1, 1)
# Values in memory at once while resampling medians.
BATCH_VALUES = 4_000_000


def patient_draws(n_patients: int) -> np.ndarray:
    """Indices of the patients in each resample, (samples, patients), drawn with replacement.

    The draws depend on the number of patients only, so all statistics share them.
    """
    return np.random.default_rng(SEED).integers(n_patients, size=(SAMPLES, n_patients))


def resampled_medians(values: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Median over patients of (patients, genes) in every resample: (samples, genes).

    Missing values are left out. A gene without a value in a resample is NaN.
    """
    medians = np.empty((len(draws), values.shape[1]))
    batch = max(1, BATCH_VALUES // max(1, values.size))
    for start in range(0, len(draws), batch):
        medians[start : start + batch] = median(values[draws[start : start + batch]], axis=1)
    return medians


def resampled_means(values: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Mean over patients of (patients, genes) in every resample: (samples, genes)."""
    times_drawn = np.zeros((len(draws), len(values)))
    np.add.at(times_drawn, (np.arange(len(draws))[:, None], draws), 1)
    return weighted_means(values, times_drawn)


def interval(
    value: np.ndarray | float,
    resampled: np.ndarray,
    n_patients: np.ndarray | int,
    possible: tuple[float, float] = ANY,
) -> np.ndarray:
    """95% interval of estimates (…): low and high, (2, …).

    The estimate plus and minus Student's t, with n - 1 degrees of freedom, times the bootstrap's
    standard error, which is first multiplied by sqrt(n / (n - 1)) because a resample varies less
    than a sample. Of a mean this is its t interval.

    Args:
        value: the estimates.
        resampled: (samples, …); resamples without a value are left out.
        n_patients: n, the patients that have a value; NaN with fewer than two.
        possible: the least and the greatest value, at which the interval ends.

    Source: ours. Percentiles of the resamples cover too little with few patients (docs/methods.md).
    """
    n = np.asarray(n_patients, dtype=float)
    n = np.where(n < FEWEST_UNITS, np.nan, n)
    return _around(value, _sd(resampled) * np.sqrt(n / (n - 1)), n).clip(*possible)


def percentile_interval(resampled: np.ndarray) -> tuple[float, float]:
    """95% percentile interval of one estimate (samples,), for many patients.

    Resamples without a value are left out; NaN if there is none. Source: the usual reading of the
    paper's bootstrap.
    """
    defined = resampled[np.isfinite(resampled)]
    return tuple(np.percentile(defined, PERCENTILES)) if len(defined) else (np.nan, np.nan)


def mean_interval(values: np.ndarray, n_intervals: int = 1) -> np.ndarray:
    """95% t interval of the mean over patients of (patients, columns): (2, columns).

    Missing values are left out. NaN with fewer than two patients. `n_intervals` as in `quantile`.
    """
    n = np.isfinite(values).sum(axis=0).astype(float)
    n[n < FEWEST_UNITS] = np.nan
    error = _sd(values) / np.sqrt(n - 1)
    return _around(mean(values, axis=0), error, n, n_intervals)


def quantile(n: np.ndarray | float, n_intervals: int = 1) -> np.ndarray | float:
    """Student's t, with n - 1 degrees of freedom, at which a two-sided 95% interval ends.

    With several intervals all of them hold together with at least 95%, by Bonferroni.
    """
    return stdtrit(n - 1, 1 - 0.025 / max(1, n_intervals))


def with_interval(
    estimate: Callable[[np.ndarray], np.ndarray],
    n_patients: int,
    possible: tuple[float, float] = ANY,
) -> tuple[float, float, float]:
    """An estimate over `n_patients` and its interval: (value, low, high).

    `estimate` maps drawn patients (samples, patients) to (samples,). The interval is that of
    `interval`, for the patients that have a value on their own. Everything is NaN without patients.
    """
    if not n_patients:
        return np.nan, np.nan, np.nan
    patients = np.arange(n_patients)
    value = estimate(patients[None])[0]
    # Each patient twice, because one has no standard deviation.
    have_value = np.isfinite(estimate(np.stack([patients, patients], axis=1)))
    drawn = estimate(patient_draws(n_patients))
    low, high = interval(value, drawn, have_value.sum(), possible)
    return value, low, high


def _sd(values: np.ndarray) -> np.ndarray:
    """Root mean squared distance from the mean over the first axis, missing values left out."""
    return np.sqrt(mean(np.square(values - mean(values, axis=0)), axis=0))


def _around(
    value: np.ndarray | float, error: np.ndarray, n: np.ndarray, n_intervals: int = 1
) -> np.ndarray:
    half = quantile(n, n_intervals) * error
    return np.stack([value - half, value + half])
