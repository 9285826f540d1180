"""Summarise the nuclei of a patch as features of the patch."""

import warnings
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import kurtosis, skew

from stnet.features.measures import MEASURES

MOMENTS = ["mean", "sd", "skewness", "kurtosis"]


class Histograms(NamedTuple):
    """Range (low, high) of each measure by name, and number of equal bins."""

    ranges: Mapping[str, Sequence[float]]
    bins: int


def summary_names(bins: int) -> list[str]:
    """Names of the features of a patch: `count`, then `{measure}_mean` … `{measure}_bin0` …"""
    parts = [*MOMENTS, *(f"bin{i}" for i in range(bins))]
    return ["count", *(f"{measure}_{part}" for measure in MEASURES for part in parts)]


def summarise(measures: np.ndarray, histograms: Histograms) -> np.ndarray:
    """Features of a patch from `measures` (nuclei, 10) of its nuclei, as in `summary_names`.

    The first feature is the number of nuclei. For each measure follow mean, s.d. (over n),
    skewness, excess kurtosis and a histogram. The histogram has the share of nuclei in each of the
    equal bins of the range; values outside go into the first or last bin. Undefined measures are
    left out. Undefined features are NaN: all but the number without nuclei, skewness and kurtosis
    of equal values.

    Source: Results, "the mean, standard deviation, skewness and kurtosis were computed along with a
    ten-bin histogram" and "the nuclei count". The paper does not give the limits of the histograms.
    Ours are fixed in advance, so that a patch's features depend on that patch alone and nothing
    leaks from held-out patients.
    """
    ranges, bins = histograms
    with warnings.catch_warnings():
        # These functions warn and return NaN for empty or equal values.
        warnings.simplefilter("ignore", RuntimeWarning)
        moments = [
            np.nanmean(measures, axis=0),
            np.nanstd(measures, axis=0),
            skew(measures, axis=0, nan_policy="omit"),
            kurtosis(measures, axis=0, nan_policy="omit"),
        ]
    shares = [
        _shares(column[~np.isnan(column)], *ranges[name], bins)
        for name, column in zip(MEASURES, measures.T, strict=True)
    ]
    each = np.column_stack([*moments, np.reshape(shares, (len(MEASURES), bins))])
    return np.concatenate([[len(measures)], each.ravel()])


def _shares(values: np.ndarray, low: float, high: float, bins: int) -> np.ndarray:
    if not len(values):
        return np.full(bins, np.nan)
    counts, _ = np.histogram(np.clip(values, low, high), bins, (low, high))
    return counts / len(values)
