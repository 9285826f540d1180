"""What leaks buy: where there is nothing to learn, r comes from the leak alone."""

import anndata as ad
import numpy as np
import pytest
from sections import section_file
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from stnet.analysis.leak_lab import PENALTIES, leak_lab, of_epochs
from stnet.checks.leaks import find_leaks
from stnet.core.errors import InputError
from stnet.core.h5ad import write_h5ad
from stnet.expression.targets import write_targets
from stnet.report.leak_lab import LEAKS, write_leak_lab

GENES = [f"G{i}" for i in range(60)]
SECTIONS = {"A1": "A", "A2": "A", "B1": "B", "C1": "C", "D1": "D"}
SPOTS, FEATURES = 40, 30
SETTINGS = {"genes": 20, "transform": "log_fraction", "components": 30}


def cohort(folder, signal=0.0, sizes=None):
    """Sections whose counts are noise; with `signal`, genes follow the first feature of a spot.

    `sizes` are numbers of spots by section, of which the first one then has no counts.
    """
    rng, paths, features = np.random.default_rng(0), [], []
    n_spots = dict.fromkeys(SECTIONS, SPOTS) | (sizes or {})
    for name, patient in SECTIONS.items():
        x = rng.normal(size=(n_spots[name], FEATURES))
        slopes = signal * np.sin(np.arange(len(GENES)))
        rate = rng.gamma(2, 20, len(GENES)) * np.exp(x[:, :1] * slopes)
        counts = rng.poisson(rate * rng.gamma(20, 0.05, (len(x), len(GENES))))
        counts[0] *= name not in (sizes or {})
        path = folder / f"{name}.h5ad"
        paths.append(section_file(path, name, counts, GENES, patient=patient))
        features.append(x)
    spots = [f"{name}:{i}x{i}" for name, n in n_spots.items() for i in range(n)]
    values = ad.AnnData(np.concatenate(features).astype(np.float32))
    values.obs_names, values.uns["features"] = spots, {"features": ""}
    path = folder / "features.h5ad"
    write_h5ad(values, path)
    return paths, path


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    inputs = cohort(tmp_path_factory.mktemp("noise"))
    return inputs, leak_lab(*inputs, **SETTINGS).set_index("leak")


def test_leaks_make_an_r_of_noise(noise):
    _, table = noise
    for leak in ("copy", "best"):
        assert abs(table["mean_without"][leak]) < 0.1
        assert table["mean_gain"][leak] > 0.05
    assert table["mean_with"]["copy"] > 0.2
    # Models of single sections and spots differ in their means, which must not count.
    assert table["mean_gain"][["sections", "spots"]].abs().max() < 0.1
    assert (table["mean_gain"] == table["mean_with"] - table["mean_without"]).all()
    finite = table.drop(index="sections")
    assert (finite["mean_gain_low"] <= finite["mean_gain"]).all()
    assert (finite["mean_gain"] <= finite["mean_gain_high"]).all()


def test_who_is_compared_and_on_how_many_genes(noise):
    _, table = noise
    # Only patient A has two sections.
    assert set(table.index) == set(LEAKS)
    assert table["n_patients"].to_dict() == dict.fromkeys(LEAKS, 4) | {"sections": 1}
    assert np.isnan(table["mean_gain_low"]["sections"])
    assert table["n_genes"].to_dict() == dict.fromkeys(LEAKS, 20) | {"best": 4}


