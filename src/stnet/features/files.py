"""The features file of a section, which every kind of features writes."""

from collections.abc import Sequence
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

from stnet.core.errors import InputError
from stnet.core.h5ad import read_h5ad, write_h5ad
from stnet.expression.names import check_name, name_in
from stnet.expression.spots import spot_names


def write_features(
    path: str | Path,
    spots: ad.AnnData,
    values: np.ndarray,
    names: Sequence[str],
    provenance: dict,
) -> None:
    """Write the features of a section's patches.

    X is `values` as float32; obs is that of the spots with names `section:XxY`, as in the targets;
    `obsm["spatial"]` is copied from the spots; `uns["features"]` is `provenance` and the name.

    Args:
        path: output.
        spots: the section's used spots (`read_used_spots`).
        values: features (spots, features) in the same order, NaN where undefined.
        names: names of the features.
        provenance: kind, settings, code digest and package versions.

    Raises:
        InputError: the file cannot be written.
    """
    named = {**provenance, "features": name_in(path, "features")}
    write_h5ad(features_of(spots, values, names, named), path, compression=None)


def features_of(
    spots: ad.AnnData, values: np.ndarray, names: Sequence[str], provenance: dict
) -> ad.AnnData:
    """The content of the file of `write_features`."""
    obs = spots.obs.copy()
    obs.index = spot_names(spots)
    return ad.AnnData(
        np.asarray(values, dtype=np.float32),
        obs=obs,
        var=pd.DataFrame(index=pd.Index(names, name="feature")),
        obsm={"spatial": np.asarray(spots.obsm["spatial"])},
        uns={"features": provenance},
    )


def read_features(path: str | Path, names: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """Read the features of the spots `names`: all spots of the file, in order.

    Returns float32 (spots, features), NaN where undefined, and the features' names. Raises
    InputError if the spots are not `names`, or the file lies in the place of others.
    """
    features = read_h5ad(path)
    check_name(path, features.uns, "features")
    if features.obs_names.tolist() != list(names):
        raise InputError(f"{path}: its spots are not those of the targets; delete it and rerun")
    return np.asarray(features.X), features.var_names.tolist()
