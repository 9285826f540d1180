"""The plan against numbers worked out by hand."""

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from networks import PLAIN
from sections import section_file

from stnet.core.errors import InputError
from stnet.planning import plan as plan_module
from stnet.planning.plan import Machine, plan, time_networks
from stnet.planning.work import (
    Cohort,
    Experiment,
    count_spots,
    pending_jobs,
    saved_epochs,
    training_work,
)
from stnet.slides.patches import INDEX_COLUMNS
from stnet.training.calibrate import Rates
from stnet.training.checkpoints import Checkpoint, Checkpoints

SHEET = [("A", "A1"), ("A", "A2"), ("B", "B1"), ("C", "C1")]
ROWS = [{"patient": patient, "section": section} for patient, section in SHEET]
SPOTS = {"A1": 10, "A2": 5, "B1": 7, "C1": 3}
# C held out, two inner folds of patients: {A1, A2} of 15 spots and {B1} of 7, each of 4 epochs.
TRAINED, PREDICTED = 4 * (7 + 15 + 22), 4 * 8 * (15 + 7)
RECIPE = {
    "architecture": "densenet",
    **{"architecture_options": {}, "trained": "all"},
    **{"loss": "sum", "learning_rate": 1e-3, "momentum": 0.9, "weight_decay": 0.0},
    **{"batch_size": 4, "epochs": 4, "inner_folds": 2, "statistics_batches": 0, "seed": 0},
    "engine": PLAIN,
}
CPU = Machine("cpu", threads=1, at_once=2, code="0" * 16)


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plan_module.os, "cpu_count", lambda: 2)


@pytest.fixture
def networks():
    """A cohort of three patients and one experiment, with no file yet."""
    folder = "results/c/experiments/e"
    groups = {
        patient: {
            "sections": [section for owner, section in SHEET if owner == patient],
            "model": f"{folder}/{patient}/model.safetensors",
            "predictions": f"{folder}/{patient}/predictions.h5ad",
        }
        for patient in "ABC"
    }
    files = [f"results/c/sections/{section}.h5ad" for section in SPOTS]
    cohort = Cohort(ROWS, files, "results/c/views", paper=False)
    return {"c": cohort}, {"e": Experiment("c", "20x2", 5, RECIPE, 16000, groups)}


def index_of(counts, view="20x2"):
    path = Path(f"results/c/views/{view}/index.tsv")
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"section": name, "file": f"{name}.npy", "rows": n} for name, n in counts.items()]
    pd.DataFrame(rows, columns=INDEX_COLUMNS).to_csv(path, sep="\t", index=False)
    return path


def jobs_of(experiment, *groups):
    names = [experiment.groups[name] for name in groups]
    return {
        **{group["model"]: "train" for group in names},
        **{group["predictions"]: "predict_held_out" for group in names},
    }


def left(sections, saved=0, **changes):
    table = pd.DataFrame(ROWS).assign(spots=SPOTS.values())
    table = table[~table["section"].isin(sections)]
    found = training_work(table, {**RECIPE, **changes}, saved)
    return [found[name] for name in ("runs", "spot_epochs", "predictions", "in_memory")]


def test_the_work_of_a_held_out_group():
    assert left(["C1"]) == [3, TRAINED, PREDICTED, 22]


def test_epochs_behind_a_checkpoint_are_not_counted_again():
    # Five: all of the first inner run and one of the second.
    assert left(["C1"], saved=5) == [2, 3 * 15 + 4 * 22, 3 * 7 * 8, 22]
    assert left(["C1"], saved=12) == [0, 0, 0, 22]


def test_without_inner_folds_there_is_one_run():
    assert left(["A1", "A2", "B1"], inner_folds=4) == [1, 12, 0, 3]
    assert left([], inner_folds=0) == [1, 100, 0, 25]


def test_only_checkpoints_of_the_same_job_count(tmp_path):
    group = tmp_path / "group"
    known = {"code": "1", "view": "20x2", "epochs": 4, "engine": PLAIN}
    assert saved_epochs(group / "model.safetensors", known) == 0
    for code, engine, n_epochs in (("1", PLAIN, 3), ("2", PLAIN, 9), ("1", {}, 7)):
        inputs = {"code": code, "view": "20x2", "recipe": {"epochs": 4, "engine": engine}}
        for done in (n_epochs - 1, n_epochs):
            written = Checkpoints(group, inputs)
            written.write(Checkpoint([{}] * done, {"x": torch.zeros(1)}))
            written.wait()
    assert saved_epochs(group / "model.safetensors", known) == 3
    (newest,) = group.glob(".checkpoint/*/000003.safetensors")
    newest.write_bytes(newest.read_bytes()[:50])
    assert saved_epochs(group / "model.safetensors", known) == 2


