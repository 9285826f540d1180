"""Read the held-out predictions of an experiment, over all its held-out groups."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from stnet.config.strata import STRATA
from stnet.core.errors import InputError
from stnet.core.h5ad import read_h5ad
from stnet.expression.predictions import check_place

# What every predictions file has (`write_predictions`).
CONTRACT = ["layers/observed", "uns/provenance", "uns/grid"]


def read_predictions(paths: Sequence[str | Path]) -> ad.AnnData:
    """Read the `predictions.h5ad` of all held-out groups as one.

    X is the prediction and `layers["observed"]` the measurement, both (spots, genes) in target
    units. `uns["targets"]` has their transform and universe, `uns["grid"]` the grid by section, and
    `uns["initial_weights"]` the name of the initial weights of a network ("" for other kinds).
    `uns["origin"]` says of predictions that were made elsewhere that they are ("" for others).
    If genes are chosen on the training part, a group can lack a gene; both values are then missing.
    Raises InputError if groups share a spot, if their targets differ in transform or universe, if
    a job was fitted on what it predicts, or if a file is damaged, of an older version, or of
    another experiment or group than its folder.
    """
    groups = [read_h5ad(path, CONTRACT) for path in paths]
    for path, group in zip(paths, groups, strict=True):
        check_place(path, group.uns["provenance"])
        _check_fit(path, group)
    units = [
        {key: group.uns["provenance"][key] for key in ("transform", "universe")} for group in groups
    ]
    for path, unit in zip(paths, units, strict=True):
        if unit != units[0]:
            raise InputError(
                f"{path}: targets are {unit['transform']} over {unit['universe']} genes, those of "
                f"{paths[0]} {units[0]['transform']} over {units[0]['universe']}; "
                "predict all groups from the same targets"
            )
    names = groups[0].obs_names.append([group.obs_names for group in groups[1:]])
    if not names.is_unique:
        spot = names[names.duplicated()][0]
        raise InputError(f"spot {spot} is held out in two groups; remove the stale predictions")
    spots = ad.concat(groups, join="outer", fill_value=np.nan)
    genes = pd.concat([group.var for group in groups])
    spots.var = genes[~genes.index.duplicated()].loc[spots.var_names]
    spots.uns["targets"] = units[0]
    spots.uns["grid"] = {name: grid for group in groups for name, grid in group.uns["grid"].items()}
    spots.uns["origin"] = _origin([group.uns["provenance"] for group in groups])
    weights = {group.uns["provenance"].get("initial_weights", "") for group in groups}
    spots.uns["initial_weights"] = ", ".join(sorted(weights - {""}))
    return spots


def _check_fit(path: str | Path, group: ad.AnnData) -> None:
    """Raise InputError if a job recorded that it was fitted on what it predicts."""
    about = group.uns["provenance"]
    for key, what in (
        ("training_sections", "was trained"),
        ("validation_sections", "chose its epoch"),
    ):
        seen = set(about.get(key, ())).intersection(group.obs["section"])
        if seen:
            raise InputError(
                f"{path}: predicts section {min(seen)}, on which its model {what}; delete it and"
                " rerun"
            )
    spots, projected = (about.get(f"{part}_spots", 0) for part in ("training", "projection"))
    if projected and projected != spots:
        raise InputError(
            f"{path}: features were standardised on {projected} spots, not on the {spots} training"
            " spots; delete it and rerun"
        )


def _origin(provenances: Sequence[Mapping[str, Any]]) -> str:
    """That predictions were made elsewhere, and what their models saw beside the cohort."""
    if not any("handed_in" in each for each in provenances):
        return ""
    elsewhere = {name: None for each in provenances for name in each["pretrained_on"]}
    return "predictions handed in" + "".join(f", pretrained on {name}" for name in elsewhere)


def of_stratum(spots: ad.AnnData, stratum: str) -> ad.AnnData:
    """The spots of a stratum: `all`, or those whose label is `tumour` or `normal`."""
    if stratum not in STRATA:
        raise InputError(f"stratum: {stratum!r} is not one of {', '.join(STRATA)}")
    if stratum == "all":
        return spots
    return spots[(spots.obs["label"] == stratum).to_numpy()]


def single_class_patients(spots: ad.AnnData) -> list[str]:
    """Patients whose labelled spots are all of one class."""
    classes = spots.obs["label"].groupby(spots.obs["patient"].astype(str)).nunique()
    return classes.index[classes == 1].tolist()
