"""Averages over the values that are not missing; NaN if all are missing."""

import numpy as np


def median(values: np.ndarray, axis: int) -> np.ndarray:
    """Median over a non-empty axis."""
    ordered = np.sort(values, axis=axis)
    # Sorting puts NaN last, so the median is the middle of the first n.
    n = np.isfinite(ordered).sum(axis=axis, keepdims=True)
    middle = np.concatenate([np.maximum(n - 1, 0) // 2, n // 2], axis=axis)
    middle = np.minimum(middle, ordered.shape[axis] - 1)
    return np.take_along_axis(ordered, middle, axis=axis).mean(axis=axis)


def mean(values: np.ndarray, axis: int) -> np.ndarray:
    """Mean over an axis."""
    finite = np.isfinite(values)
    return _share(np.where(finite, values, 0.0).sum(axis=axis), finite.sum(axis=axis))


def weighted_means(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Means of `values` (rows, columns) weighted by (groups, rows): (groups, columns)."""
    finite = np.isfinite(values)
    return _share(weights @ np.where(finite, values, 0.0), weights @ finite)


def _share(total: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return np.divide(total, weight, out=np.full_like(total, np.nan), where=weight > 0)
