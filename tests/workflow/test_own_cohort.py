"""The tutorial of a cohort of one's own runs as it stands there, to its end."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from project import ROOT, copy_project, planned, touch_sections

PAGE = (ROOT / "docs/tutorials/cohort.md").read_text(encoding="utf-8")
CONFIGURATION = ("--configfile", "mine.yaml")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.M | re.S)


@pytest.fixture
def project(tmp_path):
    """A project with the files that the page tells to write."""
    project = copy_project(tmp_path / "project")
    for language, name in (("tsv", "mine.tsv"), ("yaml", "mine.yaml")):
        (block,) = blocks(language)
        (project / name).write_text(block)
    return project


def test_the_sheet_is_the_one_that_the_page_copies(project):
    sheet = (project / "mine.tsv").read_text()
    assert sheet == (project / "config/cohorts/practice.tsv").read_text()


def test_the_tutorial_is_planned_without_network_and_gpu(project):
    touch_sections(project / "resources/practice", (project / "mine.tsv").read_text())
    shown = "results/mine/tables/dataset/sections.html"
    early = planned(project, "--", shown, configuration=CONFIGURATION)
    assert early == {"section": 5, "dataset": 1, "dataset_page": 1}
    jobs = planned(project, configuration=CONFIGURATION)
    assert {rule: jobs[rule] for rule in ("predict_ridge", "predict_mean", "front")} == {
        **{"predict_ridge": 5, "predict_mean": 5, "front": 1}
    }
    assert [name for name in jobs if re.match("train|download|check_encoder", name)] == []


@pytest.mark.full
def test_the_tutorial_runs_to_its_end(project):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    def run(command):
        done = subprocess.run(
            command, cwd=project, env=os.environ | {"PATH": path}, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done.stdout + done.stderr

    said = {line: run(["bash", "-c", line]) for line in "".join(blocks("bash")).splitlines()}
    lines = said["snakemake --configfile mine.yaml --cores 2"].splitlines()
    assert "My cohort: open results/mine/index.html" in lines
    page = (project / "results/mine/index.html").read_text(encoding="utf-8")
    assert "Ridge on colour: ridge regression on features, mean colour, windows of 224 px" in page
    assert "50 most expressed genes, log expression" in page
    (python,) = blocks("python")
    assert "TUMOUR" in run(["python", "-c", python])
    results = project / "results"
    assert {
        file.name.split(".", 1)[1] for file in results.glob("mine/exports/my-ridge/P?_A.*")
    } == {*["geojson", "ome.tif", "csv.gz"]}
    # The first page stands in a script of the report, which nothing may end before its own end.
    report = (project / "report.html").read_text(encoding="utf-8")
    described = report.split('id="workflow-desc"')[1].split("</script")[0]
    assert "are in the menu on the left" in described
    # The files that the page names.
    named = re.findall(
        r"`((?:results/record/|report\.html|index\.html|viewer/|tables/)[^`]*)`", PAGE
    )
    assert len(named) == 5
    for name in named:
        assert (project / name).exists() or (results / "mine" / name).exists(), name
