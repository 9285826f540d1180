"""The rule that scores the predictions of a report under many protocols."""

from project import copy_project, planned

from stnet.report.analyses import ANALYSES

OUTPUTS = ("tables/protocols.tsv", "tables/protocols.html", "figures/protocols.png")


def test_one_job_scores_all_methods_that_the_report_shows(tmp_path):
    project = copy_project(tmp_path / "project")
    jobs = planned(project, "--", *(f"results/demo/{output}" for output in OUTPUTS))
    assert jobs["protocols"] == 1
    kinds = {"predict_held_out", "predict_label", "predict_forest", "predict_ridge"}
    kinds |= {"predict_coordinates", "predict_mean"}
    assert kinds <= jobs.keys()
    # Predictions are scored, and the tables of genes say which are consistent.
    assert not {"compare", "comparison"} & jobs.keys()


def test_every_report_shows_the_protocols():
    shown = [each for each in ANALYSES if {*OUTPUTS[1:]} <= {*each.shown}]
    assert [(each.needs, each.target) for each in shown] == [((), "all")]
