"""Targets that are factors of a composition: what they are of, and the genes that they mean."""

import anndata as ad
import numpy as np

from stnet.core.errors import InputError
from stnet.expression.transforms import invert, normalise


def are_factors(targets: ad.AnnData) -> bool:
    """Whether targets are factors (`write_composition`) instead of genes (`write_targets`)."""
    return "to_genes" in targets.varm


def gene_targets(targets: ad.AnnData) -> ad.AnnData:
    """The gene targets (spots, genes) of the same spots.

    For genes this is `targets` itself. For factors these are the targets that were factorised, with
    `uns["targets"]` as `write_composition` wrote it.
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
    """Expression float64 (spots, genes) in target units from predicted `factors` (spots, factors).

    `targets` is a file of `write_composition`. Methods: "The non-negative matrix factorization
    model was then used to map the cell composition to the expected gene expressions". Ours:
    negative predictions are set to zero, because measured factors are non-negative and shares need
    a logarithm. The depth of the spot is unknown, so y is computed with the mean total of the
    training spots.
    """
    about = targets.uns["targets"]
    total = float(about["mean_total"])
    shares = np.clip(np.asarray(factors, dtype=np.float64), 0.0, None) @ targets.varm["to_genes"]
    totals = np.full(len(shares), total)
    return normalise(shares * total, totals, int(about["universe"]), about["transform"])


def shares(targets: ad.AnnData) -> np.ndarray:
    """Shares c / sum c of the target genes in each spot's counts: float64 (spots, genes).

    `targets` is a file of `write_targets`. The sum is over all genes of the universe, so a spot's
    shares add up to less than one. Counts are recovered from float32 targets and rounded to whole
    numbers. Raises InputError for a spot without counts.
    """
    totals = targets.obs["total_counts"].to_numpy(dtype=np.float64)
    counted = totals > 0
    if not counted.all():
        raise InputError(
            f"spot {targets.obs_names[~counted][0]}: total count is zero, so its composition is"
            " undefined; remove it from its section's table of counts"
        )
    about, values = targets.uns["targets"], np.asarray(targets.X, dtype=np.float64)
    counts = np.rint(invert(values, totals, int(about["universe"]), about["transform"]))
    return counts / totals[:, None]
