"""Targets that are factors of a composition: which genes they stand for, and the way back."""

import anndata as ad
import numpy as np

from stnet.expression.transforms import normalise


def are_factors(targets: ad.AnnData) -> bool:
    """Whether targets are factors of `write_composition` and not genes of `write_targets`."""
    return "to_genes" in targets.varm


def gene_targets(targets: ad.AnnData) -> ad.AnnData:
    """The genes' targets, (spots, genes), of the same spots: `targets` itself if it has genes.

    Of factors those that the factors were made from, with all that `write_composition` says of
    itself in `uns["targets"]`.
    """
    if not are_factors(targets):
        return targets
    return ad.AnnData(
        targets.obsm["expression"],
        obs=targets.obs,
        var=targets.uns["genes"],
        obsm={"spatial": targets.obsm["spatial"]},
        uns={part: targets.uns[part] for part in ("targets", "spatial", "grid")},
    )


def to_expression(factors: np.ndarray, targets: ad.AnnData) -> np.ndarray:
    """Expression (spots, genes) in target units, float64, of predicted `factors` (spots, factors).

    Methods: "The non-negative matrix factorization model was then used to map the cell composition
    to the expected gene expressions". Ours: factors that are predicted below zero are zero, as they
    are in every spot that was measured, so that every reconstructed share of the counts has a
    logarithm; y is that of a spot which has the shares of `targets` (a file of `write_composition`)
    and, as its depth is not to be known, the training spots' mean total.
    """
    about = targets.uns["targets"]
    total = float(about["mean_total"])
    shares = np.clip(np.asarray(factors, dtype=np.float64), 0.0, None) @ targets.varm["to_genes"]
    totals = np.full(len(shares), total)
    return normalise(shares * total, totals, int(about["universe"]), about["transform"])
