"""The demo, end to end: what it makes, what it finds, and what it does when asked again."""

import gzip
import os
import re
from pathlib import Path
from urllib.parse import unquote

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import yaml
from demo_tables import MAIN, read
from project import DEMO, copy_project, copy_run, planned, snakemake

from stnet.config.memory import prediction_mb, training_mb
from stnet.report.claim_rules import Claim, limits_of
from stnet.report.words import WORDS

JOBS = {
    "simulate_cohort": 1,
    "simulate_section": 9,
    "simulate_visium": 2,
    "simulate_gdc": 1,
    "section": 11,
    "patches": 18,
    "view_index": 2,
    "targets": 1,
    "train": 13,
    "predict_held_out": 12,
    "predict_label": 4,
    "nuclear_features": 9,
    "check_encoder": 1,
    "encoder_features": 9,
    "predict_forest": 4,
    "colour_features": 1,
    "predict_ridge": 8,
    "predict_coordinates": 4,
    "predict_mean": 2,
    "composition": 4,
    "model": 2,
    "predict_section": 6,
    "predict_slide": 21,
    "download_expression": 19,
}


def test_jobs_are_few(tmp_path):
    project = copy_project(tmp_path / "project")
    jobs = planned(project)
    assert {rule: jobs[rule] for rule in JOBS} == JOBS
    # 41 of them for the slides, and the expression of their samples.
    assert sum(jobs.values()) <= 277
    more = planned(project, "--", "supplement")
    # Three ablations, on two folds of the patients each.
    assert {rule: more[rule] - jobs[rule] for rule in ("train", "predict_held_out")} == {
        "train": 6,
        "predict_held_out": 6,
    }
    assert more["study"] == more["single_genes"] == 1


def test_jobs_of_large_patches_ask_for_more_memory(tmp_path):
    project = copy_project(tmp_path / "project")
    target = "results/demo/experiments/densenet-small/BC90001/predictions.h5ad"
    options = ("--dry-run", *DEMO, "--config", "experiments={densenet-small: {view: %s}}")
    asked = {}
    for view in ("224x1", "512x1"):
        said = snakemake(project, *options[:-1], options[-1] % view, "--", target).stdout
        pattern = r"^rule (train|predict_held_out):$.*?\bmem_mb=(\d+)"
        asked[view] = dict(re.findall(pattern, said, re.M | re.S))
    assert asked["224x1"] == {"train": "16000", "predict_held_out": "8000"}
    assert asked["512x1"] == {
        "train": str(training_mb("512x1", 32, "cpu")),
        "predict_held_out": str(prediction_mb("512x1", 32, "cpu")),
    }


def test_the_papers_run_is_planned_without_any_data(tmp_path):
    jobs = planned(copy_project(tmp_path / "project"), configuration=())
    # Every held-out patient by the network and by that of the composition, and the network of all.
    expected = {"download_section": 68, "patches": 68, "train": 47, "predict_held_out": 46}
    expected |= {"nuclear_features": 68, "predict_forest": 23, "predict_ridge": 23}
    # TCGA is left out until its sheet is written.
    expected |= {"download_visium": 2, "section": 70, "predict_section": 4, "predict_slide": 0}
    assert {rule: jobs.get(rule, 0) for rule in expected} == expected


@pytest.mark.full
def test_the_papers_ablations_are_one_dag(tmp_path):
    jobs = planned(copy_project(tmp_path / "project"), "--", "supplement", configuration=())
    # 32 of them: windows, magnifications, weights, depth, architectures, single genes, what
    # re-implementations change, and genes of the training part. The study of protocols trains none.
    assert jobs["train"] == 47 + 32 * 23
    # Those of 224 px at x20 share their view.
    assert jobs["view_index"] == 1 + 3 + 2
    assert jobs["study"] == 8


def test_models_of_all_patients_can_be_asked_for_and_unknown_ones_not(tmp_path):
    project = copy_project(tmp_path / "project")
    folder = f"results/demo/experiments/{MAIN}"
    assert planned(project, "--", f"{folder}/all/model.safetensors")["train"] == 1
    done = snakemake(project, "-n", *DEMO, "--", f"{folder}/BC1/model.safetensors", check=False)
    assert done.returncode
    assert "no held-out group BC1; there are BC90001, BC90002" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("tables/label/all/summary.tsv", "experiment label is of cohort stnet, not of demo"),
        ("targets/top60/BC90001.h5ad", "targets top60 are chosen on the whole cohort"),
        ("tables/other/all/summary.tsv", "no 'other' in experiments"),
        ("sections/BC1_C1.h5ad", "no section BC1_C1"),
    ],
)
def test_targets_that_cannot_be_are_refused_in_one_line(tmp_path, target, message):
    project = copy_project(tmp_path / "project")
    done = snakemake(project, "-n", *DEMO, "--", f"results/demo/{target}", check=False)
    assert done.returncode
    said = (done.stdout + done.stderr).splitlines()
    assert len([line for line in said if line.startswith("error: ") and message in line]) == 1
    assert not any("Traceback" in line for line in said)


