"""The floor of every comparison: each gene's mean."""

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

    What never varies follows nothing: its r is undefined in every gene, it is consistent in none
    and its AUROC is a half. Its RMSE is the one number it has: whoever has a higher one predicts
    worse than without looking. Source: ours.
    """
    spots = read_spots(targets, job)
    predicted = np.broadcast_to(spots.expression.mean(axis=0), spots.held_out.shape)
    write_held_out(predictions, spots, predicted, job)
