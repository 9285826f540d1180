"""The example of the page on a cohort of one's own runs as it stands there."""

import re
import shlex

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from project import ROOT, copy_project, planned, snakemake
from visium_files import Visium

SHOWN = "results/mine/tables/dataset/sections.html"


@pytest.fixture
def project(tmp_path):
    """A project with the files that the page tells to write, and those that its sheet names."""
    project = copy_project(tmp_path / "project")
    text = (ROOT / "docs/tutorials/cohort.md").read_text(encoding="utf-8")
    for language, name in (("tsv", "mine.tsv"), ("yaml", "mine.yaml"), ("bash", "commands")):
        (block,) = re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)
        (project / name).write_text(block)
    sheet = pd.read_csv(project / "mine.tsv", sep="\t")
    for number, row in enumerate(sheet.itertuples()):
        write_section(project / "data", row, number)
    return project


def write_section(root, row, number):
    """Files of a section whose genes follow the colour of the image."""
    rng = np.random.default_rng(number)
    made = Visium((root / row.spots).parent)
    made.row |= {"image": str(root / row.image), "counts": str(root / row.counts)}
    # Their places on the image differ, or the sections would look like copies.
    corner = 110 + 7 * number
    made.spots[["pxl_row_in_fullres", "pxl_col_in_fullres"]] += corner
    made.size, made.tissue = (720, 720), (corner, corner, corner + 355, corner + 235)
    inside = made.spots[made.spots["in_tissue"] == 1].sort_index()
    redness = inside["pxl_col_in_fullres"].to_numpy() / 500
    names = [f"GENE{gene:02}" for gene in range(60)]
    made.genes = pd.DataFrame(
        {"id": names, "name": names, "feature_type": "Gene Expression", "genome": "GRCh38"}
    )
    made.counts = pd.DataFrame(
        rng.poisson(2 + 4 * redness[:, None], (len(inside), 60)), inside.index, names
    )
    made.files()
    image = np.asarray(Image.open(made.row["image"])).astype(int)
    left, top, right, bottom = made.tissue
    image[top:bottom, left:right, 0] -= np.linspace(60, 0, right - left).astype(int)
    image += rng.integers(-8, 8, image.shape)
    Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(made.row["image"])


def commands(project):
    """Arguments of each command of the page, without the cores."""
    for line in (project / "commands").read_text().splitlines():
        words = shlex.split(line)
        assert words[:5] == ["snakemake", "--configfile", "mine.yaml", "--cores", "2"]
        yield words[5:]


def test_the_example_is_planned_without_network_and_gpu(project):
    first, second, last = commands(project)
    assert (first, second, last) == (["-n", "-q", "rules"], ["--", SHOWN], [])
    configuration = ("--configfile", "mine.yaml")
    early = planned(project, *second, configuration=configuration)
    assert early == {"section": 3, "dataset": 1, "dataset_page": 1}
    jobs = planned(project, configuration=configuration)
    assert {rule: jobs[rule] for rule in ("predict_ridge", "predict_mean", "front")} == {
        **{"predict_ridge": 3, "predict_mean": 3, "front": 1}
    }
    assert [name for name in jobs if re.match("train|download|check_encoder", name)] == []


@pytest.mark.full
def test_the_example_runs_and_ends_with_what_to_open(project):
    *_, last = commands(project)
    said = snakemake(project, "--configfile", "mine.yaml", *last)
    lines = (said.stdout + said.stderr).splitlines()
    at = lines.index("My cohort: open results/mine/index.html")
    assert "  warning: Consistent genes are not counted: too few patients, 3 of" in lines[at + 1]
    page = (project / "results/mine/index.html").read_text(encoding="utf-8")
    assert "Ridge on colour: ridge regression on features, mean colour, windows of 224 px" in page
    assert "50 most expressed genes, log expression" in page
