"""Agreement of predicted and measured expression, per gene.

Every function takes `predicted` and `observed` as (genes, spots) arrays without missing values and
returns one float64 per gene, NaN where the statistic is undefined. Genes are the first axis because
contiguous memory is several times faster. `statistics` applies all of them to (spots, genes) arrays
with missing values.
"""

from collections.abc import Iterator

import numpy as np
from scipy.linalg import orth

# With fewer spots a quarter of them is empty.
FEWEST_SPOTS = 4
# With fewer spots two residuals have one degree of freedom, and r is 1 or -1.
FEWEST_GIVEN_DEPTH = 5
# A variance below this share of the mean square is rounding of float32 predictions.
ROUNDING = 1e-12
STATISTICS = [
    *("pearson", "pearson_smooth", "spearman", "auroc", "rmse", "partial", "depth"),
    *("auroc_partial", "auroc_depth"),
]


def pearson(predicted: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Pearson's r over spots; NaN where either side is constant. Source: Statistical analysis."""
    return _correlation(_centred(predicted), _centred(observed))


def spearman(predicted: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Pearson's r of the ranks, ties by their mean rank. Source: Statistical analysis."""
    return pearson(_ranks(predicted), _ranks(observed))


def quarter_auroc(predicted: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """AUROC of the prediction for spots with high against spots with low measured expression.

    High and low are the top and the bottom quarter (Statistical analysis, "in the top 25% of
    spots"). The released code computes no AUROC, so the rest is ours. High is at or above the upper
    quartile, low at or below the lower one (linear interpolation). Tied spots stay together, so a
    class can be larger than a quarter. With `log_fraction` there are hardly any, because spots
    without a count of the gene differ by their total counts. If the quartiles are equal, the AUROC
    is undefined. Tied predictions count one half, so a constant prediction has 0.5.
    """
    low_quartile, high_quartile = np.quantile(observed, [0.25, 0.75], axis=1, keepdims=True)
    high = observed >= high_quartile
    area = auroc(predicted, high, ~high & (observed <= low_quartile))
    return np.where((low_quartile < high_quartile).ravel(), area, np.nan)


def auroc(scores: np.ndarray, positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """Probability that a positive scores above a negative; ties count one half.

    All three are (…, n). `positive` and `negative` are boolean and disjoint; elements in neither
    are left out. NaN if one of them is empty. Equal to scikit-learn's `roc_auc_score`.
    """
    # Elements that are left out rank last, so they do not change the ranks of the others.
    ranks = _ranks(np.where(positive | negative, scores, np.inf))
    n_positive = positive.sum(axis=-1).astype(float)
    pairs = n_positive * negative.sum(axis=-1)
    wins = np.where(positive, ranks, 0.0).sum(axis=-1) - n_positive * (n_positive + 1) / 2
    return np.divide(wins, pairs, out=np.full_like(pairs, np.nan), where=pairs > 0)


def rmse(predicted: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Root mean squared error over spots, in target units (natural log). Source: Results."""
    return np.sqrt(np.square(np.subtract(predicted, observed, dtype=np.float64)).mean(axis=1))


def residuals(values: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Residuals of (genes, spots) after regression on `given` (spots,) and its square.

    Zero if these explain all. With the ln of the spots' total counts, Pearson's r of the residuals
    of prediction and measurement is the partial correlation: what sequencing depth does not
    explain. The square is needed because ln((1 + c) / (G + sum c)) is curved in ln sum c where G
    is large. Source: ours.
    """
    least = ROUNDING * np.square(values, dtype=np.float64).sum(axis=1)
    values, given = _centred(values), _centred(given[None, :])
    # The square of two values is a line in them, but for rounding.
    basis = orth(np.concatenate([given, _centred(np.square(given))]).T, rcond=1e-8)
    values = values - values @ basis @ basis.T
    explained = np.square(values).sum(axis=1) <= least
    return np.where(explained[:, None], 0.0, values)


def statistics(
    predicted: np.ndarray, observed: np.ndarray, smooth: np.ndarray, ln_total: np.ndarray
) -> dict[str, np.ndarray]:
    """All statistics of one patient or section, one value per gene each.

    `predicted`, `observed` and `smooth` (the smoothed measurement) are (spots, genes) in target
    units. `ln_total` (spots,) is the natural log of the spots' total counts. Spots with a missing
    prediction or measurement are left out per gene; `n_spots` counts the others. Correlations and
    AUROC are NaN with fewer than four spots. `partial` and `auroc_partial` are r and AUROC given
    `ln_total`, those of the `residuals`, and NaN with fewer than five; `depth` and `auroc_depth`
    are those of `ln_total` alone.
    """
    n_genes = observed.shape[1]
    found = {name: np.full(n_genes, np.nan) for name in STATISTICS}
    found["n_spots"] = np.zeros(n_genes, dtype=int)
    for spots, genes in complete_blocks(np.isfinite(predicted) & np.isfinite(observed)):
        block = np.ix_(spots, genes)
        x, y, z = (np.ascontiguousarray(side[block].T) for side in (predicted, observed, smooth))
        found["n_spots"][genes] = len(spots)
        found["rmse"][genes] = rmse(x, y)
        if len(spots) < FEWEST_SPOTS:
            continue
        found["pearson"][genes] = pearson(x, y)
        found["pearson_smooth"][genes] = pearson(x, z)
        found["spearman"][genes] = spearman(x, y)
        found["auroc"][genes] = quarter_auroc(x, y)
        depth = ln_total[None, spots]
        found["depth"][genes] = pearson(depth, y)
        found["auroc_depth"][genes] = quarter_auroc(np.broadcast_to(depth, y.shape), y)
        if len(spots) < FEWEST_GIVEN_DEPTH:
            continue
        unexplained = [residuals(side, ln_total[spots]) for side in (x, y)]
        found["partial"][genes] = _correlation(*unexplained)
        found["auroc_partial"][genes] = quarter_auroc(*unexplained)
    return found


def complete_blocks(finite: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Blocks without missing values: for genes that miss the same spots, the other spots."""
    patterns, pattern = np.unique(np.packbits(finite, axis=0), axis=1, return_inverse=True)
    for index in range(patterns.shape[1]):
        genes = np.flatnonzero(pattern.ravel() == index)
        spots = np.flatnonzero(finite[:, genes[0]])
        if len(spots):
            yield spots, genes


def _centred(values: np.ndarray) -> np.ndarray:
    """Differences from the mean in double precision, exactly zero for equal values."""
    centred = values - values.mean(axis=1, keepdims=True, dtype=np.float64)
    # The mean of equal values may differ from them in the last digit.
    centred[values.min(axis=1) == values.max(axis=1)] = 0.0
    return centred


def _correlation(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Pearson's r of centred values; `x` may have a single row for all genes."""
    norm = np.sqrt(np.square(x).sum(axis=1) * np.square(y).sum(axis=1))
    product = (x * y).sum(axis=1)
    r = np.divide(product, norm, out=np.full_like(norm, np.nan), where=norm > 0)
    return np.clip(r, -1.0, 1.0)


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks over the last axis from 1, ties by their mean."""
    # Imported here, because jobs that need r alone would pay for it.
    from scipy.stats import rankdata

    return rankdata(values, axis=-1)
