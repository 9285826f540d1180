"""Composition: expression as a few non-negative factors, each the share of a cell type.

Methods, "Comparison to cell-type composition-based model". The factorisation cannot take y, which
is negative: ours takes the share c / sum c that a gene has of its spot's counts.
"""

from collections.abc import Sequence
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from sklearn.decomposition import NMF

from stnet.core.atomic import atomic_path
from stnet.core.errors import InputError
from stnet.expression.spatial import keep_pictures
from stnet.expression.transforms import invert


def shares(targets: ad.AnnData) -> np.ndarray:
    """Shares c / sum c of the target genes in their spots' counts: float64 (spots, genes).

    `targets` is a file of `write_targets`. The sum is over the universe, so that a spot's shares
    add up to less than one. Counts are whole, and so are they again after the float32 of the
    targets. Raises InputError for a spot without counts.
    """
    totals = targets.obs["total_counts"].to_numpy(dtype=np.float64)
    counted = totals > 0
    if not counted.all():
        raise InputError(
            f"spot {targets.obs_names[~counted][0]}: no total count above zero, so its composition"
            " is undefined; take it out of its section's table of counts"
        )
    about, values = targets.uns["targets"], np.asarray(targets.X, dtype=np.float64)
    counts = np.rint(invert(values, totals, int(about["universe"]), about["transform"]))
    return counts / totals[:, None]


def factorise(shares: np.ndarray, factors: int, *, iterations: int, seed: int) -> NMF:
    """Fit `shares` (spots, genes) = composition (spots, factors) x `components_` (factors, genes).

    Methods: "trained with alternating minimization for 200 iterations to minimize the Frobenius
    norm of the reconstruction". scikit-learn's coordinate descent alternates between the two from
    the SVD (`nndsvda`); with a tolerance of zero it always does all `iterations`. `transform` gives
    the composition of any spots, each from its own shares alone. The seed is of the randomised SVD;
    the same one gives the same bytes at an equal number of threads of the linear algebra.

    Raises InputError where there are more factors than spots or genes.
    """
    if factors > min(shares.shape):
        raise InputError(
            f"targets.*.factors: {factors} factors asked for, of {shares.shape[0]} training spots"
            f" and {shares.shape[1]} genes; there are at most as many"
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
    """Write the composition of all spots of `base`, a file of `write_targets` called `of`.

    Factorisation, scale of the factors and mean total are those of the training spots, the spots
    outside `held_out_sections`; inner folds share them. The held-out spots have their own
    composition in these factors all the same, which no training looks at.

    X is float32 (spots, factors), each factor with unit variance over the training spots (one that
    no training spot has stays zero); `varm["to_genes"]` (factors, genes) gives the shares back,
    `X @ to_genes`. `obsm["expression"]` is the X of `base` and `uns["genes"]` its var; obs and
    `obsm["spatial"]` are its own, and so are `uns["grid"]` and `uns["spatial"]`, whose pictures are
    only of `held_out_sections` if there are any. `uns["targets"]` adds `of`, `factors`,
    `iterations`, `factors_seed` and `mean_total`, the training spots' mean total count, to what it
    has.

    Raises InputError where no training spot is left, or as `shares` and `factorise` do.
    """
    measured = ad.read_h5ad(base)
    training = ~measured.obs["section"].isin(held_out_sections).to_numpy()
    if not training.any():
        raise InputError(f"{base}: no spot is left outside the held-out group; add a patient")
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
        # As those of `write_targets`: no other section is predicted from this file.
        keep_pictures(targets.uns, held_out_sections)
    with atomic_path(output) as temporary:
        targets.write_h5ad(temporary, compression="gzip")
