"""r under many protocols, each choice against plain loops over spots, genes and patients."""

from itertools import product, zip_longest
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from scipy import stats

from stnet.core.errors import InputError
from stnet.core.printed import decimals
from stnet.core.tables import read_table, write_table
from stnet.evaluation import protocols
from stnet.evaluation.bootstrap import patient_draws
from stnet.evaluation.held_out import smooth_observed
from stnet.evaluation.measurements import (
    dispersion,
    measured,
    pearson_residuals,
    target_counts,
)
from stnet.evaluation.paired import mean_gain
from stnet.evaluation.performance import performance_by
from stnet.evaluation.performance_summary import estimates
from stnet.evaluation.protocols import (
    PAPER,
    PROTOCOLS,
    PUBLISHED,
    USERS,
    Protocol,
    score_protocols,
)
from stnet.expression.predictions import write_predictions
from stnet.expression.transforms import normalise
from stnet.figures.protocols import WORDS, specification_curve
from stnet.report.protocols import (
    AS_COMPARED,
    _by_choice,
    _published,
    _used,
    findings,
    signal,
    write_protocols,
)
from stnet.report.words import word

KINDS = {kind: word(kind).heading for kind in Protocol._fields}
ROOT = Path(__file__).parents[2]
UNITS = {"transform": "log_fraction", "universe": 500}
SECTIONS = {"P1": ["P1a", "P1b", "P1c"], "P2": ["P2a"], "P3": ["P3a", "P3b"]}
SIDE, GENES = 5, 15
BEST = 3  # a fifth of the genes
# What may differ between protocols that are compared by a choice: no patients or sections remain to
# summarise over where all spots are one unit.
OPTIONS = {kind: [kind] for kind in Protocol._fields} | {"unit": ["unit", "over_units"]}


def cohort() -> dict[str, ad.AnnData]:
    """Measured spots, and predictions of them by three experiments."""
    random = np.random.default_rng(0)
    col, row = (axis.ravel() for axis in np.mgrid[:SIDE, :SIDE])
    parts = []
    for patient, sections in SECTIONS.items():
        for section in sections:
            names = [f"{section}:{x}x{y}" for x, y in zip(col, row, strict=True)]
            parts.append(
                pd.DataFrame(
                    {"patient": patient, "section": section, "array_col": col, "array_row": row},
                    index=names,
                )
            )
    obs = pd.concat(parts)
    rates = random.gamma(1, 2, GENES) * random.lognormal(0, 0.8, (len(obs), 1))
    counts = random.poisson(rates * random.lognormal(0, 0.5, (len(obs), GENES))).astype(float)
    obs["total_counts"] = counts.sum(axis=1) + random.integers(50, 90, len(obs))
    obs["label"] = "tumour"
    y = normalise(counts, obs["total_counts"], UNITS["universe"], UNITS["transform"])
    var = pd.DataFrame({"symbol": [f"S{i}" for i in range(GENES)]}, [f"g{i}" for i in range(GENES)])
    noise = random.normal(size=(2, *y.shape)) * random.uniform(0.1, 2, GENES)
    predicted = {"main": y + 0.5 * noise[0], "other": y + noise[1]}
    # Constant within a patient, and without a prediction of some spots.
    predicted["mean"] = np.broadcast_to(
        obs.groupby("patient").ngroup().to_numpy()[:, None], y.shape
    )
    predicted["other"][3:9] = np.nan
    grid = {name: "square" for sections in SECTIONS.values() for name in sections}
    return {
        name: ad.AnnData(
            x.astype(np.float32),
            obs=obs.copy(),
            var=var.copy(),
            layers={"observed": y.astype(np.float32), "counts": counts},
            uns={"targets": UNITS, "grid": grid},
        )
        for name, x in predicted.items()
    }


@pytest.fixture(scope="module")
def spots():
    return cohort()


def written(folder, experiments) -> dict[str, list]:
    """Files of a held-out group per patient."""
    paths = {}
    for name, everyone in experiments.items():
        paths[name] = []
        for patient in everyone.obs["patient"].unique():
            group = everyone[everyone.obs["patient"] == patient].copy()
            targets = group.copy()
            targets.X = group.layers["observed"]
            paths[name].append(folder / f"experiments/{name}/{patient}/predictions.h5ad")
            paths[name][-1].parent.mkdir(parents=True)
            about = {"experiment": name, "held_out": patient}
            write_predictions(paths[name][-1], targets, group.X, about)
    return paths