def test_planted_genes_are_found_and_others_are_not(demo):
    genes = read(demo, f"tables/{MAIN}/all/gene_performance.tsv").set_index("gene")
    truth = pd.read_csv(demo / "resources/demo/truth.tsv", sep="\t").set_index("gene")
    planted = truth["planted"].reindex(genes.index).astype(bool)
    assert (planted.sum(), (~planted).sum()) == (20, 40)
    found, other = genes.loc[planted, "median_pearson"], genes.loc[~planted, "median_pearson"]
    # AUROC as the chance that a planted gene stands above another, ties half.
    ahead = [(f > o) + 0.5 * (f == o) for f in found for o in other]
    auroc = sum(ahead) / len(ahead)
    assert auroc >= 0.9
    assert abs(other.median()) < 0.1


def test_controls_show_every_kind_of_gene_and_method(demo):
    table = read(demo, "tables/controls.tsv").set_index(["kind", "experiment"])
    kinds = {"tumour": 8, "immune": 6, "stroma": 6, "none": 40}
    assert table.loc[[(kind, MAIN) for kind in kinds], "genes"].tolist() == [*kinds.values()]
    planted = [kind for kind in kinds if kind != "none"]
    assert (table.loc[[(kind, MAIN) for kind in planted], "median_partial_low"] > 0.2).all()
    assert table.loc[("none", MAIN), ["median_pearson", "median_partial"]].abs().max() < 0.1
    # Colour alone finds these genes too: `controls` has those for which that is not enough.
    assert (table.loc[[(kind, "demo-colour") for kind in planted], "median_pearson"] > 0.2).all()


def test_every_spot_is_predicted_by_a_model_that_never_saw_its_patient(demo):
    folder = demo / "results/demo/experiments" / MAIN
    spots = []
    for path in sorted(folder.glob("*/predictions.h5ad")):
        predictions = ad.read_h5ad(path)
        assert set(predictions.obs["patient"]) == {path.parent.name}
        card = pd.read_json(path.parent / "model.json", typ="series")
        assert not set(card["training_sections"]) & set(predictions.obs["section"])
        assert card["weights_sha256"] == predictions.uns["provenance"]["weights_sha256"]
        spots += predictions.obs_names.tolist()
    used = read(demo, "tables/dataset/sections.tsv")["used"].sum()
    assert len(spots) == len(set(spots)) == used


def test_epochs_are_chosen_by_inner_folds(demo):
    for path in (demo / "results/demo/experiments" / MAIN).glob("*/epoch.json"):
        epoch = pd.read_json(path, typ="series")
        assert epoch["rule"] == "2 inner folds of patients"
        assert epoch["epoch"] == min(range(4), key=epoch["inner_loss"].__getitem__) + 1
        history = pd.read_csv(path.parent / "history.tsv", sep="\t")
        assert (history["run"] == "final").sum() == epoch["epoch"]


def test_ledger_has_every_claim_and_judges_none_by_another_cohort(demo):
    ledger = read(demo, "ledger-paper.tsv")
    claims = pd.read_csv(demo / "resources/paper/claims.tsv", sep="\t")
    assert ledger["id"].tolist() == claims["id"].tolist()
    assert set(ledger["verdict"]) == {"other cohort", "not evaluated"}
    answered = ledger.set_index("id")["found"].dropna()
    assert {"cohort.spots", "stnet.rmse", "stnet.consistent_genes", "label.beaten"} <= set(
        answered.index
    )


def test_what_was_planted_is_reproduced_and_what_is_false_differs(demo):
    ledger = read(demo, "ledger-planted.tsv").set_index("id")
    is_false = ledger.index.str.startswith("false.")
    assert is_false.sum() >= 10
    assert len(ledger) - is_false.sum() >= 30
    others = ledger["verdict"] != np.where(is_false, "differs", "reproduced")
    assert ledger.loc[others, ["verdict", "why"]].to_dict("index") == {}


