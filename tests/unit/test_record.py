"""What was run, for others: by hand-written certificates, tables and configurations."""

import csv
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rocrate.rocrate import ROCrate

from stnet.checks.certificate import Certificate, Entry
from stnet.core.errors import InputError
from stnet.core.hashing import file_sha256
from stnet.record.crate import write_crate
from stnet.record.markdown import plain, render
from stnet.record.methods import methods
from stnet.record.references import TABLE, facts, references
from stnet.record.run import Known, Run, machines, packages, read_run, times, used_rows
from stnet.record.write import ITEMS, reforms, write_record

NETWORK = {
    **{"title": "A < B & `c`", "kind": "network", "cohort": "c", "targets": "t", "view": "448x2"},
    **{"split": "patient", "architecture": "densenet121", "weights": "imagenet", "trained": "all"},
    **{"optimiser": "sgd", "learning_rate": 1e-6, "momentum": 0.9, "weight_decay": 0, "seed": 7},
    **{"loss": "sum", "batch_size": 32, "standardisation": "training", "epochs": 50},
    **{"inner_folds": 4, "smoothing": "values"},
}
RIDGE = {
    **{"title": "Ridge", "kind": "ridge", "cohort": "c", "targets": "t", "split": 5, "seed": 3},
    **{"features": "f", "components": 9, "penalties": [1, 10], "inner_folds": 4},
}
COHORT = {
    **{"title": "Mine", "source": "mendeley", "dataset": "29ntw7sh4r", "version": 5},
    **{"spot_window": 224, "formats": ["st-v5"], "report": {"main": "net"}},
}
ROWS = {
    "cohorts": {"c": COHORT},
    "targets": {"t": {"title": "T", "genes": 250, "choice": "cohort"}},
    "features": {"f": {"title": "UNI", "view": "224x1", "model_card": "MahmoodLab/UNI"}},
    "experiments": {"net": NETWORK, "ridge": RIDGE},
    "external": {"x": {"title": "TCGA", "encoder": {"weights": "imagenet"}, "project": "P"}},
}
DATASET = {
    **{"sections": 68, "patients": 23, "spots": 30612, "genes": 20000, "median_counts": 3426},
    **{"median_genes": 1600, "drops.unselected": 0, "drops.no_counts": 4, "drops.off_image": 0},
    **{"drops.no_label": 12, "drops.near_edge": 1234},
}
SUMMARY = {
    **{"n_genes": 250, "transform": "log_fraction", "median_pearson": 0.123},
    "consistency_reason": "Holm–Bonferroni ≤ 0.05",
}


