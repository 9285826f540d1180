"""An edit reruns the stages that it touches, and no others; all by dry run on a finished demo."""

import os

import pytest
from workflow import DEMO, copy_run, edit, planned, snakemake

EVALUATED = {"performance", "performance_page", "compare", "control", "table_1", "ledger"}
DRAWN = {"fig_2a", "fig_2b", "fig_2d"}
TRAINED = {"train", "predict_held_out", "learning_curve", "null"}
# Of what the model was not trained on: which of its genes to trust, its predictions, what they say.
MARKED = {"model_genes", "section_map", "slide_map"}
APPLIED = {"model", "predict_section", "predict_slide"}
VISIUM = {"visium_performance", "visium_summary", "visium_page", "fig_2c", "supp_2"}
SLIDES = {"pseudobulk", "subtype", "subtype_roc", "tcga_page", "colocalisation_slides", "supp_3"}
EVERYTHING_TRAINED = TRAINED | EVALUATED | DRAWN | MARKED | APPLIED | VISIUM | SLIDES


@pytest.fixture(scope="module")
def finished(demo, tmp_path_factory):
    """A copy of the finished demo that every test leaves as it was."""
    return copy_run(demo, tmp_path_factory.mktemp("reruns") / "project")


@pytest.fixture
def change(finished):
    """Edit a file of the project; it is put back after the test, times included."""
    kept = {}

    def apply(name, old, new):
        path = finished / name
        kept.setdefault(path, (path.read_bytes(), path.stat()))
        edit(path, old, new)
        return finished

    yield apply
    for path, (content, stat) in kept.items():
        path.write_bytes(content)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_a_module_of_the_statistics(change):
    project = change(
        "src/stnet/evaluation/consistency.py", "import numpy as np\n", "import numpy as np\nX = 1\n"
    )
    rules = EVALUATED | DRAWN | MARKED | VISIUM | SLIDES | {"colocalisation"}
    assert set(planned(project)) == rules


def test_a_module_of_training(change):
    project = change("src/stnet/training/symmetries.py", "N_SYMMETRIES = 8", "N_SYMMETRIES = 4 + 4")
    assert set(planned(project)) == EVERYTHING_TRAINED
    assert planned(project)["train"] == 9


def test_a_module_of_patches(change):
    project = change(
        "src/stnet/slides/patches.py", "if downsampling > 1:", "if downsampling > 2 - 1:"
    )
    rules = set(planned(project))
    assert {"patches", "view_index", "train", "predict_held_out"} <= rules
    others = {"section", "thumbnail", "targets", "predict_label", "fig_1b", "supp_1a"}
    assert not others & rules


def test_a_module_of_targets_leaves_the_patches(change):
    project = change(
        "src/stnet/expression/targets.py", "import numpy as np\n", "import numpy as np\nX = 1\n"
    )
    rules = set(planned(project))
    assert {"targets", "train", "predict_label"} <= rules
    assert not {"section", "patches", "view_index"} & rules


def test_a_baseline_retrains_no_network(change):
    project = change(
        "src/stnet/baselines/label.py", "import numpy as np\n", "import numpy as np\nX = 1\n"
    )
    rules = set(planned(project))
    assert {"predict_label", "compare", "ledger"} <= rules
    assert not {"train", "predict_held_out", "control", "table_1"} & rules


def test_a_figure(change):
    project = change(
        "src/stnet/figures/fig_2d.py", "def against_labels(", "X = 1\n\n\ndef against_labels("
    )
    assert planned(project) == {"fig_2d": 1}


def test_a_comment_a_docstring_and_a_caption_rerun_nothing(finished, change):
    change(
        "src/stnet/training/run.py",
        '"""One training run: the epochs of one network on one set of spots."""',
        '"""One training run."""\n# A comment.',
    )
    change("src/stnet/core/atomic.py", '"""Outputs that', '"""Whole outputs that')
    change("config/demo.yaml", "# The demonstration:", "# A demonstration:")
    caption = (finished / "workflow/report/fig_2b.rst").read_text()
    project = change("workflow/report/fig_2b.rst", caption, caption + "\nMore words.\n")
    assert planned(project) == {}


def test_a_key_of_the_experiment(change):
    project = change("config/demo.yaml", "inner_folds: 2", "inner_folds: 3")
    assert set(planned(project)) == EVERYTHING_TRAINED


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("config/config.yaml", "tensorboard: false", "tensorboard: true"),
        ("config/demo.yaml", "calibration: 10", "calibration: 1"),
        ("config/demo.yaml", "device: cpu", "device: cuda"),
    ],
)
def test_a_log_a_timing_and_another_device_are_no_reason_to_train(change, file, old, new):
    assert planned(change(file, old, new)) == {}


def test_the_engine_is(change):
    project = change(
        "config/config.yaml", "cpu: {channels_last: true", "cpu: {channels_last: false"
    )
    assert set(planned(project)) == EVERYTHING_TRAINED


def test_a_key_of_a_figure(change):
    project = change("config/demo.yaml", "patients: []", "patients: [BC90002]")
    assert planned(project) == {"fig_2a": 1}


def test_a_key_of_the_statistics(change):
    project = change(
        "config/demo.yaml",
        "    targets: top60\n    architecture:",
        "    targets: top60\n    smoothing: counts\n    architecture:",
    )
    assert set(planned(project)) == EVALUATED | DRAWN | MARKED | VISIUM


def test_a_key_of_another_cohort(change):
    project = change("config/config.yaml", "    spot_pitch_um: 200", "    spot_pitch_um: 100")
    assert planned(project) == {}


def test_weights_that_are_not_there_are_no_reason_to_be_content(change):
    project = change(
        "config/demo.yaml", "weights: random\n    learning", "weights: randon\n    learning"
    )
    done = snakemake(project, "-n", *DEMO, check=False)
    assert done.returncode
    assert "experiments.densenet-small.weights: no file randon" in done.stdout + done.stderr


def test_a_row_of_the_sheet(change):
    project = change(
        "config/cohorts/demo.tsv",
        "BC90002_C1/labels.tsv.gz\tsquare\t\t",
        "BC90002_C1/labels.tsv.gz\tsquare\t1.5\t",
    )
    jobs = planned(project)
    assert (jobs["section"], jobs["patches"]) == (1, 1)
    assert jobs["train"] == 9
    assert not {"simulate_cohort", "simulate_section", "thumbnail"} & set(jobs)
