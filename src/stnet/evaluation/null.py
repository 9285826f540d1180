"""What predictions that know nothing of the measurements reach (Fig. 2b), and tests against it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from scipy import stats

from stnet.core.tables import write_table
from stnet.evaluation.bootstrap import PERCENTILES, SAMPLES, SEED
from stnet.evaluation.consistency import LARGEST_R
from stnet.evaluation.correlation import FEWEST_SPOTS
from stnet.evaluation.held_out import of_stratum, read_predictions
from stnet.evaluation.measurements import measured
from stnet.evaluation.spatial import spectral_null, toroidal_null
from stnet.expression.grids import places

# A patient counts if its r is among this share of the highest of its null (ours).
LEVEL = 0.05
# The null of each curve of Fig. 2b.
CURVES = {"permuted": "toroidal", "permuted_smooth": "smoothed"}
# Room for rounding when draws are compared with the true value.
TIE = 1e-12


def write_null(
    predictions: Sequence[str | Path],
    outputs: Mapping[str, str | Path],
    *,
    stratum: str,
    smoothing: str,
) -> None:
    """Write the `curves` and the `genes` of `null_tables` for the spots of a stratum.

    `smoothing` is what smoothing averages, as in `measured`.
    """
    spots = read_predictions(predictions)
    spots.layers["smoothed"] = measured(spots, "targets", smoothing)
    curves, genes = null_tables(of_stratum(spots, stratum))
    write_table(curves, outputs["curves"])
    write_table(genes, outputs["genes"])


def null_tables(spots: ad.AnnData) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The null of Fig. 2b by rank of the gene, and a test of each gene against a spatial null.

    First table, a row per rank; 1 is the most consistent gene. `binomial` has the quantiles of
    Binomial(patients, 1/2) (released code, bin/generate_figs.py), which treats genes as
    independent. `permuted` is the mean over 1,000 draws of `toroidal_null`, with its 95% range
    `permuted_low` to `permuted_high`; all genes of a patient are moved together, which keeps their
    dependence (ours). `permuted_smooth` and its range are of the same draws, with the smoothed
    measurement, `layers["smoothed"]`. Surrogates of `spectral_null` stay in place, so where most
    genes are predicted they would make genes agree more than by chance; they stand in only where a
    patient has no shift.

    Second table, a row per gene (ours), by `spectral_null`: `gene n_patients`; `p_spectral`,
    one-sided P of the mean Fisher's z over patients, whose nulls are drawn independently; and
    `n_spectral`: in how many patients r is in the top 5% of the patient's own null, which 5% of the
    patients reach by chance.
    """
    patients = spots.obs["patient"].astype(str).to_numpy()
    names = pd.unique(patients)
    total = np.zeros((1 + SAMPLES, spots.n_vars))
    consistent = {curve: np.zeros((SAMPLES, spots.n_vars), dtype=int) for curve in CURVES}
    n_patients, above = np.zeros((2, spots.n_vars), dtype=int)
    random = np.random.default_rng(SEED)
    for name in names:
        drawn = _nulls(spots[patients == name], random)
        spectral = drawn["spectral"]
        for curve, null in CURVES.items():
            moved = drawn[null]
            consistent[curve] += np.where(np.isfinite(moved), moved, spectral)[1:] > 0
        defined = np.isfinite(spectral[0])
        r = np.where(defined, spectral, 0.0)
        total += np.arctanh(np.clip(r, -LARGEST_R, LARGEST_R))
        above += defined & (_p(r) <= LEVEL)
        n_patients += defined
    rank = np.arange(spots.n_vars) + 1
    by_rank = pd.DataFrame(
        {
            "rank": rank,
            "binomial": stats.binom.isf((rank - 0.5) / spots.n_vars, len(names), 0.5).astype(int),
        }
    )
    for curve, counts in consistent.items():
        curves = np.sort(counts, axis=1)[:, ::-1]
        by_rank[curve] = curves.mean(axis=0)
        by_rank[[f"{curve}_low", f"{curve}_high"]] = np.percentile(curves, PERCENTILES, axis=0).T
    by_gene = pd.DataFrame({"gene": spots.var_names, "n_patients": n_patients})
    by_gene["p_spectral"] = np.where(n_patients > 0, _p(total), np.nan)
    by_gene["n_spectral"] = above
    return by_rank, by_gene


def _nulls(spots: ad.AnnData, random: np.random.Generator) -> dict[str, np.ndarray]:
    """Nulls of a patient by name: r, (1 + draws, genes).

    `smoothed` is the toroidal null of the smoothed measurement, under the same shifts.
    """
    # Spots in their order on the array, so that the draws do not depend on the order of the file.
    order = np.lexsort([spots.obs[key] for key in ("array_row", "array_col", "section")])
    spots = spots[order[np.isfinite(spots.X[order]).any(axis=1)]]
    if spots.n_obs < FEWEST_SPOTS:
        nothing = np.full((1 + SAMPLES, spots.n_vars), np.nan)
        return dict.fromkeys(("spectral", *CURVES.values()), nothing)
    # Side by side, so that one draw moves the predictions for both measurements.
    sides = [
        np.hstack([spots.X, spots.X]),
        np.hstack([spots.layers["observed"], spots.layers["smoothed"]]),
    ]
    missing = ~np.logical_and(*(np.isfinite(side).all(axis=0) for side in sides))
    # A gene of constant values has no r.
    sides = [np.where(missing, 0.0, side) for side in sides]
    section = spots.obs["section"].astype(str).to_numpy()
    steps = spots.obs[["array_col", "array_row"]].to_numpy(dtype=int)
    at = places(spots.obs, spots.uns["grid"])
    spectral = spectral_null(*(side[:, : spots.n_vars] for side in sides), at, section, random)
    toroidal, smoothed = np.hsplit(toroidal_null(*sides, steps, section, random), 2)
    return {"spectral": spectral, "toroidal": toroidal, "smoothed": smoothed}


def _p(values: np.ndarray) -> np.ndarray:
    """Share of the rows, the true first one included, that are as high as it: one per column."""
    return np.mean(values >= values[0] - TIE, axis=0)
