"""The table of leaks: each planted leak is named, and nothing else is."""

import json

import anndata as ad
import numpy as np
import pytest
from sections import section_file

from stnet.checks.leaks import CLEAR, find_leaks
from stnet.core.h5ad import write_h5ad
from stnet.report.leaks import write_leaks

N_GENES = 300
GENES = [f"G{i}" for i in range(N_GENES)]
FITTED = {"top": {"genes": 20, "choice": "training"}}
CLEAN = {"net": {"kind": "network", "split": "patient", "targets": "top", "inner_folds": 4}}


def cohort(folder, *patients, published=None):
    """Sections of the given patients; each patient has an expression of its own."""
    paths = []
    for number, patient in enumerate(patients):
        own = np.random.default_rng(ord(patient[0])).gamma(1, 20, N_GENES)
        spots = np.random.default_rng(number).poisson(own, (30, N_GENES)) + 1
        path = folder / f"S{number}.h5ad"
        section_file(path, f"S{number}", spots, GENES, patient=patient)
        if published:
            section = ad.read_h5ad(path)
            section.uns["published"] = {"dataset_title": "D", "patient": published[number]}
            write_h5ad(section, path)
        paths.append(path)
    return paths


def found(paths, experiments=CLEAN, targets=FITTED, references=(), weights=None):
    """What is not clear, as `check: severity` by where."""
    table = find_leaks(paths, experiments, targets, references, weights or {})
    table = table[table["severity"] != CLEAR]
    return {(row.where, row.severity): f"{row.check}: {row.evidence}" for row in table.itertuples()}


def test_a_clean_configuration_has_no_finding_and_a_reason_for_each_check(tmp_path):
    paths = cohort(tmp_path, "A", "A", "B", "C")
    table = find_leaks(paths, CLEAN, FITTED, [], {})
    assert (table["severity"] == CLEAR).all()
    assert (table["evidence"] != "").all()
    assert len(table) == table["check"].nunique() == 11
    for keys in ({"split": 2}, {"kind": "ridge"}, {"split": 3, "inner_folds": 0}):
        assert found(paths, {"net": {**CLEAN["net"], **keys}}) == {}


def test_a_patient_under_two_ids_is_warned_of(tmp_path):
    # The first letter is whose tissue it is.
    (about,) = found(cohort(tmp_path, "A", "A2", "B", "C")).items()
    assert about[0] == ("A and A2", "warning")
    assert about[1].startswith("one patient under two ids: expression of S0 and S1 correlates by")


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


def test_published_patients_are_compared(tmp_path):
    paths = cohort(tmp_path, "A", "B", "C", published=["1", "2", "1"])
    assert "'1' is 'A'" in found(paths)["section sheet", "error"]


def test_what_an_experiment_leaks_is_named(tmp_path):
    paths = cohort(tmp_path, "A", "A", "B", "C")
    keys = CLEAN["net"]
    experiments = {
        "sections": {**keys, "split": "section"},
        "penalty": {**keys, "kind": "ridge", "inner_folds": "held_out"},
        "depth": {"kind": "depth", "split": "patient", "targets": "top"},
        "theirs": {"kind": "precomputed", "split": "patient", "targets": "top"},
    }
    named = found(paths, experiments, references=["penalty", "depth"])
    assert set(named) == {
        ("sections", "warning"),
        ("penalty", "warning"),
        ("depth", "known"),
        ("theirs", "known"),
    }
    assert named["sections", "warning"].endswith("other sections of the held-out patient: A")


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
    (evidence,) = found(paths, targets={"top": {"genes": 20, "choice": "cohort"}}).values()
    assert f"{min(others)} to {max(others)} of the 20 genes" in evidence
    assert f"(mean {np.mean(others):.1f})" in evidence


def test_weights_that_the_cohort_trained_are_named_by_their_card(tmp_path):
    paths = cohort(tmp_path, "A", "B", "C")
    model = tmp_path / "model.safetensors"
    assert found(paths, weights={"net": str(model)}) == {}
    card = tmp_path / "model.json"
    card.write_text(json.dumps({"training_sections": ["S9"]}))
    assert found(paths, weights={"net": str(model)}) == {}
    card.write_text(json.dumps({"training_sections": ["S2", "S9"]}))
    assert (
        "trained on 1 sections (S2)" in found(paths, weights={"net": str(model)})["net", "warning"]
    )


@pytest.mark.parametrize("leaks", [False, True])
def test_the_page_says_what_was_found(tmp_path, leaks, caplog):
    paths = cohort(tmp_path, "A", "A2" if leaks else "D", "B")
    tsv, html = tmp_path / "leaks.tsv", tmp_path / "leaks.html"
    about = {"experiments": CLEAN, "targets": FITTED, "references": [], "weights": {}}
    write_leaks(paths, tsv, html, **about)
    page = html.read_text()
    assert ("found something: 1 warning" in page) == leaks
    assert ("No check found anything." in page) == (not leaks)
    assert ("one patient under two ids: A and A2" in caplog.text) == leaks
    assert tsv.read_text().startswith("check\tseverity\twhere\tevidence\tremedy\n")
