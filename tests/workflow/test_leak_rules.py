"""The linter reads what there is before training; the leak lab trains no network."""

from project import DEMO, copy_project, planned, snakemake


def test_the_linter_needs_no_training_and_the_lab_nothing_but_features(tmp_path):
    project = copy_project(tmp_path / "project")
    jobs = planned(project, "--", "results/demo/tables/leaks.html")
    assert jobs["leaks"] == 1
    # The files of targets that `all` makes, and no others.
    assert (jobs["targets"], jobs["composition"]) == (1, 4)
    training = {"train", "predict_ridge", "predict_held_out", "encoder_features"}
    assert not training & jobs.keys()
    jobs = planned(project, "--", "leak_lab")
    assert jobs["planted_leaks"] == 1
    assert jobs["encoder_features"] == 9
    assert not {"train", "predict_ridge", "targets", "leaks"} & jobs.keys()


def test_a_cohort_without_ridge_regression_has_no_lab(tmp_path):
    project = copy_project(tmp_path / "project")
    without = ("--config", "cohorts={demo: {report: {others: []}}}")
    done = snakemake(project, "-n", *DEMO, *without, "--", "leak_lab", check=False)
    assert "no cohort whose report has an experiment of kind ridge" in done.stdout + done.stderr
