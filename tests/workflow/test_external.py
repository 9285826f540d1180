"""What the demo's model finds where it was not trained, and on slides of one's own."""

import json
import shutil

import anndata as ad
import pandas as pd
import pytest
from demo_tables import MAIN, ahead, quantities, read
from project import DEMO, copy_project, edit, planned, snakemake

TCGA = f"tables/{MAIN}/demo-tcga/all"
VISIUM = f"tables/{MAIN}/demo-visium/all"


@pytest.mark.parametrize(
    ("table", "column", "least"),
    [
        (f"{VISIUM}/gene_performance.tsv", "median_pearson", 0.95),
        (f"{TCGA}/genes.tsv", "pearson", 0.8),
    ],
)
def test_planted_genes_are_found_in_the_external_data_and_others_are_not(
    demo, table, column, least
):
    r = read(demo, table).set_index("gene")[column].dropna()
    truth = pd.read_csv(demo / "resources/demo/truth.tsv", sep="\t").set_index("gene")
    planted = truth["planted"].reindex(r.index) == 1
    assert planted.sum() >= 18
    assert ahead(r[planted], r[~planted]) > least
    assert abs(r[~planted].mean()) < 0.15
    assert r[planted].mean() > 0.4


def test_planted_subtypes_are_told_apart(demo):
    table = read(demo, f"{TCGA}/subtype.tsv").set_index("features")
    assert (table.loc[["pseudobulk", "pseudobulk_split_first", "bulk"], "auroc"] > 0.9).all()
    assert table["n_test"].tolist() == [6] * 4


def test_windows_of_the_training_scale_are_predicted_better_than_unscaled_ones(demo):
    scaled = float(quantities(demo, f"{VISIUM}/visium.tsv")["mean_r"])
    unscaled = quantities(demo, f"tables/{MAIN}/demo-visium-unscaled/all/visium.tsv")["mean_r"]
    assert scaled > float(unscaled) + 0.05


def test_tumour_and_immune_genes_keep_apart_as_planted(demo):
    for name in ("tables/colocalisation/summary.tsv", f"{TCGA}/colocalisation_summary.tsv"):
        found = quantities(demo, name)
        assert found["direction"] == "less"
        assert float(found["p"]) < 0.01


def test_predictions_record_the_model(demo):
    folder = demo / "results/demo/external"
    for source, model in (("demo-visium", "all"), ("demo-visium-ensemble", "ensemble")):
        spots = ad.read_h5ad(folder / source / MAIN / model / "VS90001_1.h5ad")
        provenance = spots.uns["provenance"]
        assert provenance["model"] == model
        assert len(provenance["members"]) == (1 if model == "all" else 8)
        assert ("sd" in spots.layers) == (model == "ensemble")
        assert provenance["device"] == "cpu"
        assert set(provenance["versions"]) >= {"torch", "openslide-python"}
        assert spots.uns["slide"]["sha256"]


def test_one_slide_that_cannot_be_read_is_named_and_the_others_go_on(demo):
    slides = read(demo, f"{TCGA}/slides.tsv").set_index("slide")
    refused = slides[slides["refused"].notna()]
    assert len(refused) == 1
    assert "damaged image" in refused["refused"].iloc[0]
    assert (slides.loc[slides["refused"].isna(), "n_tiles"] > 20).all()
    assert set(slides["magnification_from"].dropna()) == {"mpp", "objective power", "configured"}


def test_no_slide_stays_on_the_disk(demo):
    left = [path for path in (demo / "resources/demo-tcga/slides").rglob("*") if path.is_file()]
    assert left == []