@pytest.fixture(scope="module")
def table(spots, tmp_path_factory):
    paths = written(tmp_path_factory.mktemp("protocols"), spots)
    return score_protocols(paths, smoothing="values")


# The measurement


def test_counts_are_those_that_were_measured(spots):
    main = spots["main"]
    np.testing.assert_array_equal(target_counts(main), main.layers["counts"])


def measurements(spots: ad.AnnData, smoothing: str = "values"):
    for normalisation, kind in product(protocols.NORMALISATIONS, ("raw", "smoothed")):
        averaged = smoothing if kind == "smoothed" else ""
        yield normalisation, kind, measured(spots, normalisation, averaged)


def plain_measurement(spots: ad.AnnData, normalisation: str, counts, totals) -> np.ndarray:
    if normalisation == "targets":
        return np.log((1 + counts) / (UNITS["universe"] + totals[:, None]))
    if normalisation == "ln_counts":
        return np.log(1 + counts)
    table = ad.AnnData(counts.copy())
    if normalisation == "cp10k":
        sc.pp.normalize_total(table, target_sum=1e4)
        sc.pp.log1p(table)
    else:
        sc.experimental.pp.normalize_pearson_residuals(table, check_values=False)
    return table.X


def averaged(spots: ad.AnnData, values) -> np.ndarray:
    """Mean over the 3 x 3 neighbourhood in a section, spot by spot."""
    obs = spots.obs
    near = [
        (obs["section"] == each.section)
        & (abs(obs["array_col"] - each.array_col) <= 1)
        & (abs(obs["array_row"] - each.array_row) <= 1)
        for each in obs.itertuples()
    ]
    return np.array([values[rows.to_numpy()].mean(axis=0) for rows in near])


@pytest.mark.parametrize("smoothing", ["values", "counts"])
def test_measurements_equal_scanpy_and_plain_loops(spots, smoothing):
    main = spots["main"]
    counts, totals = main.layers["counts"], main.obs["total_counts"].to_numpy(dtype=float)
    for normalisation, measurement, values in measurements(main, smoothing):
        if measurement == "raw":
            expected = plain_measurement(main, normalisation, counts, totals)
        elif smoothing == "values":
            raw = plain_measurement(main, normalisation, counts, totals)
            expected = averaged(main, raw)
        else:
            of_counts = averaged(main, counts), averaged(main, totals)
            expected = plain_measurement(main, normalisation, *of_counts)
        np.testing.assert_allclose(values, expected, rtol=1e-6, atol=1e-6)
        if (normalisation, measurement) == ("targets", "smoothed"):
            np.testing.assert_allclose(values, smooth_observed(main, smoothing), atol=1e-5)


def test_spots_and_genes_without_counts_have_no_residual_and_no_dispersion():
    counts = np.array([[0.0, 0, 0], [3, 0, 1], [1, 0, 4], [2, 0, 2]])
    found = pearson_residuals(counts)
    assert not found[0].any()
    assert not found[:, 1].any()
    shares = np.array([0, 3 / 4, 1 / 5, 2 / 4])
    assert dispersion(counts)[0] == pytest.approx(shares.var() / shares.mean())
    assert np.isnan(dispersion(counts)[1])


# The protocols


def plain_r(spots: ad.AnnData, rows, values, gene: int) -> float:
    x, y = spots.X[rows, gene].astype(float), values[rows, gene]
    defined = np.isfinite(x)
    if defined.sum() < 4 or np.ptp(x[defined]) == 0 or np.ptp(y[defined]) == 0:
        return np.nan
    return stats.pearsonr(x[defined], y[defined])[0]


def average(kind: str, values) -> float:
    values = [value for value in values if np.isfinite(value)]
    return {"median": np.median, "mean": np.mean}[kind](values) if values else np.nan


def best(scores) -> list[int]:
    """The genes with the highest scores."""
    known = [gene for gene in range(GENES) if np.isfinite(scores[gene])]
    return sorted(known, key=lambda gene: -scores[gene])[:BEST]


