"""How well a prediction follows a measurement, per gene.

Every function takes `predicted` and `observed` as (genes, spots) arrays without missing values,
since working along contiguous memory is several times faster, and returns one float64 a gene, NaN
where the statistic is undefined. `statistics` applies them all to (spots, genes) arrays, in which
values may be missing.
"""

from collections.abc import Iterator

import numpy as np
from scipy.stats import rankdata

# With fewer spots a quarter of them holds none, and partial r has no degree of freedom left.
FEWEST_SPOTS = 4
# Share of a variable's variance below which what ln total counts leaves of it is rounding of
# float32 predictions.
UNEXPLAINED = 1e-9
STATISTICS = ["pearson", "pearson_smooth", "spearman", "auroc", "rmse", "partial", "depth"]


def pearson(predicted: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Pearson's r over spots; NaN where either side is constant. Source: Statistical analysis."""
    return _correlation(_centred(predicted), _centred(observed))


def spearman(predicted: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Pearson's r of the ranks, ties by their mean rank. Source: Statistical analysis."""
    return pearson(rankdata(predicted, axis=1), rankdata(observed, axis=1))


def quarter_auroc(predicted: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """AUROC of the prediction for spots of high against spots of low measured expression.

    High and low are the top and the bottom quarter (Statistical analysis, "in the top 25% of
    spots"). The released code computes no AUROC, so the rest is ours: high is at or above the
    upper quartile, low at or below the lower one (linear interpolation), so that tied spots stay
    together and a class may be larger than a quarter; where the two quartiles are equal the
    classes are not defined and neither is the AUROC. Tied predictions count a half, so a constant
    prediction has 0.5.
    """
    low_quartile, high_quartile = np.quantile(observed, [0.25, 0.75], axis=1, keepdims=True)
    high = observed >= high_quartile
    area = auroc(predicted, high, ~high & (observed <= low_quartile))
    return np.where((low_quartile < high_quartile).ravel(), area, np.nan)


def auroc(scores: np.ndarray, positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """Probability that a positive scores above a negative, ties counting a half.

    All three are (…, n), `positive` and `negative` boolean and disjoint; elements in neither are
    left out. NaN where one of them is empty. Equals scikit-learn's `roc_auc_score`.
    """
    # What is left out ranks above everything, so the ranks of the others are as if alone.
    ranks = rankdata(np.where(positive | negative, scores, np.inf), axis=-1)
    n_positive = positive.sum(axis=-1).astype(float)
    pairs = n_positive * negative.sum(axis=-1)
    wins = np.where(positive, ranks, 0.0).sum(axis=-1) - n_positive * (n_positive + 1) / 2
    return np.divide(wins, pairs, out=np.full_like(pairs, np.nan), where=pairs > 0)


def rmse(predicted: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """Root mean squared error over spots, in target units (natural log). Source: Results."""
    return np.sqrt(np.square(np.subtract(predicted, observed, dtype=np.float64)).mean(axis=1))


def partial(predicted: np.ndarray, observed: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Pearson's r of what a straight line in `given` (spots,) leaves of both sides.

    With `given` the ln of the spots' total counts it is the part of r that sequencing depth does
    not explain. NaN where `given` explains one side entirely. Source: ours.
    """
    given = _centred(given[None, :])
    norm = np.square(given).sum()
    residuals = []
    for side in (predicted, observed):
        values = _centred(side)
        spread = np.square(values).sum(axis=1)
        if norm > 0:
            values = values - (values @ given.T) / norm * given
        explained = np.square(values).sum(axis=1) <= UNEXPLAINED * spread
        residuals.append(np.where(explained[:, None], 0.0, values))
    return _correlation(*residuals)


def statistics(
    predicted: np.ndarray, observed: np.ndarray, smooth: np.ndarray, ln_total: np.ndarray
) -> dict[str, np.ndarray]:
    """Every statistic of one patient or section, each with one value a gene.

    `predicted`, `observed` and `smooth` (the smoothed measurement) are (spots, genes) in target
    units, `ln_total` (spots,) the natural log of the spots' total counts. A spot where prediction
    or measurement is missing is left out for that gene; `n_spots` counts the others. Correlations
    and AUROC of fewer than four spots are NaN. `partial` is r given `ln_total`, `depth` the r of
    the measurement with it.
    """
    n_genes = observed.shape[1]
    found = {name: np.full(n_genes, np.nan) for name in STATISTICS}
    found["n_spots"] = np.zeros(n_genes, dtype=int)
    for spots, genes in _complete_blocks(np.isfinite(predicted) & np.isfinite(observed)):
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
        found["partial"][genes] = partial(x, y, ln_total[spots])
        found["depth"][genes] = pearson(ln_total[None, spots], y)
    return found


def _complete_blocks(finite: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the spots and genes of each set of genes that miss the same spots, no spot missing."""
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
