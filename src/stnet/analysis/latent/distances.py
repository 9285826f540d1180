"""How far apart on the tissue are the spots that are nearest in the latent space?"""

from collections.abc import Sequence
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from sklearn.neighbors import NearestNeighbors

from stnet.analysis.latent.space import places, read_latent
from stnet.core.tables import write_table

# Among which spots the nearest is looked for in each form of the analysis: those of the same.
FORMS = {"ours": "section", "released": "patient"}
COLUMNS = ["form", "patient", "section", "spot", "neighbour", "distance", "random_distance"]


def write_distances(predictions: Sequence[str | Path], output: str | Path, *, seed: int) -> None:
    """Write `neighbour_distances` of the predictions of all held-out groups."""
    write_table(neighbour_distances(read_latent(predictions), seed), output)


def neighbour_distances(spots: ad.AnnData, seed: int) -> pd.DataFrame:
    """A row a form and spot: its nearest neighbour in the latent space, and how far that is.

    `distance` is on the array in spot pitches, so that an adjacent spot is 1 away;
    `random_distance` is that to a spot drawn from the same others by `seed` (Supp. Fig. 9b). Forms:

    - `ours`: neighbour and random spot are of the same section;
    - `released`: of any section of the patient, as if they lay on one another (released code's
      `bin/cluster.py`; that its index of the nearest spot is off by one, where this comes after the
      spot itself, is not followed).

    A spot that is alone in its section (patient) has no row. `spots` are those of `read_latent`.
    """
    random = np.random.default_rng(seed)
    at = places(spots.obs, spots.uns["grid"])
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
            parts.append(part[COLUMNS])
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)


def _others(n: int, random: np.random.Generator) -> np.ndarray:
    """For each of n one of the others, (n,)."""
    drawn = random.integers(n - 1, size=n)
    return drawn + (drawn >= np.arange(n))
