"""Variance of expression explained by a composition, by number of factors (Supp. Fig. 7c)."""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.decomposition import NMF

from stnet.config.split import inner_folds
from stnet.core.h5ad import read_h5ad
from stnet.core.tables import write_table
from stnet.expression.composition import factorise
from stnet.expression.factors import shares

# Folds of patients in which the fit to other patients is evaluated.
FOLDS = 4
EXPLAINED = ["explained", "explained_left_out", "explained_shuffled"]
# How often genes are shuffled for the range of what configured factors explain by chance (ours).
SHUFFLES = 10


def write_explained(
    targets: str | Path, output: str | Path, *, factors: int, iterations: int, seed: int
) -> None:
    """Write `explained` of a file of `write_targets`, from one factor to 2 x `factors`.

    `configured` marks the row with `factors` factors, which has `shuffled_range` too, in
    `explained_shuffled_low` and `…_high`.

    Args:
        targets: a file of `write_targets`.
        output: TSV.
        factors: configured number of factors.
        iterations, seed: of the factorisation.
    """
    measured = read_h5ad(targets)
    sections = measured.obs[["patient", "section"]].astype(str)
    of_spots = shares(measured)
    most = min(2 * factors, *of_spots.shape)
    keys = {"iterations": iterations, "seed": seed}
    table = explained(of_spots, sections, most, **keys)
    table["configured"] = table["factors"] == factors
    ends = ["explained_shuffled_low", "explained_shuffled_high"]
    table[ends] = np.nan
    if table["configured"].any():
        table.loc[table["configured"], ends] = shuffled_range(of_spots, factors, **keys)
    write_table(table, output)


def explained(
    shares: np.ndarray, spots: pd.DataFrame, most: int, *, iterations: int, seed: int
) -> pd.DataFrame:
    """Share of the variance that factors explain, by their number. No image is involved.

    The paper does not define the variance explained. `explained_left_out` is ours.

    Args:
        shares: (spots, genes), of `stnet.expression.factors.shares`.
        spots: `patient section` of each spot.
        most: largest number of factors.
        iterations, seed: of the factorisation.

    Returns:
        Table `factors explained explained_left_out explained_shuffled folds`, a row per number of
        factors from 1 to `most`. Variance is the squared distance from the mean over all spots.
        `explained`: factors are fitted to all spots. `explained_left_out`: factors are fitted to
        the other folds (patients[f::4], like the inner folds), and only the composition is fitted
        to the spot itself; missing if there is nothing to split, or fewer spots than factors
        remain. `explained_shuffled`: as `explained`, after each gene was shuffled over all spots on
        its own, so that no two genes vary together (ours).
    """
    rows = spots.drop_duplicates().to_dict("records")
    _, folds = inner_folds(rows, FOLDS)
    left_out = [spots["section"].isin(fold).to_numpy() for fold in folds]
    fewest = min(((~some).sum() for some in left_out), default=0)
    total = _variance(shares)
    keys = {"iterations": iterations, "seed": seed}
    shuffled = np.random.default_rng(seed).permuted(shares, axis=0)
    found = []
    for factors in range(1, most + 1):
        row = {"factors": factors, "explained": explained_by(shares, factors, **keys)}
        if factors <= fewest:
            error = sum(_error(factorise(shares[~i], factors, **keys), shares[i]) for i in left_out)
            row["explained_left_out"] = 1 - error / total
        row["explained_shuffled"] = explained_by(shuffled, factors, **keys)
        found.append(row)
    table = pd.DataFrame(found, columns=["factors", *EXPLAINED])
    return table.assign(folds=len(folds))


def explained_by(shares: np.ndarray, factors: int, *, iterations: int, seed: int) -> float:
    """Share of the variance of (spots, genes) that factors fitted to all spots explain."""
    model = factorise(shares, factors, iterations=iterations, seed=seed)
    return 1 - _error(model, shares) / _variance(shares)


def shuffled_range(
    shares: np.ndarray, factors: int, *, iterations: int, seed: int
) -> tuple[float, float]:
    """Least and most that factors explain after each gene was shuffled over all spots, ten times.

    Source: ours.
    """
    random = np.random.default_rng(seed)
    drawn = [
        explained_by(random.permuted(shares, axis=0), factors, iterations=iterations, seed=seed)
        for _ in range(SHUFFLES)
    ]
    return min(drawn), max(drawn)


def _variance(shares: np.ndarray) -> float:
    return np.square(shares - shares.mean(axis=0)).sum()


def _error(model: NMF, shares: np.ndarray) -> float:
    return np.square(shares - model.transform(shares) @ model.components_).sum()
