"""The target that scores methods under one protocol that does not leak."""

from project import DEMO, copy_project, planned, snakemake

from stnet.report.analyses import ANALYSES


def test_the_arena_fits_its_methods_and_scores_them_in_one_job(tmp_path):
    project = copy_project(tmp_path / "project")
    jobs = planned(project, "--", "arena")
    assert (jobs["score_arena"], jobs["arena"]) == (1, 1)
    # Two folds of patients, each with genes of its own, for seven methods.
    assert (jobs["targets"], jobs["train"], jobs["predict_held_out"]) == (2, 2, 2)
    assert (jobs["predict_ridge"], jobs["performance"]) == (4, 7)
    done = snakemake(
        project, "-n", *DEMO, "--config", "report=[controls]", "--", "arena", check=False
    )
    last = [line for line in (done.stdout + done.stderr).splitlines() if "arena" in line]
    assert "none under report has an arena; write arena: {} into the report of one" in last[-1]
    assert "Traceback" not in done.stdout + done.stderr


def test_nothing_else_makes_it():
    assert not [file for each in ANALYSES for file in each.shown if "arena" in file]