class PlainScores:
    """r of an experiment on one measurement, by loops over units, genes and patients."""

    def __init__(self, spots, values):
        self.spots, self.values = spots, values
        counts = spots.layers["counts"]
        shares = counts / counts.sum(axis=1, keepdims=True)
        self.dispersion = shares.var(axis=0) / shares.mean(axis=0)
        self.of_units = {}
        for kind in ("patient", "section"):
            ids = spots.obs[kind]
            self.of_units[kind] = {
                name: (
                    spots.obs["patient"][ids == name].iloc[0],
                    self.r(np.flatnonzero(ids == name)),
                )
                for name in ids.unique()
            }
        self.pooled = self.r(np.arange(spots.n_obs))

    def r(self, rows) -> list[float]:
        return [plain_r(self.spots, rows, self.values, gene) for gene in range(GENES)]

    def score(self, each: Protocol, patients) -> float:
        """r of some patients, who may be named twice."""
        if each.unit == "spots":
            everywhere, drawn = [self.pooled], [self.pooled]
            if patients != list(SECTIONS):
                of = self.spots.obs["patient"]
                drawn = [self.r([i for p in patients for i in np.flatnonzero(of == p)])]
        else:
            units = self.of_units[each.unit].values()
            everywhere = [r for _, r in units]
            drawn = [r for p in patients for patient, r in units if patient == p]
        if each.genes == "best_others":
            scores = []
            for p in patients:
                chosen = best(mean_r([r for patient, r in units if patient != p]))
                own = [r for patient, r in units if patient == p]
                scores += [average(each.over_genes, [r[g] for g in chosen]) for r in own]
            return average(each.over_units, scores)
        chosen = {
            "all": range(GENES),
            "variable": best(self.dispersion),
            "best_test": best(mean_r(everywhere)),
        }[each.genes]
        of_genes = [average(each.over_units or "mean", [r[g] for r in drawn]) for g in chosen]
        return average(each.over_genes, of_genes)


def mean_r(of_units) -> list[float]:
    return [average("mean", of_gene) for of_gene in zip(*of_units, strict=True)]


def test_every_protocol_equals_plain_loops(spots, table):
    found = table.set_index(["experiment", *Protocol._fields])["r"]
    assert len(found) == 3 * len(PROTOCOLS) == 3 * 304
    compared = 0
    for normalisation, measurement, values in measurements(spots["main"]):
        asked = [each for each in PROTOCOLS if each[:2] == (normalisation, measurement)]
        for name, predicted in spots.items():
            plain = PlainScores(predicted, values)
            for each in asked:
                expected = plain.score(each, list(SECTIONS))
                score = found[(name, *each)]
                assert score == pytest.approx(expected, abs=1e-6, nan_ok=True), (name, each)
                compared += np.isfinite(expected)
    assert compared > 600


def t_interval(value: float, resampled) -> list[float]:
    """Of three patients."""
    half = stats.t.ppf(0.975, 2) * resampled.std() * np.sqrt(3 / 2)
    return [value - half, value + half]


def test_intervals_draw_the_same_patients_for_all(spots, monkeypatch, tmp_path):
    draws = patient_draws(3)[:9]
    monkeypatch.setattr(protocols, "patient_draws", lambda n: draws)
    two = {name: spots[name] for name in ("main", "other")}
    found = score_protocols(written(tmp_path, two), smoothing="values")
    found = found.set_index(["experiment", *Protocol._fields])
    y = measured(spots["main"], "targets")
    plain = {name: PlainScores(each, y) for name, each in two.items()}
    patients = [*SECTIONS]
    for each in PROTOCOLS[:38:3]:
        assert each[:2] == ("targets", "raw")
        one, other = (
            np.array([plain[name].score(each, [patients[i] for i in draw]) for draw in draws])
            for name in ("other", "main")
        )
        row = found.loc[("other", *each)]
        bounds = np.clip(t_interval(row["r"], one), -1, 1)
        assert [row["low"], row["high"]] == pytest.approx(bounds, abs=1e-6), each
        bounds = t_interval(row["gain"], one - other)
        assert [row["gain_low"], row["gain_high"]] == pytest.approx(bounds, abs=1e-6), each


def test_the_papers_protocol_is_the_summary_of_the_performance(spots, table):
    main = spots["main"].copy()
    main.layers["smooth"] = smooth_observed(main, "values")
    patients = performance_by(main, "patient")
    of_summary = estimates(patients, main.var_names.tolist())
    everyone = np.arange(3)[None]
    found = table[table["experiment"] == "main"].set_index([*Protocol._fields])["r"]
    assert found[PAPER] == pytest.approx(of_summary["median_pearson"](everyone)[0], abs=1e-6)
    smooth = found[PAPER._replace(measurement="smoothed")]
    assert smooth == pytest.approx(of_summary["median_pearson_smooth"](everyone)[0], abs=1e-6)


