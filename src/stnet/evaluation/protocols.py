"""The same held-out predictions, scored under the definitions of r that publications use."""

from collections.abc import Collection, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from stnet.core.errors import InputError
from stnet.evaluation.averages import mean, median
from stnet.evaluation.bootstrap import (
    interval,
    patient_draws,
    resampled_means,
    resampled_medians,
)
from stnet.evaluation.correlation import FEWEST_SPOTS, ROUNDING
from stnet.evaluation.held_out import read_predictions
from stnet.evaluation.measurements import NORMALISATIONS, dispersion, measurements, target_counts

# Size of a choice of genes, as in publications; a fifth of the genes if that is less.
CHOSEN_GENES = 50
OVER_UNITS = {"median": resampled_medians, "mean": resampled_means}
OVER_GENES = {"median": median, "mean": mean}


class Protocol(NamedTuple):
    """A definition of the r of a method: one choice of each kind.

    Attributes:
        normalisation: of the measurement (`stnet.evaluation.measurements.measurements`); `targets`
            is that of the main experiment's targets.
        measurement: `raw`, or `smoothed` over the neighbourhood of each spot.
        unit: the spots over which r is computed: those of a `patient`, of a `section`, or all
            `spots`.
        over_units: `median` or `mean` of a gene's r over units; "" if all spots are one unit.
        genes: `all`; `variable`, the genes with the highest `dispersion`; `best_training`, for each
            patient the genes with the highest mean r in the other patients; `best_test`, the genes
            with the highest mean r in the very units that are scored.
        over_genes: `median` or `mean` over genes.
    """

    normalisation: str
    measurement: str
    unit: str
    over_units: str
    genes: str
    over_genes: str

    @property
    def leaks(self) -> bool:
        """Whether the genes are chosen by the result that is reported."""
        return self.genes == "best_test"


KEYS = list(Protocol._fields)
CHOICES = Protocol(
    NORMALISATIONS,
    ("raw", "smoothed"),
    ("patient", "section", "spots"),
    ("median", "mean", ""),
    ("all", "variable", "best_training", "best_test"),
    ("median", "mean"),
)
# If all spots are one unit, there is no other unit to choose genes in.
PROTOCOLS = [
    each
    for each in map(Protocol._make, product(*CHOICES))
    if (each.unit == "spots") == (each.over_units == "")
    and (each.unit, each.genes) != ("spots", "best_training")
]
PAPER = Protocol("targets", "raw", "patient", "median", "all", "median")
# Who scored so, according to the paper's text or to released code (docs/protocols.md). He et al.
# report r by gene; the median over genes is ours.
USERS = {
    "He 2020, Table 1": PAPER,
    "He 2020, Table 1 (smooth)": PAPER._replace(measurement="smoothed"),
    "He 2020, Methods (r by slide)": PAPER._replace(unit="section"),
    "EGN": Protocol("ln_counts", "raw", "spots", "", "all", "mean"),
    "HEST-Benchmark": Protocol("ln_counts", "raw", "patient", "mean", "variable", "mean"),
    "TRIPLEX, all genes": Protocol("cp10k", "smoothed", "section", "mean", "all", "mean"),
    "TRIPLEX, best 50 genes": Protocol("cp10k", "smoothed", "section", "mean", "best_test", "mean"),
}


class Units(NamedTuple):
    """Patients and sections of a cohort's spots.

    Attributes:
        section_spots: 0/1 matrix (sections, spots).
        patient_sections: 0/1 matrix (patients, sections).
        draws: patients drawn in each resample (1 + samples, patients); the first row is each
            patient once.
        times: how often each patient is drawn, likewise.
    """

    section_spots: sparse.csr_array
    patient_sections: np.ndarray
    draws: np.ndarray
    times: np.ndarray

    @classmethod
    def of(cls, obs: pd.DataFrame) -> "Units":
        """Units of spots with `patient` and `section`."""
        section, names = pd.factorize(obs["section"].astype(str))
        patient, patients = pd.factorize(obs["patient"].astype(str))
        shape = (len(names), len(obs))
        spots = sparse.csr_array((np.ones(len(obs)), (section, np.arange(len(obs)))), shape=shape)
        sections = np.zeros((len(patients), len(names)))
        sections[patient, section] = 1
        everyone = np.arange(len(patients))
        draws = np.vstack([everyone, patient_draws(len(patients))])
        times = (draws[:, :, None] == everyone).sum(axis=1)
        return cls(spots, sections, draws, times)

    @property
    def section_draws(self) -> np.ndarray:
        """Sections of the drawn patients; where a patient has fewer, the number of sections."""
        n_patients, n_sections = self.patient_sections.shape
        most = int(self.patient_sections.sum(axis=1).max())
        table = np.full((n_patients, most), n_sections)
        for row, sections in zip(table, self.patient_sections, strict=True):
            own = np.flatnonzero(sections)
            row[: len(own)] = own
        return table[self.draws].reshape(len(self.draws), -1)


