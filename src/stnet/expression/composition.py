"""Composition: expression as a few non-negative factors, read as shares of cell types.

Methods, "Comparison to cell-type composition-based model". The factorisation needs non-negative
input, and y is negative. We use each gene's share c / sum c of its spot's counts (ours).
"""

from collections.abc import Sequence
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from sklearn.decomposition import NMF

from stnet.core.errors import InputError
from stnet.core.h5ad import read_h5ad, write_h5ad
from stnet.expression.factors import shares
from stnet.expression.names import check_name, name_in
from stnet.expression.spatial import keep_pictures


def factorise(shares: np.ndarray, factors: int, *, iterations: int, seed: int) -> NMF:
    """Fit `shares` (spots, genes) = composition (spots, factors) x `components_` (factors, genes).

    Methods: "trained with alternating minimization for 200 iterations to minimize the Frobenius
    norm of the reconstruction". scikit-learn's coordinate descent alternates between the two
    matrices, starting from the SVD (`nndsvda`); a tolerance of zero makes it do all `iterations`.
    `transform` gives the composition of other spots, each from its own shares. `seed` is for the
    randomised SVD; results are bitwise equal at an equal number of linear-algebra threads.

    Raises InputError if there are more factors than spots or genes.
    """
    if factors > min(shares.shape):
        raise InputError(
            f"targets.*.factors: {factors} factors are more than the {shares.shape[0]} training"
            f" spots or the {shares.shape[1]} genes; use fewer"
        )
    keys = {"init": "nndsvda", "solver": "cd", "max_iter": iterations, "tol": 0.0}
    return NMF(factors, random_state=seed, **keys).fit(shares)


def write_composition(
    base: str | Path,
    output: str | Path,
    *,
    of: str,
    factors: int,
    iterations: int,
    seed: int,
    held_out_sections: Sequence[str],
) -> None:
    """Write the composition of all spots of a targets file.

    The factorisation, the scale of the factors and the mean total are fitted on the training spots,
    which are the spots outside `held_out_sections`; inner folds share them. Held-out spots get
    their composition in these factors too, but no training uses it.

    X is float32 (spots, factors). Each factor has unit variance over the training spots; a factor
    that no training spot has stays zero. `varm["to_genes"]` (factors, genes) gives back the shares:
    `X @ to_genes`. `obsm["expression"]` is the X of `base`, and `uns["genes"]` its var. obs,
    `obsm["spatial"]`, `uns["grid"]` and `uns["spatial"]` are copied from `base`; with held-out
    sections, only their pictures are kept. `uns["targets"]` gains `of`, `factors`, `iterations`,
    `factors_seed` and `mean_total`, the mean total count of the training spots.

    Args:
        base: file of `write_targets`.
        output: h5ad.
        of: name of the targets in `base`.
        factors: number of factors.
        iterations: iterations of the factorisation.
        seed: seed of its randomised SVD.
        held_out_sections: sections left out of the fit; empty for none.

    Raises:
        InputError: no training spot is left, or as `shares` and `factorise`.
    """
    measured = read_h5ad(base)
    check_name(base, measured.uns, "targets")
    training = ~measured.obs["section"].isin(held_out_sections).to_numpy()
    if not training.any():
        raise InputError(f"{base}: no spots outside the held-out group; add a patient")
    of_spots = shares(measured)
    model = factorise(of_spots[training], factors, iterations=iterations, seed=seed)
    composition = model.transform(of_spots)
    sd = composition[training].std(axis=0)
    sd[sd == 0] = 1.0
    targets = ad.AnnData(
        (composition / sd).astype(np.float32),
        obs=measured.obs,
        var=pd.DataFrame(index=[f"factor{number}" for number in range(factors)]),
        obsm={**measured.obsm, "expression": np.asarray(measured.X)},
        varm={"to_genes": model.components_ * sd[:, None]},
        uns={
            **measured.uns,
            "genes": measured.var,
            "targets": {
                **measured.uns["targets"],
                "targets": name_in(output, "targets"),
                "held_out_sections": list(held_out_sections),
                "of": of,
                "factors": factors,
                "iterations": iterations,
                "factors_seed": seed,
                "mean_total": float(measured.obs["total_counts"].to_numpy()[training].mean()),
            },
        },
    )
    if held_out_sections:
        # As in `write_targets`: only the held-out sections are predicted from this file.
        keep_pictures(targets.uns, held_out_sections)
    write_h5ad(targets, output)