def test_every_number_of_spots_has_a_source(networks):
    def counted(cohort, pending=()):
        table, source = count_spots(cohort, pending, 31)
        assert table["section"].tolist() == list(SPOTS)
        return table["spots"].tolist(), source

    [cohort] = networks[0].values()
    paper = replace(cohort, paper=True)
    spots, source = counted(cohort)
    assert pd.isna(spots).all()
    assert "--until section" in source
    spots, source = counted(paper)
    assert spots == [8, 8, 8, 7]
    assert "the paper" in source
    Path("results/c/sections").mkdir(parents=True)
    for name, path in zip(SPOTS, cohort.section_files, strict=True):
        # One more spot, too near the edge to be used.
        used = [True] * SPOTS[name] + [False]
        section_file(path, name, [[1]] * (SPOTS[name] + 1), ["G"], used=used)
    assert counted(paper) == ([10, 5, 7, 3], "its section files")
    assert counted(paper, cohort.section_files[:1])[1] == "its section files, to be made again"
    index = str(index_of({**SPOTS, "A1": 11}))
    assert counted(paper) == ([11, 5, 7, 3], index)
    whole = Path(index).read_bytes()
    Path(index).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"index\.tsv: damaged"):
        counted(paper)
    Path(index).write_bytes(whole)
    assert counted(paper, [index])[1] == f"{index}, to be made again"
    # An index from before a section was added does not count.
    index_of({"A1": 10})
    assert counted(paper) == ([10, 5, 7, 3], "its section files")


SUMMARY = """\
output_file\tdate\trule\tlog-file(s)\tstatus\tplan
y\tMon\tperformance\t-\tok\tno update
x/model\t-\ttrain\t-\tmissing\tupdate pending
x/card\t-\ttrain\t-\tmissing\tupdate pending
z/model\t-\ttrain\t-\tmissing\tupdate pending
z/card\t-\ttrain\t-\tmissing\tupdate pending
p\tMon\tpredict\t-\tupdated input files\tupdate pending
"""


def test_a_summary_is_read():
    command = ["python3", "-c", f"print({SUMMARY!r})"]
    n_outputs = {"train": 2, "predict": 1, "performance": 1}
    assert pending_jobs(command, {}, n_outputs) == {
        "x/model": "train",
        "z/model": "train",
        "p": "predict",
    }


def test_a_failed_summary_is_one_line():
    command = ["python3", "-c", "import sys; sys.exit('no\\nway')"]
    with pytest.raises(InputError, match="snakemake --summary failed: no way"):
        pending_jobs(command, {}, {})


@pytest.fixture
def timed(monkeypatch):
    """Networks of 100 and 400 images a second and 2 GB, and the seconds each was timed for."""
    seconds = []

    def calibrate(recipe, side, n_genes, **keys):
        seconds.append((side, n_genes, keys["seconds"]))
        return Rates(100.0, 400.0, 2 * 10**9)

    monkeypatch.setattr(plan_module, "calibrate", calibrate)
    return seconds


def test_the_plan_of_a_pending_group(networks, timed):
    cohorts, experiments = networks
    index_of(SPOTS)
    jobs = jobs_of(experiments["e"], "C")
    text = plan(*networks, jobs, CPU, published=0, seconds=60, seconds_file="seconds.tsv")
    assert text.startswith("To do: 2 jobs (train 1, predict_held_out 1)\n")
    [row] = re.findall(r"^c +e +(.*)", text, re.M)
    predicted = PREDICTED + 8 * 3
    hours = (TRAINED / 100 + predicted / 400) / 3600
    assert row.split() == ["3", "2", "2", "3", "0", str(TRAINED), str(predicted), f"{hours:.2f}"]
    header, of_c = Path("seconds.tsv").read_text().splitlines()
    assert header == "model\tseconds"
    assert of_c.split("\t")[0] == experiments["e"].groups["C"]["model"]
    assert float(of_c.split("\t")[1]) == pytest.approx(hours * 3600)
    assert timed == [(10, 5, 60)]
    # 25 patches of 10 x 10 pixels in three colours, none of them there.
    assert re.search(r"^results/c/views/20x2 +0\.00 MB +0\.01 MB +0\.01 MB +2$", text, re.M)
    assert "c: 25 in 4 sections: results/c/views/20x2/index.tsv" in text
    [memory] = re.findall(r"^e +(\d.*)", text, re.M)
    assert memory.split() == ["100.0", "400.0", "0.01", "MB", "2.00", "GB"]
    line = f"at most {hours:.2f} hours of 1 thread, the longest held-out group {hours:.2f}"
    assert line in " ".join(text.split())
    assert "WARNING" not in text
    assert max(map(len, text.splitlines())) <= 100