def test_protocols_are_different_and_their_users_are_among_them(table):
    assert len(set(PROTOCOLS)) == len(PROTOCOLS)
    assert set(USERS.values()) <= set(PROTOCOLS)
    used = table[table["experiment"] == "main"].set_index("users")
    assert not used.loc["He 2020, Table 1", "leaks"]
    assert used.loc["TRIPLEX, best 50 genes", "leaks"]
    assert set(used.loc[used["leaks"], "genes"]) == {"best_test"}
    assert used.loc[used["genes"] != "best_test", "leaks"].sum() == 0


def test_genes_chosen_in_other_patients_do_not_know_the_test(spots, tmp_path):
    """A patient whose genes are predicted by chance gains from the leak only."""
    random = np.random.default_rng(1)
    noise = spots["main"].copy()
    noise.X = random.normal(size=noise.shape).astype(np.float32)
    found = score_protocols(written(tmp_path, {"noise": noise}), smoothing="values")
    r = found.set_index([*Protocol._fields])["r"].unstack("genes").dropna()
    assert abs(r["best_others"].mean()) < 0.05
    assert r["best_test"].min() > 0.03


def test_a_reference_has_no_rank_and_one_patient_no_interval(spots, tmp_path):
    one = {name: each[each.obs["patient"] == "P1"].copy() for name, each in spots.items()}
    paths = written(tmp_path, one)
    found = score_protocols(paths, smoothing="values", references=["other"])
    assert found[["low", "high", "gain_low", "gain_high"]].isna().all(axis=None)
    assert found.loc[found["genes"] == "best_others", "r"].isna().all()
    assert found.loc[found["experiment"] == "other", "rank"].isna().all()
    ranked = found[found["rank"].notna()]
    assert set(ranked["experiment"]) <= {"main", "mean"}
    assert (ranked.loc[ranked["experiment"] == "main", "rank"] == 1).any()


def test_methods_are_compared_in_patients_in_whom_both_have_an_r(spots, monkeypatch, tmp_path):
    """One method is constant in P1, another in all patients but P1."""
    draws = patient_draws(3)[:9]
    monkeypatch.setattr(protocols, "patient_draws", lambda n: draws)
    partly = {name: spots[name].copy() for name in ("main", "other")}
    in_first = (spots["main"].obs["patient"] == "P1").to_numpy()
    partly["other"].X[in_first] = 1
    partly["one patient"] = spots["main"].copy()
    partly["one patient"].X[~in_first] = 1
    found = score_protocols(written(tmp_path, partly), smoothing="values")
    found = found.set_index(["experiment", *Protocol._fields])
    y = measured(spots["main"], "targets")
    plain = {name: PlainScores(each, y) for name, each in partly.items()}
    shared = PlainScores(spots["main"], y)
    for kind in ("patient", "section"):
        for name, (patient, _) in shared.of_units[kind].items():
            if patient == "P1":
                shared.of_units[kind][name] = ("P1", [np.nan] * GENES)
    by_patient = PAPER._replace(over_units="mean"), PAPER, PAPER._replace(genes="best_others")
    for each in (*by_patient, *(one._replace(unit="section") for one in by_patient)):
        row = found.loc[("other", *each)]
        one, other = (
            np.array(
                [method.score(each, [[*SECTIONS][i] for i in draw]) for draw in ([0, 1, 2], *draws)]
            )
            for method in (plain["other"], shared)
        )
        assert row["n_patients"] == 2
        half = stats.t.ppf(0.975, 1) * np.sqrt(2) * np.nanstd(one[1:])
        assert row["high"] == pytest.approx(min(row["r"] + half, 1), abs=1e-6), each
        assert row["gain"] == pytest.approx((one - other)[0], abs=1e-6), each
        half = stats.t.ppf(0.975, 1) * np.sqrt(2) * np.nanstd((one - other)[1:])
        assert row["gain_high"] - row["gain"] == pytest.approx(half, abs=1e-6), each
    of_one = found.loc[("one patient", *PAPER)]
    assert of_one["n_patients"] == 1
    assert of_one["r"] == pytest.approx(plain["main"].score(PAPER, ["P1"]), abs=1e-6)
    # In the only patient in common they are equal.
    assert of_one["gain"] == 0
    assert of_one[["low", "high", "gain_low", "gain_high"]].isna().all()