def test_the_sheet_is_that_of_the_listing(demo, tmp_path):
    project = copy_project(tmp_path / "project")
    (project / "resources").mkdir(exist_ok=True)
    shutil.copytree(demo / "resources/demo-tcga", project / "resources/demo-tcga")
    path = project / "config/slides/demo.tsv"
    columns = ["patient", "sample", "slide", "file", "file_id", "histology", "expression"]
    shipped = pd.read_csv(path, sep="\t", dtype=str)[columns]
    path.unlink()
    snakemake(project, *DEMO, "--", "simulate_slide_sheet")
    written = pd.read_csv(path, sep="\t", dtype=str)
    pd.testing.assert_frame_equal(written[columns], shipped)
    assert written["md5"].str.fullmatch("[0-9a-f]{32}").all()


def test_without_a_sheet_the_slides_are_left_out_and_it_is_said(tmp_path):
    project = copy_project(tmp_path / "project")
    (project / "config/slides/demo.tsv").unlink()
    assert "predict_slide" not in planned(project)
    said = snakemake(project, "-n", "-q", "all", *DEMO).stderr
    line = [line for line in said.splitlines() if "no slide sheet config/slides/demo.tsv" in line]
    assert len(line) == 1
    assert "`snakemake simulate_slide_sheet` writes it" in line[0]


def test_only_what_the_predictions_depend_on_predicts_slides_again(demo, tmp_path):
    project = shutil.copytree(demo, tmp_path / "project", symlinks=True)
    # Another evaluation, another client, another diagnosis.
    edit(
        project / "src/stnet/evaluation/genes.py",
        "import numpy as np\n",
        "import numpy as np\nA = 1\n",
    )
    client = project / "src/stnet/sources/http.py"
    client.write_text(client.read_text() + "UNUSED = 1\n")
    sheet = project / "config/slides/demo.tsv"
    sheet.write_text(sheet.read_text().replace("8480/3", "8500/3"))
    jobs = planned(project)
    assert {"performance", "model_genes", "pseudobulk", "subtype"} <= jobs.keys()
    apart = {"model", "predict_slide", "predict_section", "download_expression", "bulk"}
    assert not apart & jobs.keys()
    edit(project / "src/stnet/slides/tiling.py", "AHEAD = 4", "AHEAD = 5")
    assert planned(project)["predict_slide"] == 21


@pytest.mark.full
def test_a_variant_of_a_source_takes_slides_from_its_mirror(demo, tmp_path):
    project = shutil.copytree(demo, tmp_path / "project", symlinks=True)
    row = pd.read_csv(project / "config/slides/demo.tsv", sep="\t").iloc[0]
    (tmp_path / "mirror").mkdir()
    archive = project / "resources/demo-tcga/gdc"
    shutil.copy(archive / row["file_id"] / row["file"], tmp_path / "mirror")
    (project / "mine.yaml").write_text(
        "hosts: {gdc: 'http://127.0.0.1:9'}\n"
        f"external:\n  demo-tcga: {{mirror: {tmp_path / 'mirror'}}}\n"
        "  variant: {inherit: demo-tcga, source: gdc, scale: micrometres}\n"
    )
    slide = f"results/demo/external/variant/{MAIN}/all/{row['slide']}.h5ad"
    snakemake(project, "--configfile", "config/demo.yaml", "mine.yaml", "--", slide)
    tiles = ad.read_h5ad(project / slide)
    assert tiles.n_obs > 20
    assert tiles.uns["slide"]["file_id"] == row["file_id"]
    assert list((tmp_path / "mirror").iterdir())


def test_another_slide_in_the_sheet_predicts_only_that(demo, tmp_path):
    project = shutil.copytree(demo, tmp_path / "project", symlinks=True)
    sheet = project / "config/slides/demo.tsv"
    first = sheet.read_text().splitlines()[1]
    slide = first.split("\t")[2]
    other = first.replace(slide, "OTHER").replace(first.split("\t")[4], "0-0")
    with open(sheet, "a") as file:
        file.write(other + "\n")
    jobs = planned(project)
    assert jobs["predict_slide"] == 1
    assert not {"train", "model", "predict_section", "bulk"} & jobs.keys()