def test_without_a_leak_it_is_ridge_regression_on_the_other_patients(tmp_path):
    paths, features = cohort(tmp_path, signal=0.3)
    table = leak_lab(paths, features, **SETTINGS).set_index("leak")
    sections = [ad.read_h5ad(path) for path in paths]
    counts = np.concatenate([section.X.toarray() for section in sections])
    patient = np.repeat(list(SECTIONS.values()), SPOTS)
    best = sorted(range(len(GENES)), key=lambda i: (-counts[:, i].sum(), GENES[i]))[:20]
    y = np.log((1 + counts[:, best]) / (len(GENES) + counts.sum(axis=1, keepdims=True)))
    x = ad.read_h5ad(features).X

    def predicted(training, test, penalty):
        scaler = StandardScaler().fit(x[training])
        pca = PCA(30, random_state=0).fit(scaler.transform(x[training]))
        z = [pca.transform(scaler.transform(x[rows])) for rows in (training, test)]
        return Ridge(penalty).fit(z[0], y[training]).predict(z[1])

    r = []
    for held_out in "ABCD":
        others, test = [name for name in "ABCD" if name != held_out], patient == held_out
        errors = []
        for penalty in PENALTIES:
            folds = [(np.isin(patient, others) & (patient != f), patient == f) for f in others]
            errors.append(sum(((predicted(*f, penalty) - y[f[1]]) ** 2).sum() for f in folds))
        found = predicted(~test, test, PENALTIES[np.argmin(errors)])
        r.append([np.corrcoef(found[:, gene], y[test][:, gene])[0, 1] for gene in range(20)])
    assert np.mean(r) > 0.2
    assert table["mean_without"]["penalty"] == pytest.approx(np.mean(r), abs=1e-6)
    assert table["median_without"]["penalty"] == pytest.approx(
        np.median(np.median(r, axis=0)), abs=1e-6
    )


def test_three_spots_have_no_r_and_a_spot_without_counts_no_share(tmp_path):
    inputs = cohort(tmp_path, sizes={"C1": 3})
    table = leak_lab(*inputs, **SETTINGS).set_index("leak")
    assert table["n_patients"].to_dict() == dict.fromkeys(LEAKS, 3) | {"sections": 1}
    assert np.isfinite(table.drop(index="sections")).all(axis=None)


def test_epochs_of_gradient_descent_are_those_of_a_plain_loop():
    rng = np.random.default_rng(0)
    x = PCA(5, random_state=0).fit_transform(rng.normal(size=(50, 5)) * [5, 3, 2, 1, 0.5])
    y = rng.normal(size=(50, 3)) + 7
    weights, step = np.zeros((5, 3)), 1 / np.square(x).sum(axis=0).max()
    for _ in range(6):
        weights -= step * x.T @ (x @ weights + y.mean(axis=0) - y)
    shares = of_epochs(np.square(x).sum(axis=0), 6)
    np.testing.assert_allclose(shares[:, None] * (x.T @ (y - y.mean(axis=0))), weights)


def test_every_check_that_the_lab_names_is_one_of_the_linter(noise):
    (paths, _), _ = noise
    experiment = {"kind": "ridge", "split": "patient", "targets": "top", "sees_held_out": False}
    file = paths[0].parent / "targets.h5ad"
    write_targets(paths, file, genes=5, transform="log_fraction")
    targets = {"genes": 5, "choice": "cohort", "split": "patient", "files": {"all": str(file)}}
    checks = find_leaks(paths, {"one": experiment}, {"top": targets}, [], {})["check"].tolist()
    for leak in LEAKS.values():
        named = [check for check in checks if check in leak.linter]
        assert named or leak.linter.startswith("cannot be configured: ")


def test_the_page_has_a_row_for_each_leak(noise, tmp_path):
    inputs, _ = noise
    tsv, html = tmp_path / "lab.tsv", tmp_path / "lab.html"
    write_leak_lab(*inputs, tsv, html, **SETTINGS)
    assert len(tsv.read_text().splitlines()) == len(LEAKS) + 1
    page = html.read_text()
    assert "most is bought by: a patient under two ids" in page
    for leak in LEAKS.values():
        assert leak.leak in page


def test_what_cannot_be_measured_is_said(tmp_path):
    paths, features = cohort(tmp_path)
    with pytest.raises(InputError, match="one patient only; a leak is measured on two or more"):
        leak_lab(paths[:2], features, **SETTINGS)
    values = ad.read_h5ad(features)
    values.X[3, 0] = np.nan
    write_h5ad(values, features)
    with pytest.raises(InputError, match="features are missing; name features of an encoder"):
        leak_lab(paths, features, **SETTINGS)
