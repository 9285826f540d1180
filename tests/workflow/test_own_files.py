"""A file that the user replaced by an older one is seen, whatever rule it is an input of."""

import os
import shutil

import pytest
from loaded import load_rules
from project import ROOT, copy_project, planned, snakemake
from snakemake.iocontainers import Wildcards

from stnet.core.hashing import SMALL, file_identity

OWN = """
cohorts:
  own:
    sheet: own.tsv
    root: ../data
    genes: ../data/genes.tsv
    require_label: true
    label_classes: {tumour: [tumor], normal: [non]}
    spot_window: 128
    spot_pitch_um: 200
"""


def old(path):
    """Give a file a date in the past."""
    os.utime(path, (10**9, 10**9))
    return path


def test_the_identity_changes_with_a_file_and_not_with_a_copy(tmp_path):
    small, large = tmp_path / "counts.tsv", tmp_path / "slide.tif"
    small.write_bytes(b"1")
    large.write_bytes(bytes(SMALL + 1))
    before = [file_identity(small), file_identity(large)]
    for path in (small, large):
        shutil.copy2(path, tmp_path / f"copy-{path.name}")
    assert [file_identity(tmp_path / f"copy-{path.name}") for path in (small, large)] == before
    assert file_identity(old(small)) == before[0]
    small.write_bytes(b"2")
    assert file_identity(old(small)) != before[0]
    assert file_identity(old(large)) != before[1]
    assert file_identity(tmp_path / "missing") == ""


def test_the_identity_of_a_folder_is_that_of_the_files_in_it(tmp_path):
    folder = tmp_path / "x.zarr"
    (folder / "c").mkdir(parents=True)
    for name in ("zarr.json", "c/0", "c/1"):
        (folder / name).write_bytes(b"1")
        old(folder / name)
    seen = [file_identity(folder)]
    shutil.copytree(folder, tmp_path / "copy.zarr")
    assert file_identity(tmp_path / "copy.zarr") == seen[0]
    (folder / "c/0").write_bytes(b"22")
    seen.append(file_identity(folder))
    old(folder / "c/0")
    seen.append(file_identity(folder))
    (folder / "c/1").rename(folder / "c/2")
    seen.append(file_identity(folder))
    (folder / "c/2").unlink()
    seen.append(file_identity(folder))
    assert len({*seen}) == 5


def test_every_rule_with_a_digest_knows_the_files_that_no_rule_makes():
    rules = [rule for rule in load_rules().values() if hasattr(rule.params, "digest")]
    assert len(rules) > 50
    assert [rule.name for rule in rules if not hasattr(rule.params, "own_files")] == []
    (ledger,) = [rule for rule in rules if rule.name == "ledger"]
    wildcards = Wildcards(fromdict={"cohort": "demo", "ledger": "ledger-paper"})
    found = ledger.params.own_files(wildcards)
    # Of its inputs, only these are not made by a rule.
    (claims,) = set(found)
    assert (
        claims
        == f"resources/paper/claims.tsv: {file_identity(ROOT / 'resources/paper/claims.tsv')}"
    )


def test_a_file_of_the_future_is_refused_before_any_job(monkeypatch):
    rule = load_rules()["ledger"]
    monkeypatch.setattr("time.time", lambda: 0)
    with pytest.raises(SystemExit) as refused:
        rule.params.own_files(Wildcards(fromdict={"cohort": "demo", "ledger": "ledger-planted"}))
    assert str(refused.value) == (
        "error: resources/claims/demo.tsv: is dated in the future, so results would be older;"
        " touch it, and rerun"
    )


def test_what_was_replaced_by_something_older_reruns_and_nothing_else_does(demo, tmp_path):
    project = copy_project(tmp_path / "project")
    shutil.copytree(demo / "resources/demo/BC90002_C1", tmp_path / "data/BC90002_C1")
    shutil.copy(demo / "resources/demo/genes.tsv", tmp_path / "data/genes.tsv")
    header, *rows = (project / "config/cohorts/demo.tsv").read_text().splitlines()
    (row,) = [row for row in rows if "BC90002_C1" in row]
    (project / "own.tsv").write_text(f"{header}\n{row}\n")
    (project / "own.yaml").write_text(OWN)
    section = "results/own/sections/BC90002_C1.h5ad"
    asked = ["--configfile", "config/demo.yaml", "own.yaml", "--", section]
    snakemake(project, *asked)
    labels = tmp_path / "data/BC90002_C1/labels.tsv.gz"
    content = labels.read_bytes()
    assert planned(project, *asked, configuration=[]) == {}
    old(labels).write_bytes(content + content)
    old(labels)
    assert planned(project, *asked, configuration=[]) == {"section": 1}
