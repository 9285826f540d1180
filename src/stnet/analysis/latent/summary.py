"""Summary of the latent space analyses, for the ledger."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from stnet.analysis.latent.neighbours import SIDES
from stnet.analysis.latent.purity import shuffled_labels
from stnet.core.tables import by_patient, read_table, write_table
from stnet.evaluation.averages import mean, median
from stnet.evaluation.bootstrap import (
    SAMPLES,
    SEED,
    percentile_interval,
    resampled_means,
    resampled_medians,
    with_interval,
)

# Suffix of quantities, by form of the analysis.
SUFFIXES = {"ours": "", "released": "_released"}
Estimate = Callable[[np.ndarray], np.ndarray]


def write_summary(tables: Mapping[str, str | Path], output: str | Path) -> None:
    """Write `summarise` of `tables`, whose names are its arguments."""
    write_table(summarise(**{name: read_table(path) for name, path in tables.items()}), output)


def summarise(
    purity: pd.DataFrame,
    neighbours: pd.DataFrame,
    distances: pd.DataFrame,
    neighbours_null: pd.DataFrame,
) -> pd.DataFrame:
    """Table `quantity value ci_low ci_high unit`; patients are the unit of every interval.

    - `purity_mean`, `purity_sd` (sample s.d.), `majority_mean`, `ari_mean`: over patients;
      `purity_gain`: mean of purity minus majority share. With `_both`: over patients with both
      classes only, because a single class always has purity 1;
    - `nearest_r`, `farthest_r`: median over genes of the median r over patients;
      `neighbour_gain_median`: the first minus the second. `neighbour_gain`: the same with the mean
      over genes, because for the median, genes that no neighbour predicts can be the majority;
      `neighbour_gain_partial`: that of partial r;
    - `not_adjacent`: share of latent nearest neighbours that are not adjacent, diagonals being
      adjacent on a square grid; `distance`, `random_distance`: in spot pitches. All three are means
      over patients of the mean over spots.

    Suffix `_released`: the last two groups in the form of the released code.

    Rows `…_null` have the mean and the 95% range of a quantity by chance, and the unit `null`:

    - purity and Rand index: labels are shuffled among the spots of each patient;
    - `neighbour_gain`, `neighbour_gain_median`: `neighbour_null`;
    - `not_adjacent`: the nearest neighbour is a random other spot.
    """
    labelled = purity.dropna(subset=["purity"])
    both = labelled[(labelled["n_tumour"] > 0) & (labelled["n_normal"] > 0)]
    rows = []
    for table, suffix in ((labelled, ""), (both, "_both")):
        rows += _rows(_of_purity(table), table, suffix)
        rows += _null_rows(_purity_null(table), suffix)
    for form, suffix in SUFFIXES.items():
        of_form = neighbours[neighbours["form"] == form]
        rows += _rows(_of_neighbours(of_form), of_form, suffix)
        of_form = distances[distances["form"] == form]
        rows += _rows(_of_distances(of_form), of_form, suffix)
        rows += _null_rows({"not_adjacent": _not_adjacent_null(of_form)}, suffix)
    rows += _null_rows({name: neighbours_null[name].to_numpy() for name in neighbours_null}, "")
    return pd.DataFrame(rows, columns=["quantity", "value", "ci_low", "ci_high", "unit"])


def _rows(estimates: dict[str, Estimate], table: pd.DataFrame, suffix: str) -> list[tuple]:
    """Rows of estimates; each is a function of drawn patients, in order of appearance."""
    n_patients = table["patient"].nunique()
    unit = "patients" if n_patients > 1 else ""
    return [
        (f"{name}{suffix}", *with_interval(estimate, n_patients), unit)
        for name, estimate in estimates.items()
    ]


def _of_purity(patients: pd.DataFrame) -> dict[str, Estimate]:
    purity = patients["purity"].to_numpy()

    def sd(draws: np.ndarray) -> np.ndarray:
        # One patient has no s.d.
        return purity[draws].std(axis=1, ddof=1) if len(purity) > 1 else np.array([np.nan])

    return {
        "purity_mean": _mean_of(purity),
        "purity_sd": sd,
        "majority_mean": _mean_of(patients["majority"].to_numpy()),
        "ari_mean": _mean_of(patients["ari"].to_numpy()),
        "purity_gain": _mean_of(purity - patients["majority"].to_numpy()),
    }


def _of_neighbours(performance: pd.DataFrame) -> dict[str, Estimate]:
    genes = performance["gene"].unique().tolist()

    def over_genes(average: Callable, column: str) -> Estimate:
        values = by_patient(performance, column, genes)
        return lambda draws: average(resampled_medians(values, draws), axis=1)

    def gain(average: Callable, suffix: str) -> Estimate:
        nearest, farthest = (over_genes(average, f"{side}{suffix}") for side in SIDES)
        return lambda draws: nearest(draws) - farthest(draws)

    return {
        **{f"{side}_r": over_genes(median, side) for side in SIDES},
        "neighbour_gain": gain(mean, ""),
        "neighbour_gain_partial": gain(mean, "_partial"),
        "neighbour_gain_median": gain(median, ""),
    }


def _of_distances(distances: pd.DataFrame) -> dict[str, Estimate]:
    values = distances[["distance", "random_distance"]].assign(not_adjacent=~distances["adjacent"])
    patients = values.groupby(distances["patient"], sort=False).mean()
    return {name: _mean_of(patients[name].to_numpy(dtype=float)) for name in patients}


def _purity_null(patients: pd.DataFrame) -> dict[str, np.ndarray]:
    purity, ari = shuffled_labels(patients, SAMPLES, np.random.default_rng(SEED))
    average = mean(purity, axis=1)
    sizes = patients[["n_tumour", "n_normal"]]
    # Not from the table, whose rounding would be more than what chance adds.
    majority = (sizes.max(axis=1) / sizes.sum(axis=1)).mean()
    return {
        "purity_mean": average,
        # One patient has no s.d.
        "purity_sd": purity.std(axis=1, ddof=1) if len(patients) > 1 else average * np.nan,
        "ari_mean": mean(ari, axis=1),
        "purity_gain": average - majority,
    }


def _not_adjacent_null(distances: pd.DataFrame) -> np.ndarray:
    random = np.random.default_rng(SEED)
    shares = [
        np.mean(random.random((SAMPLES, len(chance))) >= chance.to_numpy(), axis=1)
        for _, chance in distances.groupby("patient", sort=False)["chance_adjacent"]
    ]
    return np.mean(shares, axis=0) if shares else np.array([np.nan])


def _null_rows(draws: Mapping[str, np.ndarray], suffix: str) -> list[tuple]:
    """Rows of the mean and the 95% range of draws of quantities by chance."""
    return [
        (f"{name}{suffix}_null", float(mean(values, axis=0)), *percentile_interval(values), "null")
        for name, values in draws.items()
    ]


def _mean_of(values: np.ndarray) -> Estimate:
    return lambda draws: mean(resampled_means(values[:, None], draws), axis=1)
