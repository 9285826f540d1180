"""The noise ceiling: the highest r that a prediction can have with counts as few as these."""

import anndata as ad
import numpy as np
import pandas as pd
from scipy.special import ndtri

from stnet.core.tables import summary_table
from stnet.evaluation.averages import mean, median
from stnet.evaluation.bootstrap import SEED
from stnet.evaluation.correlation import (
    FEWEST_GIVEN_DEPTH,
    FEWEST_SPOTS,
    complete_blocks,
    pearson,
    residuals,
)
from stnet.expression.transforms import invert, normalise

DRAWS = 10
# Share of the genes of noise that are not `above_noise`.
BELOW = 0.95
# What is correlated, and the columns of the gene table with the results of an experiment.
KINDS = {"": "median_pearson", "_partial": "median_partial"}
# Spots that r and partial r lose to the mean, and to what they are given.
LOST_SPOTS = {"": 1, "_partial": 3}


def reliabilities(spots: ad.AnnData) -> dict[str, np.ndarray]:
    """r between two random halves of the counts, (draws, patients, genes), by name of `KINDS`.

    Each count is divided at random, every molecule with probability 1/2 (binomial thinning), and
    both halves are transformed as the targets are. r is over the spots over which predictions are
    evaluated; the partial r is given ln of the total counts and its square, of genes with a count
    in the patient. NaN where it is undefined. `spots` are those of `read_predictions`; the counts
    are recovered from the measured expression.
    """
    units = (spots.uns["targets"]["universe"], spots.uns["targets"]["transform"])
    random = np.random.default_rng(SEED)
    patients = spots.obs["patient"].astype(str).to_numpy()
    names = pd.unique(patients)
    found = {kind: np.full((DRAWS, len(names), spots.n_vars), np.nan) for kind in KINDS}
    for number, name in enumerate(names):
        of_patient = spots[patients == name]
        totals = of_patient.obs["total_counts"].to_numpy(dtype=np.int64)
        observed = of_patient.layers["observed"]
        measured = np.isfinite(observed)
        counts = np.rint(invert(observed.astype(np.float64), totals, *units))
        counts = np.where(measured, counts, 0).astype(np.int64)
        # The sum over the genes that are no targets; 0 if rounding makes it negative.
        others = np.maximum(totals - counts.sum(axis=1), 0)
        blocks = [
            block
            for block in complete_blocks(measured & np.isfinite(of_patient.X))
            if len(block[0]) >= FEWEST_SPOTS
        ]
        for draw in range(DRAWS):
            half, rest = random.binomial(counts, 0.5), random.binomial(others, 0.5)
            # A half without counts has a total of 1, by which `log_cp10k` can divide.
            halves = [
                normalise(part, np.maximum(part.sum(axis=1) + of_others, 1), *units)
                for part, of_others in ((half, rest), (counts - half, others - rest))
            ]
            for rows, genes in blocks:
                sides = [np.ascontiguousarray(side[np.ix_(rows, genes)].T) for side in halves]
                found[""][draw, number, genes] = pearson(*sides)
                if len(rows) < FEWEST_GIVEN_DEPTH:
                    continue
                unexplained = [residuals(side, np.log(totals[rows])) for side in sides]
                counted = counts[np.ix_(rows, genes)].any(axis=0)
                r = np.where(counted, pearson(*unexplained), np.nan)
                found["_partial"][draw, number, genes] = r
    return found


def ceiling(reliability: np.ndarray) -> np.ndarray:
    """The highest r with a measurement whose halves have correlation `reliability`.

    By the Spearman-Brown formula the whole measurement has the reliability 2 rho / (1 + rho), and a
    prediction that equals the expression without noise has the square root of it as its r. 0 if the
    halves have no positive correlation.
    """
    rho = np.maximum(reliability, 0.0)
    return np.sqrt(2 * rho / (1 + rho))


def patient_ceilings(spots: ad.AnnData) -> pd.DataFrame:
    """The ceiling of each gene in each patient, from the mean of `reliabilities`.

    Columns `gene`, `patient` and `ceiling`. `spots` are those of `read_predictions`.
    """
    of_patients = ceiling(mean(reliabilities(spots)[""], axis=0))
    patients = pd.Index(pd.unique(spots.obs["patient"].astype(str)), name="patient")
    table = pd.DataFrame(of_patients, index=patients, columns=spots.var_names.rename("gene"))
    return table.reset_index().melt("patient", value_name="ceiling")


