"""Bootstrap intervals with the patient as the unit."""

from collections.abc import Callable

import numpy as np

from stnet.evaluation.averages import median, weighted_means

# Statistical analysis: "1,000 bootstrap samples and correspond to intervals of 95%".
SAMPLES = 1000
PERCENTILES = (2.5, 97.5)
SEED = 0
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


def interval(resampled: np.ndarray) -> np.ndarray:
    """95% percentile interval over the first axis: (2, …).

    Resamples without a value are left out; NaN if there is none.
    """
    bounds = np.full((2, *resampled.shape[1:]), np.nan)
    some = np.isfinite(resampled).any(axis=0)
    bounds[:, some] = np.nanpercentile(resampled[:, some], PERCENTILES, axis=0)
    return bounds


def with_interval(
    estimate: Callable[[np.ndarray], np.ndarray], n_patients: int
) -> tuple[float, float, float]:
    """An estimate over `n_patients` and its interval: (value, low, high).

    `estimate` maps drawn patients (samples, patients) to (samples,). The interval is NaN for one
    patient, and everything is NaN without patients.
    """
    if not n_patients:
        return np.nan, np.nan, np.nan
    value = estimate(np.arange(n_patients)[None])[0]
    if n_patients == 1:
        return value, np.nan, np.nan
    low, high = interval(estimate(patient_draws(n_patients)))
    return value, low, high
