"""Choose the patches to interpret."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from stnet.core.errors import InputError
from stnet.core.h5ad import read_h5ad
from stnet.expression.predictions import check_place


def read_predicted(predictions: Sequence[str | Path], gene: str) -> pd.DataFrame:
    """Predictions of a gene (id) in all held-out spots, a row per spot.

    Columns `spot patient section label x y predicted group`: x and y in full-resolution pixels,
    `group` the number of the file. If genes are chosen on the training part, a group can lack the
    gene; its spots are left out. Raises InputError if all groups lack it.
    """
    parts = []
    for group, path in enumerate(predictions):
        table = read_h5ad(path)
        check_place(path, table.uns["provenance"])
        if gene not in table.var_names:
            continue
        spots = table.obs[["patient", "section", "label"]].astype(object)
        spots["x"], spots["y"] = np.asarray(table.obsm["spatial"], dtype=float).T
        spots["predicted"] = np.asarray(table[:, gene].X, dtype=float).ravel()
        spots["group"] = group
        parts.append(spots.rename_axis("spot").reset_index())
    if not parts:
        raise InputError(f"{predictions[0]}: no prediction of gene {gene}, nor in any other group")
    return pd.concat(parts, ignore_index=True)


def choose_patches(spots: pd.DataFrame, n: int) -> pd.DataFrame:
    """The `n` spots with the highest predictions, spread over patients.

    `spots` are those of `read_predicted`. First the best spot of every patient, then the second
    best of every patient, and so on, each round ordered by prediction. Otherwise all could be from
    one tumour. Source: ours; the paper shows "three representative patches" and does not say how
    they were chosen.
    """
    ranked = spots.sort_values("predicted", ascending=False, kind="stable")
    turns = ranked.groupby("patient", sort=False).cumcount()
    return ranked.loc[turns.sort_values(kind="stable").index].head(n).reset_index(drop=True)
