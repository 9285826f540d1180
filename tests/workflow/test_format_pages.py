"""The examples of the pages on formats run, and a changed Zarr is read again."""

import os
import re
import subprocess
import sys

import anndata as ad
import pandas as pd
import pytest
from PIL import Image
from project import ROOT, copy_project, planned, snakemake
from scverse_files import hest_sample, hest_st, scverse
from spatialdata.models import TableModel
from spatialdata_files import KEY, Zarr
from st_files import Section

from stnet.cohorts.section import write_section
from stnet.config.section_sheet import read_sheet

OPTIONS = {
    **{"label_classes": {}, "require_label": False, "spot_window": 40, "spot_pitch_um": 200},
    "genes": None,
}

# The pages are for machines with a GPU; without one, `predict` is refused.
CPU = ("--config", "device=cpu")


def blocks(page, language):
    """The examples of a page."""
    text = (ROOT / f"docs/how-to/{page}.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


def run(page, folder):
    (code,) = blocks(page, "python")
    environment = os.environ | {"PYTHONPATH": f"{sys.prefix}/spatialdata"}
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, env=environment)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with a model's files, which are not opened by a dry run."""
    project = copy_project(tmp_path_factory.mktemp("pages") / "project")
    for suffix in ("genes.tsv", "safetensors"):
        (project / f"all.{suffix}").touch()
    return project


def sections(folder, rows):
    """The sections of a sheet, written."""
    written = []
    for row in rows:
        output = folder / f"{row['section']}.section.h5ad"
        write_section(row, output, folder / "drops.tsv", **OPTIONS)
        written.append(ad.read_h5ad(output))
    return written


def test_a_file_of_several_sections_is_taken_apart(project):
    parts = {}
    for name in ("S1", "S2"):
        made = Section(project / name).files()
        Image.open(made.row["image"]).save(project / f"{name}.tif")
        parts[name] = scverse(made.spots, made.counts, made.row["image"])
        parts[name].obs["patient"] = f"P{name}"
    cohort = ad.concat(parts, label="library_id", index_unique="-")
    cohort.uns["spatial"] = {name: part.uns["spatial"]["library"] for name, part in parts.items()}
    cohort.write_h5ad(project / "cohort.h5ad")
    run("anndata", project)
    sheet = pd.read_csv(project / "mine.tsv", sep="\t", dtype=str, keep_default_na=False)
    # The example is of Visium, the test's sections are of ST.
    sheet.assign(grid="square").to_csv(project / "mine.tsv", sep="\t", index=False)
    rows = read_sheet(project / "mine.tsv", project, check_files=True)
    assert [row["patient"] for row in rows] == ["PS1", "PS2"]
    assert [section.n_obs for section in sections(project, rows)] == [48, 48]
    (project / "mine.yaml").write_text(blocks("anndata", "yaml")[0])
    jobs = planned(project, "predict", configuration=("--configfile", "mine.yaml", *CPU, "--"))
    assert jobs["own_section"] == 1


def test_a_sheet_of_samples(project):
    folder = project / "hest_data"
    for number, patient in enumerate(["Patient 1", "Patient 2", float("nan")], start=1):
        made = Section(project / f"H{number}", "her2st").files()
        image = made.folder / "HE.tif"
        Image.open(made.row["image"]).save(image)
        content = hest_st(made.spots, made.counts)
        hest_sample(content, folder, f"SPA{number}", image, 5.0, patient=patient)
    hest_sample(content, folder, "TENX1", image, 5.0, st_technology="Visium HD")
    run("hest", project)
    rows = read_sheet(project / "hest.tsv", folder, check_files=True)
    assert [row["patient"] for row in rows] == ["Patient-1", "Patient-2", "SPA3"]
    assert [section.n_obs for section in sections(project, rows)] == [48] * 3
    names = ["hest.yaml", "predict.yaml"]
    for name, text in zip(names, blocks("hest", "yaml"), strict=True):
        (project / name).write_text(text)
    configuration = ("--configfile", *names, *CPU, "--")
    jobs = planned(project, "all", "predict", configuration=configuration)
    assert [jobs[rule] for rule in ("section", "train", "own_section")] == [3, 3, 1]


