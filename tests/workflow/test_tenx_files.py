"""Files of 10x Genomics as the how-to page names them: the rules' inputs are the files found."""

import os
import re
import shutil

import anndata as ad
import pytest
import yaml
from loaded import load_workflow
from project import ROOT, copy_project, edit, snakemake
from snakemake.iocontainers import Wildcards
from visium_files import Visium, VisiumHD, written

from stnet.cohorts.section import write_section

PAGE = (ROOT / "docs/how-to/10x.md").read_text(encoding="utf-8")
SPATIAL = ("scalefactors_json.json", "tissue_positions_list.csv")


def examples(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.S)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with the page's sheet, cohort and sections of one's own, and their files."""
    project = copy_project(tmp_path_factory.mktemp("tenx") / "project")
    (sheet,) = examples("tsv")
    (project / "geo.tsv").write_text(sheet)
    made = Visium(project / "made", version=1).files()
    start = f"{project}/data/geo/GSM1_S1_"
    made.triplet(start, end=".gz")
    for name in SPATIAL:
        written(f"{start}{name}.gz", made.positions.with_name(name).read_text())
    shutil.copy(made.row["image"], f"{start}image.tif")
    shutil.copytree(project / "data/geo", project / "data/other")
    for path in (project / "data/other").iterdir():
        path.rename(project / "data/geo" / path.name.replace("GSM1_S1", "GSM2_S2"))
    folder = project / "data/outs/binned_outputs/square_008um"
    bins = VisiumHD(folder).files()
    bins.triplet(f"{folder}/filtered_feature_bc_matrix/", end=".gz")
    shutil.move(bins.row["counts"], folder / "filtered_feature_bc_matrix.h5")
    shutil.move(bins.row["image"], project / "data/tissue.tif")
    header = sheet.split("\n")[0].split("\t")
    row = {"patient": "H", "section": "H_1", "format": "visium-hd", "grid": "square"}
    row |= {"image": "tissue.tif", "counts": "outs/binned_outputs/square_008um"}
    row["spots"] = "outs/binned_outputs/square_008um/spatial"
    cells = "\t".join(row.get(name, "") for name in header)
    (project / "hd.tsv").write_text(f"{sheet.splitlines()[0]}\n{cells}\n")
    (example,) = examples("yaml")
    predict = yaml.safe_load(example)
    both = {"root": "data", "require_label": False, "label_classes": {"tumour": [], "normal": []}}
    cohorts = {
        "hd": {**both, "sheet": "hd.tsv", "spot_window": 224, "spot_pitch_um": 56},
        "geo": {**both, "sheet": "geo.tsv", "spot_window": 60, "spot_pitch_um": 100},
    }
    (project / "mine.yaml").write_text(yaml.safe_dump({"cohorts": cohorts}))
    own = predict["predict"]["sections"][0]
    own |= {name: f"data/{own[name]}" for name in ("folder", "image")}
    (project / "predict.yaml").write_text(yaml.safe_dump({"predict": {"sections": [own]}}))
    return project


@pytest.fixture(autouse=True)
def _within(project, monkeypatch):
    monkeypatch.chdir(project)


@pytest.fixture(scope="module")
def section(project):
    """The rule `section`."""
    return rules_of(project)["section"]


def rules_of(project, name="mine.yaml"):
    return load_workflow(project, project / "config/demo.yaml", project / name)


def of(cohort, section):
    return Wildcards(fromdict={"cohort": cohort, "section": section})


def test_inputs_of_a_section_are_the_files_found(section):
    inputs, *_ = section.expand_input(of("geo", "S1_A"))
    assert sorted(map(str, inputs)) == sorted(
        f"data/geo/GSM1_S1_{name}"
        for name in (
            *(f"{part}.gz" for part in ("matrix.mtx", "barcodes.tsv", "features.tsv", *SPATIAL)),
            "image.tif",
        )
    )
    inputs, *_ = section.expand_input(of("hd", "H_1"))
    folder = "data/outs/binned_outputs/square_008um"
    assert {str(path).removeprefix(folder) for path in inputs} == {
        *(f"/filtered_feature_bc_matrix/{name}.gz" for name in ("matrix.mtx", "barcodes.tsv")),
        "/filtered_feature_bc_matrix/features.tsv.gz",
        *("/spatial/tissue_positions.csv", "/spatial/scalefactors_json.json", "data/tissue.tif"),
    }


def test_the_pages_rows_are_sections(section, tmp_path):
    keys = ("label_classes", "require_label", "spot_window", "spot_pitch_um")
    for cohort, name, spots in (("geo", "S1_A", 38), ("hd", "H_1", 77)):
        wildcards = of(cohort, name)
        found = {key: section.params[key](wildcards) for key in keys}
        found["spot_window"] = min(found["spot_window"], 28)
        row = section.params["row"](wildcards)
        path = tmp_path / f"{name}.h5ad"
        write_section(row, path, tmp_path / "drops.tsv", genes=None, **found)
        assert ad.read_h5ad(path).n_obs == spots


def test_any_file_of_a_matrix_that_was_replaced_is_seen(project, section):
    path = project / "data/geo/GSM1_S1_features.tsv.gz"
    before = section.params["own_files"](of("geo", "S1_A"))
    assert len(before) == 6
    content = path.read_bytes()
    path.write_bytes(content[:-8] + bytes(8))
    os.utime(path, (10**9, 10**9))
    after = rules_of(project)["section"].params["own_files"](of("geo", "S1_A"))
    path.write_bytes(content)
    assert len(set(before) - set(after)) == 1


def test_a_section_to_predict_has_the_name_and_files_of_its_folder(project):
    rule = rules_of(project, "predict.yaml")["own_section"]
    inputs, *_ = rule.expand_input(Wildcards(fromdict={"name": "data"}))
    folder = "data/outs/binned_outputs/square_008um"
    assert sorted(map(str, inputs)) == [
        f"{folder}/filtered_feature_bc_matrix.h5",
        *(
            f"{folder}/spatial/{name}"
            for name in ("scalefactors_json.json", "tissue_positions.csv")
        ),
        "data/tissue.tif",
    ]


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            "geo.tsv",
            "GSM1_S1_matrix.mtx.gz",
            "",
            "has 2 samples or matrices (GSM1_S1_matrix.mtx.gz",
        ),
        (
            "geo.tsv",
            "GSM1_S1_tissue_p",
            "GSM3_S1_tissue_p",
            "geo.tsv line 2 (S1_A): spots data/geo",
        ),
        (
            "predict.yaml",
            "outs/binned_outputs/square_008um",
            "outs",
            "use format visium-hd and name",
        ),
    ],
)
def test_what_is_missing_is_one_line_at_a_dry_run(project, file, old, new, message):
    edit(project / file, old, new)
    asked = "predict" if file == "predict.yaml" else "results/geo/sections/S1_A.h5ad"
    configurations = ["config/demo.yaml", "predict.yaml" if asked == "predict" else "mine.yaml"]
    done = snakemake(project, "-n", "--configfile", *configurations, "--", asked, check=False)
    text = (project / file).read_text()
    (project / file).write_text(
        examples("tsv")[0] if file == "geo.tsv" else text.replace("data/outs", f"data/{old}")
    )
    assert done.returncode
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    assert [line for line in lines if line.startswith("error: ") and message in line], lines
    assert not any("Traceback" in line for line in lines)