def test_a_method_is_ahead_of_those_whose_difference_has_an_interval_above_zero(table):
    of = {name: rows.reset_index() for name, rows in table.groupby("experiment")}
    for name in ("other", "mean"):
        over_main = [name_in("main", each) for each in of[name]["ahead_of"]]
        behind = [name_in(name, each) for each in of["main"]["ahead_of"]]
        assert over_main == (of[name]["gain_low"] > 0).tolist()
        assert behind == (of[name]["gain_high"] < 0).tolist()
    assert 0 < sum(behind) < len(PROTOCOLS)


def name_in(name: str, names: str) -> bool:
    return name in names.split("; ")


def test_with_one_section_a_patient_protocols_by_section_count_once(spots, tmp_path):
    sections = [names[0] for names in SECTIONS.values()]
    kept = spots["main"].obs["section"].isin(sections).to_numpy()
    one = {"main": spots["main"][kept].copy()}
    found = score_protocols(written(tmp_path, one), smoothing="values")
    assert len(found) == sum(each.unit != "section" for each in PROTOCOLS) == 176
    users = found.set_index([*Protocol._fields])["users"]
    assert users[PAPER] == "He 2020, Table 1; He 2020, Methods (r by slide)"
    assert {*"; ".join(users[users != ""]).split("; ")} == {*USERS}
    page = {"experiment": "main", "ahead_of": [[]] * len(found)}
    assert "counted once" in " ".join(findings(found.assign(**page), []))


def test_genes_that_a_method_lacks_are_counted(spots, tmp_path):
    few = {"main": spots["main"], "other": spots["other"][:, ["g1", "g3", "g5"]].copy()}
    found = score_protocols(written(tmp_path, few), smoothing="values")
    assert set(found.loc[found["genes"] == "all", "n_genes"]) == {3}
    assert set(found["main_genes"]) == {15}
    counted = found.groupby("experiment")["missing_genes"].unique()
    assert counted.map(list).to_dict() == {"main": [0], "other": [12]}


def test_other_spots_and_no_gene_in_common_are_refused(spots, tmp_path):
    fewer = {"main": spots["main"], "other": spots["other"][:75].copy()}
    with pytest.raises(InputError, match="experiment other: its held-out spots are not those of"):
        score_protocols(written(tmp_path / "a", fewer), smoothing="values")
    other = spots["other"].copy()
    other.var_names = [f"h{i}" for i in range(GENES)]
    apart = {"main": spots["main"], "other": other}
    with pytest.raises(InputError, match="experiments main, other: no gene is predicted by all"):
        score_protocols(written(tmp_path / "b", apart), smoothing="values")


# The page


def rows(*scores: tuple[float, float, float], ahead: str = "") -> pd.DataFrame:
    """A table of a main experiment, another and a reference, a protocol for each of the scores.

    `ahead` has for each of them M if the main experiment is surely ahead, or O if the other is.
    """
    parts = []
    for each, values, sure in zip_longest([PAPER, *PROTOCOLS[1 : len(scores)]], scores, ahead):
        for name, r in zip(("main", "other", "depth"), values, strict=True):
            behind = {"M": ("main", ["other"]), "O": ("other", ["main"])}.get(sure, ("", []))
            row = {**each._asdict(), "experiment": name, "leaks": each.leaks, "r": r}
            parts.append({**row, "ahead_of": behind[1] if name == behind[0] else []})
    table = pd.DataFrame(parts)
    table["rank"] = np.where(table["experiment"] == "depth", np.nan, 2)
    methods = table[(table["experiment"] != "depth") & table["r"].notna()]
    table.loc[methods.groupby([*Protocol._fields])["r"].idxmax(), "rank"] = 1
    return table.assign(n_patients=3, n_genes=15, main_genes=15, missing_genes=0)


