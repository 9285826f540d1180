"""Reference: expression from the measured total counts of the very spot that is predicted."""

from pathlib import Path

import anndata as ad
import numpy as np

from stnet.baselines.estimator import read_spots, write_held_out
from stnet.expression.held_out_job import HeldOutJob


def predict_depth(targets: str | Path, predictions: str | Path, job: HeldOutJob) -> None:
    """Predict held-out spots from the ln of their total counts and write `predictions.h5ad`.

    A parabola per gene, fitted to the training spots by least squares. It is a reference and no
    predictor: it reads the held-out spots' measured total counts, which an image does not have. A
    method whose r is not higher may have predicted no more than sequencing depth. Source: ours.
    Raises InputError if there is no spot to predict or to train on.
    """
    spots = read_spots(targets, job)
    coefficients = np.linalg.lstsq(_design(spots.training), spots.expression)[0]
    write_held_out(predictions, spots, _design(spots.held_out) @ coefficients, job)


def _design(spots: ad.AnnData) -> np.ndarray:
    """Intercept, ln total counts and its square, (spots, 3)."""
    return np.vander(np.log(spots.obs["total_counts"].to_numpy(dtype=float)), 3, increasing=True)
