"""The arena: scores against plain loops, intervals against simulated cohorts, and its page."""

from itertools import combinations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from stnet.core.errors import InputError
from stnet.core.tables import read_table, write_table
from stnet.evaluation.arena import POWER, compare_pairs, score
from stnet.evaluation.bootstrap import with_interval
from stnet.evaluation.performance import performance_by
from stnet.expression.predictions import write_predictions
from stnet.report.arena import write_arena

GENES, PATIENTS, METHODS = ["a", "b", "c"], ["P1", "P2"], ["one", "two"]


def patient_table(r, partial=None, n_spots=40):
    """A patient table; `r` and `partial` are (patients, genes)."""
    rows = [
        (gene, patient, n_spots, r[i][j], r[i][j] if partial is None else partial[i][j])
        for i, patient in enumerate(PATIENTS)
        for j, gene in enumerate(GENES)
    ]
    return pd.DataFrame(rows, columns=["gene", "patient", "n_spots", "pearson", "partial"])


def ceilings(value=0.5):
    return patient_table([[value] * 3] * 2)[["gene", "patient"]].assign(ceiling=value)


def test_scores_are_those_of_plain_loops():
    nan = np.nan
    r = {"one": [[0.1, 0.4, nan], [0.2, nan, nan]], "two": [[0.3, nan, nan], [0.1, 0.5, 0.3]]}
    high = ceilings().assign(ceiling=[0.9, 0.6, 0.3, 0.5, 0.4, 0.2])
    found, refused = score(
        {name: patient_table(values) for name, values in r.items()}, lambda _: high
    )
    assert refused == {}
    for row in found.itertuples():
        patient = PATIENTS.index(row.patient)
        # c has no r in P1 of any method; where another method has one, an undefined r counts as 0.
        kept = [g for g in range(3) if any(np.isfinite(r[name][patient][g]) for name in METHODS)]
        values = [np.nan_to_num(r[row.experiment][patient][g]) for g in kept]
        assert row.n_genes == len(kept) == (2 if row.patient == "P1" else 3)
        assert row.mean_r == row.mean_partial == pytest.approx(np.mean(values))
        assert row.median_r == pytest.approx(np.median(values))
        of_patient = high[high["patient"] == row.patient]["ceiling"].to_numpy()[kept]
        assert row.ceiling == pytest.approx(of_patient.mean())
    assert len(found) == 4


def test_who_leaves_out_spots_or_genes_is_not_scored():
    full = patient_table([[0.1, 0.4, 0.2]] * 2)
    fewer = full.assign(pearson=0.9, n_spots=[40, 40, 40, 39, 39, 39])
    tables = {"full": full, "fewer": fewer, "without": full[full["gene"] != "c"]}
    asked = []
    found, refused = score(
        {"fewer": fewer, **tables}, lambda name: asked.append(name) or ceilings()
    )
    assert asked == ["full"]
    assert set(found["experiment"]) == {"full"}
    assert refused == {
        "fewer": "lacks spots of 3 of the 6 pairs of a gene and a patient",
        "without": "lacks spots of 2 of the 6 pairs of a gene and a patient",
    }


def test_no_r_at_all_is_one_line():
    with pytest.raises(InputError, match="arena: none of mean has an r in any patient; add"):
        score({"mean": patient_table([[np.nan] * 3] * 2)}, lambda _: ceilings())


def simulated(random, n_patients, n_methods, lead=0.0):
    """Scores of equal methods, of skewed errors that differ by method; the first has a lead."""
    errors = random.gamma(2, 1, (n_patients, n_methods)) - 2
    scores = 0.2 + 0.1 * random.normal(size=(n_patients, 1)) + 0.02 * errors
    scores[:, 0] += lead
    return pd.DataFrame(scores, columns=[f"m{number}" for number in range(n_methods)])