def above_noise(reliability: np.ndarray, n_spots: np.ndarray, lost: int) -> np.ndarray:
    """Whether halves of a gene's counts agree more than those of 95% of genes of noise, by gene.

    Noise of counts is independent from spot to spot, so r of its halves is about 0, with a variance
    of 1/(n - `lost`): a spot is lost to the mean, and two more to depth and its square. Half of it
    is of the counts and stays in the mean over divisions, the other half of each division. Patients
    are added up as Stouffer does.

    That holds for spots of equal totals. Unequal totals are in both halves, and change the noise's
    variance: where ln of the totals has a standard deviation of 0.7, 5% to 12% of such genes pass
    given depth, and 8% to all without.

    Args:
        reliability: mean r of halves (patients, genes); NaN where undefined.
        n_spots: evaluated spots, likewise.
        lost: number of spots.
    """
    z = reliability * np.sqrt(np.maximum(n_spots - lost, 0))
    n_patients = np.isfinite(z).sum(axis=0)
    return np.nansum(z, axis=0) > ndtri(BELOW) * np.sqrt(n_patients * (1 + 1 / DRAWS) / 2)


def gene_ceilings(spots: ad.AnnData, genes: pd.DataFrame) -> pd.DataFrame:
    """A row per gene: its ceiling, an experiment's median r, and the share of the ceiling reached.

    - `ceiling`: median over the `n_patients` that have one, each from the mean of `reliabilities`;
      `ceiling_min`, `ceiling_max`: their range;
    - `ceiling_error`: standard error of `ceiling` by the random division of the counts;
    - `share`: `median_pearson` of `genes` (`gene_performance`) divided by `ceiling`; it may exceed
      1 by chance, and is missing where the ceiling is 0;
    - `signal`: whether the share is one of signals: the gene is consistent (which is not asked
      where patients are too few to say), and its halves agree (`above_noise`);
    - `…_partial`: the same for the partial r given depth.

    `spots` are the experiment's, of `read_predictions`. Source: ours.
    """
    results = genes.set_index("gene").reindex(spots.var_names)
    symbols = spots.var["symbol"].astype(object).replace("", np.nan)
    table = pd.DataFrame({"gene": spots.var_names, "symbol": symbols.to_numpy()})
    patients = spots.obs["patient"].astype(str).to_numpy()
    evaluated = pd.DataFrame(np.isfinite(spots.X) & np.isfinite(spots.layers["observed"]))
    n_spots = evaluated.groupby(patients, sort=False).sum().to_numpy()
    for kind, rho in reliabilities(spots).items():
        by_patient = mean(rho, axis=0)
        of_patients = pd.DataFrame(ceiling(by_patient))
        name = f"ceiling{kind}"
        if not kind:
            table["n_patients"] = of_patients.count()
        table[name] = of_patients.median()
        table[f"{name}_min"], table[f"{name}_max"] = of_patients.min(), of_patients.max()
        of_draws = median(ceiling(rho), axis=1)
        table[f"{name}_error"] = of_draws.std(axis=0, ddof=1) / np.sqrt(DRAWS)
        table[KINDS[kind]] = results[KINDS[kind]].to_numpy()
        table[f"share{kind}"] = table[KINDS[kind]] / table[name].replace(0, np.nan)
        # Empty if patients are too few to say.
        consistent = results[f"consistent{kind}"].fillna(True).astype(bool).to_numpy()
        told = consistent & above_noise(by_patient, n_spots, LOST_SPOTS[kind])
        table[f"signal{kind}"] = told & table[f"share{kind}"].notna()
    return table


def summarise(genes: pd.DataFrame) -> pd.DataFrame:
    """Table `quantity value …` of `gene_ceilings`: medians over genes.

    `median_share` is over the genes with a `signal`; `without_share` is how many it leaves out. The
    genes are chosen by the r that is shared out, so it is what is reached where something is found,
    and no estimate for all genes. `largest_error` is the largest standard error of a gene's ceiling
    by the random division.
    """
    found = {"n_genes": len(genes), "draws": DRAWS}
    for kind in KINDS:
        signal = genes[f"signal{kind}"]
        found[f"median_ceiling{kind}"] = genes[f"ceiling{kind}"].median()
        found[f"median_share{kind}"] = genes.loc[signal, f"share{kind}"].median()
        found[f"without_share{kind}"] = (~signal).sum()
        found[f"largest_error{kind}"] = genes[f"ceiling{kind}_error"].max()
    return summary_table(found)