def test_no_number_is_outside_what_claims_call_possible(demo):
    beyond = {}
    for path in (demo / "results/demo/tables").rglob("*.tsv"):
        table = pd.read_csv(path, sep="\t").dropna(axis="columns", how="all")
        columns = {name: table[name] for name in table.select_dtypes("number")}
        if {"quantity", "value"} <= {*table}:
            columns = dict(iter(table.groupby("quantity")["value"]))
        for name, values in columns.items():
            row = {"id": "", "table": path.stem, "column": name}
            least, most = limits_of(Claim(**dict.fromkeys(Claim._fields, "") | row))
            numbers = pd.to_numeric(values, errors="coerce").dropna()
            if not numbers.between(least, most).all():
                beyond[path.stem, name] = (numbers.min(), numbers.max())
    assert beyond == {}


def test_report_holds_the_ledger_and_the_figures(demo):
    text = (demo / "results/demo/report.html").read_text()
    for name in ("ledger", "fig_1b", "fig_2a", "fig_2b", "fig_2d", "1 Ledger"):
        assert name in text


def test_pages_speak_in_words(demo):
    configured = yaml.safe_load((demo / "config/demo.yaml").read_text())
    ids = set(configured["experiments"]) - set(configured["features"])
    ids |= {name for name in WORDS if "_" in name}
    texts = {page: page.read_text("utf-8") for page in (demo / "results").rglob("*.html")}
    texts = {page: text for page, text in texts.items() if '<div class="table"' in text}
    assert {"performance.html", "comparison.html", "tcga.html"} < {page.name for page in texts}
    wrong = []
    for page, text in texts.items():
        heads = re.findall(r'<th scope="col"[^>]* title="([^"]*)">([^<]*)', text)
        wrong += [(page, heading) for explanation, heading in heads if not explanation]
        shown = re.sub(r"<a .*?</a>|<[^>]*>", " ", text)
        wrong += [(page, each) for each in ids if re.search(rf"(?<![\w-]){each}(?![\w.-])", shown)]
    assert wrong == []


def test_links_of_pages_lead_to_files_and_back_to_the_first_page(demo):
    lost, linked = [], 0
    first = demo / "results/demo/index.html"
    for page in (demo / "results").rglob("*.html"):
        # Snakemake's report has its own links.
        if page.name == "report.html":
            continue
        links = re.findall(r'<a href="([^"#]+)"', page.read_text("utf-8"))
        paths = [Path(os.path.normpath(page.parent / unquote(link))) for link in links]
        lost += [(page, path) for path in paths if not path.is_file()]
        # Pages to look at sections make their links in the browser.
        if page != first and first not in paths and "viewer" not in page.parts:
            lost.append((page, first))
        linked += len(links)
    assert lost == []
    assert linked > 80


def test_asked_again_it_does_nothing(demo):
    assert planned(demo) == {}


def test_outputs_are_kept_whole_and_nothing_is_left_over(demo):
    # Beside tables, the folder of their checksums; Snakemake's time of outputs that are folders.
    known = (".gitkeep", ".sha256", ".snakemake_timestamp")
    left = [path for path in (demo / "results").rglob(".*") if path.name not in known]
    assert left == []
    assert all(p.stat().st_size for p in (demo / "results/demo/figures").iterdir())


@pytest.mark.full
def test_deleted_views_are_made_again_without_retraining(demo, tmp_path):
    project = copy_run(demo, tmp_path / "project")
    view = project / "results/demo/views/128x2"
    for path in view.iterdir():
        path.unlink()
    assert planned(project) == {}
    snakemake(project, *DEMO, "--", "results/demo/views/128x2/index.tsv")
    assert planned(project) == {}


def test_truncated_counts_are_one_line_and_leave_nothing(demo, tmp_path):
    project = copy_run(demo, tmp_path / "project")
    counts = project / "resources/demo/BC90002_C1/counts.tsv.gz"
    whole = counts.read_bytes()
    counts.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(EOFError):
        gzip.decompress(counts.read_bytes())
    section = "results/demo/sections/BC90002_C1.h5ad"
    done = snakemake(project, *DEMO, "--", section, check=False)
    assert done.returncode
    said = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(set(said)) == 1
    assert "BC90002_C1/counts.tsv.gz" in said[0]
    assert "Traceback" not in done.stderr
    assert not (project / section).exists()
    assert [p.name for p in (project / "results/demo/sections").glob(".*")] == [".sha256"]


def test_wrong_configuration_is_one_line(tmp_path):
    project = copy_project(tmp_path / "project")
    (project / "mine.yaml").write_text("experiments: {densenet121: {epoch: 5}}\n")
    done = snakemake(project, "-n", "--configfile", "mine.yaml", check=False)
    assert done.returncode
    said = done.stdout + done.stderr  # a dry run speaks on standard output
    assert "experiments.densenet121.epoch: unknown key; is it epochs?" in said
    assert "Traceback" not in said
