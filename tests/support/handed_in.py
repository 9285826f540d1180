"""Predictions of this workflow, written as another program would hand them in."""

from pathlib import Path

import anndata as ad
import pandas as pd


def export(predictions: str | Path, path: Path, names: str = "gene") -> Path:
    """Write `predictions.h5ad` as a plain AnnData, or as a table; `names` are those of the genes.

    The order of spots and genes is reversed. A table has the section in a column of its own.
    """
    found = ad.read_h5ad(predictions)[::-1, ::-1]
    genes = found.var_names.to_series()
    if names != "gene":
        named = found.var[names].astype(str)
        genes = named.where(named != "", genes)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".h5ad":
        plain = ad.AnnData(found.X, obs=found.obs[["patient", "section"]])
        plain.var_names = genes.to_list()
        plain.write_h5ad(path)
        return path
    table = pd.DataFrame(found.X, index=found.obs_names.str.replace(r".*:", "", regex=True))
    table.columns = genes.to_list()
    table.insert(0, "section", found.obs["section"].astype(str).to_numpy())
    table.to_csv(path, sep="," if ".csv" in path.name else "\t")
    return path
