"""Baseline: predict expression from the tumour/normal label alone."""

import logging
from pathlib import Path

import numpy as np

from stnet.baselines.estimator import read_spots, write_held_out
from stnet.config.strata import CLASSES
from stnet.core.errors import InputError
from stnet.expression.held_out_job import HeldOutJob

logger = logging.getLogger(__name__)


def predict_label(
    targets: str | Path,
    predictions: str | Path,
    job: HeldOutJob,
    *,
    cohort: str,
) -> None:
    """Predict every held-out spot from its label alone and write `predictions.h5ad`.

    The prediction is the mean y of the training spots with the same label ("the mean expression
    across tumours in the other patients", Results; the released code's `stnet/cmd/run_spatial.py`
    also pools the spots of the training patients). Spots without a label are not predicted (NaN).
    Neither are spots with a label that no training spot has; that is logged as a warning. Raises
    InputError if no training spot has a label; the message names the `cohort`.
    """
    spots = read_spots(targets, job)
    labels, held_out_labels = (
        part.obs["label"].astype(object).to_numpy() for part in (spots.training, spots.held_out)
    )
    predicted = np.full(spots.held_out.shape, np.nan, dtype=np.float32)
    training_spots = {}
    for name in CLASSES:
        training = labels == name
        training_spots[name] = int(training.sum())
        if training.any():
            predicted[held_out_labels == name] = spots.expression[training].mean(axis=0)
        else:
            logger.warning(
                f"{job.held_out}: no training spot is labelled {name}; such spots are not predicted"
            )
    if not any(training_spots.values()):
        raise InputError(
            f"experiment {job.experiment}: no training spot of {job.held_out} has a label; fill"
            " in the column labels of the section sheet, or set"
            f" cohorts.{cohort}.report.label to null"
        )
    write_held_out(
        predictions,
        spots,
        predicted,
        job,
        training_spots=training_spots,
    )
