"""The normalisation of later papers, by scanpy. Only targets that use it import scanpy."""

import anndata as ad
import numpy as np
import scanpy as sc
from scipy import sparse

# Total count that every spot is scaled to.
TARGET_SUM = 1e4


def log_cp10k(counts: sparse.spmatrix | np.ndarray) -> sparse.csr_matrix:
    """ln(1 + 10^4 c / sum c) of counts (spots, genes) of all genes: float64, of the same shape."""
    spots = ad.AnnData(sparse.csr_matrix(counts, dtype=np.float64))
    sc.pp.normalize_total(spots, target_sum=TARGET_SUM)
    sc.pp.log1p(spots)
    return spots.X
