"""The tumour/normal label baseline."""

import sys
from collections.abc import Collection
from pathlib import Path

import anndata as ad
import numpy as np

from stnet.core.errors import InputError
from stnet.core.versions import versions
from stnet.expression.predictions import write_predictions

CLASSES = ["tumour", "normal"]


def predict_label(
    targets: str | Path,
    predictions: str | Path,
    *,
    cohort: str,
    experiment: str,
    held_out: str,
    held_out_sections: Collection[str],
    code: str,
) -> None:
    """Predict every held-out spot by its label alone and write `predictions.h5ad`.

    The prediction is the mean y of the training spots of the spot's class ("the mean expression
    across tumours in the other patients", Results; the released code's `stnet/cmd/run_spatial.py`
    pools the spots of the training patients too). Training spots are those of all sections but
    `held_out_sections`. Spots without a label are not predicted (NaN), nor are those of a class
    that no training spot has, which is said. `code` goes into the provenance, as do the other
    names. Raises InputError where no training spot has a label.
    """
    measured = ad.read_h5ad(targets)
    is_held_out = measured.obs["section"].isin(list(held_out_sections)).to_numpy()
    labels = measured.obs["label"].astype(object).to_numpy()
    expression = np.asarray(measured.X)
    predicted = np.full((int(is_held_out.sum()), measured.n_vars), np.nan, dtype=np.float32)
    training_spots = {}
    for name in CLASSES:
        training = ~is_held_out & (labels == name)
        training_spots[name] = int(training.sum())
        if training.any():
            mean = expression[training].mean(axis=0, dtype=np.float64)
            predicted[labels[is_held_out] == name] = mean
        else:
            print(
                f"{held_out}: no training spot is labelled {name}; such spots are not predicted",
                file=sys.stderr,
            )
    if not any(training_spots.values()):
        raise InputError(
            f"experiment {experiment}: no training spot of {held_out} has a label; fill in the"
            f" column labels of the section sheet, or set cohorts.{cohort}.report.label to null"
        )
    provenance = {
        "experiment": experiment,
        "held_out": held_out,
        "training_spots": training_spots,
        "code": code,
        "versions": versions("anndata", "numpy"),
    }
    write_predictions(predictions, measured[is_held_out], predicted, provenance)
