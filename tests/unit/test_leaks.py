"""The table of leaks: each planted leak is named, and nothing else is."""

import json

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from sections import section_file

from stnet.checks.leaks import find_leaks
from stnet.checks.severity import CLEAR
from stnet.config.split import held_out_groups
from stnet.core.errors import InputError
from stnet.core.h5ad import read_h5ad, write_h5ad
from stnet.expression.composition import write_composition
from stnet.expression.targets import write_targets
from stnet.report.leaks import write_leaks

N_GENES = 300
GENES = [f"G{i}" for i in range(N_GENES)]
NETWORK = {
    "kind": "network",
    "split": "patient",
    "targets": "top",
    "inner_folds": 4,
    "sees_held_out": False,
}
CHOSEN = {"genes": 20, "choice": "training", "split": "patient", "files": {}}
CLEAN = {"experiments": {"net": NETWORK}, "targets": {"top": CHOSEN}, "features": [], "weights": {}}


def cohort(folder, *patients, seed=0):
    """Sections of the given patients; the first letter is whose tissue and expression it is."""
    paths = []
    for number, patient in enumerate(patients):
        own = np.random.default_rng([seed, ord(patient[0])]).gamma(1, 20, N_GENES)
        spots = np.random.default_rng([seed, number]).poisson(own, (30, N_GENES)) + 1
        path = folder / f"S{number}.h5ad"
        paths.append(section_file(path, f"S{number}", spots, GENES, patient=patient))
    return paths


def found(paths, **about):
    """What is not clear, as `check: evidence` by where and severity."""
    table = find_leaks(paths, **CLEAN | about)
    table = table[table["severity"] != CLEAR]
    return {(row.where, row.severity): f"{row.check}: {row.evidence}" for row in table.itertuples()}


def chosen(paths, folder, held_out=(), name="f0", **keys):
    """A file of targets, and the row of targets that has it."""
    path = folder / f"{name}.h5ad"
    write_targets(paths, path, genes=20, transform="log_fraction", held_out_sections=held_out)
    return path, {"top": {**CHOSEN, **keys, "files": {name: str(path)}}}


def test_a_clean_configuration_has_no_finding_and_says_what_each_check_looked_at(tmp_path):
    paths = cohort(tmp_path, "A", "A", "B", "C")
    _, targets = chosen(paths, tmp_path, ["S2"], name="B")
    table = find_leaks(paths, **CLEAN | {"targets": targets})
    assert (table["severity"] == CLEAR).all()
    assert (table["evidence"] != "").all()
    assert len(table) == table["check"].nunique() == 12


@pytest.mark.parametrize(
    "number", [*range(3), *(pytest.param(n, marks=pytest.mark.full) for n in range(3, 20))]
)
def test_clean_configurations_give_no_alarm(tmp_path, number):
    """Twenty of them: other tissues, sections, splits, kinds, genes, folds and factors."""
    rng = np.random.default_rng(number)
    patients = [name for name in "ABCDEF"[: rng.integers(3, 7)] for _ in range(rng.integers(1, 3))]
    paths = cohort(tmp_path, *patients, seed=number)
    rows = [{"patient": name, "section": f"S{i}"} for i, name in enumerate(patients)]
    split = ["patient", 2, 3][number % 3]
    genes, files = int(rng.integers(5, 60)), {}
    for group, sections in list(held_out_groups(rows, split).items())[:2]:
        files[group] = tmp_path / f"{group}.h5ad"
        write_targets(
            *(paths, files[group]),
            genes=genes,
            transform="log_fraction",
            held_out_sections=sections,
        )
        if number % 4 == 0:
            about = {"of": "top", "factors": 3, "iterations": 200, "seed": number}
            write_composition(files[group], files[group], **about, held_out_sections=sections)
    kind = ["network", "ridge", "forest", "label", "mean"][number % 5]
    experiment = {**NETWORK, "kind": kind, "split": split, "inner_folds": [0, 2, 4][number % 3]}
    targets = {"genes": genes, "choice": "training", "split": split, "files": files}
    features = tmp_path / "features.h5ad"
    obs = pd.DataFrame({"section": np.repeat([row["section"] for row in rows], 30)})
    obs.index = obs.index.astype(str)
    write_h5ad(ad.AnnData(rng.gamma(1, 1, (len(obs), 8)), obs=obs), features)
    about = {"experiments": {"one": experiment}, "targets": {"top": targets}}
    assert found(paths, **about, features=[features]) == {}


