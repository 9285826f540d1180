"""Baseline: predict expression from a spot's position in its section, without the image."""

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
    """Predict held-out spots from their position and write `predictions.h5ad`.

    A polynomial in the positions (`positions_in_section`), fitted to the training spots by ridge
    regression. Sections lie on their arrays in arbitrary orientation, so only what all sections
    share can transfer, such as sequencing depth that falls off towards the edge. A network with a
    higher r predicts more than that. Source: ours.

    Args:
        targets: a file of `write_targets`.
        predictions: output.
        job: its sections are held out.
        degree: of the polynomial.
        penalty: on the squared coefficients.

    Raises:
        InputError: no spot to predict or to train on.
    """
    spots = read_spots(targets, job)
    estimator = make_pipeline(PolynomialFeatures(degree, include_bias=False), Ridge(alpha=penalty))
    estimator.fit(positions_in_section(spots.training), spots.expression)
    write_held_out(
        predictions,
        spots,
        estimator.predict(positions_in_section(spots.held_out)),
        job,
        packages=["scikit-learn"],
        degree=degree,
        penalty=penalty,
    )


def positions_in_section(spots: ad.AnnData) -> np.ndarray:
    """Positions (spots, 2), standardised to mean 0 and s.d. 1 within each section.

    Each section is treated alone, so held-out patients depend on no other section.
    """
    positions = np.array(spots.obsm["spatial"], dtype=np.float64)
    sections = spots.obs["section"].to_numpy(str)
    for section in np.unique(sections):
        own = positions[sections == section]
        sd = own.std(axis=0)
        # Spots in a single row or column have s.d. 0 across it.
        positions[sections == section] = (own - own.mean(axis=0)) / np.where(sd > 0, sd, 1.0)
    return positions
