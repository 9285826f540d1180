"""The record of a finished run, its references, and what a codechecker makes again."""

import csv
import json
import re

import yaml
from environments import PYPI, all_third_party
from loaded import load_rules
from project import DEMO, ROOT, copy_run, planned, snakemake

from stnet.record.references import TABLE

RECORD = "results/record"
CERTIFICATE = "results/certificate.sha256"
SUMMARY = "results/demo/tables/dataset/summary.tsv"


def record(folder, configuration=DEMO[1], *options):
    file = ("--configfile", configuration)
    run = snakemake(folder, *file, "--quiet", "all", *options, "--", "record", check=False)
    return run.returncode, run.stdout + run.stderr


def test_a_record_is_one_job():
    assert planned(ROOT, "--", "record") == {"record": 1}


def test_the_record_of_the_demo(demo, tmp_path):
    folder = copy_run(demo, tmp_path / "run")
    certified = (folder / CERTIFICATE).read_bytes()
    code, said = record(folder)
    assert code == 0, said
    read = {path.name: path.read_text() for path in (folder / RECORD).iterdir() if path.is_file()}
    assert read.keys() == {
        *("README.md", "run.json", "configuration.yaml", "methods.md", "CITATIONS.md"),
        "reforms.tsv",
    }
    crate = json.loads((folder / "results/ro-crate-metadata.json").read_text())["@graph"]
    described = {each["@id"] for each in crate}
    assert {"demo/index.html", "record/run.json", "demo/models/densenet-small/all.md"} <= described
    dataset = dict(row.split("\t") for row in (folder / SUMMARY).read_text().splitlines())
    assert (
        f"The cohort has {dataset['sections']} sections of {dataset['patients']} pat"
        in (read["methods.md"])
    )
    run = json.loads(read["run.json"])
    assert {"train", "predict_forest", "ledger"} <= run["rules"].keys()
    assert run["rules"]["train"]["timed"] == run["rules"]["train"]["jobs"] > 15
    assert sum(each["jobs"] for each in run["machines"].values()) > 200
    assert sum(each["hosts"] for each in run["machines"].values()) == 1
    assert sum(run["networks"].values()) == run["rules"]["predict_held_out"]["jobs"]
    assert "HistomicsTK" in read["CITATIONS.md"]
    assert not {"UNI", "Mendeley", "TCGA"} & set(read["CITATIONS.md"].split())
    assert (folder / RECORD / "code/Snakefile").read_bytes() == (ROOT / "Snakefile").read_bytes()
    manifest = yaml.safe_load((ROOT / "codecheck.yml").read_text(encoding="utf-8"))["manifest"]
    assert [each["file"] for each in manifest if not (folder / each["file"]).is_file()] == []
    # A later certificate would not have the jobs of the run.
    assert (folder / CERTIFICATE).read_bytes() == certified
    assert [name for name, text in read.items() if str(tmp_path) in text] == []
    # What has changed since is not recorded as what was run.
    (folder / SUMMARY).write_text("quantity\tvalue\n")
    code, said = record(folder, f"{RECORD}/configuration.yaml")
    assert code == 1
    assert f"files not as certified: 1 (changed: {SUMMARY} (made by dataset))" in said
    code, said = record(folder, DEMO[1], "--config", "report=[controls]")
    assert code == 1
    assert f"error: {CERTIFICATE}: of another configuration; give the run's own" in said


def test_references_name_rules_that_import_the_package():
    rules = {
        name: {PYPI.get(each, each) for each in all_third_party(rule)}
        for name, rule in load_rules().items()
    }
    with open(TABLE, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    wrong = [
        (row["key"], name)
        for row in rows
        for name in row["when"].split()
        if name != "*" and not re.fullmatch(r"[a-z_]+=\S+", name)
        # scanpy imports it where it is asked for a UMAP.
        if name not in rules or (row["group"] == "Software" and row["key"] not in rules[name])
        if row["key"] != "umap-learn"
    ]
    assert not wrong
    # Packages that compute what is published, whoever imports them.
    known = {row["key"] for row in rows}
    science = {"torch", "scanpy", "scikit-learn", "statsmodels", "captum", "timm", "histomicstk"}
    assert science <= known & set().union(*rules.values())


def test_a_codechecker_compares_files_that_the_demo_makes():
    manifest = yaml.safe_load((ROOT / "codecheck.yml").read_text(encoding="utf-8"))
    assert manifest["version"] == "https://codecheck.org.uk/spec/config/1.0/"
    assert all(each["comment"] for each in manifest["manifest"])
    named = {each["file"] for each in manifest["manifest"]}
    assert len(named) > 5
    rules = load_rules()
    made = [output for rule in rules.values() for output in rule.output]
    assert [name for name in named if not any(each.match(name) for each in made)] == []
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    paper = citation["preferred-citation"]
    assert manifest["paper"]["reference"].endswith(paper["doi"])
    assert manifest["paper"]["title"] == paper["title"]
    assert [each["name"] for each in manifest["paper"]["authors"]] == [
        f"{each['given-names']} {each['family-names']}" for each in paper["authors"]
    ]