def test_intervals_are_of_all_pairs_and_the_resolvable_has_its_power():
    scores = simulated(np.random.default_rng(1), 23, 4)
    table = compare_pairs(scores)
    assert [*zip(table["one"], table["other"], strict=True)] == [*combinations(scores, 2)]
    for row in table.itertuples():
        d = scores[row.one] - scores[row.other]
        level = 1 - 0.05 / 6
        low, high = stats.t.interval(level, 22, d.mean(), stats.sem(d))
        assert (row.difference_low, row.difference_high) == pytest.approx((low, high))
        assert row.resolved == (low > 0 or high < 0)
        size = TTestPower().solve_power(nobs=23, alpha=1 - level, power=POWER)
        assert row.resolvable == pytest.approx(size * d.std(ddof=1), rel=1e-3)


def test_the_interval_of_one_pair_is_that_of_the_bootstrap():
    scores = simulated(np.random.default_rng(2), 12, 2)
    (row,) = compare_pairs(scores).itertuples()
    d = (scores["m0"] - scores["m1"]).to_numpy()
    value, low, high = with_interval(lambda draws: d[draws].mean(axis=1), 12)
    assert row.difference == pytest.approx(value)
    width = high - low
    assert row.difference_high - row.difference_low == pytest.approx(width, rel=0.06)


def resolved(n_patients, arenas, lead=0.0):
    """Simulated arenas: whether each pair is resolved, and how far apart is resolvable."""
    random = np.random.default_rng(3)
    tables = [compare_pairs(simulated(random, n_patients, 6, lead)) for _ in range(arenas)]
    return (np.array([table[name] for table in tables]) for name in ("resolved", "resolvable"))


def above(share, arenas):
    """Three standard errors of a share of simulated arenas."""
    return 3 * np.sqrt(share * (1 - share) / arenas)


@pytest.mark.parametrize("n_patients", [2, 8])
def test_equal_methods_are_declared_different_at_most_at_the_nominal_rate(n_patients):
    found, _ = resolved(n_patients, 300)
    assert found.any(axis=1).mean() <= 0.05 + above(0.05, 300)


def test_a_planted_difference_of_the_resolvable_size_is_found():
    _, resolvable = resolved(8, 50)
    lead = np.sqrt(np.square(resolvable).mean())
    found, _ = resolved(8, 200, lead)
    assert found[:, :5].mean() >= POWER - above(POWER, 200)
    # A difference far below is not: it is what the number is for.
    found, _ = resolved(8, 200, lead / 4)
    assert found[:, :5].mean() < 0.3


def test_few_patients_and_one_method_make_no_interval():
    one = compare_pairs(pd.DataFrame({"a": [0.1], "b": [0.3]}))
    assert one[["difference_low", "resolvable"]].isna().all(axis=None)
    assert not one["resolved"].any()
    assert compare_pairs(pd.DataFrame({"a": [0.1, 0.2]})).empty
    same = compare_pairs(pd.DataFrame({"a": [0.1, 0.2], "b": [0.1, 0.2]}))
    assert not same["resolved"].any()
    rounded = compare_pairs(pd.DataFrame({"a": [0.1, 0.2], "b": [0.1 - 1e-9, 0.2 - 1e-9]}))
    assert not rounded["resolved"].any()
    assert (same["resolvable"] == 0).all()