@pytest.mark.full
def test_a_visium_cohort_can_be_trained_on_like_any_other(demo, tmp_path):
    project = shutil.copytree(demo, tmp_path / "project", symlinks=True)
    experiment = "inherit: densenet-small, cohort: demo-visium, split: section"
    changes = "view: 64x1, epochs: 1, inner_folds: 0, batch_size: 64"
    (project / "mine.yaml").write_text(f"experiments: {{mine: {{{experiment}, {changes}}}}}\n")
    table = "results/demo-visium/tables/mine/all/section_performance.tsv"
    configuration = ("--configfile", "config/demo.yaml", "mine.yaml", "--")
    assert planned(project, *configuration, table, configuration=())["train"] == 2
    snakemake(project, *configuration, table)
    performance = pd.read_csv(project / table, sep="\t")
    assert set(performance["section"]) == {"VS90001_1", "VS90001_2"}
    assert performance["pearson_smooth"].notna().any()


@pytest.fixture(scope="module")
def own(demo, tmp_path_factory):
    """A project with a model and nothing that it was trained on, and files to predict."""
    project = copy_project(tmp_path_factory.mktemp("own") / "project")
    for suffix in ("genes.tsv", "safetensors"):
        shutil.copy(demo / f"results/demo/models/{MAIN}/all.{suffix}", project)
    sheet = pd.read_csv(demo / "config/slides/demo.tsv", sep="\t")
    archive = demo / "resources/demo-tcga/gdc"
    shutil.copy(archive / sheet["file_id"][0] / sheet["file"][0], project / "case 1.svs")
    (project / "damaged.svs").write_bytes((project / "case 1.svs").read_bytes()[:300_000])
    shutil.copytree(demo / "resources/demo-visium/VS90001_1", project / "sample/outs")
    (project / "mine.yaml").write_text(OWN)
    return project


OWN = """\
device: cpu
predict:
  model: all.safetensors
  slides: [{image: case 1.svs, um_per_px: 1.34}]
  sections: [{folder: sample/outs, image: sample/outs/image.jpg}]
  genes: [TUMOUR7, CONTROL3]
  tiles: {side: 128, magnification: 7.5}
"""
MINE = ("--configfile", "mine.yaml", "--", "predict")


def test_slides_and_sections_of_ones_own_need_no_training_data(own):
    said = snakemake(own, *MINE).stdout
    tiles = ad.read_h5ad(own / "results/predict/all/case-1/predictions.h5ad")
    spots = ad.read_h5ad(own / "results/predict/all/sample/predictions.h5ad")
    assert tiles.uns["slide"]["um_per_px"] == 1.34
    assert tiles.n_obs > 20
    assert tiles.var["consistent"].any()
    assert not tiles.var["consistent"].all()
    assert spots.layers["observed"].shape == spots.shape
    decided = json.loads((own / "results/predict/all/precision.json").read_text())["precision"]
    for each in (tiles, spots):
        assert f"'precision': '{decided}'" in each.uns["provenance"]["engine"]
    for name in ("case-1", "sample"):
        folder = own / "results/predict/all" / name
        assert (folder / "map.png").stat().st_size > 10_000
        summary = pd.read_csv(folder / "summary.tsv", sep="\t").set_index("quantity")["value"]
        assert {"predicted", "consistent_genes", "far_stain", "far_latent"} <= set(summary.index)
        # The run ends with what each summary says, and the files.
        lines = said[said.index(f"{name}: {summary['predicted']}\n") :].splitlines()
        warnings = summary[summary.index == "warning"].tolist()
        assert lines[1 : 1 + len(warnings)] == [f"  warning: {each}" for each in warnings]
        assert lines[2 + len(warnings)] == f"    results/predict/all/{name}/viewer.html"
        assert (folder / "viewer.html").stat().st_size > 150_000
    assert float(summary["mean_r_consistent"]) > 0.3
    assert planned(own, *MINE, configuration=()) == {}
    # A run with nothing to do ends with the same lines.
    lines = said[said.index("case-1: ") :].splitlines()
    lines = lines[: lines.index("    results/predict/all/sample/predictions.h5ad") + 1]
    assert snakemake(own, *MINE).stdout.splitlines()[: len(lines)] == lines
    assert "case-1: " not in snakemake(own, "-n", *MINE).stdout