def test_the_plan_of_nothing(networks, timed):
    index_of(SPOTS)
    text = plan(*networks, {}, CPU, published=0, seconds=60)
    assert text.startswith("Nothing to do.\n")
    [row] = re.findall(r"^c +e +(.*)", text, re.M)
    assert row.split() == ["3", "3", "3", "0", "0", "0", "0", "0.00"]
    assert not timed
    assert "TIME" not in text


def test_the_plan_without_sections_says_what_is_not_known(networks, timed):
    jobs = jobs_of(networks[1]["e"], *"ABC")
    text = plan(*networks, jobs, CPU, published=0, seconds=60)
    [row] = re.findall(r"^c +e +(.*)", text, re.M)
    assert row.split() == ["3", "0", "0", "9", "0", "?", "?", "?"]
    assert re.search(r"^e +100\.0 +400\.0 +\? +2\.00 GB$", text, re.M)
    assert "at most ? hours" in " ".join(text.split())
    assert "c: ? in 4 sections: not known until its sections are made" in text
    paper = {"c": replace(networks[0]["c"], paper=True)}
    assert "c: 30 in 4 sections" in plan(paper, networks[1], jobs, CPU, published=30, seconds=60)


def test_the_plan_warns_of_more_jobs_at_a_time_than_there_are_cores(networks, timed):
    index_of(SPOTS)
    jobs = jobs_of(networks[1]["e"], "C")
    text = plan(*networks, jobs, replace(CPU, threads=2), published=0, seconds=60)
    assert "WARNING: this machine has 2 cores, so they will" in " ".join(text.split())


def test_the_plan_without_a_card_lacks_the_hours_only(networks, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    index_of(SPOTS)
    jobs = jobs_of(networks[1]["e"], "C")
    cuda = replace(CPU, device="cuda")
    text = plan(*networks, jobs, cuda, published=0, seconds=60)
    assert (
        "hours are not known: device: cuda is configured, but this machine has no working GPU"
        in text
    )
    assert f" {TRAINED} " in text
    text = plan(*networks, jobs, cuda, published=0, seconds=0)
    assert "hours are not known: calibration: 0 is configured" in text


def test_the_plan_warns_of_a_full_disk_and_of_little_memory(networks, timed, monkeypatch):
    index_of(SPOTS)
    full = SimpleNamespace(free=25 * 10 * 10 * 3 - 1)
    monkeypatch.setattr(plan_module.shutil, "disk_usage", lambda path: full)
    jobs = jobs_of(networks[1]["e"], "C")
    networks[1]["e"] = replace(networks[1]["e"], memory_mb=1500)
    text = plan(*networks, jobs, CPU, published=0, seconds=60)
    assert "WARNING: patches of networks to write: " in text
    assert re.search(r"WARNING: e needs 2\.00 GB, and the rule train asks for 1\.50 GB", text)


def test_networks_of_one_kind_are_timed_once(networks, timed):
    experiment = networks[1]["e"]
    slower = replace(experiment, recipe={**RECIPE, "learning_rate": 1.0, "epochs": 9})
    wider = replace(experiment, view="40x2")
    rates, reason = time_networks(
        {"one": experiment, "two": slower, "wide": wider}, CPU, seconds=60
    )
    assert set(rates.index) == {"one", "two", "wide"}
    assert timed == [(10, 5, 30), (20, 5, 30)]
    assert not reason


def test_patches_are_left_to_write_for_pending_jobs_only(networks, timed):
    cohorts, experiments = networks
    both = {**experiments, "wide": replace(experiments["e"], view="40x2", groups={})}
    for view in ("20x2", "40x2"):
        (
            index_of({name: 100 * n for name, n in SPOTS.items()}, view).parent / "A1.npy"
        ).write_bytes(b"0" * 20_000)
    views = "results/c/views"
    for pending, to_write, jobs in (
        ({}, "0.00", 0),
        # All but A1: 1,500 patches of 10 x 10 pixels in three colours.
        (jobs_of(experiments["e"], "A"), "0.45", 2),
        ({f"{views}/20x2/B1.npy": "patches", f"{views}/20x2/index.tsv": "view_index"}, "0.45", 2),
    ):
        text = plan(cohorts, both, pending, CPU, published=0, seconds=60)
        assert re.search(rf"^{views}/20x2 +0\.02 MB +0\.75 MB +{to_write} MB +{jobs}$", text, re.M)
        assert re.search(rf"^{views}/40x2 +0\.02 MB +3\.00 MB +0\.00 MB +0$", text, re.M)


def test_calibration_times_a_real_network(networks):
    small = {"growth_rate": 4, "block_config": (1, 1, 1, 1), "num_init_features": 8}
    experiment = replace(
        networks[1]["e"], view="32x1", recipe={**RECIPE, "architecture_options": small}
    )
    rates, reason = time_networks({"e": experiment}, CPU, seconds=0.2)
    assert not reason
    assert rates.loc["e", ["prediction", "training"]].min() > 1
    assert rates.loc["e", "memory"] > 10**7
