"""The same held-out predictions, scored under the definitions of r that publications use."""

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations, product
from pathlib import Path
from typing import NamedTuple

import anndata as ad
import numpy as np
import pandas as pd

from stnet.core.errors import InputError
from stnet.evaluation.averages import mean, median
from stnet.evaluation.bootstrap import (
    ANY,
    OF_R,
    interval,
    patient_draws,
    resampled_means,
    resampled_medians,
)
from stnet.evaluation.correlation import FEWEST_SPOTS, ROUNDING, pearson
from stnet.evaluation.held_out import read_predictions
from stnet.evaluation.measurements import NORMALISATIONS, dispersion, measured, target_counts

# Size of a choice of genes, as in publications; a fifth of the genes if that is less.
CHOSEN_GENES = 50
OVER_UNITS = {"median": resampled_medians, "mean": resampled_means}
OVER_GENES = {"median": median, "mean": mean}


class Protocol(NamedTuple):
    """A definition of the r of a method: one choice of each kind.

    Attributes:
        normalisation: of the measurement (`stnet.evaluation.measurements.measured`); `targets` is
            that of the main experiment's targets.
        measurement: `raw`, or `smoothed` over the neighbourhood of each spot.
        unit: the spots over which r is computed: those of a `patient`, of a `section`, or all
            `spots`.
        over_units: `median` or `mean` of a gene's r over units; "" if all spots are one unit.
        genes: `all`; `variable`, the genes with the highest `dispersion`; `best_others`, for each
            patient the genes with the highest mean r, held out as well, in the other patients;
            `best_test`, the genes with the highest mean r in the very units that are scored.
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
GAIN = ["gain", "gain_low", "gain_high"]
CHOICES = Protocol(
    NORMALISATIONS,
    ("raw", "smoothed"),
    ("patient", "section", "spots"),
    ("median", "mean", ""),
    ("all", "variable", "best_others", "best_test"),
    ("median", "mean"),
)
# If all spots are one unit, there is no other unit to choose genes in.
PROTOCOLS = [
    each
    for each in map(Protocol._make, product(*CHOICES))
    if (each.unit == "spots") == (each.over_units == "")
    and (each.unit, each.genes) != ("spots", "best_others")
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


class Published(NamedTuple):
    """An r of ST-Net in the literature: data, protocol in words, value, and where it stands.

    `user` says whose protocol of `USERS` it has; "" if it has none of them, or does not say.
    """

    data: str
    protocol: str
    r: float
    source: str
    user: str = ""


TABLE_1 = "DKAN, Table 1"
PUBLISHED = [
    Published(
        "He 2020",
        "a patient held out; median over 250 genes of the median r over patients",
        0.130,
        "the paper's results by gene",
        "He 2020, Table 1",
    ),
    Published("He 2020", "four folds; r pooled over slides, mean", 0.093, "EGN, Table 1", "EGN"),
    Published("HER2ST", "a patient held out; 250 genes", 0.150, TABLE_1),
    Published("HER2ST", "the same; best 50 genes by r in the test", 0.287, TABLE_1),
    Published("HER2ST", "a slide held out", 0.056, "SpaHGC"),
    Published("HER2ST", "50 genes", 0.439, "HINGE"),
]


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
    `best_others`, where patients differ in their genes, over genes first. The choice of genes is
    the same in all resamples. If each patient has one section, protocols by section are left out:
    they are those by patient. Source: ours.

    Two experiments are compared in what has an r of both, with the same patients drawn.

    Args:
        predictions: files of all held-out groups by experiment, the main one first.
        smoothing: what smoothing averages, as in `measured`.
        references: experiments without a rank, because they see the held-out measurement.

    Returns:
        The columns of `Protocol`; `users`; `leaks`; `experiment`; `n_genes`, how many count,
        `main_genes`, how many genes the main experiment has, and `missing_genes`, how many of
        these the experiment does not predict for every patient; `n_patients`, those with an r (with
        a spot, if r is over the spots of all patients); `r`, `low`, `high`; `gain`, `gain_low`,
        `gain_high`, the r minus that of the main experiment; `ahead_of`, the experiments over which
        the interval of the difference is above zero; `rank`, 1 for the highest r.

    Raises:
        InputError: experiments of other spots, or without a gene in common.
    """
    everyone = {name: read_predictions(paths) for name, paths in predictions.items()}
    main, predicted, missing = _in_common(everyone)
    rows = _rows(main.obs)
    one_section = max(map(len, rows["section"])) == 1
    protocols = [each for each in PROTOCOLS if not (one_section and each.unit == "section")]
    draws = np.vstack([np.arange(len(rows["patient"])), patient_draws(len(rows["patient"]))])
    n_chosen = min(CHOSEN_GENES, max(1, main.n_vars // 5))
    variable = _highest(dispersion(target_counts(main)), n_chosen)
    parts = []
    for normalisation, measurement in product(CHOICES.normalisation, CHOICES.measurement):
        observed = measured(main, normalisation, smoothing if measurement == "smoothed" else "")
        methods = {name: _of_units(x, observed, rows) for name, x in predicted.items()}
        for unit in CHOICES.unit:
            asked = [each for each in protocols if each[:3] == (normalisation, measurement, unit)]
            of_unit = {name: values[unit] for name, values in methods.items()}
            if asked:
                parts.append(_compared(asked, of_unit, draws, variable))
    table = pd.concat(parts, ignore_index=True)
    about = table[KEYS].apply(Protocol._make, axis=1)
    table.insert(len(KEYS), "users", [_users(each, one_section) for each in about])
    table.insert(len(KEYS) + 1, "leaks", [each.leaks for each in about])
    n_genes = np.where(table["genes"] == "all", main.n_vars, n_chosen)
    table.insert(len(KEYS) + 3, "n_genes", n_genes)
    table.insert(len(KEYS) + 4, "main_genes", next(iter(everyone.values())).n_vars)
    table.insert(len(KEYS) + 5, "missing_genes", table["experiment"].map(missing))
    ranked = table["r"].mask(table["experiment"].isin(references))
    ranks = ranked.groupby([table[key] for key in KEYS]).rank(ascending=False, method="min")
    return table.assign(rank=ranks.astype("Int64"))


def _users(each: Protocol, one_section: bool) -> str:
    """Whose protocol it is; with one section a patient, also of those that score by section."""
    same = {each, each._replace(unit="section")} if one_section else {each}
    return "; ".join(user for user, used in USERS.items() if used in same)


def _in_common(
    everyone: Mapping[str, ad.AnnData],
) -> tuple[ad.AnnData, dict[str, np.ndarray], dict[str, int]]:
    """The first experiment over the genes in common, and all predictions in its order.

    And how many of the first experiment's genes each of them lacks.
    """
    first, main = next(iter(everyone.items()))
    genes, missing = main.var_names, {}
    for name, spots in everyone.items():
        if set(spots.obs_names) != set(main.obs_names):
            raise InputError(
                f"experiment {name}: its held-out spots are not those of {first}; leave it out of"
                " the cohort's report"
            )
        # A spot without a prediction, such as one without a label, lacks all genes.
        finite = np.isfinite(spots.X)
        complete = spots.var_names[finite[finite.any(axis=1)].all(axis=0)]
        missing[name] = int((~main.var_names.isin(complete)).sum())
        genes = genes[genes.isin(complete)]
    if not len(genes):
        raise InputError(
            f"experiments {', '.join(everyone)}: no gene is predicted by all of them for every"
            " patient; leave those with other targets out of the cohort's report"
        )
    predicted = {
        name: spots[main.obs_names, genes].X.astype(float) for name, spots in everyone.items()
    }
    return main[:, genes].copy(), predicted, missing


def _rows(obs: pd.DataFrame) -> dict[str, list[list[np.ndarray]]]:
    """Rows of the spots of each patient's units, by unit."""
    patient, section = (obs[key].astype(str).to_numpy() for key in ("patient", "section"))
    of_patients = [np.flatnonzero(patient == name) for name in pd.unique(patient)]
    return {
        "patient": [[rows] for rows in of_patients],
        "section": [
            [rows[section[rows] == name] for name in pd.unique(section[rows])]
            for rows in of_patients
        ],
    }


def _of_units(
    predicted: np.ndarray, observed: np.ndarray, rows: Mapping[str, list[list[np.ndarray]]]
) -> dict[str, np.ndarray]:
    """All that r of a method follows from, (patients, any, genes) by unit; NaN where it has none.

    Of a `patient` and `section`: r, for as many units as a patient has at most. Of `spots`: sums
    over the patient, as in `_pooled`. Spots without a prediction do not count.
    """
    defined = np.isfinite(predicted).all(axis=1)
    found = {}
    for unit, of_patients in rows.items():
        shape = (len(of_patients), max(map(len, of_patients)), predicted.shape[1])
        found[unit] = np.full(shape, np.nan)
        for patient, units in enumerate(of_patients):
            for place, every in enumerate(units):
                of_unit = every[defined[every]]
                if len(of_unit) >= FEWEST_SPOTS:
                    r = pearson(predicted[of_unit].T, observed[of_unit].T)
                    found[unit][patient, place] = r
    sides = []
    for side in (predicted, np.where(defined[:, None], observed, np.nan)):
        size = np.sqrt(mean(np.square(side), axis=0))
        # r stays the same. Centred, differences of sums keep their digits.
        sides.append((side - mean(side, axis=0)) / np.where(size > 0, size, 1.0))
    x, y = sides
    terms = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=1)
    found["spots"] = np.full((len(rows["patient"]), *terms.shape[1:]), np.nan)
    for patient, (every,) in enumerate(rows["patient"]):
        of_patient = every[defined[every]]
        if len(of_patient):
            found["spots"][patient] = terms[of_patient].sum(axis=0)
    return found


def _compared(
    protocols: Sequence[Protocol],
    methods: Mapping[str, np.ndarray],
    draws: np.ndarray,
    variable: np.ndarray,
) -> pd.DataFrame:
    """Protocols of one measurement and unit: r with its interval, and comparisons of experiments.

    `methods` has the values of the unit from `_of_units` by experiment.
    """
    scored = {}

    def score(name: str, shared: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """`_scores` of what is shared. Most pairs have an r of the same, scored once."""
        key = name, shared.tobytes()
        if key not in scored:
            values = np.where(shared, methods[name], np.nan)
            scored[key] = _scores(protocols, values, draws, variable)
        return scored[key]

    has_value = {name: np.isfinite(values) for name, values in methods.items()}
    found = {}
    for name in methods:
        r, n = score(name, has_value[name])
        about = pd.DataFrame(protocols, columns=KEYS).assign(experiment=name, n_patients=n)
        found[name] = about.assign(ahead_of="")
        found[name][["r", "low", "high"]] = _with_ends(r, n, OF_R)
    first = next(iter(methods))
    for one, other in [(first, first), *combinations(methods, 2)]:
        shared = has_value[one] & has_value[other]
        (of_one, n_one), (of_other, n_other) = score(one, shared), score(other, shared)
        ends = _with_ends(of_other - of_one, np.minimum(n_one, n_other))
        if one == first:
            found[other][GAIN] = ends
        found[one].loc[ends[:, 2] < 0, "ahead_of"] += f"{other}; "
        found[other].loc[ends[:, 1] > 0, "ahead_of"] += f"{one}; "
    table = pd.concat(found.values()).sort_index(kind="stable")
    return table.assign(ahead_of=table["ahead_of"].str.removesuffix("; "))


def _with_ends(
    resampled: np.ndarray, n_patients: np.ndarray, possible: tuple[float, float] = ANY
) -> np.ndarray:
    """Value, low and high (protocols, 3) of (protocols, 1 + samples)."""
    ends = interval(resampled[:, 0], resampled[:, 1:].T, n_patients, possible)
    return np.stack([resampled[:, 0], *ends], axis=1)


def _scores(
    protocols: Sequence[Protocol], values: np.ndarray, draws: np.ndarray, variable: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """r under protocols of one unit, (protocols, 1 + samples), and how many patients have one.

    The first r is that as measured. `values` as in `_of_units`, `draws` (1 + samples, patients),
    `variable` which genes are.
    """
    found = np.full((len(protocols), len(draws)), np.nan)
    n_patients = np.zeros(len(protocols), dtype=int)
    if np.isnan(values).all():
        return found, n_patients
    n_chosen, n_genes = int(variable.sum()), len(variable)
    if protocols[0].unit == "spots":
        of_genes = {"": _pooled(values, draws)}
        best = of_genes[""][0]
    else:
        of_genes = {over: _drawn(values, over, draws) for over in OVER_UNITS}
        best = mean(values.reshape(-1, n_genes), axis=0)
    for i, each in enumerate(protocols):
        over_genes = OVER_GENES[each.over_genes]
        if each.genes == "best_others":
            others = [np.delete(values, own, axis=0) for own in range(len(values))]
            scores = [mean(r.reshape(-1, n_genes), axis=0) for r in others]
            chosen = np.stack([_highest(r, n_chosen) for r in scores])[:, None]
            r = over_genes(np.where(chosen, values, np.nan), axis=2)[..., None]
            found[i] = _drawn(r, each.over_units, draws)[:, 0]
        else:
            chosen = {
                "all": np.ones(n_genes, dtype=bool),
                "variable": variable,
                "best_test": _highest(best, n_chosen),
            }[each.genes]
            r = of_genes[each.over_units][:, chosen]
            found[i] = over_genes(r, axis=1) if chosen.any() else np.nan
        n_patients[i] = (np.isfinite(values) & chosen).any(axis=(1, 2)).sum()
    return found, n_patients


def _drawn(r: np.ndarray, over: str, draws: np.ndarray) -> np.ndarray:
    """A gene's r over the units of the drawn patients: (1 + samples, genes).

    `r` (patients, units, genes); `over` is one of `OVER_UNITS`.
    """
    n_units = r.shape[1]
    units = (draws[:, :, None] * n_units + np.arange(n_units)).reshape(len(draws), -1)
    return OVER_UNITS[over](r.reshape(-1, r.shape[2]), units)


def _pooled(sums: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Pearson's r over the spots of all drawn patients: (1 + samples, genes).

    `sums` (patients, 6, genes) are a patient's number of spots and sums of x, y, x^2, y^2 and xy,
    whose mean squares over all patients are 1. NaN with few spots or for a constant side.
    """
    times = (draws[:, :, None] == np.arange(len(sums))).sum(axis=1)
    n, x, y, xx, yy, xy = np.tensordot(times, np.nan_to_num(sums), 1).transpose(1, 0, 2)
    spots = np.maximum(n, 1)
    x_variance, y_variance = xx / spots - (x / spots) ** 2, yy / spots - (y / spots) ** 2
    defined = (n >= FEWEST_SPOTS) & (np.minimum(x_variance, y_variance) > ROUNDING)
    sd = np.sqrt(np.where(defined, x_variance * y_variance, 1.0))
    return np.where(defined, ((xy / spots - x * y / spots**2) / sd).clip(-1, 1), np.nan)


def _highest(values: np.ndarray, n: int) -> np.ndarray:
    """Which of the values are the n highest, (values,); missing values are never chosen."""
    order = np.argsort(-np.nan_to_num(values, nan=-np.inf), kind="stable")[:n]
    chosen = np.zeros(len(values), dtype=bool)
    chosen[order] = True
    return chosen & np.isfinite(values)