def score_protocols(
    predictions: Mapping[str, Sequence[str | Path]],
    *,
    smoothing: str,
    references: Collection[str] = (),
) -> pd.DataFrame:
    """A row per protocol and experiment: its r with a 95% interval over patients.

    Predictions stay as they are, only their scoring changes. All are scored on the same
    measurement, and on the genes that all experiments predict for every patient. An undefined r is
    left out of medians and means. A gene's r is summarised over units first, then over genes; with
    `best_training`, where patients differ in their genes, over genes first. The choice of genes is
    the same in all resamples. Source: ours.

    Args:
        predictions: files of all held-out groups by experiment, the main one first.
        smoothing: what smoothing averages, as in `smooth_observed`.
        references: experiments without a rank, because they see the held-out measurement.

    Returns:
        The columns of `Protocol`; `users`; `leaks`; `n_genes` and `n_patients`, how many count;
        `experiment`; `r`, `low`, `high`; `gain`, `gain_low`, `gain_high`, the r minus that of the
        experiment with rank 1 under the paper's protocol, the same patients drawn of both;
        `rank`, 1 for the highest r.

    Raises:
        InputError: experiments of other spots, or without a gene in common.
    """
    everyone = {name: read_predictions(paths) for name, paths in predictions.items()}
    main, predicted = _in_common(everyone)
    units = Units.of(main.obs)
    counts = target_counts(main)
    n_chosen = min(CHOSEN_GENES, max(1, main.n_vars // 5))
    variable = _highest(dispersion(counts), n_chosen)
    drawn = {name: np.full((len(PROTOCOLS), len(units.draws)), np.nan) for name in predicted}
    for normalisation, measurement, values in measurements(main, counts, smoothing):
        asked = [
            (index, each)
            for index, each in enumerate(PROTOCOLS)
            if (each.normalisation, each.measurement) == (normalisation, measurement)
        ]
        for name, of_spots in predicted.items():
            found = _scores([each for _, each in asked], of_spots, values, units, variable)
            drawn[name][[index for index, _ in asked]] = found
    table = _table(drawn, len(units.patient_sections), references)
    n_genes = np.where(table["genes"] == "all", main.n_vars, n_chosen)
    table.insert(len(KEYS) + 2, "n_genes", n_genes)
    return table


def _in_common(everyone: Mapping[str, ad.AnnData]) -> tuple[ad.AnnData, dict[str, np.ndarray]]:
    """The first experiment over the genes in common, and all predictions in its order."""
    first, main = next(iter(everyone.items()))
    genes = main.var_names
    for name, spots in everyone.items():
        if set(spots.obs_names) != set(main.obs_names):
            raise InputError(
                f"experiment {name}: its held-out spots are not those of {first}; leave it out of"
                " the cohort's report"
            )
        # A spot without a prediction, such as one without a label, lacks all genes.
        finite = np.isfinite(spots.X)
        complete = finite[finite.any(axis=1)].all(axis=0)
        genes = genes[genes.isin(spots.var_names[complete])]
    if not len(genes):
        raise InputError(
            f"experiments {', '.join(everyone)}: no gene is predicted by all of them for every"
            " patient; leave those with other targets out of the cohort's report"
        )
    return main[:, genes].copy(), {
        name: spots[main.obs_names, genes].X.astype(float) for name, spots in everyone.items()
    }


def _scores(
    protocols: Sequence[Protocol],
    predicted: np.ndarray,
    observed: np.ndarray,
    units: Units,
    variable: np.ndarray,
) -> np.ndarray:
    """r of an experiment (protocols, 1 + samples), the first as measured."""
    moments, smallest = _moments(predicted, observed, units.section_spots)
    of_patients = np.tensordot(units.patient_sections, moments, 1)
    pooled = _pearson(np.tensordot(units.times, of_patients, 1), smallest)
    n_genes = predicted.shape[1]
    rs = {
        "patient": _pearson(of_patients, smallest),
        # The last row stands for the sections that a patient does not have.
        "section": np.vstack([_pearson(moments, smallest), np.full(n_genes, np.nan)]),
    }
    draws = {"patient": units.draws, "section": units.section_draws}
    owners = {
        "patient": np.arange(len(of_patients)),
        "section": np.append(units.patient_sections.argmax(axis=0), len(of_patients)),
    }
    of_genes = {("spots", ""): pooled}
    best = {"spots": pooled[0]}
    for unit, over in product(rs, OVER_UNITS):
        of_genes[unit, over] = OVER_UNITS[over](rs[unit], draws[unit])
        best[unit] = mean(rs[unit], axis=0)
    n_chosen = int(variable.sum())
    found = np.empty((len(protocols), len(units.draws)))
    for row, each in zip(found, protocols, strict=True):
        over_genes = OVER_GENES[each.over_genes]
        if each.genes == "best_training":
            r = _of_others_best(rs[each.unit], owners[each.unit], n_chosen)
            r = OVER_UNITS[each.over_units](over_genes(r, axis=1)[:, None], draws[each.unit])
            row[:] = r[:, 0]
            continue
        chosen = {
            "all": np.ones(n_genes, dtype=bool),
            "variable": variable,
            "best_test": _highest(best[each.unit], n_chosen),
        }[each.genes]
        r = of_genes[each.unit, each.over_units][:, chosen]
        row[:] = over_genes(r, axis=1) if chosen.any() else np.nan
    return found


def _of_others_best(r: np.ndarray, owners: np.ndarray, n_chosen: int) -> np.ndarray:
    """r of units (units, genes), for each patient only of the genes best in the other patients.

    `owners` (units,) has each unit's patient.
    """
    kept = np.full_like(r, np.nan)
    for patient in np.unique(owners):
        own = owners == patient
        chosen = np.ix_(own, _highest(mean(r[~own], axis=0), n_chosen))
        kept[chosen] = r[chosen]
    return kept


def _highest(values: np.ndarray, n: int) -> np.ndarray:
    """Which of the values are the n highest, (values,); missing values are never chosen."""
    order = np.argsort(-np.nan_to_num(values, nan=-np.inf), kind="stable")[:n]
    chosen = np.zeros(len(values), dtype=bool)
    chosen[order] = True
    return chosen & np.isfinite(values)


def _moments(
    predicted: np.ndarray, observed: np.ndarray, section_spots: sparse.csr_array
) -> tuple[np.ndarray, np.ndarray]:
    """Sums over each section, from which r of any set of sections follows, and least variances.

    Returns (sections, 6, genes): number of spots, x, y, x^2, y^2 and xy; and, of x and of y, the
    variance below which a unit is constant (2, genes). Spots without a prediction do not count.
    """
    defined = np.isfinite(predicted).all(axis=1)
    inside = section_spots[:, defined]
    sides, smallest = [], []
    for side in (predicted[defined], observed[defined]):
        smallest.append(ROUNDING * np.square(side).sum(axis=0) / max(1, len(side)))
        # Centred, so that differences of sums keep their digits.
        sides.append(side - side.sum(axis=0) / max(1, len(side)))
    x, y = sides
    n = np.broadcast_to(inside.sum(axis=1)[:, None], (inside.shape[0], x.shape[1]))
    sums = [n, *(inside @ each for each in (x, y, x * x, y * y, x * y))]
    return np.stack(sums, axis=1), np.stack(smallest)


def _pearson(moments: np.ndarray, smallest: np.ndarray) -> np.ndarray:
    """Pearson's r (units, genes) from `_moments`; NaN with few spots or for a constant side."""
    n, x, y, xx, yy, xy = np.moveaxis(moments, 1, 0)
    spots = np.maximum(n, 1)
    variances = [(xx - x * x / spots) / spots, (yy - y * y / spots) / spots]
    defined = n >= FEWEST_SPOTS
    for variance, least in zip(variances, smallest, strict=True):
        defined = defined & (variance > least)
    sd = np.sqrt(np.where(defined, variances[0] * variances[1], 1.0))
    return np.where(defined, ((xy - x * y / spots) / spots / sd).clip(-1, 1), np.nan)


def _table(
    drawn: Mapping[str, np.ndarray], n_patients: int, references: Collection[str]
) -> pd.DataFrame:
    ranked = [name for name in drawn if name not in references]
    r = pd.DataFrame({name: drawn[name][:, 0] for name in drawn})
    ranks = r[ranked].rank(axis=1, ascending=False, method="min")
    at_paper = r.loc[PROTOCOLS.index(PAPER), ranked]
    leader = drawn[at_paper.idxmax() if at_paper.notna().any() else ranked[0]]
    parts = []
    for name, values in drawn.items():
        part = pd.DataFrame(PROTOCOLS)
        part["users"] = [
            "; ".join(user for user, used in USERS.items() if used == each) for each in PROTOCOLS
        ]
        part["leaks"] = [each.leaks for each in PROTOCOLS]
        part["n_patients"] = n_patients
        part["experiment"] = name
        for column, resampled in (("r", values), ("gain", values - leader)):
            prefix = "" if column == "r" else "gain_"
            value, samples = resampled[:, 0], resampled[:, 1:].T
            part[column] = value
            ends = interval(value, samples, n_patients)
            part[f"{prefix}low"], part[f"{prefix}high"] = ends
        part["rank"] = ranks[name] if name in ranked else np.nan
        parts.append(part)
    table = pd.concat(parts).sort_index(kind="stable").reset_index(drop=True)
    return table.astype({"rank": "Int64"})
