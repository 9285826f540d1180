"""A section file of the contract, small and made up."""

import anndata as ad
import numpy as np
import pandas as pd
from PIL import Image
from scipy import sparse

from stnet.core.h5ad import write_h5ad
from stnet.expression.spatial import spatial


def section_file(path, name, counts, genes, used=None, patient="P1", um_per_px=0.5):
    """A section of the contract from a dense count matrix."""
    n = len(counts)
    obs = pd.DataFrame(
        {
            "patient": patient,
            "section": name,
            "in_tissue": 1,
            "array_col": range(n),
            "array_row": range(n),
            "label": pd.array(["tumour"] * n, dtype="string"),
            "total_counts": np.sum(counts, axis=1),
            "used": np.full(n, True) if used is None else used,
        },
        index=[f"{i}x{i}" for i in range(n)],
    )
    var = pd.DataFrame({"symbol": [g.lower() for g in genes], "ensembl": ""}, index=genes)
    section = ad.AnnData(sparse.csr_matrix(np.array(counts, dtype=np.int32)), obs=obs, var=var)
    section.obsm["spatial"] = np.column_stack([np.arange(n) * 10.0, np.arange(n) * 20.0])
    picture = Image.new("RGB", (4, 3), "pink")
    metadata = {"um_per_px": um_per_px}
    section.uns = {
        "slide": {"path": "", "sha256": "", "width": 0, "height": 0, **metadata},
        "grid": {name: "square"},
        "checks": {"warnings": np.array([], dtype=object)},
        "spatial": {name: spatial(picture, width=40, spot_diameter=5, metadata=metadata)},
    }
    write_h5ad(section, path)
    return path
