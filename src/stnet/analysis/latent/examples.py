"""Patches that are typical of their class in the latent space, and patches that are not."""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from stnet.analysis.latent.space import places
from stnet.config.strata import CLASSES
from stnet.core.tables import read_table, write_table

KINDS = ["representative", "atypical"]
# Examples of either kind and class of a patient, and neighbours without which a share says little.
EXAMPLES = 4
FEWEST_NEIGHBOURS = 5
COLUMNS = [
    "patient",
    "label",
    "kind",
    "rank",
    "section",
    "spot",
    "share",
    "n_neighbours",
    "distance_to_other",
]


def write_examples(umap: str | Path, output: str | Path, *, radius: float) -> None:
    """Write `find_examples` of the table of `embed`."""
    write_table(find_examples(read_table(umap), radius), output)


def find_examples(spots: pd.DataFrame, radius: float) -> pd.DataFrame:
    """The representative and atypical spots of each patient with both classes, a row each.

    The neighbours of a labelled spot are the patient's other labelled spots within `radius` in the
    UMAP (1.5 in the released code's `bin/cluster.py`). Of each class the spots with the highest
    share of neighbours of their own class are representative, those with the lowest are atypical
    (Fig. 4, "mostly surrounded by other tumour patches"), the first in rank of equal shares being
    that with most neighbours. Ours: up to four of each kind, but no spot is both, and a spot with
    fewer than five neighbours is neither. An atypical spot is the least typical that there is: its
    share says how atypical.

    `distance_to_other` is how far the spot is on its section's array from the nearest spot of the
    other class, in spot pitches; missing where the section has none.
    """
    parts = [pd.DataFrame(columns=COLUMNS)]
    labelled = spots[spots["label"].isin(CLASSES) & spots["umap1"].notna()]
    for _, of_patient in labelled.groupby("patient", sort=False):
        if of_patient["label"].nunique() < len(CLASSES):
            continue
        around = _with_neighbours(of_patient, radius)
        around["distance_to_other"] = _distance_to_other(of_patient)
        around = around[around["n_neighbours"] >= FEWEST_NEIGHBOURS]
        for name in CLASSES:
            of_class = around[around["label"] == name]
            shown = min(EXAMPLES, len(of_class) // 2)
            for kind in KINDS:
                ascending = [kind == "atypical", False]
                ranked = of_class.sort_values(
                    ["share", "n_neighbours"], ascending=ascending, kind="stable"
                )[:shown]
                parts.append(ranked.assign(kind=kind, rank=np.arange(shown) + 1)[COLUMNS])
    # An empty part would decide on the type of the columns.
    return pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)


def _with_neighbours(spots: pd.DataFrame, radius: float) -> pd.DataFrame:
    """The spots of a patient with the number of their neighbours and the share of their class."""
    labels = spots["label"].to_numpy()
    pairs = cKDTree(spots[["umap1", "umap2"]]).query_pairs(radius, output_type="ndarray")
    alike = labels[pairs[:, 0]] == labels[pairs[:, 1]]
    n_neighbours, n_alike = (
        np.bincount(some.ravel(), minlength=len(spots)) for some in (pairs, pairs[alike])
    )
    share = n_alike / np.maximum(n_neighbours, 1)
    return spots.assign(n_neighbours=n_neighbours, share=share)


def _distance_to_other(spots: pd.DataFrame) -> np.ndarray:
    """Distance on the array of each spot to the nearest of the other class in its section."""
    at, label, section = (
        places(spots, dict(zip(spots["section"], spots["grid"], strict=True))),
        spots["label"].to_numpy(),
        spots["section"].to_numpy(),
    )
    distances = np.full(len(spots), np.nan)
    for name in pd.unique(section):
        for own in CLASSES:
            here = (section == name) & (label == own)
            other = (section == name) & (label != own)
            if other.any():
                distances[here] = cKDTree(at[other]).query(at[here])[0]
    return distances
