"""The 95% interval over patients, by its formula."""

from collections.abc import Sequence

import numpy as np
from scipy import stats


def t_interval(value: float, resampled: Sequence[float], n_patients: int) -> np.ndarray:
    """Student's t times the standard error of the bootstrap, widened by sqrt(n / (n - 1))."""
    drawn = np.array([each for each in resampled if not np.isnan(each)])
    error = np.sqrt(((drawn - drawn.mean()) ** 2).mean() * n_patients / (n_patients - 1))
    return value + stats.t(n_patients - 1).ppf([0.025, 0.975]) * error
