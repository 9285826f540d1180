"""Baselines against computations written out here, and a leak planted in each."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestRegressor

from stnet.baselines import coordinates, depth, forest, label, mean, ridge
from stnet.baselines.estimator import Spots
from stnet.core.errors import InputError
from stnet.core.h5ad import write_h5ad
from stnet.core.tables import read_table
from stnet.evaluation.performance import evaluate
from stnet.expression.held_out_job import HeldOutJob
from stnet.features.collect import collect_features
from stnet.features.files import write_features

SECTIONS = ["A1", "A2", "B1", "B2", "C1", "D1"]
HELD_OUT = ["A1", "A2"]
N, GENES, FEATURES = 15, 5, 12
FOREST = {"trees": 5, "max_features": 1.0, "min_samples_leaf": 1, "seed": 3}
RIDGE = {"components": 6, "penalties": [0.1, 10.0, 1000.0], "inner_folds": 3, "seed": 0}
COORDINATES = {"degree": 3, "penalty": 0.5}


class Cohort:
    """Targets and features of a cohort on disk, to be changed and predicted again."""

    def __init__(self, folder, sections=SECTIONS):
        random = np.random.default_rng(0)
        n = N * len(sections)
        self.targets, self.collected = folder / "targets.h5ad", folder / "features.h5ad"
        self.predictions = folder / "predictions.h5ad"
        self.sections = np.repeat(sections, N)
        self.is_held_out = np.isin(self.sections, HELD_OUT)
        self.features = random.normal(size=(n, FEATURES)).astype(np.float32)
        weights = random.normal(size=(FEATURES, GENES))
        self.expression = (self.features @ weights + random.normal(size=(n, GENES)) - 9).astype(
            np.float32
        )
        self.positions = random.uniform(0, 5000, (n, 2))
        self.obs = pd.DataFrame(
            {
                "patient": [section[0] for section in self.sections],
                "section": self.sections,
                "array_col": np.tile(np.arange(N), len(sections)),
                "array_row": 1,
                "label": pd.Categorical(np.where(random.random(n) < 0.5, "tumour", "normal")),
                "total_counts": random.integers(100, 9000, n),
            },
            index=[f"{s}:{i}x1" for i, s in enumerate(self.sections)],
        )
        self.folder = folder
        self.write()

    def write(self):
        var = pd.DataFrame({"symbol": list("VWXYZ")}, index=[f"G{i}" for i in range(GENES)])
        measured = ad.AnnData(
            self.expression,
            obs=self.obs,
            var=var,
            obsm={"spatial": self.positions},
            uns={
                "targets": {
                    "transform": "log_fraction",
                    "universe": 90,
                    "held_out_sections": [],
                },
                "grid": dict.fromkeys(SECTIONS, "square"),
            },
        )
        write_h5ad(measured, self.targets)
        self.write_features(self.collected, slice(None))

    def write_features(self, path, rows):
        obs = self.obs[rows].copy()
        obs.index = obs.index.str.replace(".*:", "", regex=True)
        spots = ad.AnnData(obs=obs, obsm={"spatial": self.positions[rows]})
        names = [f"f{i}" for i in range(FEATURES)]
        write_features(path, spots, self.features[rows], names, {"kind": "toy"})
        return path

    def predict(self, function, *, held_out_sections=HELD_OUT, output=None, threads=2, **settings):
        inputs = [self.targets]
        if function in (forest.predict_forest, ridge.predict_ridge):
            inputs.append(self.collected)
        output = output or self.predictions
        job = HeldOutJob("toy", "A", held_out_sections, threads, code="0123")
        function(*inputs, output, job, **settings)
        return ad.read_h5ad(output)

    @property
    def training(self):
        """Features and expression of the training spots, in double precision."""
        rows = ~self.is_held_out
        return self.features[rows].astype(float), self.expression[rows].astype(float)


@pytest.fixture
def cohort(tmp_path):
    return Cohort(tmp_path)


KINDS = {
    "label": (label, label.predict_label, {"cohort": "toy"}),
    "forest": (forest, forest.predict_forest, FOREST),
    "ridge": (ridge, ridge.predict_ridge, RIDGE),
    "mean": (mean, mean.predict_mean, {}),
    "coordinates": (coordinates, coordinates.predict_coordinates, COORDINATES),
    "depth": (depth, depth.predict_depth, {}),
}
each_kind = pytest.mark.parametrize("kind", KINDS)


@each_kind
def test_writes_the_held_out_spots_and_where_they_come_from(cohort, kind):
    _, function, settings = KINDS[kind]
    found = cohort.predict(function, **settings)
    assert found.obs_names.tolist() == cohort.obs.index[cohort.is_held_out].tolist()
    observed = cohort.expression[cohort.is_held_out]
    np.testing.assert_array_equal(found.layers["observed"], observed)
    assert found.X.dtype == np.float32
    assert np.isfinite(found.X).all()
    provenance = found.uns["provenance"]
    assert (provenance["experiment"], provenance["held_out"]) == ("toy", "A")
    assert (provenance["code"], provenance["transform"]) == ("0123", "log_fraction")
    trained_on = provenance["training_spots"]
    total = sum(trained_on.values()) if kind == "label" else trained_on
    assert total == (~cohort.is_held_out).sum()
    others = cohort.obs["section"][~cohort.is_held_out].astype(str).unique().tolist()
    assert list(provenance["training_sections"]) == others
    assert provenance.get("projection_spots", total) == total


@each_kind
def test_nobody_to_hold_out_or_to_train_on_is_said(cohort, kind):
    _, function, settings = KINDS[kind]
    with pytest.raises(InputError, match=r"targets\.h5ad: held-out group A has no used spot"):
        cohort.predict(function, held_out_sections=["E1"], **settings)
    with pytest.raises(InputError, match="nothing is left to train on"):
        cohort.predict(function, held_out_sections=SECTIONS, **settings)


def first_prediction(folder, kind, change=False):
    """What a kind predicts for the first held-out spot, perhaps with the other ones changed.

    Its own features are left, since they are what it is predicted from; so is its place, and the
    section's, which says nothing of expression.
    """
    folder.mkdir(exist_ok=True)
    cohort, random = Cohort(folder), np.random.default_rng(1)
    if change:
        others = np.flatnonzero(cohort.is_held_out)[1:]
        cohort.features[others] = random.normal(50, 9, (len(others), FEATURES))
        cohort.expression[cohort.is_held_out] = random.normal(3, 9, (len(others) + 1, GENES))
        cohort.write()
    _, function, settings = KINDS[kind]
    return cohort.predict(function, **settings).X[0]


def leaks(folder, kind) -> bool:
    """Whether a prediction depends on other held-out spots, or on any held-out expression."""
    before, after = (first_prediction(folder, kind, change) for change in (False, True))
    return not np.array_equal(before, after)


class LeakySpots(Spots):
    """Spots among which those to train on are all."""

    def features(self, path):
        values = np.asarray(ad.read_h5ad(path).X)
        return values, values[self.is_held_out]


def read_leaky_spots(targets, job):
    measured = ad.read_h5ad(targets)
    is_held_out = job.is_held_out(measured)
    return LeakySpots(measured, measured[is_held_out], measured.obs_names.tolist(), is_held_out)


@each_kind
def test_what_is_fitted_sees_training_spots_only(tmp_path, kind):
    assert not leaks(tmp_path / "cohort", kind)


@each_kind
def test_a_fit_to_all_spots_is_caught(tmp_path, kind, monkeypatch):
    monkeypatch.setattr(KINDS[kind][0], "read_spots", read_leaky_spots)
    assert leaks(tmp_path / "cohort", kind)


def test_a_projection_fitted_to_all_features_is_caught(tmp_path, monkeypatch):
    own, folder = ridge.project, tmp_path / "cohort"

    def leaky(features, **settings):
        return own(np.asarray(ad.read_h5ad(folder / "features.h5ad").X), **settings)

    monkeypatch.setattr(ridge, "project", leaky)
    assert leaks(folder, "ridge")


def plain_ridge(training, expression, predicted_from, components, penalty):
    """Standardise, project on principal components, and regress with an intercept."""
    centre, scale = training.mean(axis=0), training.std(axis=0)
    x, z = (training - centre) / scale, (predicted_from - centre) / scale
    axes = np.linalg.svd(x, full_matrices=False)[2][:components].T
    x, z, mean_y = x @ axes, z @ axes, expression.mean(axis=0)
    slopes = np.linalg.solve(x.T @ x + penalty * np.eye(components), x.T @ (expression - mean_y))
    return mean_y + z @ slopes


def test_ridge_is_the_plain_computation_with_the_penalty_of_least_error(cohort):
    found = cohort.predict(ridge.predict_ridge, **RIDGE)
    training, expression = cohort.training
    patients = np.array([section[0] for section in cohort.sections[~cohort.is_held_out]])
    errors = {}
    for penalty in RIDGE["penalties"]:
        errors[penalty] = 0
        for patient in "BCD":
            inside = patients == patient
            known, asked = training[~inside], training[inside]
            predicted = plain_ridge(known, expression[~inside], asked, 6, penalty)
            errors[penalty] += np.square(predicted - expression[inside]).sum()
    best = min(errors, key=errors.get)
    provenance = found.uns["provenance"]
    assert provenance["penalty"] == best == 10
    assert provenance["penalty_rule"] == "3 inner folds of patients"
    written = provenance["squared_error"]
    assert {float(k): v for k, v in written.items()} == pytest.approx(errors, rel=1e-4)
    predicted_from = cohort.features[cohort.is_held_out].astype(float)
    plain = plain_ridge(training, expression, predicted_from, 6, best)
    np.testing.assert_allclose(found.X, plain, rtol=1e-4)


def test_a_penalty_chosen_on_the_held_out_spots_is_the_best_for_them(cohort):
    found = cohort.predict(ridge.predict_ridge, **RIDGE | {"inner_folds": "held_out"})
    predicted_from = cohort.features[cohort.is_held_out].astype(float)
    errors = {
        penalty: np.square(
            plain_ridge(*cohort.training, predicted_from, 6, penalty) - found.layers["observed"]
        ).sum()
        for penalty in RIDGE["penalties"]
    }
    provenance = found.uns["provenance"]
    assert provenance["penalty"] == min(errors, key=errors.get)
    assert provenance["penalty_rule"] == "held-out spots (a leak)"
    written = provenance["squared_error"]
    assert {float(k): v for k, v in written.items()} == pytest.approx(errors, rel=1e-4)


def test_one_penalty_is_taken_and_components_are_no_more_than_there_can_be(cohort):
    settings = {**RIDGE, "penalties": [2], "components": 256}
    found = cohort.predict(ridge.predict_ridge, **settings)
    predicted_from = cohort.features[cohort.is_held_out].astype(float)
    plain = plain_ridge(*cohort.training, predicted_from, FEATURES, 2)
    np.testing.assert_allclose(found.X, plain, rtol=1e-4)
    assert found.uns["provenance"]["penalty_rule"] == "configured"


def test_the_last_penalty_is_said_and_one_section_gives_no_choice(cohort, caplog):
    settings = {**RIDGE, "penalties": [1e3, 1e5]}
    cohort.predict(ridge.predict_ridge, **settings)
    assert "A: the penalty 1000 was chosen, the first or last" in caplog.text
    with pytest.raises(InputError, match="one training section cannot be split to choose among 2"):
        cohort.predict(ridge.predict_ridge, held_out_sections=SECTIONS[1:], **settings)


def test_forest_is_scikit_learns_of_the_same_seed_however_many_trees_grow_at_once(cohort):
    cohort.features[::4, 2] = np.nan
    cohort.write()
    plain = RandomForestRegressor(5, random_state=3).fit(*cohort.training)
    expected = plain.predict(cohort.features[cohort.is_held_out])
    found = []
    for threads in (1, 2, 5, 8):
        settings = {**FOREST, "threads": threads}
        found.append(cohort.predict(forest.predict_forest, **settings).X)
        np.testing.assert_array_equal(found[-1], found[0])
    np.testing.assert_allclose(found[0], expected, rtol=1e-6)


def test_forest_takes_a_share_of_features_and_a_least_leaf(cohort):
    settings = {**FOREST, "max_features": 1, "min_samples_leaf": 4}
    plain = RandomForestRegressor(5, random_state=3, min_samples_leaf=4, max_features=1.0)
    expected = plain.fit(*cohort.training).predict(cohort.features[cohort.is_held_out])
    found = cohort.predict(forest.predict_forest, **settings)
    np.testing.assert_allclose(found.X, expected, rtol=1e-6)


def test_coordinates_are_a_polynomial_of_the_place_in_the_section(cohort):
    found = cohort.predict(coordinates.predict_coordinates, **COORDINATES)
    places = np.empty((len(cohort.sections), 2))
    for name in SECTIONS:
        own = cohort.sections == name
        at = cohort.positions[own]
        places[own] = (at - at.mean(axis=0)) / at.std(axis=0)
    x, y = places.T
    powers = [(i, j) for i in range(4) for j in range(4) if 0 < i + j <= 3]
    design = np.column_stack([x**i * y**j for i, j in powers])
    _, expression = cohort.training
    known, asked = design[~cohort.is_held_out], design[cohort.is_held_out]
    centre, mean_y = known.mean(axis=0), expression.mean(axis=0)
    known, asked = known - centre, asked - centre
    gram = known.T @ known + 0.5 * np.eye(len(powers))
    plain = mean_y + asked @ np.linalg.solve(gram, known.T @ (expression - mean_y))
    np.testing.assert_allclose(found.X, plain, rtol=1e-5)


def test_depth_is_a_parabola_per_gene_in_the_ln_of_the_measured_total(cohort):
    found = cohort.predict(depth.predict_depth)
    ln_total = np.log(cohort.obs["total_counts"].to_numpy(dtype=float))
    _, expression = cohort.training
    for gene in range(GENES):
        parabola = np.polyfit(ln_total[~cohort.is_held_out], expression[:, gene], 2)
        expected = np.polyval(parabola, ln_total[cohort.is_held_out])
        np.testing.assert_allclose(found.X[:, gene], expected, rtol=1e-5)


def test_place_is_that_within_the_section_wherever_it_lies():
    obs = pd.DataFrame({"section": ["S"] * 3 + ["T"] * 3 + ["U"]}, index=list("abcdefg"))
    shape = np.array([[0.0, 0], [1, 0], [5, 0]])
    spots = ad.AnnData(obs=obs)
    spots.obsm["spatial"] = np.concatenate([shape, 7 * shape + 30, [[4.0, 4]]])
    found = coordinates.positions_in_section(spots)
    np.testing.assert_allclose(found[:3], found[3:6], atol=1e-12)
    # In one row, or alone: nothing is divided by.
    np.testing.assert_array_equal(found[:, 1], 0)
    np.testing.assert_array_equal(found[6], 0)


def test_the_mean_has_an_error_and_no_correlation_and_its_tables_can_be_made(cohort, tmp_path):
    groups = {"A": HELD_OUT, "B": ["B1", "B2"], "C": ["C1"], "D": ["D1"]}
    paths = [tmp_path / f"{name}.predictions.h5ad" for name in groups]
    for sections, path in zip(groups.values(), paths, strict=True):
        found = cohort.predict(mean.predict_mean, held_out_sections=sections, output=path)
        others = cohort.expression[~np.isin(cohort.sections, sections)]
        expected = np.broadcast_to(others.mean(axis=0, dtype=float), found.shape)
        np.testing.assert_allclose(found.X, expected, rtol=1e-6)
    tables = [tmp_path / f"{name}.tsv" for name in ("patients", "sections", "genes", "summary")]
    evaluate(paths, *tables, stratum="all", smoothing="values", lenient=False)
    patients, _, genes, summary = map(read_table, tables)
    assert patients[["pearson", "pearson_smooth", "spearman", "partial"]].isna().all(axis=None)
    assert (patients["auroc"] == 0.5).all()
    assert (genes["n_consistent"] == 0).all()
    assert (genes["p"] == 1).all()
    assert not genes["consistent"].any()
    numbers = summary.set_index("quantity")["value"]
    errors = [ad.read_h5ad(path) for path in paths]
    squares = np.concatenate([np.square(e.X - e.layers["observed"]) for e in errors])
    assert float(numbers["rmse"]) == pytest.approx(np.sqrt(squares.mean()), rel=1e-4)
    assert numbers["consistent_genes"] == "too few patients"
    assert pd.isna(numbers["median_pearson"])


def test_features_of_other_spots_or_missing_ones_are_refused(cohort):
    cohort.features[3, 3] = np.nan
    cohort.write()
    with pytest.raises(InputError, match=r"features\.h5ad: features are missing.*kind forest"):
        cohort.predict(ridge.predict_ridge, **RIDGE)
    features = ad.read_h5ad(cohort.collected)
    write_h5ad(features[::-1].copy(), cohort.collected)
    for function, settings in ((ridge.predict_ridge, RIDGE), (forest.predict_forest, FOREST)):
        with pytest.raises(InputError, match="its spots are not those of the targets"):
            cohort.predict(function, **settings)


def test_sections_are_collected_in_order_and_only_with_the_same_features(cohort):
    files = [
        cohort.write_features(cohort.folder / f"{name}.h5ad", cohort.sections == name)
        for name in SECTIONS
    ]
    empty = cohort.write_features(cohort.folder / "empty.h5ad", slice(0, 0))
    collect_features([*files, empty], cohort.collected)
    found = ad.read_h5ad(cohort.collected)
    np.testing.assert_array_equal(found.X, cohort.features)
    assert found.obs_names.tolist() == cohort.obs.index.tolist()
    assert found.obs["section"].tolist() == cohort.sections.tolist()
    assert found.var_names.tolist() == [f"f{i}" for i in range(FEATURES)]
    assert found.uns["features"] == {"kind": "toy", "features": ""}
    np.testing.assert_array_equal(found.obsm["spatial"], cohort.positions)

    write_h5ad(ad.read_h5ad(files[1])[:, ::-1].copy(), files[1])
    with pytest.raises(InputError, match=r"A2\.h5ad: not the features of .*A1\.h5ad"):
        collect_features(files, cohort.folder / "other.h5ad")
    assert not (cohort.folder / "other.h5ad").exists()
