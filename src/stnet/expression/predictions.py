"""The predictions file, which every kind of experiment writes."""

from collections.abc import Mapping
from pathlib import Path

import anndata as ad
import numpy as np

from stnet.core.errors import InputError
from stnet.core.h5ad import write_h5ad
from stnet.expression.spatial import of_sections

FILE = "predictions.h5ad"


def check_place(path: str | Path, provenance: Mapping[str, object]) -> None:
    """Raise InputError if a file is in the folder of another experiment or held-out group.

    Files other than `experiments/{experiment}/{held_out}/predictions.h5ad` are not compared.
    """
    *_, top, experiment, held_out, name = Path(path).absolute().parts
    found = provenance.get("experiment"), provenance.get("held_out")
    if (top, name) == ("experiments", FILE) and found != (experiment, held_out):
        raise InputError(
            f"{path}: the predictions of experiment {found[0]}, held-out group {found[1]}; delete"
            " it and rerun"
        )


def write_predictions(
    path: str | Path,
    measured: ad.AnnData,
    predicted: np.ndarray,
    provenance: dict,
    layers: Mapping[str, np.ndarray] | None = None,
    obsm: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Write `predictions.h5ad` of a held-out group or an external section.

    X is the prediction (float32) and `layers["observed"]` the measurement. obs, var and
    obsm are copied from `measured`, as are `uns["slide"]`, if any, and `uns["spatial"]` and
    `uns["grid"]` of the predicted sections.

    Args:
        path: output.
        measured: targets (spots, genes) of the predicted spots.
        predicted: predictions, with the shape and units of `measured`.
        provenance: entries of `uns["provenance"]`, which also gets the `uns["targets"]` of
            `measured` (transform, universe, hash of the gene list).
        layers: further arrays with the shape of `measured`.
        obsm: further arrays (spots, n) for obsm.

    Raises:
        InputError: a prediction is infinite, or undefined for a part of a spot's genes; or the
            file cannot be written.
    """
    undefined = np.isnan(predicted).all(axis=1)
    if not np.isfinite(predicted[~undefined]).all():
        raise InputError(f"{path}: not written, because some predictions are no finite numbers")
    layers = {"observed": measured.X, **(layers or {})}
    predictions = ad.AnnData(
        np.asarray(predicted, dtype=np.float32),
        obs=measured.obs,
        var=measured.var,
        obsm={**measured.obsm, **(obsm or {})},
        layers={name: np.asarray(layer, dtype=np.float32) for name, layer in layers.items()},
        uns={
            "provenance": {**dict(measured.uns["targets"]), **provenance},
            **of_sections(measured.uns, measured.obs["section"].astype(str).unique()),
        },
    )
    if "slide" in measured.uns:
        predictions.uns["slide"] = dict(measured.uns["slide"])
    write_h5ad(predictions, path)