@pytest.fixture(scope="module")
def arena(tmp_path_factory):
    """Page and tables of an arena: a good and a bad method, a floor, and one that sees depth."""
    folder = tmp_path_factory.mktemp("arena")
    random = np.random.default_rng(0)
    tables = {name: [] for name in ("good", "bad", "floor", "depth")}
    predictions = []
    for patient in ("P1", "P2", "P3", "P4", "P5"):
        counts = random.poisson(random.gamma(2, 2, (60, 4)))
        totals = counts.sum(axis=1) + 50.0
        y = np.log((1 + counts) / (500 + totals[:, None])).astype(np.float32)
        obs = pd.DataFrame(
            {"patient": patient, "section": patient, "total_counts": totals, "label": ""},
            [f"{patient}:{spot}" for spot in range(60)],
        )
        obs["array_col"] = obs["array_row"] = np.arange(60)
        var = pd.DataFrame({"symbol": [*"ABCD"]}, [*"abcd"])
        uns = {"targets": {"transform": "log_fraction", "universe": 500}}
        measured = ad.AnnData(y, obs=obs, var=var, uns={**uns, "grid": {patient: "square"}})
        path = folder / f"experiments/good/{patient}/predictions.h5ad"
        path.parent.mkdir(parents=True)
        predictions.append(path)
        write_predictions(path, measured, y, {"experiment": "good", "held_out": patient})
        noise = random.normal(size=(2, *y.shape)) * y.std(axis=0)
        guesses = {"good": y + noise[0], "bad": noise[1], "floor": 0 * y + 1}
        guesses["depth"] = np.broadcast_to(np.log(totals)[:, None], y.shape)
        for name, guess in guesses.items():
            spots = ad.AnnData(guess.astype(np.float32), obs=obs, var=var, uns=uns)
            spots.layers["observed"] = spots.layers["smooth"] = y
            tables[name].append(performance_by(spots, "patient"))
    paths = {name: folder / f"{name}.tsv" for name in tables}
    for name, parts in tables.items():
        write_table(pd.concat(parts), paths[name])
    outputs = {name: folder / f"{name}.out" for name in ("tsv", "pairs", "patients", "html")}
    kind = {"kind": "mean", "of": ""}
    write_arena(
        paths,
        {"bad": predictions},
        outputs,
        [folder / "arena.png"],
        methods={
            name: {"title": f"The {name}", "role": "reference" if name == "depth" else "", **kind}
            for name in tables
        },
        refused={"The leak": "genes are chosen with the held-out patient"},
        reference=None,
        genes="four of them",
    )
    return folder, outputs


def test_the_page_says_who_wins_and_whether_that_is_resolved(arena):
    folder, outputs = arena
    page = outputs["html"].read_text(encoding="utf-8")
    first = page[page.index("<p>") :].split("</p>")[0]
    assert "The good has the highest r: 0.7" in first
    assert "Its lead over the next, The " in first
    assert ": resolved." in first
    assert "Resolved against: The " in first
    assert "genes are chosen with the held-out patient" in page
    assert "it sees the measurement" in page
    assert "Not ranked: 2, for" in first
    assert "data:image/webp;base64," in page
    assert (folder / "arena.png").stat().st_size > 1000


def test_tables_of_the_arena_rank_what_may_be_ranked(arena):
    _, outputs = arena
    table = read_table(outputs["tsv"]).set_index("experiment")
    assert table["rank"].tolist()[:3] == [1, 2, 3]
    assert table.index[0] == "good"
    assert table.index[-1] == "depth"
    assert pd.isna(table["rank"]["depth"])
    # A floor that is constant has an r of 0, and not the mean of the genes where it has one.
    assert table["mean_r"]["floor"] == 0
    share = table["mean_r"] / table["ceiling"]
    np.testing.assert_allclose(table["share"], share, atol=1e-5)
    pairs = read_table(outputs["pairs"])
    assert len(pairs) == 3
    assert "depth" not in {*pairs["one"], *pairs["other"]}
    # Turned round, a pair of the reference is the same difference.
    pair = pairs[(pairs["one"] == "good") & (pairs["other"] == "bad")].iloc[0]
    assert table["difference"]["bad"] == pytest.approx(-pair["difference"])
    assert table["difference_low"]["bad"] == pytest.approx(-pair["difference_high"])
    scores = read_table(outputs["patients"])
    assert scores.groupby("experiment")["mean_r"].mean()["good"] == pytest.approx(
        table["mean_r"]["good"], abs=1e-5
    )
