"""Features of other programs in the workflow, as their page describes it."""

import re
import shutil

import anndata as ad
import numpy as np
import pytest
from loaded import load_workflow
from project import ROOT, planned, snakemake
from snakemake.iocontainers import Wildcards
from st_files import Section

from stnet.core.hashing import file_identity
from stnet.features.precomputed import write_precomputed_features
from stnet.slides.patches import write_patches

PAGE = (ROOT / "docs/how-to/own-features.md").read_text("utf-8")
TARGET = "results/mine/tables/uni-ridge/all/summary.tsv"


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


def encoder(patches):
    return patches.mean(axis=(1, 2)).astype("float16")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A cohort of three sections, and files of embeddings made as the page says."""
    (tmp_path / "results/mine/sections").mkdir(parents=True)
    (tmp_path / "results/mine/views/224x1").mkdir(parents=True)
    (tmp_path / "embeddings").mkdir()
    monkeypatch.chdir(tmp_path)
    columns = ["patient", "section", "format", "image", "counts", "spots", "labels", "grid"]
    lines = ["\t".join([*columns, "um_per_px", "pixel_scale"])]
    (code,) = blocks(PAGE, "python")
    for name in ("S1", "S2", "S3"):
        section = Section(tmp_path / name)
        section.row |= {"patient": f"P{name}", "section": name, "image": f"{name}/slide-{name}.png"}
        section.files().write(require_label=False, spot_window=224)
        path = tmp_path / f"results/mine/sections/{name}.h5ad"
        shutil.copy(section.folder / "out/s.h5ad", path)
        patches = tmp_path / f"results/mine/views/224x1/{name}.npy"
        write_patches(path, section.row["image"], patches, view="224x1")
        exec(code.replace('"S1"', f'"{name}"'), {"encoder": encoder})
        lines.append("\t".join(section.row[column] for column in columns) + "\t\t")
    (tmp_path / "mine.tsv").write_text("\n".join(lines) + "\n")
    cohort = next(
        b for b in blocks((ROOT / "README.md").read_text("utf-8"), "yaml") if "mine:" in b
    )
    (tmp_path / "cohort.yaml").write_text(cohort.replace("root: data ", "root: . "))
    (tmp_path / "mine.yaml").write_text(blocks(PAGE, "yaml")[0])
    shutil.rmtree(tmp_path / "results")
    return tmp_path


OPTIONS = ("-s", ROOT / "Snakefile", "--configfile", "cohort.yaml", "mine.yaml", "--")


def test_the_pages_example_is_planned_and_its_files_are_taken(project):
    jobs = planned(project, *OPTIONS, TARGET, configuration=[])
    expected = {"precomputed_features": 3, "collect_features": 1, "predict_ridge": 3}
    assert {rule: jobs.get(rule) for rule in expected} == expected
    assert not {"encoder_features", "nuclear_features", "patches"} & jobs.keys()
    section = project / "S2/out/s.h5ad"
    output = project / "S2.h5ad"
    write_precomputed_features(section, "embeddings/S2.h5", output, view="224x1", code="0")
    found = ad.read_h5ad(output)
    write_patches(section, "S2/slide-S2.png", project / "S2.npy", view="224x1")
    np.testing.assert_array_equal(found.X, encoder(np.load(project / "S2.npy")))
    assert found.n_obs > 1


def test_a_missing_file_is_named_before_any_job_starts(project):
    (project / "embeddings/S2.h5").unlink()
    run = snakemake(project, "--dry-run", *OPTIONS, TARGET, check=False)
    (line,) = [line for line in (run.stdout + run.stderr).splitlines() if "error" in line.lower()]
    assert line == (
        "error: configuration: features.uni.files: no file embeddings/S2.h5 of section S2; add it,"
        " or correct the path"
    )


def test_files_may_have_the_names_of_slides_and_are_noticed_if_they_are_replaced(project):
    edited = (project / "mine.yaml").read_text().replace("{section}", "{slide}")
    (project / "mine.yaml").write_text(edited)
    path = (project / "embeddings/S1.h5").rename(project / "embeddings/slide-S1.h5")
    for name in ("Snakefile", "workflow", "src", "config"):
        (project / name).symlink_to(ROOT / name)
    rules = load_workflow(project, project / "cohort.yaml", project / "mine.yaml")
    of_section = Wildcards(fromdict={"cohort": "mine", "features": "uni", "section": "S1"})
    inputs, *_ = rules["precomputed_features"].expand_input(of_section)
    assert inputs.embeddings == "embeddings/slide-S1.h5"
    own_files = rules["precomputed_features"].params.own_files(of_section)
    assert own_files == [f"embeddings/slide-S1.h5: {file_identity(path)}"]