def write_quantities(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{name}\t{value}" for name, value in values.items()]
    path.write_text("\n".join(["quantity\tvalue", *lines]) + "\n")


@pytest.fixture
def page(tmp_path, monkeypatch):
    """The methods of the cohort above, with changes to its rows."""

    def written(keys=COHORT, **experiments):
        monkeypatch.chdir(tmp_path)
        rows = ROWS | {"experiments": {**ROWS["experiments"], **experiments}}
        made = [{"experiment": "net", "epoch": n} for n in (31, 12, 20)]
        made.append({"experiment": "ridge"})
        tables = {
            f"results/c/tables/{name}/summary.tsv": values
            for name, values in {"dataset": DATASET, "net/all": SUMMARY}.items()
        }
        for path, values in tables.items():
            write_quantities(Path(path), values)
        used = references({"performance", *facts(rows)})
        return methods("c", keys, Run(dict.fromkeys(tables), rows, made, used, {}))

    return written


def test_methods_have_the_numbers_of_tables_and_configuration(page):
    text = page()
    for said in (
        "68 sections of 23 patients, from Mendeley Data, 29ntw7sh4r, version 5 (He et al. 2020).",
        "We used 30,612 spots; left out were 4 without counts, 12 without a pathologist's label"
        " and 1,234 whose window of 224 px leaves the image.",
        "expression of 250 genes, those with the highest mean count, chosen on the whole cohort.",
        "Expression is ln((1 + c) / (G + Σc))",
        "a window of 448 px around the spot, reduced 2 times.",
        "weights trained on ImageNet (Deng et al. 2009).",
        "learning rate 1e-06, momentum 0.9, weight decay 0",
        "12 to 31 in the 3 networks of the held-out groups",
        "one patient at a time was held out",
        "*Ridge*: ridge regression on at most 9 principal components (seed 3) of UNI, from a window"
        " of 224 px around the spot; penalty one of 1, 10, chosen by 4 inner folds of the training"
        " patients (5 parts of the patients were held out in turn).",
        "bootstrap of 1,000 samples",
        "Holm–Bonferroni ≤ 0.05 (Seabold and Perktold 2010).",
    ):
        assert said in text
    assert "outside the image" not in text


def test_methods_say_in_what_another_network_differs(page):
    other = NETWORK | {"title": "Other", "view": "224x1", "inner_folds": 0, "epochs": 9}
    text = page(other=other)
    assert (
        "*Other*: a network as in the main experiment, but view: 224x1, epochs: fixed at 9." in text
    )


def test_methods_of_a_cohort_of_your_own_whose_main_method_is_no_network(page):
    assert "68 sections of 23 patients. We used" in page(COHORT | {"source": None, "dataset": None})
    text = page(COHORT, net=RIDGE, other=NETWORK | {"title": "Other"})
    assert "*Other*: a network of the architecture densenet121, from a window of 448 px" in text


def test_titles_are_no_markup(page):
    assert "**Model.** A \\< B \\& \\`c\\` is a network" in page()


@given(st.text())
def test_any_text_is_one_line_without_markup(text):
    escaped = plain(text)
    assert len(escaped.splitlines()) <= 1
    assert re.sub(r"\\(.)", r"\1", escaped) == re.sub(r"\s+", " ", text)
    assert not re.search(r"(?<!\\)(\\\\)*[`*_\[\]<|#~&$]", escaped)


def test_references_can_be_followed():
    with open(TABLE, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    keys = [row["key"] for row in rows]
    assert len(keys) == len(set(keys)) > 30
    for row in rows:
        assert row["group"] in ("Method", "Data", "Models", "Software"), row
        assert all(row[name] for name in ("when", "short", "reference")), row
        assert re.fullmatch(r"https://(doi\.org/10\.\d{4,}/\S+|[^ ]+)", row["url"]), row


def test_only_what_was_used_is_cited():
    used = references({"attributions", *facts(ROWS)})
    assert {"captum", "uni", "mendeley-29ntw7sh4r", "imagenet", "numpy"} <= used.keys()
    assert not {"umap-learn", "virchow", "hest", "tcga", "timm", "histomicstk"} & used.keys()


def test_reforms_has_its_32_items_in_8_modules():
    with open(ITEMS, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert len(rows) == 32
    assert len({row["module"] for row in rows}) == 8
    assert [row["item"] for row in rows] == [
        f"{module}{letter}"
        for module, letters in enumerate(("abc", "abcde", "abcdefg", *("abc", "abcdef", "abc")), 1)
        for letter in letters
    ] + ["7a", "7b", "7c", "8a", "8b"]


def test_an_item_of_reforms_is_answered_by_files_that_are_there():
    there = ["results/a/tables/leaks.html", "results/b/tables/leaks.html", "results/a/leaks.html"]
    head, *lines = reforms(there).splitlines()
    assert head == "item\tmodule\tquestion\tanswered_by\tleft_to_the_authors"
    rows = {line.split("\t")[0]: line.split("\t")[3:] for line in lines}
    assert rows["6b"] == ["results/a/tables/leaks.html results/b/tables/leaks.html", ""]
    assert rows["8a"] == ["", "all of it"]
    assert rows["1a"] == ["", "all of it"]


def test_times_are_summed_by_rule(tmp_path):
    head = "s\th:m:s\tmax_rss\tcpu_time\n"
    (tmp_path / "1.tsv").write_text(f"{head}10.5\t0\t100.0\t20.25\n")
    (tmp_path / "2.tsv").write_text(f"{head}1.25\t0\t300.0\t1\n")
    # The last was cut off.
    (tmp_path / "3.tsv").write_text(f"{head}0.01\t0\t-\n")
    names = ("1", "2", "3", "gone")
    jobs = [("train", str(tmp_path / f"{name}.tsv"), "") for name in names]
    assert times(jobs) == {
        "train": {"jobs": 4, "timed": 3, "seconds": 11.76, "core_seconds": 21.25, "most_mb": 300}
    }


def test_hosts_are_counted_by_kind_and_not_named(tmp_path):
    lines = ["machine: n1: AMD, 8 cores", "machine: n2: AMD, 8 cores", "machine: n1: AMD, 8 cores"]
    lines += ["machine: g1: Intel, 4 cores", "an older log", ""]
    for n, line in enumerate(lines):
        (tmp_path / str(n)).write_text(f"{line}\nmachine: n9: later, 1 cores\n")
    jobs = [("r", "", str(tmp_path / str(n))) for n in range(len(lines) + 1)]
    assert machines(jobs) == {
        "AMD, 8 cores": {"hosts": 2, "jobs": 3},
        "Intel, 4 cores": {"hosts": 1, "jobs": 1},
    }


def test_versions_are_those_that_jobs_wrote_down():
    made = [{"versions": {"numpy": "1.0"}}, {"versions": {"numpy": "2.0", "torch": "0.1"}}]
    found = packages(made, references({"performance"}))
    assert (found["numpy"], found["torch"]) == (["1.0", "2.0"], ["0.1"])
    assert "statsmodels" in found


def entry(name, part="outputs", rule="r"):
    return Entry(part, name, "0" * 64, rule, name)


def test_rows_are_those_that_outputs_were_made_of():
    outputs = ["results/c/sections/s.h5ad", "results/c/experiments/net/P1/predictions.h5ad"]
    outputs += ["results/c/targets/factors/all.h5ad", "results/c/features/f.h5ad"]
    outputs += ["results/c/tables/other/all/summary.tsv"]
    targets = ROWS["targets"] | {"factors": {"of": "t"}, "unused": {}}
    rows = used_rows(outputs, ROWS | {"targets": targets})
    assert {table: {*found} for table, found in rows.items()} == {
        "cohorts": {"c"},
        "targets": {"factors", "t"},
        "features": {"f"},
        "experiments": {"net"},
        "external": set(),
    }


CALL = {"targets": "all", "device": "cpu", "cores": "2", "python": "3.13", "machine": "Linux"}
FACTS = {**CALL, "commit": "c0ffee-dirty", "last job ended": "2026-01-02T03:04:05.678901Z"}


def test_what_was_downloaded_is_cited_and_what_earlier_runs_made_is_not():
    entries = [
        entry("results/c/sections/s.h5ad"),
        entry("results/c/views/224x1/s.npy"),
        entry("resources/genes/hgnc.tsv", rule="download_gene_table"),
        entry("results/c/interpretation/x.npz", "earlier", "attributions"),
        entry("requirements.lock", "code", ""),
    ]
    certificate = Certificate(FACTS, {each.name: each for each in entries})
    run = read_run(certificate, Known(ROWS, {}, []), {"title": "T"})
    assert [*run.outputs] == ["results/c/sections/s.h5ad"]
    assert "hgnc" in run.used
    assert "captum" not in run.used
    facts = run.facts
    assert (facts["title"], facts["commit"], facts["clean"]) == ("T", "c0ffee", False)
    assert facts["last_call"] == CALL
    assert facts["locks"] == {"requirements.lock": "0" * 64}
    assert facts["energy"] is None
    assert facts["energy_why"].startswith("not read: ")


def test_pages_of_a_run_without_facts_say_so():
    run = {
        **{"version": "1", "commit": None, "clean": None, "last_call": {"python": "3"}},
        **{"packages": {"snakemake": ["9"], "numpy": ["2"]}, "machines": {}, "networks": {}},
        "rules": {"a": {"jobs": 2, "timed": 1, "core_seconds": 360.0}},
    }
    text = render("computing.md.jinja", run=run, used=references(()))
    assert "workflow 1 (commit unknown)" in text
    assert text.endswith(
        "with numpy 2. The 2 jobs took 0.1 core hours, not counting 1 whose time is not known."
    )


def test_without_a_certificate_there_is_no_record(tmp_path):
    with pytest.raises(InputError, match=r"\.sha256: no such certificate; a run writes it when"):
        write_record(tmp_path / "certificate.sha256", {}, Known({}, {}, []), 1)


def test_tables_of_an_earlier_run_are_not_those_of_the_last_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = {"tables/other.tsv": "outputs", "tables/dataset/summary.tsv": "earlier"}
    certified = {}
    for name, part in files.items():
        path = Path("results/c", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
        certified[str(path)] = replace(entry(str(path), part), sha256=file_sha256(path))
    Path("certificate.sha256").write_text("")
    monkeypatch.setattr(
        "stnet.record.write.read_certificate",
        lambda path: Certificate(FACTS | {"configuration": "k"}, certified),
    )
    with pytest.raises(InputError, match=r"dataset/summary\.tsv: not of the certified run; run"):
        write_record(
            "certificate.sha256",
            {"configuration": "k"},
            Known({"report": ["c"], **ROWS, "cohorts": {"c": COHORT}}, {}, []),
            1,
        )


def test_a_sheet_that_was_changed_is_not_recorded_as_that_of_the_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("sheet.tsv").write_text("another")
    certified = {"sheet.tsv": entry("sheet.tsv", "configuration")}
    monkeypatch.setattr(
        "stnet.record.write.read_certificate",
        lambda path: Certificate({"configuration": "k"}, certified),
    )
    with pytest.raises(InputError, match=r"not as certified: 1 \(changed: sheet\.tsv "):
        write_record("certificate.sha256", {"configuration": "k"}, Known({"report": []}, {}, []), 1)


def test_a_crate_is_read_back_with_its_run(tmp_path, monkeypatch):
    """The profiles' own validator is not among the packages; it was run by hand."""
    monkeypatch.chdir(tmp_path)
    name = "results/demo/figures/a b.png"
    record = {"configuration.yaml": "configuration"}
    for each in (name, "results/certificate.sha256", "results/record/configuration.yaml"):
        Path(each).parent.mkdir(parents=True, exist_ok=True)
        Path(each).write_bytes(b"abc")
    Path("results/record/code").mkdir()
    said = {"title": "T", "last_call": CALL, "commit": None, "version": "1.2"}
    said["last_job_ended"] = FACTS["last job ended"]
    run = Run({name: entry(name)}, {}, [], references({"source=tenx"}), said)
    write_crate(Path("results/ro-crate-metadata.json"), run, record)
    crate = ROCrate("results")
    run = crate.dereference("#run")
    (result,) = run["result"] if isinstance(run["result"], list) else [run["result"]]
    assert crate.mainEntity.id == "record/code/Snakefile"
    assert run["instrument"] == crate.mainEntity
    assert run["object"].id == "record/configuration.yaml"
    assert run["endTime"] == "2026-01-02T03:04:05+00:00"
    assert (result.id, result["sha256"]) == ("demo/figures/a%20b.png", "0" * 64)
    assert (result["contentSize"], result["encodingFormat"]) == ("3", "image/png")
    assert [each.id for each in crate.root_dataset["conformsTo"]] == [
        "https://w3id.org/ro/wfrun/process/0.5",
        "https://w3id.org/ro/wfrun/workflow/0.5",
        "https://w3id.org/workflowhub/workflow-ro-crate/1.0",
    ]
    assert "10x Genomics" in {each["name"].split(".")[0] for each in crate.root_dataset["citation"]}
    assert "To be chosen by the authors" in crate.license["name"]
