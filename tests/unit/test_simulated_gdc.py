"""The simulated project of the Genomic Data Commons: slides, bulk, listings, and their server."""

import hashlib
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import requests
from openslide import OpenSlide
from PIL import Image
from sklearn.metrics import roc_auc_score

from stnet.cohorts.star import read_star
from stnet.config.slide_sheet import read_slide_sheet
from stnet.core.errors import InputError
from stnet.simulation.bulk import bulk_genes, expected_bulk, write_star
from stnet.simulation.counts import simulate_genes
from stnet.simulation.fields import Tissue
from stnet.simulation.gdc import write_gdc
from stnet.simulation.gdc_server import serve
from stnet.simulation.histology import draw
from stnet.simulation.slides import Scan, places, simulate_slide, write_slide
from stnet.slides.image import open_image
from stnet.sources.gdc_sheet import write_slide_sheet

ROOT = Path(__file__).parents[2]
SEED, PATIENTS, PROJECT = 1, 7, "DEMO-BRCA"
# What the paper's analysis asks for, as one would ask the Genomic Data Commons.
OF_PROJECT = {
    "cases.project.project_id": PROJECT,
    "cases.samples.sample_type": "Primary Tumor",
    "access": "open",
}
SLIDES = OF_PROJECT | {"data_type": "Slide Image", "experimental_strategy": "Tissue Slide"}
STAR = OF_PROJECT | {
    "data_type": "Gene Expression Quantification",
    "analysis.workflow_type": "STAR - Counts",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The whole project; no warning on the way."""
    folder = tmp_path_factory.mktemp("gdc")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_gdc(folder, seed=SEED, patients=PATIENTS)
    return folder


@pytest.fixture(scope="module")
def files(folder):
    return json.loads((folder / "files.json").read_text())


@pytest.fixture(scope="module")
def host(folder):
    with serve(folder) as host:
        yield host


def path_in(folder: Path, hit: dict) -> Path:
    return folder / hit["file_id"] / hit["file_name"]


@pytest.fixture
def path_of(folder, files):
    """Path of a slide by its barcode."""

    def path(barcode: str) -> Path:
        (hit,) = (hit for hit in files if hit["file_name"].startswith(f"{barcode}."))
        return path_in(folder, hit)

    return path


def barcode(number: int, section: str = "TS1") -> str:
    return f"DEMO-A1-{number:04}-01A-01-{section}"


def drawn(number: int, histology: str) -> tuple[Tissue, np.ndarray]:
    """Tissue and image of the slide of a patient, anew."""
    names = (SEED, f"DEMO-A1-{number:04}", barcode(number))
    tissue = simulate_slide(*names, histology)
    return tissue, draw(*names, tissue)


def pixels(slide: OpenSlide, level: int = 0) -> np.ndarray:
    size = slide.level_dimensions[level]
    return np.asarray(slide.read_region((0, 0), level, size).convert("RGB"))


def both(filters: dict[str, str]) -> dict:
    content = [{"op": "in", "content": {"field": f, "value": [v]}} for f, v in filters.items()]
    return {"op": "and", "content": content}


def ask(host: str, endpoint: str = "files", **query) -> dict:
    whole = {"filters": both({}), "sort": "file_id:asc", "from": 0, "size": 100}
    answer = requests.post(f"{host}/{endpoint}", json=whole | query, timeout=10)
    assert answer.status_code == 200, answer.text
    assert answer.json()["warnings"] == {}
    return answer.json()["data"]


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_same_bytes_again_and_with_any_threads(tmp_path):
    write_gdc(tmp_path / "first", seed=SEED, patients=2)
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "from stnet.simulation.gdc import write_gdc;"
        "write_gdc(sys.argv[2], seed=1, patients=2)"
    )
    threads = {"OMP_NUM_THREADS": "2", "TIFFFILE_NUM_THREADS": "1", "PYTHONHASHSEED": "7"}
    subprocess.run(
        [sys.executable, "-c", script, str(ROOT / "src"), str(tmp_path / "again")],
        check=True,
        env=os.environ | threads,
        cwd=tmp_path,
    )
    first = contents(tmp_path / "first")
    assert len(first) == 2 + 3 + 1 + 6
    assert contents(tmp_path / "again") == first


def test_another_seed_or_patient_is_another(folder, files, tmp_path):
    write_gdc(tmp_path, seed=2, patients=1)
    other = json.loads((tmp_path / "files.json").read_text())
    assert not {hit["file_id"] for hit in files} & {hit["file_id"] for hit in other}
    assert not {hit["md5sum"] for hit in files} & {hit["md5sum"] for hit in other}
    assert len({hit["file_id"] for hit in files}) == len({hit["md5sum"] for hit in files})


def test_lists_tell_every_file_s_hash_and_size(folder, files):
    found = {path.name for path in folder.iterdir() if path.is_dir()}
    assert found == {hit["file_id"] for hit in files}
    for hit in files:
        content = path_in(folder, hit).read_bytes()
        assert hashlib.md5(content).hexdigest() == hit["md5sum"]
        assert len(content) == hit["file_size"]
        assert set(hit) >= {"id", "file_name", "data_type", "experimental_strategy", "access"}


def test_patients_are_ductal_and_lobular_by_turns_and_one_is_neither(folder):
    cases = json.loads((folder / "cases.json").read_text())
    codes = [
        case["diagnoses"][0]["morphology"]
        for case in cases
        if case["project"]["project_id"] == PROJECT
    ]
    assert codes == ["8500/3", "8520/3"] * 3 + ["8480/3"]
    assert cases[0]["diagnoses"][0]["primary_diagnosis"] == "Infiltrating duct carcinoma, NOS"


ORDINARY = ("aperio", 1.3333, 7.5, (1, 4, 16))


@pytest.mark.parametrize(
    ("slide", "vendor", "um_per_px", "power", "downsamples"),
    [
        (barcode(1), *ORDINARY),
        (barcode(2, "BS1"), *ORDINARY),
        (barcode(3), "aperio", 0.6667, 15.0, (1, 4, 16)),
        (barcode(4), "aperio", None, 7.5, (1, 4, 16)),
        (barcode(5), "generic-tiff", None, None, (1,)),
    ],
)
def test_openslide_reads_what_the_scanner_said(
    path_of, slide, vendor, um_per_px, power, downsamples
):
    with OpenSlide(path_of(slide)) as opened:
        said = opened.properties
        assert said["openslide.vendor"] == vendor
        # Nothing in it changes with the day or with a library's version.
        assert not {"tiff.DateTime", "tiff.Software"} & set(said)
        for name, value in (("mpp-x", um_per_px), ("mpp-y", um_per_px), ("objective-power", power)):
            found = said.get(f"openslide.{name}")
            assert (found if value is None else float(found)) == value
        assert opened.level_downsamples == downsamples
        doubled = 1 + (slide == barcode(3))
        assert all(1300 <= side / doubled <= 1700 for side in opened.dimensions)


@pytest.mark.parametrize(("number", "histology"), [(1, "8500/3"), (5, "8500/3")])
def test_a_slide_is_the_drawn_image_without_loss(path_of, number, histology):
    with OpenSlide(path_of(barcode(number))) as opened:
        assert np.array_equal(pixels(opened), drawn(number, histology)[1])


def test_twice_the_resolution_shows_the_same_tissue(path_of):
    image = drawn(3, "8500/3")[1].astype(float)
    with OpenSlide(path_of(barcode(3))) as opened:
        large = pixels(opened).astype(float)
    height, width = image.shape[:2]
    assert large.shape == (2 * height, 2 * width, 3)
    small = large.reshape(height, 2, width, 2, 3).mean(axis=(1, 3))
    assert np.abs(small - image).mean() < 2.5
    # Pixels are not merely repeated.
    assert (large[:, ::2] == large[:, 1::2]).mean() < 0.5


@pytest.mark.parametrize("number", [1, 3])
def test_levels_are_averages_of_the_first(path_of, number):
    with OpenSlide(path_of(barcode(number))) as opened:
        first = pixels(opened).astype(float)
        for level, factor in ((1, 4), (2, 16)):
            averaged = pixels(opened, level).astype(float)
            squares = [first[y::factor, x::factor] for y in range(factor) for x in range(factor)]
            assert np.abs(averaged - np.mean(squares, axis=0)).max() <= 0.5


def test_a_slide_is_written_whole_or_not_at_all(tmp_path):
    # The coarsest level would have parts of pixels.
    with pytest.raises(ValueError, match="reshape"):
        write_slide(tmp_path / "a.svs", np.zeros((40, 40, 3), np.uint8), Scan())
    assert not list(tmp_path.iterdir())


def test_glass_is_background_and_tissue_is_not():
    for number in range(1, 5):
        tissue, image = drawn(number, "8500/3")
        white = image.mean(axis=2)
        inside = np.asarray(
            Image.fromarray(tissue.inside_edge).resize(image.shape[1::-1], Image.Resampling.NEAREST)
        )
        glass = inside < -60
        assert white[glass].mean() > 225
        assert (white[glass] > 220).mean() > 0.999
        assert white[glass].std() > 0.5
        assert (white[inside > 20] > 220).mean() < 0.2
        assert 0.3 < glass.mean() < 0.6


def test_the_papers_rule_drops_tiles_of_glass_and_keeps_those_of_tissue(path_of):
    # 256 µm, as 512 px at ×20.
    side = 192
    for slide in (barcode(1), barcode(2), barcode(2, "BS1"), barcode(7)):
        with OpenSlide(path_of(slide)) as opened:
            white = pixels(opened).mean(axis=2)
        rows, columns = (length // side for length in white.shape)
        tiles = white[: rows * side, : columns * side].reshape(rows, side, columns, side)
        kept = (tiles > 220).mean(axis=(1, 3)) <= 0.5
        assert not kept[[0, -1]][:, [0, -1]].any()
        assert 0.35 < kept.mean() < 0.8
        middle = kept[rows // 4 : -(rows // 4), columns // 4 : -(columns // 4)]
        assert middle.mean() > 0.7


def test_slides_of_a_patient_share_stain_and_glass(path_of):
    colours = []
    for slide in (barcode(2), barcode(2, "BS1"), barcode(7)):
        with OpenSlide(path_of(slide)) as opened:
            image = pixels(opened).astype(float)
        colours.append(image[:100, :100].mean(axis=(0, 1)))
    first, again, other = colours
    assert first == pytest.approx(again, abs=0.5)
    assert np.abs(first - other).max() > 1


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_slide_cut_short_at_its_source_cannot_be_read(path_of):
    path = path_of(barcode(6))
    assert path.stat().st_size > 1_000_000
    with pytest.raises(InputError, match="damaged image"), open_image(path) as image:
        image.read(0, 0, *image.size)


def star_files(folder, files) -> dict[str, Path]:
    """STAR tables of primary tumours of the project by patient."""
    return {
        hit["cases"][0]["submitter_id"]: path_in(folder, hit)
        for hit in files
        if hit["file_name"].endswith("star_gene_counts.tsv") and hit["file_size"] > 1000
    }


def test_star_tables_have_the_shape_of_the_gdcs(folder, files):
    tables = star_files(folder, files)
    assert list(tables) == [f"DEMO-A1-{number:04}" for number in range(1, PATIENTS)]
    lines = [line.split("\t") for line in tables["DEMO-A1-0001"].read_text().splitlines()]
    assert lines[0][0].startswith("# gene-model")
    assert lines[1] == [
        *["gene_id", "gene_name", "gene_type", "unstranded", "stranded_first", "stranded_second"],
        *["tpm_unstranded", "fpkm_unstranded", "fpkm_uq_unstranded"],
    ]
    names = ["N_unmapped", "N_multimapping", "N_noFeature", "N_ambiguous"]
    assert [line[0] for line in lines[2:6]] == names
    assert {len(line) for line in lines[1:]} == {9}
    twins = [line for line in lines[6:] if line[0].endswith("_PAR_Y")]
    assert len(twins) == 1
    assert float(twins[0][7]) == 0
    table = pd.DataFrame(lines[6:], columns=lines[1])
    assert table["gene_id"].str.fullmatch(r"ENSG\d{11}\.\d+(_PAR_Y)?").all()
    assert table["gene_id"].is_unique
    numbers = table.iloc[:, 3:].astype(float)
    reads, first, second = (numbers[name] for name in lines[1][3:6])
    assert (reads == first + second).all()
    assert reads.sum() == pytest.approx(5e6, rel=0.01)
    assert numbers["tpm_unstranded"].sum() == pytest.approx(1e6, rel=1e-5)
    # FPKM of a gene to its reads is as 1e9 to its length and all reads.
    lengths = bulk_genes(SEED).set_index("symbol")["length"]
    genes = ~table["gene_id"].str.endswith("_PAR_Y") & (reads > 1000)
    length = lengths[table.loc[genes, "gene_name"]].to_numpy()
    expected = reads[genes] * 1e9 / length / reads.sum()
    assert numbers.loc[genes, "fpkm_unstranded"].to_numpy() == pytest.approx(expected, rel=1e-5)


def test_bulk_has_the_cohorts_genes_but_the_ambiguous_and_a_few(folder, files):
    table = read_star(star_files(folder, files)["DEMO-A1-0002"])
    genes = simulate_genes(SEED).set_index("gene")
    named = genes[genes["symbol"] != ""]
    assert set(table.index) < set(named.index)
    lost = named.drop(table.index)
    assert len(lost) == 32
    assert lost["planted"].sum() == 0
    assert lost["symbol"].str.startswith("CONTROL").sum() == 2
    assert (table["gene_name"] == named["symbol"][table.index]).all()


@pytest.fixture(scope="module")
def blocks():
    """Tissue of slides of 20 ductal and 20 lobular patients: histology and places."""
    histologies = ["8500/3", "8520/3"] * 20
    return [
        (code, places(simulate_slide(SEED, f"P{number}", f"P{number}-S", code)))
        for number, code in enumerate(histologies)
    ]


def test_lobular_patients_have_less_tumour_and_more_stroma(blocks):
    means = pd.DataFrame([block.mean() for _, block in blocks])
    lobular = np.array([code == "8520/3" for code, _ in blocks])
    assert roc_auc_score(~lobular, means["tumour"]) > 0.95
    assert roc_auc_score(lobular, means["stroma"]) > 0.95
    assert 0.6 < roc_auc_score(lobular, means["immune"]) < 1
    difference = means[~lobular].mean() - means[lobular].mean()
    assert difference["tumour"] > 0.2
    assert (means[["tumour", "stroma"]].sum(axis=1) <= 1).all()


def test_slides_of_a_patient_are_alike_in_composition():
    means = [
        [places(simulate_slide(SEED, f"P{n}", f"P{n}-{slide}", "8480/3")).mean() for slide in "AB"]
        for n in range(60)
    ]
    for field in ("tumour", "immune"):
        first, second = np.array([[slide[field] for slide in patient] for patient in means]).T
        assert np.corrcoef(first, second)[0, 1] > 0.3


def test_expected_bulk_of_planted_genes_tells_the_types_and_of_others_nothing(blocks):
    genes = bulk_genes(SEED).reset_index(drop=True)
    expected = np.array([expected_bulk(SEED, block) for _, block in blocks])
    assert expected.sum(axis=1) == pytest.approx(1)
    ductal = np.array([code == "8500/3" for code, _ in blocks])
    for field, sign in (("tumour", 1), ("stroma", -1)):
        for gene in genes.index[genes[field].abs() > 1.5]:
            up = roc_auc_score(ductal, expected[:, gene])
            assert (up if sign * genes.loc[gene, field] > 0 else 1 - up) > 0.9
    others = expected[:, genes["planted"] == 0]
    assert np.ptp(others, axis=0) == pytest.approx(0, abs=1e-12)


def test_bulk_follows_what_is_expected_and_its_own_noise(blocks, tmp_path):
    genes = bulk_genes(SEED)
    expected = pd.DataFrame([expected_bulk(SEED, block) for _, block in blocks], columns=genes.gene)
    bulk = []
    for number, (_, block) in enumerate(blocks):
        write_star(tmp_path / "star.tsv", block, seed=SEED, sample=f"P{number}-01A")
        bulk.append(np.log1p(read_star(tmp_path / "star.tsv")["fpkm_unstranded"]))
    bulk = pd.DataFrame(bulk, columns=genes.gene).reset_index(drop=True)
    planted = genes[genes["planted"] == 1].set_index("gene")
    r = bulk[planted.index].corrwith(np.log(expected[planted.index]))
    assert r.min() > 0
    assert r[planted["strength"] > 1.5].median() > 0.5
    controls = genes.loc[genes["symbol"].str.startswith("CONTROL"), "gene"]
    tumour = pd.Series([block["tumour"].mean() for _, block in blocks])
    chance = bulk[controls].corrwith(tumour)
    assert abs(chance.mean()) < 0.1
    assert chance.abs().max() < 0.6
    # FPKM of abundant genes is far above 1: the s.d. of its logarithm is that of the noise.
    assert bulk[controls].std().mean() == pytest.approx(0.3, abs=0.03)


def test_a_sample_s_own_deviations_are_not_anothers(blocks, tmp_path):
    paths = [tmp_path / name for name in ("a.tsv", "b.tsv", "again.tsv")]
    for path, sample in zip(paths, ("P1-01A", "P2-01A", "P1-01A"), strict=True):
        write_star(path, blocks[0][1], seed=SEED, sample=sample)
    first, other, again = (path.read_bytes() for path in paths)
    assert first == again != other


def names(data: dict) -> list[str]:
    return [hit["cases"][0]["samples"][0]["submitter_id"] for hit in data["hits"]]


def test_the_right_filters_leave_the_decoys_out(host, files):
    fields = "file_name,cases.samples.submitter_id"
    slides = ask(host, filters=both(SLIDES), fields=fields)
    found = sorted(hit["file_name"].partition(".")[0] for hit in slides["hits"])
    assert found == sorted([*(barcode(n) for n in range(1, PATIENTS + 1)), barcode(2, "BS1")])
    star = ask(host, filters=both(STAR), fields=fields)
    assert sorted(names(star)) == [f"DEMO-A1-{number:04}-01A" for number in range(1, PATIENTS)]
    decoys = len(files) - slides["pagination"]["total"] - star["pagination"]["total"]
    assert decoys == 6


@pytest.mark.parametrize(
    ("forgotten", "more"),
    [
        ("experimental_strategy", ["DEMO-A1-0001-01Z"]),
        ("cases.samples.sample_type", ["DEMO-A1-0002-11A"]),
        ("cases.project.project_id", ["DEMO-B2-0001-01A"]),
    ],
)
def test_a_forgotten_filter_lets_a_decoy_in(host, forgotten, more):
    fields = "cases.samples.submitter_id"
    right = names(ask(host, filters=both(SLIDES), fields=fields))
    loose = {field: value for field, value in SLIDES.items() if field != forgotten}
    found = names(ask(host, filters=both(loose), fields=fields))
    assert sorted(found) == sorted([*right, *more])


def test_the_slide_sheet_is_written_from_the_server(host, tmp_path, caplog):
    write_slide_sheet(tmp_path / "sheet.tsv", host=host, project=PROJECT)
    rows = read_slide_sheet(tmp_path / "sheet.tsv")
    assert len(rows) == PATIENTS + 1
    assert {row["histology"] for row in rows} == {"8500/3", "8520/3", "8480/3"}
    assert [row["patient"] for row in rows if not row["expression"]] == ["DEMO-A1-0007"]
    assert "warns" not in caplog.text


def test_pages_follow_one_another(host, files):
    found = []
    for first in range(0, len(files) + 5, 5):
        data = ask(host, size=5, **{"from": first}, fields="file_name")
        assert data["pagination"]["total"] == len(files)
        found += [hit["id"] for hit in data["hits"]]
    assert found == sorted(hit["file_id"] for hit in files)


def test_only_the_fields_asked_for_are_told(host, files):
    told = ask(host, fields="file_size,cases.samples.sample_type", size=1)["hits"][0]
    first = min(files, key=lambda hit: hit["file_id"])
    samples = [{"sample_type": first["cases"][0]["samples"][0]["sample_type"]}]
    size = first["file_size"]
    assert told == {"id": first["id"], "file_size": size, "cases": [{"samples": samples}]}
    fields = "diagnoses.morphology,submitter_id"
    case = ask(host, "cases", fields=fields, sort="submitter_id:asc", size=1)["hits"][0]
    assert case["diagnoses"] == [{"morphology": "8500/3"}]


def test_the_server_ends_with_its_use(folder):
    with serve(folder) as host:
        assert ask(host, fields="file_name")["hits"]
    with pytest.raises(requests.ConnectionError):
        ask(host, fields="file_name")
