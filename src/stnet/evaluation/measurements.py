"""A measurement under the normalisations that publications use, raw and smoothed."""

from collections.abc import Iterator

import anndata as ad
import numpy as np

from stnet.expression.smoothing import neighbourhoods, smooth
from stnet.expression.transforms import invert, normalise

NORMALISATIONS = ("targets", "ln_counts", "cp10k", "residuals")
# Overdispersion of the counts (Lause et al. 2021; scanpy's default).
THETA = 100


def measurements(
    spots: ad.AnnData, counts: np.ndarray, smoothing: str
) -> Iterator[tuple[str, str, np.ndarray]]:
    """Normalisation, `raw` or `smoothed`, and values (spots, genes), for each of them.

    The normalisations are `targets`, that of the spots' targets; `ln_counts`, ln(1 + c); `cp10k`,
    ln(1 + 10^4 c / sum of c over these genes); and `residuals` (`pearson_residuals`). `spots` are
    those of `read_predictions`, `counts` those of `target_counts`. `smoothing` is what is averaged
    over the neighbourhood, as in `smooth_observed`: `values`, or `counts` before normalisation.
    """
    neighbours = neighbourhoods(spots.obs, spots.uns["grid"])
    totals = spots.obs["total_counts"].to_numpy(dtype=float)
    units = spots.uns["targets"]
    raw = (counts, totals)
    smoothed = (smooth(counts, neighbours), smooth(totals[:, None], neighbours).ravel())
    for name in NORMALISATIONS:
        values = _normalised(name, *raw, **units)
        yield name, "raw", values
        if smoothing == "counts":
            yield name, "smoothed", _normalised(name, *smoothed, **units)
        else:
            yield name, "smoothed", smooth(values, neighbours)


def target_counts(spots: ad.AnnData) -> np.ndarray:
    """Counts (spots, genes) of the predicted genes, recovered from the measurement."""
    totals = spots.obs["total_counts"].to_numpy(dtype=float)
    observed = np.asarray(spots.layers["observed"], dtype=float)
    return np.rint(invert(observed, totals, **spots.uns["targets"]))


def dispersion(counts: np.ndarray) -> np.ndarray:
    """Variance over mean of each gene's share of a spot's counts: (genes,), NaN without counts.

    Source: scanpy's flavour `seurat` of highly variable genes, without its bins by mean.
    """
    shares = counts / _sums(counts)
    mean = shares.mean(axis=0)
    return np.divide(shares.var(axis=0), mean, out=np.full_like(mean, np.nan), where=mean > 0)


def pearson_residuals(counts: np.ndarray) -> np.ndarray:
    """Analytic Pearson residuals (spots, genes) of counts, clipped at the root of the spots.

    Source: Lause et al. 2021, as in `scanpy.experimental.pp.normalize_pearson_residuals`. A spot or
    a gene without counts has 0 (NaN there).
    """
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0) / max(counts.sum(), 1.0))
    sd = np.sqrt(expected + np.square(expected) / THETA)
    limit = np.sqrt(len(counts))
    residuals = np.divide(counts - expected, sd, out=np.zeros_like(expected), where=sd > 0)
    return residuals.clip(-limit, limit)


def _normalised(
    name: str, counts: np.ndarray, totals: np.ndarray, universe: int, transform: str
) -> np.ndarray:
    if name == "targets":
        return normalise(counts, totals, universe, transform)
    if name == "ln_counts":
        return np.log1p(counts)
    if name == "cp10k":
        return normalise(counts, _sums(counts).ravel(), universe, "log_cp10k")
    return pearson_residuals(counts)


def _sums(counts: np.ndarray) -> np.ndarray:
    """Counts of each spot (spots, 1); 1 for a spot without counts, whose shares are then 0."""
    sums = counts.sum(axis=1, keepdims=True)
    return np.where(sums > 0, sums, 1.0)
