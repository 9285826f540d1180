"""Baseline: predict each gene's mean, the floor of every comparison."""

from pathlib import Path

import numpy as np

from stnet.baselines.estimator import read_spots, write_held_out
from stnet.expression.held_out_job import HeldOutJob


def predict_mean(
    targets: str | Path,
    predictions: str | Path,
    job: HeldOutJob,
) -> None:
    """Predict every held-out spot by the training spots' mean y and write `predictions.h5ad`.

    A constant prediction has no r in any gene, no consistent gene, and an AUROC of 0.5. Only its
    RMSE is informative: a method with a higher RMSE is worse than the mean. Source: ours.
    """
    spots = read_spots(targets, job)
    predicted = np.broadcast_to(spots.expression.mean(axis=0), spots.held_out.shape)
    write_held_out(predictions, spots, predicted, job)
