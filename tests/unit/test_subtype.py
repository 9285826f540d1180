"""Subtypes told apart: planted ones are, noise is not, and a leak shows as optimism."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from stnet.analysis.bulk.classifier import classify, split_patients
from stnet.analysis.bulk.correlation import correlate
from stnet.analysis.bulk.subtype import subtypes, write_subtype
from stnet.core.h5ad import write_h5ad
from stnet.core.tables import read_table, write_table
from stnet.evaluation.bootstrap import patient_draws

CLASSES = {"IDC": ["8500/3"], "ILC": ["8520/3"]}
SETTINGS = {"test_share": 0.3, "folds": 5, "regularisation": [0.001, 0.1, 10], "seed": 0}
SETS = ["pseudobulk", "pseudobulk_split_first", "bulk", "image"]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Fits this small wait for one another where cores are shared."""
    with threadpool_limits(1):
        yield


def simulate(seed: int, n: int = 150, planted: bool = True) -> ad.AnnData:
    """Patients, two in three ductal, whose bulk differs by class; so do the predictions, or not."""
    random = np.random.default_rng(seed)
    ductal = np.arange(n) % 3 > 0
    effect = random.normal(size=20)
    observed = random.normal(size=(n, 20)) + np.outer(ductal, effect)
    predicted = random.normal(size=(n, 20)) + (observed if planted else 0)
    patients = ad.AnnData(
        predicted,
        obs=pd.DataFrame(
            {"histology": np.where(ductal, "8500/3", "8520/3")}, index=[f"P{i}" for i in range(n)]
        ),
        var=pd.DataFrame(
            {"symbol": [f"s{g}" for g in range(20)]}, index=[f"g{g}" for g in range(20)]
        ),
        layers={"observed": observed},
    )
    patients.obsm["features"] = random.normal(size=(n, 8)) + np.outer(ductal, np.ones(8))
    return patients


def told(folder, patients: ad.AnnData, **changes) -> tuple[pd.DataFrame, pd.DataFrame]:
    write_h5ad(patients, folder / "patients.h5ad")
    genes = correlate(patients.X, patients.layers["observed"])
    genes.insert(0, "gene", patients.var_names)
    write_table(genes, folder / "genes.tsv")
    paths = [folder / f"{name}.tsv" for name in ("subtype", "scores")]
    settings = {"classes": CLASSES, **SETTINGS, **changes}
    outputs = dict(zip(("table", "scores"), paths, strict=True))
    write_subtype(folder / "patients.h5ad", folder / "genes.tsv", outputs, **settings)
    return read_table(paths[0]).set_index("features"), read_table(paths[1])


def test_planted_subtypes_are_told_apart_by_every_set_of_features(tmp_path):
    table, scores = told(tmp_path, simulate(0))
    assert table.index.tolist() == SETS
    assert (table["auroc"] > 0.9).all()
    assert (table["ci_low"] <= table["auroc"]).all()
    assert (table["ci_low"] > 0.7).all()
    assert (table["n_train"] == 105).all()
    assert (table["n_test"] == 45).all()
    assert table["note"].isna().all()
    assert table.loc["bulk", "n_features"] == 20
    assert table.loc["image", "n_features"] == 8
    for name, of_set in scores.groupby("features"):
        expected = roc_auc_score(of_set["class"] == "IDC", of_set["score"])
        assert table.loc[name, "auroc"] == pytest.approx(expected, abs=1e-5)
    tested = scores.groupby("features", sort=False)["patient"].agg(list)
    assert all(patients == tested["bulk"] for patients in tested)


def test_the_fit_is_scikit_learns_on_standardised_training_patients():
    random = np.random.default_rng(3)
    positive = random.random(120) < 0.7
    features = 50 * (random.normal(size=(120, 30)) + 0.4 * positive[:, None]) + 1000
    split = split_patients(positive, 0.3, 5, 3)
    x, y = features[split.train], positive[split.train]
    folds = StratifiedKFold(5, shuffle=True, random_state=3)
    areas = {}
    for c in (0.001, 0.01, 0.1, 1, 10, 100):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=10_000))
        areas[c] = cross_val_score(model, x, y, cv=folds, scoring="roc_auc").mean()
    best = max(areas, key=areas.get)
    mean, sd = x.mean(axis=0), x.std(axis=0)
    model = LogisticRegression(C=best, max_iter=10_000).fit((x - mean) / sd, y)
    scores = model.decision_function((features[split.test] - mean) / sd)
    found = classify(
        features, positive, split, folds=5, regularisation=[100, 10, 1, 0.1, 0.01, 0.001], seed=3
    )
    assert found.c == best
    np.testing.assert_allclose(found.scores, scores, rtol=1e-3)
    assert found.auroc == pytest.approx(roc_auc_score(positive[split.test], scores))
    # The interval, by a loop over the resamples.
    tested = positive[split.test]
    areas = [
        roc_auc_score(tested[drawn], scores[drawn])
        for drawn in patient_draws(len(tested))
        if 0 < tested[drawn].sum() < len(drawn)
    ]
    assert (found.ci_low, found.ci_high) == pytest.approx(np.percentile(areas, [2.5, 97.5]))


def test_of_equally_good_values_the_strongest_penalty_is_chosen():
    positive = np.arange(60) % 2 > 0
    split = split_patients(positive, 0.3, 5, 0)
    features = np.where(positive, 1.0, -1.0)[:, None]
    found = classify(features, positive, split, folds=5, regularisation=[10, 0.1, 1], seed=0)
    assert (found.c, found.auroc, found.ci_low) == (0.1, 1.0, 1.0)


