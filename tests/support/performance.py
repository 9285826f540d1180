"""The paper's results by gene, made-up tables of patients, and files of predictions."""

from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

from stnet.expression.predictions import write_predictions

PUBLISHED = Path(__file__).parents[2] / "resources/paper/per_gene.tsv"


def as_patients(k: pd.Series, n: int, n_undefined: int = 0) -> pd.DataFrame:
    """A table of patients: gene g has r > 0 in k[g] of n, and n_undefined more have no r."""
    random = np.random.default_rng(0)
    rows = []
    for gene, n_positive in k.items():
        sizes = random.uniform(0.2, 0.6, n)
        r = np.where(random.permutation(n) < n_positive, sizes, -sizes)
        for patient, value in enumerate([*r, *[np.nan] * n_undefined]):
            rows.append((gene, f"P{patient:02}", 100, *[value] * 4, 0.3, value, 0.2))
    columns = ["gene", "patient", "n_spots", *["pearson", "pearson_smooth", "spearman", "auroc"]]
    return pd.DataFrame(rows, columns=[*columns, "rmse", "partial", "depth"]).assign(
        auroc_partial=0.6, auroc_depth=0.7
    )


def write_held_out(folder: Path, *groups: ad.AnnData) -> list[Path]:
    """Files of predictions, one for each held-out group."""
    paths = []
    for number, group in enumerate(groups):
        measured = group.copy()
        measured.X = group.layers["observed"]
        paths.append(folder / f"{number}.h5ad")
        write_predictions(paths[-1], measured, group.X, {"experiment": "toy"})
    return paths
