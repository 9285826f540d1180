"""Distance on the tissue between nearest neighbours in the latent space (Supp. Fig. 9b)."""

from collections.abc import Sequence
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from scipy.spatial import cKDTree
from sklearn.neighbors import NearestNeighbors

from stnet.analysis.latent.space import read_latent
from stnet.core.tables import write_table
from stnet.expression.grids import GRIDS, places

# The unit within which neighbours are searched, by form of the analysis.
FORMS = {"ours": "section", "released": "patient"}
COLUMNS = [
    *("form", "patient", "section", "spot", "neighbour", "distance", "random_distance"),
    *("adjacent", "chance_adjacent"),
]
# Room for rounding in the distance of adjacent spots.
ROOM = 1.001


def write_distances(predictions: Sequence[str | Path], output: str | Path, *, seed: int) -> None:
    """Write `neighbour_distances` of the predictions of all held-out groups."""
    write_table(neighbour_distances(read_latent(predictions), seed), output)


def neighbour_distances(spots: ad.AnnData, seed: int) -> pd.DataFrame:
    """A row per form and spot: its nearest neighbour in the latent space, and their distance.

    `distance` is on the array in spot pitches. `random_distance` is that of a random other spot
    (Supp. Fig. 9b). `adjacent` says whether the neighbour is one of the eight spots around the spot
    on a square grid, at distance 1 or diagonally at 1.4, or of the six on a hexagonal one
    (`Grid.neighbourhood`). `chance_adjacent` is the share of all other spots that are: the
    probability that a spot with a random latent vector is the neighbour and adjacent. Forms:

    - `ours`: neighbour and random spot are in the same section;
    - `released`: they are in any section of the patient, with all arrays superimposed (released
      code's `bin/cluster.py`). There the index of the nearest spot is off by one if it comes after
      the spot itself; this error is not reproduced.

    A spot that is alone in its section (patient) has no row. `spots` are those of `read_latent`.
    """
    random = np.random.default_rng(seed)
    at = places(spots.obs, spots.uns["grid"])
    sections = spots.obs["section"].astype(str)
    reach = ROOM * np.array([GRIDS[spots.uns["grid"][name]].reach for name in sections])
    parts = []
    for form, unit in FORMS.items():
        ids = spots.obs[unit].astype(str).to_numpy()
        for name in pd.unique(ids):
            rows = np.flatnonzero(ids == name)
            if len(rows) < 2:
                continue
            search = NearestNeighbors(n_neighbors=1).fit(spots.obsm["latent"][rows])
            nearest = rows[search.kneighbors(return_distance=False)[:, 0]]
            part = spots.obs.iloc[rows][["patient", "section"]].reset_index(names="spot")
            part["form"] = form
            part["neighbour"] = spots.obs_names[nearest]
            part["distance"] = np.linalg.norm(at[rows] - at[nearest], axis=1)
            other = rows[_others(len(rows), random)]
            part["random_distance"] = np.linalg.norm(at[rows] - at[other], axis=1)
            part["adjacent"] = part["distance"].to_numpy() <= reach[rows]
            around = cKDTree(at[rows]).query_ball_point(at[rows], reach[rows], return_length=True)
            part["chance_adjacent"] = (around - 1) / (len(rows) - 1)
            parts.append(part[COLUMNS])
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)


def _others(n: int, random: np.random.Generator) -> np.ndarray:
    """For each of n items a random other item, (n,)."""
    drawn = random.integers(n - 1, size=n)
    return drawn + (drawn >= np.arange(n))