def test_classes_are_split_in_the_same_proportion_and_by_the_seed():
    positive = np.arange(100) % 5 > 0
    split = split_patients(positive, 0.3, 5, 0)
    assert sorted([*split.train, *split.test]) == list(range(100))
    assert (positive[split.test].sum(), (~positive[split.test]).sum()) == (24, 6)
    other = split_patients(positive, 0.3, 5, 1)
    assert other.test.tolist() != split.test.tolist()
    assert split_patients(positive, 0.3, 5, 0).test.tolist() == split.test.tolist()


def test_genes_chosen_with_the_test_patients_are_optimistic_and_split_first_are_not(tmp_path):
    """Predictions follow bulk weakly and class not at all, but bulk follows class."""
    found = []
    for seed in range(8):
        random = np.random.default_rng(seed)
        ductal = np.arange(200) % 2 == 0
        common = random.normal(size=(200, 400))
        patients = ad.AnnData(
            random.normal(size=common.shape) + 0.35 * common,
            obs=pd.DataFrame(
                {"histology": np.where(ductal, "8500/3", "8520/3")},
                index=[f"P{i}" for i in range(200)],
            ),
            var=pd.DataFrame(index=[f"g{g}" for g in range(400)]),
            layers={"observed": common + 5 * ductal[:, None]},
        )
        table, _ = told(tmp_path, patients, regularisation=[0.001], seed=seed)
        found.append(table["auroc"])
    mean = pd.DataFrame(found).mean()
    assert 0.4 < mean["pseudobulk_split_first"] < 0.6
    assert mean["pseudobulk"] > mean["pseudobulk_split_first"] + 0.15
    assert mean["bulk"] > 0.99


def test_nothing_of_the_test_patients_enters_the_genes_chosen_first(tmp_path):
    patients = simulate(2)
    table, scores = told(tmp_path, patients)
    is_tested = patients.obs_names.isin(scores["patient"])
    other = patients.copy()
    other.layers["observed"][is_tested] = -5 * patients.X[is_tested]
    again, scores_again = told(tmp_path, other)
    name = "pseudobulk_split_first"
    pd.testing.assert_series_equal(table.loc[name], again.loc[name])
    first, second = (each.set_index("features").loc[name] for each in (scores, scores_again))
    pd.testing.assert_frame_equal(first, second)
    assert table.loc["pseudobulk", "n_features"] > again.loc["pseudobulk", "n_features"]


def test_the_same_patients_are_compared_and_the_others_counted(tmp_path):
    patients = simulate(3)
    codes = patients.obs["histology"].to_numpy(copy=True)
    codes[:7] = "8480/3"
    codes[7:9] = "8500/3;8520/3"
    patients.obs["histology"] = codes
    patients.layers["observed"][10:15] = np.nan
    patients.obsm["features"][14:17] = np.nan
    table, scores = told(tmp_path, patients)
    kept = codes[17:]
    assert codes[9] == "8520/3"
    words = f"{(kept == '8500/3').sum()} IDC, {(kept == '8520/3').sum() + 1} ILC; left out: "
    words += "7 of neither class, 2 of both, 7 without bulk or features"
    assert table["compared"].unique().tolist() == [words]
    assert (table["n_train"] + table["n_test"] == 134).all()
    assert not set(scores["patient"]) & {f"P{i}" for i in [*range(9), *range(10, 17)]}


def test_codes_of_a_patient_decide_its_class():
    histology = pd.Series(["8500/3", "8480/3;8520/3", "8500/3;8520/3", "", "8522/3", "8501/3"])
    classes = {"IDC": ["8500/3", "8501/3"], "ILC": ["8520/3"]}
    assert subtypes(histology, classes).tolist() == [
        *["IDC", "ILC", "both", "neither", "neither", "IDC"]
    ]


def test_what_no_patient_has_is_left_out_with_a_reason(tmp_path):
    patients = simulate(4, planted=False)
    del patients.obsm["features"]
    patients.layers["observed"][:] = np.nan
    table, scores = told(tmp_path, patients)
    assert table["auroc"].isna().all()
    assert table.loc["image", "note"] == "the slides have no features of an encoder"
    assert table.loc["bulk", "note"] == "no patient has bulk expression"
    assert table.loc["pseudobulk", "note"].startswith("no gene's pseudo-bulk follows bulk")
    assert scores.columns.tolist() == ["features", "patient", "class", "score"]
    assert scores.empty


@pytest.mark.parametrize("n_lobular", [0, 1, 2, 6])
def test_a_class_of_too_few_patients_is_a_reason_and_no_crash(tmp_path, n_lobular):
    patients = simulate(5)
    lobular = np.flatnonzero(patients.obs["histology"] == "8520/3")
    patients = patients[np.setdiff1d(np.arange(150), lobular[n_lobular:])].copy()
    table, scores = told(tmp_path, patients)
    assert table["auroc"].isna().all()
    expected = f"100 and {n_lobular} patients of the two classes are too few"
    assert table["note"].str.startswith(expected).all()
    assert scores.empty


def test_seven_of_a_class_are_enough(tmp_path):
    patients = simulate(5)
    lobular = np.flatnonzero(patients.obs["histology"] == "8520/3")
    patients = patients[np.setdiff1d(np.arange(150), lobular[7:])].copy()
    table, _ = told(tmp_path, patients)
    assert table["auroc"].notna().all()


def test_a_single_test_patient_of_a_class_is_too_few():
    positive = np.arange(40) % 4 > 0
    split = split_patients(positive, 0.1, 5, 0)
    assert split.note.startswith("30 and 10 patients of the two classes are too few")
    assert len(split.train) == len(split.test) == 0
    assert not split_patients(positive, 0.2, 5, 0).note


def test_no_patient_at_all_is_a_reason_too(tmp_path):
    table, _ = told(tmp_path, simulate(6)[:0].copy())
    assert table["note"].str.startswith("0 and 0 patients").all()
