"""An edit reruns the stages that it touches, and no others; all by dry run on a finished demo."""

import os
import re

import pytest
from project import DEMO, copy_run, edit, planned, snakemake

EVALUATED = {
    *{"performance", "performance_page", "compare", "controls", "table_1", "ledger", "comparison"},
    *{"thresholds", "within_page", "pathways", "pathways_page"},
    *{"nuclear_relations", "supp_table_2_3", "front"},
}
DRAWN = {"fig_2a", "held_out_viewer", "fig_2b", "fig_2d", "supp_4_5", "supp_7a", "supp_7b"}
INTERPRETED = {"attributions", "attributions_on_nuclei", "fig_3", "ledger"}
EMBEDDED = {"latent_umap", "latent_examples", "fig_4", "supp_8"}
LATENT = EMBEDDED | {"latent_purity", "latent_neighbours", "latent_distances"}
LATENT |= {"latent_summary", "supp_9"}
TRAINED = {"train", "predict_held_out", "learning_curve", "null", "ceilings", "protocols"}
# Of what the model was not trained on: which of its genes to trust, its predictions, what they say.
MARKED = {"model_genes", "model_card", "source_viewer"}
APPLIED = {"model", "predict_section", "predict_slide"}
VISIUM = {"visium_performance", "visium_summary", "visium_page", "fig_2c", "supp_2"}
SLIDES = {"pseudobulk", "subtype", "subtype_roc", "tcga_page", "colocalisation_slides", "supp_3"}
EVERYTHING_TRAINED = TRAINED | EVALUATED | DRAWN | MARKED | APPLIED | VISIUM | SLIDES
EVERYTHING_TRAINED |= INTERPRETED | LATENT
# Of one way of predicting beside the others.
COMPARED = {"performance", "performance_page", "compare", "comparison", "controls"}
COMPARED |= {"fig_2b", "ledger", "protocols", "front"}


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
    rules |= {"nuclear_gene", "nuclear_gene_page", "nuclei_counts", "supp_6"}
    # The page on the dataset formats numbers as the comparison does.
    rules |= {"null", "ceilings", "dataset_page", "protocols"} | INTERPRETED
    assert set(planned(project)) == rules | {"latent_neighbours", "latent_summary", "supp_9"}


def test_a_module_of_training(change):
    project = change("src/stnet/networks/symmetries.py", "N_SYMMETRIES = 8", "N_SYMMETRIES = 4 + 4")
    assert set(planned(project)) == EVERYTHING_TRAINED
    # The network's and that of the composition.
    assert planned(project)["train"] == 9 + 4


def test_a_module_of_patches(change):
    project = change(
        "src/stnet/slides/patches.py", "if downsampling > 1:", "if downsampling > 2 - 1:"
    )
    rules = set(planned(project))
    assert {"patches", "view_index", "train", "predict_held_out"} <= rules
    others = {"section", "targets", "predict_label", "fig_1b", "supp_1a"}
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
    assert set(planned(project)) == COMPARED | {"predict_label", "fig_2d"}


@pytest.mark.parametrize(("kind", "drawn"), [("forest", {"supp_7a"}), ("ridge", set())])
def test_another_baseline_reruns_itself(change, kind, drawn):
    project = change(
        f"src/stnet/baselines/{kind}.py", "import numpy as np\n", "import numpy as np\nX = 1\n"
    )
    rules = COMPARED | {f"predict_{kind}"} | drawn
    # What is not of the paper is no curve of Fig. 2b and no claim.
    assert set(planned(project)) == (rules if drawn else rules - {"fig_2b"})


def test_a_setting_of_the_segmentation_retrains_no_network(change):
    jobs = planned(change("config/demo.yaml", "smallest: 20", "smallest: 21"))
    assert (jobs["nuclear_features"], jobs["nuclei_overlay"], jobs["predict_forest"]) == (9, 9, 4)
    assert not {"train", "predict_held_out", "attributions", "encoder_features"} & set(jobs)


def test_factors_retrain_their_own_network(change):
    old, new = "of: top60, factors: 4", "of: top60, seed: 1, factors: 4"
    jobs = planned(change("config/demo.yaml", old, new))
    assert (jobs["composition"], jobs["train"], jobs["predict_held_out"]) == (4, 4, 4)
    assert not {"model", "attributions", "latent_umap", "fig_2a"} & set(jobs)