def zarr_of(folder):
    """A Zarr of two sections, in one table."""
    made = {name: Section(folder / name, "her2st").files() for name in ("S1", "S2")}
    parts = {}
    for name, section in made.items():
        spots = section.spots.rename(columns={"x": "array_col", "y": "array_row"})
        parts[name] = Zarr(spots, section.counts + (name == "S2"), section.row["image"], 10)
        parts[name].table.obs = parts[name].table.obs.assign(of=name, patient=f"P{name}")
    data = parts["S1"].data()
    table = ad.concat([part.table for part in parts.values()], index_unique="-", keys=parts)
    table.obs_names = [f"{spot}-1" for spot in table.obs_names]
    table.obs["of"] = pd.Categorical(table.obs["of"])
    del data.tables["table"], data.shapes["spots"], data.images["he"]
    for name, part in parts.items():
        data.shapes[name], data.images[f"{name}_image"] = part.shapes(), part.image()
    data.tables["table"] = TableModel.parse(
        table, region=[*parts], region_key="of", instance_key=KEY
    )
    data.write(folder / "cohort.zarr")
    return folder / "cohort.zarr"


def test_a_zarr_of_several_sections(project):
    store = zarr_of(project)
    run("spatialdata", project)
    sheet = pd.read_csv(project / "mine.tsv", sep="\t", dtype=str, keep_default_na=False)
    sheet.assign(grid="square").to_csv(project / "mine.tsv", sep="\t", index=False)
    rows = read_sheet(project / "mine.tsv", project, check_files=True)
    assert [row["patient"] for row in rows] == ["PS1", "PS2"]
    assert [section.n_obs for section in sections(project, rows)] == [48, 48]
    (project / "mine.yaml").write_text(blocks("spatialdata", "yaml")[0].replace("_full", ""))
    configuration = ("--configfile", "mine.yaml", *CPU, "--")
    refusal = snakemake(project, "-n", *configuration, "predict", check=False).stderr
    assert "predict: no S1.zarr; correct the path" in refusal
    store.rename(project / "S1.zarr")
    assert planned(project, "predict", configuration=configuration)["own_section"] == 1


@pytest.mark.full
def test_a_section_is_read_again_when_its_part_of_a_zarr_changes(tmp_path):
    project = copy_project(tmp_path / "project")
    store = zarr_of(project)
    run("spatialdata", project)
    sheet = (project / "mine.tsv").read_text()
    (project / "mine.tsv").write_text(sheet.replace("hexagonal", "square"))
    (project / "mine.yaml").write_text(
        "cohorts: {mine: {sheet: mine.tsv, root: '.', require_label: false, spot_window: 40,"
        " spot_pitch_um: 200, label_classes: {tumour: [], normal: []}}}\n"
    )
    asked = [f"results/mine/sections/S{number}.h5ad" for number in (1, 2)]
    configuration = ("--configfile", "config/demo.yaml", "mine.yaml", "--")
    snakemake(project, *configuration, *asked)

    def jobs():
        return planned(project, *asked, configuration=configuration)

    def replaced(part):
        """What runs if a file is replaced by an older one, which is undone afterwards."""
        path = store / part / "zarr.json"
        content, about = path.read_bytes(), path.stat()
        path.write_bytes(content + b" ")
        os.utime(path, (10**9, 10**9))
        found = jobs()
        path.write_bytes(content)
        os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
        return found

    assert jobs() == replaced("") == replaced("images") == {}
    assert replaced("shapes/S1") == replaced("images/S2_image") == {"section": 1}
    assert replaced("tables/table/obs") == {"section": 2}
