"""What a spot's place in its section says of its expression, its image unseen."""

from pathlib import Path

import anndata as ad
import numpy as np
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures

from stnet.baselines.estimator import read_spots, write_held_out
from stnet.expression.held_out_job import HeldOutJob


def predict_coordinates(
    targets: str | Path,
    predictions: str | Path,
    job: HeldOutJob,
    *,
    degree: int,
    penalty: float,
) -> None:
    """Predict held-out spots by their place in their section and write `predictions.h5ad`.

    A polynomial of `degree` in `places`, fitted to the training spots by ridge regression with
    `penalty` on its squared coefficients. Patients' sections lie on their arrays as they come, so
    all that can carry over is what they share: depth that falls off towards the edge of the tissue
    or of the array. r above this floor is more than that. Source: ours.
    """
    spots = read_spots(targets, job)
    estimator = make_pipeline(PolynomialFeatures(degree, include_bias=False), Ridge(alpha=penalty))
    estimator.fit(places(spots.training), spots.expression)
    write_held_out(
        predictions,
        spots,
        estimator.predict(places(spots.held_out)),
        job,
        packages=["scikit-learn"],
        degree=degree,
        penalty=penalty,
    )


def places(spots: ad.AnnData) -> np.ndarray:
    """Positions (spots, 2) about the centre of their section's spots, over their s.d. there.

    A section is looked at alone, so that those of a held-out patient depend on no other.
    """
    positions = np.array(spots.obsm["spatial"], dtype=np.float64)
    sections = spots.obs["section"].to_numpy(str)
    for section in np.unique(sections):
        own = positions[sections == section]
        sd = own.std(axis=0)
        # Spots in one row or column have no spread across it.
        positions[sections == section] = (own - own.mean(axis=0)) / np.where(sd > 0, sd, 1.0)
    return positions
