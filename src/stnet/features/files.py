"""Features of patches as a file a section: what every way of making features writes."""

from collections.abc import Sequence
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

from stnet.core.atomic import atomic_path
from stnet.core.errors import InputError
from stnet.expression.spots import spot_names


def write_features(
    path: str | Path,
    spots: ad.AnnData,
    values: np.ndarray,
    names: Sequence[str],
    provenance: dict,
) -> None:
    """Write the features of a section's patches.

    `spots` are the section's used spots (`read_used_spots`), `values` (spots, features) theirs in
    the same order, NaN where undefined, `names` (features,) what they are called. X becomes the
    values (float32), obs the spots' with `section:XxY` names, as in the targets;
    `obsm["spatial"]` is theirs and `uns["features"]` is `provenance`: kind, settings, code digest,
    package versions.
    """
    obs = spots.obs.copy()
    obs.index = spot_names(spots)
    features = ad.AnnData(
        np.asarray(values, dtype=np.float32),
        obs=obs,
        var=pd.DataFrame(index=pd.Index(names, name="feature")),
        obsm={"spatial": np.asarray(spots.obsm["spatial"])},
        uns={"features": provenance},
    )
    with atomic_path(path) as temporary:
        features.write_h5ad(temporary)


def read_features(
    paths: Sequence[str | Path], names: Sequence[str]
) -> tuple[np.ndarray, list[str]]:
    """Features of the spots `names`, all those of the sections of `paths`, in order.

    Returns float32 (spots, features), NaN where undefined, and the features' names. Raises
    InputError if a file has other spots than `names`, or other features than the first.
    """
    parts, features, start = [], [], 0
    for path in paths:
        section = ad.read_h5ad(path)
        stop = start + section.n_obs
        if section.obs_names.tolist() != list(names[start:stop]):
            raise InputError(f"{path}: its spots are not those of the targets; make both again")
        if parts and section.var_names.tolist() != features:
            raise InputError(f"{path}: not the features of {paths[0]}; make both again")
        features = section.var_names.tolist()
        parts.append(np.asarray(section.X))
        start = stop
    if start != len(names):
        raise InputError(f"{paths[-1]}: the last of {start} rows for {len(names)} spots")
    return np.concatenate(parts), features