def test_a_patient_under_two_ids_is_warned_of(tmp_path):
    (about,) = found(cohort(tmp_path, "A", "A2", "B", "C")).items()
    assert about[0] == ("A and A2", "warning")
    assert about[1].startswith("one patient under two ids: their expression is apart by")


def test_a_section_without_a_used_spot_keeps_its_patient(tmp_path):
    paths = cohort(tmp_path, "A", "A", "B")
    counts = np.full((30, N_GENES), 3)
    unused = np.full(30, False)
    paths.append(section_file(tmp_path / "S3.h5ad", "S3", counts, GENES, unused, patient="A"))
    assert found(paths) == {}
    torn = found(paths, experiments={"net": {**NETWORK, "split": "section"}})
    assert list(torn) == [("net", "warning")]
    assert torn["net", "warning"].endswith("1 (A)")


def test_a_section_under_two_patients_is_an_error_until_confirmed(tmp_path):
    paths = cohort(tmp_path, "A", "B", "C")
    section = ad.read_h5ad(paths[0])
    counts = np.random.default_rng(0).binomial(section.X.toarray(), 0.5)
    section_file(paths[2], "S2", counts, GENES, patient="C")
    assert "has an altered copy of the counts" in found(paths)["S2", "error"]
    copy = ad.read_h5ad(paths[2])
    copy.uns["checks"]["confirmed"] = True
    write_h5ad(copy, paths[2])
    assert found(paths)["S2", "warning"].endswith("of S0; confirmed in the section sheet")


def test_what_an_experiment_leaks_is_named(tmp_path):
    paths = cohort(tmp_path, "A", "A", "B", "C")
    experiments = {
        "sections": {**NETWORK, "split": "section"},
        "penalty": {**NETWORK, "inner_folds": "held_out", "sees_held_out": True},
        "depth": {**NETWORK, "kind": "depth", "sees_held_out": True},
        "theirs": {**NETWORK, "kind": "precomputed"},
    }
    named = found(paths, experiments=experiments)
    assert set(named) == {
        ("sections", "warning"),
        ("penalty", "warning"),
        ("depth", "known"),
        ("theirs", "known"),
    }
    assert named["sections", "warning"].endswith("other sections of the held-out patient: 1 (A)")
    assert named["penalty", "warning"].startswith("validation is the test: ")


def test_the_cost_of_choosing_genes_on_all_is_that_of_a_plain_computation(tmp_path):
    paths = cohort(tmp_path, "A", "A", "B", "C")
    sums = {path: ad.read_h5ad(path).X.toarray().sum(axis=0) for path in paths}

    def best(kept):
        total = sum(sums[path] for path in kept)
        return {GENES[i] for i in sorted(range(N_GENES), key=lambda i: (-total[i], GENES[i]))[:20]}

    others = [
        len(best(paths) - best([path for path in paths if path not in out]))
        for out in (paths[:2], paths[2:3], paths[3:])
    ]
    assert max(others) > min(others)
    (evidence,) = found(paths, targets={"top": {**CHOSEN, "choice": "cohort"}}).values()
    assert f"{min(others)} to {max(others)} of the 20 genes" in evidence
    assert f"(mean {np.mean(others):.1f})" in evidence


def test_listed_genes_are_known(tmp_path):
    listed = {"top": {**CHOSEN, "genes": ["G1", "G2"], "choice": "cohort"}}
    (evidence,) = found(cohort(tmp_path, "A", "B"), targets=listed).values()
    assert "2 genes are listed; how they were chosen is not known" in evidence


def test_genes_in_a_file_that_the_held_out_patient_chose_are_an_error(tmp_path):
    paths = cohort(tmp_path, "A", "A", "B", "C")
    path, targets = chosen(paths, tmp_path, name="B")
    (named,) = found(paths, targets=targets).items()
    assert named[0] == (str(path), "error")
    assert "has other genes than those with the highest counts outside the test" in named[1]


