"""The null of Fig. 2b: number of patients with r > 0 if predictions are moved to other spots."""

from collections.abc import Sequence
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from scipy import fft, stats

from stnet.core.tables import write_table
from stnet.evaluation.bootstrap import PERCENTILES, SAMPLES, SEED
from stnet.evaluation.held_out import of_stratum, read_predictions


def write_null(predictions: Sequence[str | Path], output: str | Path, *, stratum: str) -> None:
    """Write `null_curves` of an experiment's held-out predictions over the spots of a stratum."""
    write_table(null_curves(of_stratum(read_predictions(predictions), stratum)), output)


def null_curves(spots: ad.AnnData) -> pd.DataFrame:
    """Number of consistent patients under the null by rank of the gene, a row per rank.

    `binomial` has the quantiles of Binomial(patients, 1/2) (released code, bin/generate_figs.py),
    which treats genes as independent. `permuted` is the mean over 1,000 permutations, with its 95%
    range `permuted_low` to `permuted_high`. A permutation shifts each patient's predictions along
    its spots by a random number of places, the same for all genes, which keeps the dependence
    between genes and between neighbouring spots (ours). `rank` 1 is the most consistent gene.
    """
    random = np.random.default_rng(SEED)
    consistent = np.zeros((SAMPLES, spots.n_vars), dtype=int)
    patients = spots.obs["patient"].astype(str).to_numpy()
    names = pd.unique(patients)
    for name in names:
        of_patient = spots[patients == name]
        order = np.lexsort([of_patient.obs[key] for key in ("array_row", "array_col", "section")])
        covariance = _shifted_covariance(of_patient.X[order], of_patient.layers["observed"][order])
        if len(covariance) > 1:
            consistent += covariance[random.integers(1, len(covariance), size=SAMPLES)] > 0
    curves = np.sort(consistent, axis=1)[:, ::-1]
    low, high = np.percentile(curves, PERCENTILES, axis=0)
    rank = np.arange(spots.n_vars) + 1
    return pd.DataFrame(
        {
            "rank": rank,
            "binomial": stats.binom.isf((rank - 0.5) / spots.n_vars, len(names), 0.5).astype(int),
            "permuted": curves.mean(axis=0),
            "permuted_low": low,
            "permuted_high": high,
        }
    )


def _shifted_covariance(predicted: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Sum of products of the centred sides, for `predicted` shifted by 0, 1, … places: a row each.

    It has the sign of the covariance. Spots without any prediction are left out first. Genes that
    still miss a value are zero.
    """
    present = np.isfinite(predicted).any(axis=1)
    sides = []
    for side in (predicted[present], observed[present]):
        side = side.astype(np.float64)
        constant = ~np.isfinite(side).all(axis=0) | (np.ptp(side, axis=0) == 0)
        sides.append(np.where(constant, 0.0, side - side.mean(axis=0)))
    if not present.any():
        return np.empty((0, predicted.shape[1]))
    # The correlation theorem gives all circular shifts at once.
    spectrum = np.conj(fft.rfft(sides[0], axis=0)) * fft.rfft(sides[1], axis=0)
    return fft.irfft(spectrum, n=int(present.sum()), axis=0)