def test_a_damaged_slide_of_ones_own_is_refused_and_the_others_are_done(own):
    edit(own / "mine.yaml", "1.34}]", "1.34}, damaged.svs]")
    done = snakemake(own, *MINE, check=False)
    edit(own / "mine.yaml", "1.34}, damaged.svs]", "1.34}]")
    assert done.returncode
    assert "error: damaged.svs: damaged image" in done.stderr
    assert "case-1: " in done.stdout
    assert "damaged: not predicted; the reason is above" in done.stdout
    assert (own / "results/predict/all/case-1/map.png").exists()
    assert not (own / "results/predict/all/damaged/predictions.h5ad").exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("{model: all.safetensors}", "predict.slides, predict.sections: both are empty"),
        ("{slides: [case 1.svs]}", "predict.model: missing"),
        (
            "{model: none.safetensors, slides: [case 1.svs]}",
            "predict.model: none.safetensors: No such file",
        ),
        ("{model: all.safetensors, slides: [no.svs]}", "predict: no no.svs; correct the path"),
        (
            "{model: all.safetensors, slides: [case 1.svs, case-1.svs]}",
            "predict: the results of case-1.svs and case 1.svs would both be called case-1; give",
        ),
        (
            "{model: all.safetensors, slides: [case 1.svs, {image: case-1.svs, name: Case-1}]}",
            "would both be called Case-1 on a disk that ignores case; give one",
        ),
        (
            "{model: all.safetensors, slide: [case 1.svs]}",
            "predict.slide: unknown key; is it slides?",
        ),
        (
            "{model: all.safetensors, slides: [case 1.svs], genes: [TUMUOR7]}",
            "predict.genes: all.safetensors: the model does not predict TUMUOR7; is it TUMOUR7",
        ),
        (
            "{model: all.safetensors, slides: [case 1.svs], genes: [tumour7, XX]}",
            "does not predict tumour7; is it TUMOUR7?; nor XX; its genes",
        ),
        (
            "{model: all.safetensors, slides: [{image: case 1.svs, um_per_pix: 1}]}",
            "predict.slides[0].um_per_pix: unknown key; is it um_per_px?",
        ),
        (
            "{model: all.safetensors, slides: [case 1.svs], um_per_px: 0.5}",
            "should be a valid number; write it without quotes, a power of ten as 1.0e-6, and in a"
            " file (--configfile)",
        ),
    ],
)
def test_what_cannot_be_predicted_is_said_in_one_line(own, given, message):
    (own / "case-1.svs").touch()
    done = snakemake(own, "-n", "--config", f"predict={given}", "--", "predict", check=False)
    assert done.returncode
    said = (done.stdout + done.stderr).splitlines()
    assert [line for line in said if line.startswith("error: ") and message in line]
    assert not any("Traceback" in line for line in said)


def test_a_model_of_another_experiment_predicts_into_a_folder_of_its_own(own):
    folder = own / "results/other/models/net"
    folder.mkdir(parents=True)
    for suffix in ("genes.tsv", "safetensors"):
        shutil.copy(own / f"all.{suffix}", folder)
    given = "predict={model: results/other/models/net/all.safetensors}"
    done = snakemake(own, "-n", "--config", given, *MINE)
    said = done.stdout + done.stderr
    assert "results/predict/net-all/case-1/map.png" in said
    assert "results/predict/all/" not in said


def test_a_changed_slide_or_model_predicts_again(own):
    reliability = own / "all.genes.tsv"
    reliability.write_text(reliability.read_text().replace("True", "False", 1))
    jobs = planned(own, *MINE, configuration=())
    assert jobs == {
        **{"predict_own_slide": 1, "predict_own_section": 1, "predict": 1},
        **{"own_slide_map": 1, "own_section_map": 1, "own_viewer": 2},
    }
