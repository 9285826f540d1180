"""Averages that leave missing values out, and are missing themselves where all values are."""

import numpy as np


def median(values: np.ndarray, axis: int) -> np.ndarray:
    """Median over an axis, which must not be empty."""
    ordered = np.sort(values, axis=axis)
    # Sorting puts NaN last, so the middle of the others is at half their number.
    n = np.isfinite(ordered).sum(axis=axis, keepdims=True)
    middle = np.concatenate([np.maximum(n - 1, 0) // 2, n // 2], axis=axis)
    middle = np.minimum(middle, ordered.shape[axis] - 1)
    return np.take_along_axis(ordered, middle, axis=axis).mean(axis=axis)


def mean(values: np.ndarray, axis: int) -> np.ndarray:
    """Mean over an axis."""
    finite = np.isfinite(values)
    return _share(np.where(finite, values, 0.0).sum(axis=axis), finite.sum(axis=axis))


def weighted_means(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Means over rows of (rows, columns), weighted by (groups, rows): (groups, columns)."""
    finite = np.isfinite(values)
    return _share(weights @ np.where(finite, values, 0.0), weights @ finite)


def _share(total: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return np.divide(total, weight, out=np.full_like(total, np.nan), where=weight > 0)
