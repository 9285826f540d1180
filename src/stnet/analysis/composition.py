"""How much of expression a composition of so many factors explains (Supp. Fig. 7c)."""

from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from sklearn.decomposition import NMF

from stnet.config.split import inner_folds
from stnet.core.tables import write_table
from stnet.expression.composition import factorise, shares

# Of patients that the factors are tried on without having been fitted to them.
FOLDS = 4


def write_explained(
    targets: str | Path, output: str | Path, *, factors: int, iterations: int, seed: int
) -> None:
    """Write `explained` of a file of `write_targets`, from one factor to twice as many as asked.

    `configured` marks the row of as many as asked.
    """
    measured = ad.read_h5ad(targets)
    sections = measured.obs[["patient", "section"]].astype(str)
    of_spots = shares(measured)
    most = min(2 * factors, *of_spots.shape)
    table = explained(of_spots, sections, most, iterations=iterations, seed=seed)
    write_table(table.assign(configured=table["factors"] == factors), output)


def explained(
    shares: np.ndarray, spots: pd.DataFrame, most: int, *, iterations: int, seed: int
) -> pd.DataFrame:
    """Table `factors explained explained_left_out folds`, a row each from one factor to `most`.

    `shares` is (spots, genes) of `stnet.expression.composition.shares`, `spots` has the patient and
    section of each. Both numbers are parts of the variance of the shares, the squared distances
    from the mean over all spots: `explained` by factors fitted to all spots; `explained_left_out`
    by factors fitted to all `folds` but the spot's own, which has only its composition fitted
    (folds as the inner ones, patients[f::4]). Missing where there is nothing to split, or a fold
    leaves fewer spots than factors. Nothing here is predicted from an image.

    The paper does not say how it takes the variance explained; the second is ours.
    """
    rows = spots.drop_duplicates().to_dict("records")
    _, folds = inner_folds(rows, FOLDS)
    left_out = [spots["section"].isin(fold).to_numpy() for fold in folds]
    fewest = min(((~some).sum() for some in left_out), default=0)
    total = np.square(shares - shares.mean(axis=0)).sum()
    keys = {"iterations": iterations, "seed": seed}
    found = []
    for factors in range(1, most + 1):
        everywhere = factorise(shares, factors, **keys)
        row = {"factors": factors, "explained": 1 - _error(everywhere, shares) / total}
        if factors <= fewest:
            error = sum(_error(factorise(shares[~i], factors, **keys), shares[i]) for i in left_out)
            row["explained_left_out"] = 1 - error / total
        found.append(row)
    table = pd.DataFrame(found, columns=["factors", "explained", "explained_left_out"])
    return table.assign(folds=len(folds))


def _error(model: NMF, shares: np.ndarray) -> float:
    return np.square(shares - model.transform(shares) @ model.components_).sum()
