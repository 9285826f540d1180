"""The target that exports predictions to the formats of other programs."""

from project import DEMO, copy_project, planned, snakemake

from stnet.report.analyses import ANALYSES

FORMATS = {"export_spatialdata", "export_geojson", "export_map", "export_csv"}
EXPORTS = "results/demo/exports"


def test_every_held_out_section_is_exported_by_the_formats_that_are_asked_for(tmp_path):
    project = copy_project(tmp_path / "project")
    jobs = planned(project, "--", "export")
    assert {name: count for name, count in jobs.items() if "export_" in name} == dict.fromkeys(
        FORMATS, 9
    )
    assert jobs["predict_held_out"] == jobs["train"] == 8
    given = "export={formats: [geojson], experiments: [demo-label, demo-mean]}"
    jobs = planned(project, "--config", given, "--", "export")
    assert {name for name in jobs if "export_" in name} == {"export_geojson"}
    assert jobs["export_geojson"] == 18
    assert "train" not in jobs
    # External sections and slides by the main experiment, and predictions that were handed in.
    (project / "theirs.tsv").touch()
    (project / "more.yaml").write_text(
        "export: {formats: [csv], external: [demo-visium, demo-tcga]}\n"
        "experiments: {theirs: {kind: precomputed, cohort: demo, targets: top60, split: 2,"
        " predictions: theirs.tsv, transform: log_fraction, universe: 200, trained_on: [],"
        " pretrained_on: [other]}}"
    )
    asked = ["export", f"{EXPORTS}/theirs/BC90001_C1.csv.gz"]
    jobs = planned(project, "--", *asked, configuration=[*DEMO, "more.yaml"])
    assert jobs["predict_section"] + jobs["predict_slide"] == jobs["export_csv"] - 10 > 20
    assert jobs["predict_precomputed"] == 1
    # Of any experiment by its path; a section that is not there is said.
    path = f"{EXPORTS}/demo-ridge/BC1.csv.gz"
    done = snakemake(project, "-n", *DEMO, "--", path, check=False)
    assert "error: no section BC1 in config/cohorts/demo.tsv" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_slides_of_predict_are_exported_and_no_cohort_is_trained(tmp_path):
    project = copy_project(tmp_path / "project")
    for name in ("all.safetensors", "all.genes.tsv", "CASE_1.svs"):
        (project / name).touch()
    given = ["--config", "predict={model: all.safetensors, slides: [CASE_1.svs]}"]
    jobs = planned(project, *given, "--", "export")
    assert {name for name in jobs if "export_" in name} == FORMATS
    assert set(jobs) == FORMATS | {"export", "own_precision", "predict_own_slide"}
    assert set(jobs.values()) == {1}
    path = "results/predict/exports/all/CASE_2.geojson"
    done = snakemake(project, "-n", *DEMO, *given, "--", path, check=False)
    assert "predict: no CASE_2 with a model all; name it under predict" in done.stdout + done.stderr


def test_nothing_else_makes_them():
    assert not [file for each in ANALYSES for file in each.shown if "exports/" in file]
