"""A measurement under the normalisations that publications use, raw and smoothed."""

import anndata as ad
import numpy as np

from stnet.core.errors import InputError
from stnet.expression.smoothing import neighbourhoods, smooth
from stnet.expression.transforms import invert, normalise

NORMALISATIONS = ("targets", "ln_counts", "cp10k", "residuals")
# Overdispersion of the counts (Lause et al. 2021; scanpy's default).
THETA = 100


def measured(spots: ad.AnnData, normalisation: str, smoothing: str = "") -> np.ndarray:
    """The measurement (spots, genes) under a normalisation, smoothed or not.

    Args:
        spots: those of `read_predictions`.
        normalisation: `targets`, that of the spots' targets; `ln_counts`, ln(1 + c); `cp10k`,
            ln(1 + 10^4 c / sum of c over these genes); or `residuals` (`pearson_residuals`).
        smoothing: what is averaged over the neighbourhood of each spot: `values`; `counts`, before
            normalisation, the other reading of the Methods ("simulates the effect of predicting
            over a larger region that is more deeply sequenced"); or "" for nothing. The released
            code does not smooth what it evaluates. Spots of all labels are neighbours, so smooth
            before taking a stratum.

    Raises:
        InputError: another `smoothing`.
    """
    if smoothing not in ("", "values", "counts"):
        raise InputError(f"experiments.*.smoothing: {smoothing!r} is not values or counts")
    counts, totals = target_counts(spots), spots.obs["total_counts"].to_numpy(dtype=float)
    neighbours = neighbourhoods(spots.obs, spots.uns["grid"]) if smoothing else None
    if smoothing == "counts":
        counts, totals = smooth(counts, neighbours), smooth(totals[:, None], neighbours).ravel()
    if normalisation == "targets" and smoothing != "counts":
        values = spots.layers["observed"]
    else:
        values = _normalised(normalisation, counts, totals, **spots.uns["targets"])
    return smooth(values, neighbours) if smoothing == "values" else values


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
