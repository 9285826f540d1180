"""The one file that every way of predicting writes."""

from pathlib import Path

import anndata as ad
import numpy as np

from stnet.core.atomic import atomic_path


def write_predictions(
    path: str | Path, measured: ad.AnnData, predicted: np.ndarray, provenance: dict
) -> None:
    """Write `predictions.h5ad` of a held-out group.

    `measured` is the held-out part of the targets (spots, genes); `predicted` has its shape and
    units. X becomes the prediction (float32) and `layers["observed"]` the measurement;
    obs, var and obsm are those of the targets; `uns["provenance"]` adds to `provenance` what the
    targets say of themselves (transform, universe, hash of the gene list).
    """
    predictions = ad.AnnData(
        np.asarray(predicted, dtype=np.float32),
        obs=measured.obs,
        var=measured.var,
        obsm=dict(measured.obsm),
        layers={"observed": np.asarray(measured.X, dtype=np.float32)},
        uns={"provenance": {**dict(measured.uns["targets"]), **provenance}},
    )
    with atomic_path(path) as temporary:
        predictions.write_h5ad(temporary)
