"""The latent space of each patient in two dimensions (Fig. 4)."""

import logging
from collections.abc import Sequence
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import scanpy as sc

from stnet.analysis.latent.space import read_latent
from stnet.core.tables import write_table

logger = logging.getLogger(__name__)

COLUMNS = ["umap1", "umap2"]
# UMAP's spectral start needs one more eigenvector than dimensions, and fewer than spots.
FEWEST_SPOTS = len(COLUMNS) + 2


def write_umap(
    predictions: Sequence[str | Path],
    output: str | Path,
    *,
    neighbours: int,
    min_dist: float,
    seed: int,
) -> None:
    """Write `embed` of the predictions of all held-out groups.

    Args:
        predictions: files with latents.
        output: TSV.
        neighbours, min_dist: parameters of UMAP.
        seed: of UMAP.

    Raises:
        InputError: predictions without latents (`read_latent`).
    """
    write_table(embed(read_latent(predictions), neighbours, min_dist, seed), output)


def embed(spots: ad.AnnData, neighbours: int, min_dist: float, seed: int) -> pd.DataFrame:
    """Table `spot patient section label grid array_row array_col umap1 umap2`, a row per spot.

    UMAP (Results, "to visualize the latent space of the spots") is fitted by scanpy to each patient
    alone, sections pooled, on Euclidean distances of the latents. `spots` are those of
    `read_latent`; `neighbours` and `min_dist` are parameters of UMAP. `seed` makes it reproducible.
    The released code (`bin/cluster.py`) uses UMAP's defaults and no seed. A patient with too few
    spots for `neighbours` has no coordinates, and a warning is logged.
    """
    coordinates = np.full((spots.n_obs, len(COLUMNS)), np.nan)
    patients = spots.obs["patient"].astype(str).to_numpy()
    for patient in pd.unique(patients):
        rows = patients == patient
        if rows.sum() < max(neighbours + 1, FEWEST_SPOTS):
            logger.warning(
                f"patient {patient}: {rows.sum()} spots are too few for a UMAP with {neighbours}"
                " neighbours"
            )
            continue
        latent = ad.AnnData(spots.obsm["latent"][rows])
        sc.pp.neighbors(latent, n_neighbors=neighbours, use_rep="X", random_state=seed)
        sc.tl.umap(latent, min_dist=min_dist, n_components=len(COLUMNS), random_state=seed)
        coordinates[rows] = latent.obsm["X_umap"]
    table = spots.obs[["patient", "section", "label", "array_row", "array_col"]].reset_index(
        drop=True
    )
    table.insert(0, "spot", spots.obs_names)
    table.insert(4, "grid", table["section"].astype(str).map(spots.uns["grid"]))
    table[COLUMNS] = coordinates
    return table
