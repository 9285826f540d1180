"""A section file of the contract, small and made up."""

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse


def section_file(path, name, counts, genes, margins=None, patient="P1", um_per_px=0.5):
    """A section of the contract from a dense count matrix."""
    n = len(counts)
    obs = pd.DataFrame(
        {
            "patient": patient,
            "section": name,
            "array_x": range(n),
            "array_y": range(n),
            "label": pd.array(["tumour"] * n, dtype="string"),
            "total_counts": np.sum(counts, axis=1),
            "margin": np.full(n, 500.0) if margins is None else margins,
        },
        index=[f"{i}x{i}" for i in range(n)],
    )
    var = pd.DataFrame({"symbol": [g.lower() for g in genes], "ensembl": ""}, index=genes)
    section = ad.AnnData(sparse.csr_matrix(np.array(counts, dtype=np.int32)), obs=obs, var=var)
    section.obsm["spatial"] = np.column_stack([np.arange(n) * 10.0, np.arange(n) * 20.0])
    section.uns["slide"] = {"um_per_px": um_per_px}
    section.write_h5ad(path)
    return path
