"""Representative and atypical patches of each class in the latent space."""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from stnet.config.strata import CLASSES
from stnet.core.tables import read_table, write_table
from stnet.expression.grids import places

KINDS = ["representative", "atypical"]
# Examples per kind, class and patient; and the fewest neighbours for a meaningful share.
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
    UMAP (1.5 in the released code's `bin/cluster.py`). In each class, the spots with the highest
    share of neighbours of their own class are representative, and those with the lowest share are
    atypical (Fig. 4, "mostly surrounded by other tumour patches"). With equal shares, the spot with
    more neighbours ranks first. Ours: up to four of each kind; no spot is both, and spots with
    fewer than five neighbours are neither. Atypical is relative: see the share.

    `distance_to_other` is the distance on the array to the nearest spot of the other class in the
    section, in spot pitches; missing if the section has none.
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
    # An empty part would change the types of the columns.
    return pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)


def _with_neighbours(spots: pd.DataFrame, radius: float) -> pd.DataFrame:
    """The spots of a patient with their number of neighbours and the share of their own class."""
    labels = spots["label"].to_numpy()
    pairs = cKDTree(spots[["umap1", "umap2"]]).query_pairs(radius, output_type="ndarray")
    alike = labels[pairs[:, 0]] == labels[pairs[:, 1]]
    n_neighbours, n_alike = (
        np.bincount(some.ravel(), minlength=len(spots)) for some in (pairs, pairs[alike])
    )
    share = n_alike / np.maximum(n_neighbours, 1)
    return spots.assign(n_neighbours=n_neighbours, share=share)


def _distance_to_other(spots: pd.DataFrame) -> np.ndarray:
    """Distance on the array to the nearest spot of the other class in the section, per spot."""
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
