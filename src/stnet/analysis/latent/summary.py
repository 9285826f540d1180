"""Summary of the latent space analyses, for the ledger."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from stnet.analysis.latent.neighbours import SIDES
from stnet.core.tables import by_patient, read_table, write_table
from stnet.evaluation.averages import mean, median
from stnet.evaluation.bootstrap import resampled_means, resampled_medians, with_interval

# Suffix of quantities, by form of the analysis.
SUFFIXES = {"ours": "", "released": "_released"}
# Largest distance of an adjacent spot in spot pitches, with room for rounding.
ADJACENT_WITHIN = 1.001
FAR = ["not_adjacent", "random_not_adjacent"]
Estimate = Callable[[np.ndarray], np.ndarray]


def write_summary(
    purity: str | Path, neighbours: str | Path, distances: str | Path, output: str | Path
) -> None:
    """Write `summarise` of the tables of purity, neighbours and distances."""
    write_table(summarise(*map(read_table, (purity, neighbours, distances))), output)


def summarise(
    purity: pd.DataFrame, neighbours: pd.DataFrame, distances: pd.DataFrame
) -> pd.DataFrame:
    """Table `quantity value ci_low ci_high unit`; patients are the unit of every interval.

    - `purity_mean`, `purity_sd` (sample s.d.), `majority_mean`, `ari_mean`: over patients;
      `purity_gain`: mean of purity minus majority share. With `_both`: over patients with both
      classes only, because a single class always has purity 1;
    - `nearest_r`, `farthest_r`: median over genes of the median r over patients;
      `neighbour_gain_median`: the first minus the second. `neighbour_gain`: the same with the mean
      over genes, because for the median, genes that no neighbour predicts can be the majority;
      `neighbour_gain_partial`: that of partial r;
    - `not_adjacent`: share of latent nearest neighbours that are not adjacent;
      `random_not_adjacent`: the same for random spots; `distance`, `random_distance`: in spot
      pitches. All four are means over patients of the mean over spots.

    Suffix `_released`: the last two groups in the form of the released code.
    """
    labelled = purity.dropna(subset=["purity"])
    both = labelled[(labelled["n_tumour"] > 0) & (labelled["n_normal"] > 0)]
    rows = [*_rows(_of_purity(labelled), labelled, ""), *_rows(_of_purity(both), both, "_both")]
    for form, suffix in SUFFIXES.items():
        of_form = neighbours[neighbours["form"] == form]
        rows += _rows(_of_neighbours(of_form), of_form, suffix)
        of_form = distances[distances["form"] == form]
        rows += _rows(_of_distances(of_form), of_form, suffix)
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
    names = ["distance", "random_distance"]
    values = distances[names].join(
        distances[names].gt(ADJACENT_WITHIN).rename(columns=dict(zip(names, FAR, strict=True)))
    )
    patients = values.groupby(distances["patient"], sort=False).mean()
    return {name: _mean_of(patients[name].to_numpy()) for name in [*FAR, *names]}


def _mean_of(values: np.ndarray) -> Estimate:
    return lambda draws: mean(resampled_means(values[:, None], draws), axis=1)
