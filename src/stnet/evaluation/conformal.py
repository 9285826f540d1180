"""Prediction intervals from the errors in held-out patients: hierarchical conformal prediction.

A spot of a new patient is exchangeable with those of other patients only through its patient. So
each patient has the same weight, whatever number of spots it has, and so has the new patient, whose
error may be infinite (Dunn, Wasserman and Ramdas 2023; Lee, Barber and Willett 2023). The new
patient's slide may be from another laboratory, so spots are predicted in another stain, too.
"""

from collections.abc import Sequence

import anndata as ad
import numpy as np
import pandas as pd

from stnet.config.levels import LEVELS


def column(level: float) -> str:
    """Column of the half-widths of a level, such as `half_width_90`."""
    return f"half_width_{round(100 * level)}"


def quantiles_by_patient(
    values: np.ndarray, patients: np.ndarray, levels: Sequence[float], *, unseen: int = 0
) -> np.ndarray:
    """Quantiles of values in which each patient has the same weight: (levels,).

    Args:
        values: (n,), without NaN.
        patients: of each value, (n,).
        levels: between 0 and 1.
        unseen: how many more patients have a weight, with infinite values.

    Returns:
        The smallest value up to which the weights are at least the level; infinite if those of all
        values are less.
    """
    names, of, counts = np.unique(patients, return_inverse=True, return_counts=True)
    order = np.argsort(values)
    weights = 1 / ((len(names) + unseen) * counts[of[order]])
    # The sum of 1 / n over n values can be a little less than 1.
    rows = np.searchsorted(np.cumsum(weights), np.asarray(levels) - 1e-9)
    return np.append(values[order], np.inf)[rows]


def half_widths(spots: ad.AnnData) -> pd.DataFrame:
    """Half-widths of intervals around the prediction of a gene in a spot, by gene.

    An interval is for the measurement of a spot of a patient that was not trained on, in the units
    of the targets, which include the noise of counting.

    Args:
        spots: held-out predictions (`stnet.evaluation.held_out.read_predictions`), each spot by a
            model that saw no spot of its patient. If there are `layers["recoloured"]`, predictions
            in another stain, an error is the larger of both, and spots without are left out.

    Returns:
        Columns `n_calibration`, the patients with errors, and `half_width_50` to `half_width_95`;
        NaN where there are too few patients (`stnet.config.levels.patients_needed`).
    """
    # Numbers, because names are slow to sort for each gene.
    patients = np.unique(spots.obs["patient"].astype(str), return_inverse=True)[1]
    observed = np.asarray(spots.layers["observed"], dtype=float)
    errors = np.abs(observed - spots.X)
    if "recoloured" in spots.layers:
        errors = np.maximum(errors, np.abs(observed - spots.layers["recoloured"]))
    rows = []
    for of_gene in errors.T:
        known = np.isfinite(of_gene)
        found = quantiles_by_patient(of_gene[known], patients[known], LEVELS, unseen=1)
        n_patients = len(np.unique(patients[known]))
        rows.append([n_patients, *np.where(np.isfinite(found), found, np.nan)])
    table = pd.DataFrame(rows, spots.var_names, ["n_calibration", *map(column, LEVELS)])
    return table.astype({"n_calibration": int})