def test_keys_of_an_analysis_rerun_the_analysis(change):
    assert set(planned(change("config/demo.yaml", "steps: 32", "steps: 16"))) == INTERPRETED
    project = change("config/demo.yaml", "radius: 1.5", "radius: 1.4")
    assert set(planned(project)) == INTERPRETED | {"latent_examples", "fig_4", "supp_8"}


def test_an_ablation_reruns_itself_and_its_study(change):
    old, new = "demo-window128, view: 64x1", "demo-window128, view: 32x1"
    project = change("config/demo.yaml", old, new)
    jobs = planned(project, "--", "supplement")
    jobs.pop("supplement")
    assert jobs == {
        **{"patches": 9, "view_index": 1, "train": 2, "predict_held_out": 2},
        **{"performance": 1, "study": 1, "study_figure": 1},
    }


def test_a_template_of_cards(change):
    project = change("src/stnet/record/templates/model_card.md.jinja", "## Licence", "## Terms")
    assert planned(project).keys() == {"model_card"}


def test_a_figure(change):
    old = "@styled\ndef against("
    project = change("src/stnet/figures/fig_2d.py", old, f"X = 1\n\n\n{old}")
    assert planned(project) == {"fig_2d": 1, "supp_7a": 1, "supp_7b": 1}


def test_what_changes_no_number_reruns_nothing(finished, change):
    """All at once: comments, words, logs, timings, another device, and keys of others."""
    change(
        "src/stnet/training/run.py",
        '"""One training run: the epochs of one network on one set of spots."""',
        '"""One training run."""\n# A comment.',
    )
    change("src/stnet/core/atomic.py", '"""Atomic writes:', '"""Atomic writes: other')
    # As in a fresh clone, a script is newer than what it made.
    change("workflow/scripts/train/train.py", "with job(", "# A comment.\nwith job(")
    change("config/demo.yaml", "# The demonstration:", "# A demonstration:")
    caption = (finished / "workflow/report/fig_2b.rst").read_text()
    change("workflow/report/fig_2b.rst", caption, caption + "\nMore words.\n")
    change("config/config.yaml", "tensorboard: false", "tensorboard: true")
    change("config/demo.yaml", "calibration: 10", "calibration: 1")
    change("config/demo.yaml", "device: cpu", "device: cuda")
    # Of another cohort, and of an ablation, which only the supplement shows.
    change("config/config.yaml", "    spot_pitch_um: 200", "    spot_pitch_um: 100")
    change("config/demo.yaml", "demo-window128, view: 64x1", "demo-window128, view: 32x1")
    assert planned(finished) == {}


def test_a_dry_run_says_which_key_and_which_module_have_changed(change):
    project = change("config/demo.yaml", "inner_folds: 2\n", "inner_folds: 3\n")
    old = "@styled\ndef spots_per_section("
    change("src/stnet/figures/fig_1b.py", old, f"X = 1\n\n\n{old}")
    done = snakemake(project, "-n", *DEMO)
    text = done.stdout + done.stderr
    assert "before: 'recipe.inner_folds: 2' now: 'recipe.inner_folds: 3' \n" in text
    module = r"'code of stnet\.figures\.fig_1b: \w+'"
    assert re.search(f"before: {module} now: {module} \n", text)


def test_a_key_of_the_experiment(change):
    project = change("config/demo.yaml", "inner_folds: 2", "inner_folds: 3")
    # Whether a validation is of the test is a question of folds.
    assert set(planned(project)) == EVERYTHING_TRAINED | {"leaks"}


def test_the_engine_is(change):
    project = change(
        "config/demo.yaml",
        "weights: random\n    learning",
        "weights: random\n    engine: {cpu: {channels_last: false}}\n    learning",
    )
    assert set(planned(project)) == EVERYTHING_TRAINED


def test_a_key_of_a_figure(change):
    old = "gene: TUMOUR7\n      patients: []"
    project = change("config/demo.yaml", old, "gene: TUMOUR7\n      patients: [BC90002]")
    assert planned(project) == {"fig_2a": 1, "front": 1}


def test_a_key_of_the_statistics(change):
    project = change(
        "config/demo.yaml",
        "    targets: top60\n    architecture:",
        "    targets: top60\n    smoothing: counts\n    architecture:",
    )
    # The ceilings stand beside the median r; a null is of the smoothed measurement.
    rules = EVALUATED | DRAWN | MARKED | VISIUM | {"ceilings", "protocols", "null"}
    assert set(planned(project)) == INTERPRETED | rules


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
    assert (jobs["section"], jobs["patches"]) == (1, 2)
    assert jobs["train"] == 9 + 4
    assert not {"simulate_cohort", "simulate_section"} & set(jobs)