def test_findings_count_winners_and_orders_that_are_sure_both_ways():
    scores = [(0.4, 0.39, 0.5), (0.1, 0.15, 0.1), (0.2, 0.5, 0.1), *[(0.4, 0.3, 0.5)] * 20]
    found = " ".join(findings(rows(*scores, ahead="-OOMMM"), ["depth"]))
    assert "main have an r from 0.10 to 0.40 by protocol alone, 0.40 under the paper's" in found
    assert "Of 23 protocols the highest r is that of main under 21, other under 2." in found
    assert "it is that of main (surely ahead of 0 of 1 others), under 2 that of another" in found
    assert "protocols: 1 of 1: main under 3 and other under 2 of 23 protocols." in found
    assert "2.5% of the protocols on average, 1 of 23. Protocols share" in found
    assert "higher r than every method under 21 protocols" in found
    found = " ".join(findings(rows(*scores, ahead="MMM"), ["depth"]))
    assert "(surely ahead of 1 of 1 others), under 2 that of another method." in found
    assert "under some protocols: 0 of 1. Of two" in found


def test_the_mean_gain_of_the_comparison_is_a_protocol_of_this_page(spots, table):
    of_patients = []
    for name in ("other", "main"):
        everyone = spots[name].copy()
        everyone.layers["smooth"] = smooth_observed(everyone, "values")
        of_patients.append(performance_by(everyone, "patient"))
    row = table.set_index(["experiment", *Protocol._fields]).loc[("other", *AS_COMPARED)]
    found = row[["gain", "gain_low", "gain_high"]].to_numpy(float)
    assert found == pytest.approx(mean_gain(*of_patients), abs=1e-6)


def of_genes(consistent: dict[str, bool | None]) -> pd.DataFrame:
    return pd.DataFrame({"gene": [*consistent], "n_patients": 5, "consistent": consistent.values()})


def test_a_reader_is_told_first_if_of_most_genes_nothing_is_shown():
    few = of_genes({"a": True, "b": False, "c": False, "d": False, "e": False})
    other = of_genes({"a": False, "b": False, "c": True, "d": False, "e": False, "x": True})
    (said,) = signal([few, other])
    assert said.startswith("2 of 5 genes are consistent for at least one method. Of the other 3")
    assert "a median over all genes is mostly theirs" in said
    half = of_genes({"a": True, "b": False})
    assert signal([half]) == ["1 of 2 genes are consistent for at least one method."]
    assert signal([of_genes({"a": None, "b": None})]) == []


def test_options_are_compared_over_the_protocols_that_all_of_them_share(table):
    shown = _by_choice(table)
    for name in ("main", "other", "mean"):
        r = {
            Protocol(*row[1:-1]): row[-1]
            for row in table[table["experiment"] == name][
                ["experiment", *Protocol._fields, "r"]
            ].itertuples(index=False)
        }
        for kind, free in OPTIONS.items():
            options = dict.fromkeys(
                getattr(each, kind) for each in r if each.over_units or kind != "over_units"
            )
            groups = {}
            for each, value in r.items():
                if getattr(each, kind) in options and np.isfinite(value):
                    key = each._replace(**dict.fromkeys(free, "any"))
                    groups.setdefault(key, []).append((getattr(each, kind), value))
            shared = [
                pair
                for group in groups.values()
                if {o for o, _ in group} == {*options}
                for pair in group
            ]
            expected = {WORDS.get(o, o): [v for each, v in shared if each == o] for o in options}
            of_kind = shown[shown["choice"] == word(kind).heading].set_index("option")[name]
            assert [*of_kind.index] == [*expected]
            for option, values in expected.items():
                if values:
                    assert of_kind[option] == decimals(np.median(values)), (name, kind, option)
                else:
                    assert pd.isna(of_kind[option])
    by_unit = shown[shown["choice"] == word("unit").heading]
    # A constant of each patient has an r only over all patients, which is compared with nothing.
    assert by_unit["mean"].isna().all()
    assert by_unit["main"].notna().all()


def test_findings_without_an_r_or_an_interval_say_so():
    nothing = rows(*[(np.nan, 0.3, np.nan)] * 11, (np.nan, np.nan, np.nan))
    found = " ".join(findings(nothing, ["depth"]))
    assert "main have no r by protocol alone, none under the paper's" in found
    assert "No method has an r under 1." in found
    assert "nan" not in found
    found = " ".join(findings(rows(*[(0.4, 0.3, 0.5)] * 12).assign(n_patients=1), ["depth"]))
    assert "There are no intervals" in found
    assert "sure both ways" not in found


