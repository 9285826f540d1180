"""Input and output of every baseline: training and held-out spots, and predictions."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import anndata as ad
import numpy as np

from stnet.core.errors import InputError
from stnet.core.versions import versions
from stnet.expression.held_out_job import HeldOutJob
from stnet.expression.predictions import write_predictions
from stnet.features.files import read_features


class Spots(NamedTuple):
    """Targets of the training spots and of the held-out spots of a job."""

    training: ad.AnnData
    held_out: ad.AnnData
    names: list[str]
    is_held_out: np.ndarray

    @property
    def expression(self) -> np.ndarray:
        """Targets of the training spots, float64 (training spots, genes)."""
        return np.asarray(self.training.X, dtype=np.float64)

    def features(self, path: str | Path) -> tuple[np.ndarray, np.ndarray]:
        """Features of the training and of the held-out spots, float32 (spots, features) each.

        `path` is a file of `collect_features`. Raises InputError if its spots are not those of the
        targets.
        """
        values, _ = read_features(path, self.names)
        return values[~self.is_held_out], values[self.is_held_out]


def read_spots(targets: str | Path, job: HeldOutJob) -> Spots:
    """Read targets and split them into the training spots and the held-out spots of `job`.

    Raises InputError if either part is empty.
    """
    measured = job.read_targets(targets)
    is_held_out = job.is_held_out(measured)
    if not is_held_out.any():
        raise InputError(f"{targets}: held-out group {job.held_out} has no used spot")
    if is_held_out.all():
        raise InputError(f"{targets}: nothing is left to train on beside the held-out sections")
    names = measured.obs_names.tolist()
    return Spots(measured[~is_held_out], measured[is_held_out], names, is_held_out)


def write_held_out(
    predictions: str | Path,
    spots: Spots,
    predicted: np.ndarray,
    job: HeldOutJob,
    *,
    packages: Sequence[str] = (),
    **about: object,
) -> None:
    """Write `predictions.h5ad` of the held-out spots.

    Args:
        predictions: output.
        spots: of the job (`read_spots`).
        predicted: (held-out spots, genes).
        job: its names and code go into the provenance.
        packages: whose versions go into the provenance, besides anndata and numpy.
        **about: more entries of the provenance.
    """
    provenance = {
        "experiment": job.experiment,
        "held_out": job.held_out,
        "training_spots": spots.training.n_obs,
        "training_sections": spots.training.obs["section"].astype(str).unique().tolist(),
        **about,
        "code": job.code,
        "versions": versions("anndata", "numpy", *packages),
    }
    write_predictions(predictions, spots.held_out, predicted, provenance)
