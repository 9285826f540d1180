"""The one file that every way of predicting writes."""

from collections.abc import Mapping
from pathlib import Path

import anndata as ad
import numpy as np

from stnet.core.atomic import atomic_path
from stnet.expression.spatial import of_sections


def write_predictions(
    path: str | Path,
    measured: ad.AnnData,
    predicted: np.ndarray,
    provenance: dict,
    sd: np.ndarray | None = None,
    obsm: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Write `predictions.h5ad` of a held-out group or an external section.

    `measured` is its part of the targets (spots, genes); `predicted` has its shape and units, and
    so has `sd`, the s.d. over an ensemble's members. X becomes the prediction (float32),
    `layers["observed"]` the measurement and `layers["sd"]` the s.d.; obs, var and obsm are those
    of the targets, with what `obsm` adds, (spots, n) each; `uns["provenance"]` adds to `provenance`
    what the targets say of themselves (transform, universe, hash of the gene list), `uns["slide"]`
    is theirs, if any, and so are `uns["spatial"]` and `uns["grid"]` of the sections predicted.
    """
    layers = {"observed": measured.X} if sd is None else {"observed": measured.X, "sd": sd}
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
    with atomic_path(path) as temporary:
        predictions.write_h5ad(temporary, compression="gzip")