def test_findings_say_whose_genes_limit_all():
    table = rows(*[(0.4, 0.3, 0.5)] * 12).assign(n_genes=3)
    table.loc[table["experiment"] == "other", "missing_genes"] = 12
    found = " ".join(findings(table, ["depth"]))
    assert "r is over 3 of the 15 genes of main" in found
    assert "missing: 12 by other." in found


def test_published_values_stand_in_the_docs_and_are_those_of_the_paper():
    text = (ROOT / "docs/protocols.md").read_text(encoding="utf-8")
    assert {each.user for each in PUBLISHED} <= {"", *USERS}
    stated = text.split("Published values of r of ST-Net")[1].split("##")[0]
    expected = [f"| {e.data} | {e.protocol} | {e.r:.3f} | {e.source} |" for e in PUBLISHED]
    assert [line for line in stated.splitlines() if line[:2] == "| "][1:] == expected
    paper = read_table(ROOT / "resources/paper/per_gene.tsv")["stnet_median_r"].median()
    assert [e.r for e in PUBLISHED if USERS.get(e.user) == PAPER] == [round(paper, 3)]


def test_r_stands_beside_the_name_and_published_values_say_whether_a_protocol_matches(table):
    shown = _used(table)
    assert [*shown] == ["users", "main", "other", "mean", *Protocol._fields]
    r = table[table["experiment"] == "other"].set_index([*Protocol._fields])["r"]
    for users, found in zip(shown["users"], shown["other"], strict=True):
        assert found == decimals(r[USERS[users]]), users
    stated = _published(table).set_index("published")
    main = table[table["experiment"] == "main"].set_index([*Protocol._fields])["r"]
    assert stated.loc["0.130", "here"] == decimals(main[PAPER])
    assert stated.loc["0.093", "here"] == decimals(main[USERS["EGN"]])
    unmatched = stated[stated["users"] == ""]
    assert len(unmatched) == len(PUBLISHED) - 2
    assert set(unmatched["here"]) == {"no match: too little is said"}
    assert (stated["source"] != "").all()


def test_the_page_and_the_figure_show_all_of_it(spots, tmp_path):
    paths = [path for each in written(tmp_path, spots).values() for path in each]
    roles = {"main": "main", "other": "reference", "mean": "other"}
    methods = {name: {"role": role, "title": f"The {name}"} for name, role in roles.items()}
    outputs = [tmp_path / f"protocols.{kind}" for kind in ("tsv", "html", "png")]
    genes = [tmp_path / f"{name}.tsv" for name in roles]
    for path in genes:
        write_table(of_genes({f"g{i}": i == 1 for i in range(GENES)}), path)
    write_protocols(paths, genes, *outputs[:2], outputs[2:], methods=methods, smoothing="values")
    page = outputs[1].read_text(encoding="utf-8")
    for words in (
        "TRIPLEX, best 50 genes",
        "The other is a reference",
        "best elsewhere",
        "no match: too little is said",
        "<p>The same held-out predictions of The main have an r from ",
        " 1 of 15 genes are consistent for at least one method.",
        "0 of 304",
    ):
        assert words in page
    assert "nan" not in page
    assert len(read_table(outputs[0])) == 3 * len(PROTOCOLS)
    assert outputs[2].stat().st_size > 50_000


def test_the_figure_has_a_mark_for_each_of_many_methods_and_needs_no_r(table):
    main = table[table["experiment"] == "main"]
    names = [f"method {i}" for i in range(20)]
    many = pd.concat([main, *(main.assign(experiment=name) for name in names)])
    titles = {name: name.upper() for name in ("main", *names)}
    axis = specification_curve(many, titles, KINDS).axes[0]
    marks = {
        each.get_label(): (*each.get_facecolor()[0], each.get_paths()[0].vertices.tobytes())
        for each in axis.collections
        if each.get_label().startswith("METHOD")
    }
    assert len(marks) == len({*marks.values()}) == 20
    first = [marks[f"METHOD {i}"][:3] for i in range(7)]
    grey = np.array(first) @ [0.299, 0.587, 0.114]
    assert len({*first}) == 7
    assert np.abs(np.diff(grey)).min() > 0.05
    constant = main.assign(r=np.nan, low=np.nan, high=np.nan)
    assert specification_curve(constant, titles, KINDS).axes
