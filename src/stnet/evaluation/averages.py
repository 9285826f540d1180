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
    total = np.where(finite, values, 0.0).sum(axis=axis)
    n = finite.sum(axis=axis)
    return np.divide(total, n, out=np.full_like(total, np.nan), where=n > 0)