def test_factors_that_were_fitted_with_the_test_are_an_error(tmp_path):
    paths = cohort(tmp_path, "A", "A", "B", "C")
    base, _ = chosen(paths, tmp_path)
    path = tmp_path / "B.h5ad"
    about = {"of": "top", "factors": 3, "iterations": 200, "seed": 0}
    targets = {"top": {**CHOSEN, "choice": "cohort", "genes": ["G1"], "files": {"B": str(path)}}}
    write_composition(base, path, **about, held_out_sections=["S2"])
    assert found(paths, targets=targets) == {}
    write_composition(base, path, **about, held_out_sections=[])
    file = read_h5ad(path)
    file.uns["targets"]["held_out_sections"] = ["S2"]
    write_h5ad(file, path)
    (named,) = found(paths, targets=targets).items()
    assert named[0] == (str(path), "error")
    assert named[1].startswith("factors fitted with the test: its factors fit all spots")


def test_targets_that_are_smoothed_are_an_error(tmp_path):
    paths = cohort(tmp_path, "A", "B")
    path, targets = chosen(paths, tmp_path, ["S1"], name="B")
    file = read_h5ad(path)
    file.X[:30] = (file.X[:30] + np.roll(file.X[:30], 1, axis=0)) / 2
    write_h5ad(file, path)
    (named,) = found(paths, targets=targets).items()
    assert named[0] == (str(path), "error")
    assert named[1].startswith("targets smoothed over spots: differs by up to")


def test_features_that_were_standardised_over_the_cohort_are_warned_of(tmp_path):
    paths, path = cohort(tmp_path, "A", "B"), tmp_path / "features.h5ad"
    values = np.random.default_rng(0).gamma(1, 1, (60, 5))
    values[:30] += 1
    by_section = np.concatenate([half - half.mean(axis=0) for half in np.split(values, 2)])
    obs = pd.DataFrame({"section": ["S0"] * 30 + ["S1"] * 30}, index=[str(i) for i in range(60)])
    clean = (values, by_section, np.ones((60, 5)))
    for given, leaks in (*((each, False) for each in clean), (values - values.mean(0), True)):
        write_h5ad(ad.AnnData(given.astype(np.float32), obs=obs), path)
        assert list(found(paths, features=[path])) == [(str(path), "warning")] * leaks


def test_weights_that_the_cohort_trained_are_named_by_their_card(tmp_path):
    paths = cohort(tmp_path, "A", "B", "C")
    model = tmp_path / "model.safetensors"
    weights = {"net": str(model)}
    assert found(paths, weights=weights) == {}
    card = tmp_path / "model.json"
    card.write_text(json.dumps({"training_sections": ["S9"]}))
    assert found(paths, weights=weights) == {}
    card.write_text(json.dumps({"training_sections": ["S2", "S9"]}))
    assert "trained on 1 (S2)" in found(paths, weights=weights)["net", "warning"]


@pytest.mark.parametrize("leaks", [False, True])
def test_the_page_says_what_was_found(tmp_path, leaks, caplog):
    paths = cohort(tmp_path, "A", "A2" if leaks else "D", "B")
    tsv, html = tmp_path / "leaks.tsv", tmp_path / "leaks.html"
    write_leaks(paths, tsv, html, **CLEAN)
    page = html.read_text()
    assert ("9 checks: 1 warning, 0 known." in page) == leaks
    assert ("9 checks: 0 warnings, 0 known." in page) == (not leaks)
    assert ("A and A2: one patient under two ids: their expression" in caplog.text) == leaks
    assert tsv.read_text().startswith("check\tseverity\twhere\tevidence\tremedy\n")


def test_simulated_patients_are_not_compared(tmp_path):
    paths = cohort(tmp_path, "A", "A2", "B")
    assert ("A and A2", "warning") in found(paths)
    assert found(paths, simulated=True) == {}


def test_an_error_ends_the_run(tmp_path):
    paths = cohort(tmp_path, "A", "A", "B", "C")
    _, targets = chosen(paths, tmp_path, name="B")
    tsv = tmp_path / "leaks.tsv"
    with pytest.raises(InputError, match=r"B\.h5ad: genes in a file .*; delete the file and rerun"):
        write_leaks(paths, tsv, tmp_path / "leaks.html", **CLEAN | {"targets": targets})
    assert not tsv.exists()
