"""The simulated cohort: its files, its bytes, and what its counts do and don't depend on."""

import gzip
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from stnet.cohorts import section as distributed
from stnet.config.section_sheet import FILE_COLUMNS, read_sheet
from stnet.expression.genes import read_gene_table
from stnet.simulation import write
from stnet.simulation.cohort import write_genes, write_metadata
from stnet.simulation.counts import (
    CONTROLS,
    FIELDS,
    draw_counts,
    expected_counts,
    log_depth,
    simulate_genes,
)
from stnet.simulation.fields import PITCH, Tissue, simulate_tissue
from stnet.simulation.histology import draw

ROOT = Path(__file__).parents[2]
SHEET = ROOT / "config" / "cohorts" / "demo.tsv"
SEED, ALL_TUMOUR = 1, "BC90005"
SPOTS = 144
NAMES = ["image.jpg", "counts.tsv.gz", "spots.csv.gz", "labels.tsv.gz"]


def make(folder: Path, section: str, patient: str, seed: int = SEED) -> dict[str, bytes]:
    """The section's files by column of the sheet, as bytes."""
    paths = [folder / section / name for name in NAMES]
    content = {"all_tumour": patient == ALL_TUMOUR, "controls": False}
    write.write_section(*paths, section=section, patient=patient, seed=seed, content=content)
    return {column: path.read_bytes() for column, path in zip(FILE_COLUMNS, paths, strict=True)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("simulated")


@pytest.fixture(scope="module")
def files(folder):
    """Two sections of one patient and one of another, in full; no warning on the way."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return {
            section: make(folder, section, section[:-3])
            for section in ("BC90001_C1", "BC90001_C2", "BC90005_C1")
        }


@pytest.fixture(scope="module")
def simulated():
    """Tissue's spots, expected and drawn counts of all sections, by row of the sheet."""
    genes = simulate_genes(SEED)
    parts = []
    for row in read_sheet(SHEET, "", check_files=False):
        names = (SEED, row["patient"], row["section"])
        spots = simulate_tissue(*names, all_tumour=row["patient"] == ALL_TUMOUR)[1]
        expected = expected_counts(genes, spots, log_depth(SEED, row["patient"], spots))
        parts.append((row, spots, expected))
    return genes, parts


def text(packed: bytes) -> str:
    return gzip.decompress(packed).decode()


def table(packed: bytes, separator: str) -> pd.DataFrame:
    lines = [line.split(separator) for line in text(packed).splitlines()]
    frame = pd.DataFrame(lines[1:], columns=lines[0])
    return frame.set_index("")


def test_same_bytes_in_any_order_and_with_any_threads(files, folder):
    script = (
        "import sys; sys.path[:0] = sys.argv[1:3]; from pathlib import Path;"
        "from test_simulated import make;"
        "[make(Path(sys.argv[3]), s, s[:-3]) for s in ('BC90005_C1', 'BC90001_C1')]"
    )
    again = folder / "again"
    threads = {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2", "PYTHONHASHSEED": "7"}
    subprocess.run(
        [sys.executable, "-c", script, str(ROOT / "src"), str(Path(__file__).parent), str(again)],
        check=True,
        env=os.environ | threads,
        cwd=folder,
    )
    for section in ("BC90001_C1", "BC90005_C1"):
        for column, name in zip(FILE_COLUMNS, NAMES, strict=True):
            assert (again / section / name).read_bytes() == files[section][column], name


def test_another_seed_or_section_is_another(files, tmp_path):
    other = make(tmp_path, "BC90001_C1", "BC90001", seed=2)
    for column in FILE_COLUMNS:
        assert other[column] != files["BC90001_C1"][column]
        assert files["BC90001_C2"][column] != files["BC90001_C1"][column]


def test_gzip_names_no_file_and_no_time(files):
    for column in ("counts", "spots", "labels"):
        assert files["BC90001_C1"][column][3:8] == bytes(5)


@pytest.mark.parametrize("section", ["BC90001_C1", "BC90005_C1"])
def test_spots_are_those_under_tissue_on_a_square_grid(files, section):
    spots = table(files[section]["spots"], ",")
    assert list(spots.columns) == ["X", "Y"]
    assert len(spots) == SPOTS
    array = np.array([name.split("x") for name in spots.index], dtype=float)
    pixels = spots.to_numpy(dtype=float)
    steps = np.diff(pixels, axis=0)[(np.diff(array, axis=0) == [1, 0]).all(axis=1)]
    assert len(steps) > 100
    assert np.hypot(*steps.T) == pytest.approx(PITCH, abs=0.02)
    assert (steps[:, 0] > 0).all()


@pytest.mark.parametrize("section", ["BC90001_C1", "BC90005_C1"])
def test_counts_have_the_whole_array_and_no_gene_without_a_count(files, section):
    counts = table(files[section]["counts"], "\t").astype(int)
    under_tissue = set(table(files[section]["spots"], ",").index)
    assert all(re.fullmatch(r"\d+x\d+", name) for name in counts.index)
    assert len(under_tissue - set(counts.index)) == write.WITHOUT_COUNTS
    assert len(set(counts.index) - under_tissue) > 50
    assert counts.index.is_unique
    assert counts.columns.is_unique
    assert (counts >= 0).all(axis=None)
    assert (counts.sum() > 0).all()
    genes = simulate_genes(SEED)["gene"]
    assert set(counts.columns) < set(genes)
    assert sum(re.fullmatch(r"__ambiguous\[ENSG\d{11}\+ENSG\d{11}\]", g) is not None for g in genes)
    outside = counts[~counts.index.isin(under_tissue)].sum(axis=1)
    assert outside.median() < 0.1 * counts[counts.index.isin(under_tissue)].sum(axis=1).median()


def test_the_count_files_hold_what_is_expected_of_them(files, simulated):
    genes, parts = simulated
    typical = genes["mean"].sum()
    for row, spots, expected in parts:
        if row["section"] not in files:
            continue
        counts = table(files[row["section"]]["counts"], "\t").astype(int)
        expected = pd.DataFrame(expected, spots.index, genes["gene"]).loc[counts.index]
        depth = pd.Series(log_depth(SEED, row["patient"], spots), spots.index)[counts.index]
        covered = spots.loc[counts.index, "under_tissue"]
        seen = np.log(counts[covered].sum(axis=1) / typical) - depth[covered]
        assert abs(seen.mean()) < 0.03
        assert seen.std() < 0.15
        # A gene's sum over some 140 spots varies by less than a tenth, by SIZE and as Poisson.
        sums = counts[covered].sum() / expected.loc[covered, counts.columns].sum()
        assert (sums[expected[covered].mean()[counts.columns] > 3] - 1).abs().max() < 0.25


def test_labels_have_the_quirks_of_version_5(files):
    content = text(files["BC90001_C1"]["labels"])
    assert "\n" not in content
    assert content.endswith("\r")
    lines = [line.split("\t") for line in content.split("\r")[:-1]]
    assert len(lines[0]) == 4
    assert {len(line) for line in lines[1:]} == {5}
    assert {line[4] for line in lines[1:]} == {"tumor", "non"}
    fractions = [line for line in lines[1:] if "." in line[1] + line[2]]
    assert 5 < len(fractions) < 70
    for name, x, y, _, _ in lines[1:]:
        assert name == f"C1_{x}_{y}"
    rounded = [f"{round(float(line[1]))}x{round(float(line[2]))}" for line in lines[1:]]
    under_tissue = set(table(files["BC90001_C1"]["spots"], ",").index)
    assert len(under_tissue - set(rounded)) == write.WITHOUT_LABEL
    assert set(rounded) < under_tissue
    assert len(set(rounded)) == len(rounded)


def test_labels_follow_the_tumour_field(files, simulated):
    parts = {row["section"]: spots for row, spots, _ in simulated[1]}
    for section in files:
        lines = [line.split("\t") for line in text(files[section]["labels"]).split("\r")[1:-1]]
        tumour = pd.Series(
            {f"{round(float(x))}x{round(float(y))}": word == "tumor" for _, x, y, _, word in lines}
        )
        spots = parts[section].loc[tumour.index]
        assert (tumour == (spots["tumour_around"] > write.TUMOUR_SHARE)).all()
        if section.startswith(ALL_TUMOUR):
            assert tumour.all()
        else:
            assert 0.15 < tumour.mean() < 0.9
            assert spots["tumour"][tumour].mean() > spots["tumour"][~tumour].mean() + 0.2


def test_readers_drop_spots_for_every_reason_and_find_both_classes(tmp_path, monkeypatch):
    # The picture itself takes nine tenths of the time and no part in this: dark within a frame of
    # glass.
    def draw(seed, patient, section, tissue):
        picture = np.full((*tissue.shape, 3), 245, np.uint8)
        height, width = tissue.shape
        picture[height // 30 : -height // 30, width // 30 : -width // 30] = (120, 60, 110)
        return picture

    monkeypatch.setattr(write, "draw", draw)
    rows = read_sheet(SHEET, tmp_path, check_files=False)
    assert len(rows) == 9
    patients = [row["patient"] for row in rows]
    assert len(set(patients)) == 8
    write_genes(tmp_path / "truth.tsv", tmp_path / "genes.tsv", seed=SEED)
    drops, labels = [], {}
    for row in rows:
        make(tmp_path, row["section"], row["patient"])
        output, dropped = tmp_path / "section.h5ad", tmp_path / "drops.tsv"
        distributed.write_section(
            row,
            output,
            dropped,
            label_classes={"tumour": ["tumor"], "normal": ["non"]},
            require_label=True,
            spot_window=128,
            spot_pitch_um=200,
            genes=tmp_path / "genes.tsv",
        )
        drops.append(pd.read_csv(dropped, sep="\t").iloc[0])
        section = distributed.ad.read_h5ad(output)
        labels.setdefault(row["patient"], set()).update(section.obs["label"].astype(str))
        assert section.uns["slide"]["um_per_px"] == pytest.approx(200 / PITCH, abs=0.002)
    drops = pd.DataFrame(drops)
    reasons = ["no_position", "no_counts", "off_image", "no_label", "near_edge"]
    assert (drops[reasons].astype(int).sum() > 0).all()
    assert (drops["used"].astype(int) >= 120).all()
    single = {patient for patient, classes in labels.items() if len(classes) == 1}
    assert single == {ALL_TUMOUR}
    assert labels[ALL_TUMOUR] == {"tumour"}


def test_a_total_is_expected_to_be_the_same_whatever_the_tissue():
    genes = simulate_genes(SEED)
    rng = np.random.default_rng(0)
    corners = np.vstack([np.eye(3), np.zeros(3), rng.dirichlet([1, 1, 1], 50)])
    spots = pd.DataFrame(corners, columns=list(FIELDS))
    expected = expected_counts(genes, spots, np.zeros(len(spots)))
    assert expected.sum(axis=1) == pytest.approx(expected[0].sum(), rel=1e-12)
    others = expected[:, genes["planted"] == 0]
    assert (others == others[0]).all()
    assert others[0] == pytest.approx(genes["mean"][genes["planted"] == 0])
    deeper = expected_counts(genes, spots, np.full(len(spots), np.log(2.0)))
    assert deeper == pytest.approx(2 * expected)


def test_drawn_totals_do_not_tell_the_tissue():
    genes = simulate_genes(SEED)
    contents = {"tumour": [1, 0, 0], "immune": [0, 1, 1], "stroma": [0, 1, 0]}
    spots = pd.DataFrame(contents).loc[np.repeat([0, 1, 2], 2000)]
    drawn = draw_counts(
        np.random.default_rng(0), expected_counts(genes, spots, np.zeros(len(spots)))
    )
    totals = drawn.sum(axis=1).reshape(3, -1)
    error = totals.std(axis=1).max() / np.sqrt(2000)
    assert np.ptp(totals.mean(axis=1)) < 5 * error < 0.01 * totals.mean()
    # Negative binomial: the variance is mean + mean^2 / 8.
    controls = genes.index[(genes["planted"] == 0) & (genes["mean"] > 10)]
    mean = genes["mean"][controls].to_numpy()
    assert drawn[:, controls].var(axis=0) == pytest.approx(mean + mean**2 / 8, rel=0.15)


def test_depth_varies_but_no_field_tells_it(simulated):
    patients = {}
    for row, spots, _ in simulated[1]:
        depth = log_depth(SEED, row["patient"], spots)[spots["under_tissue"]]
        fields = spots.loc[spots["under_tissue"], list(FIELDS)].to_numpy(dtype=float)
        for column in fields.T:
            assert abs(np.corrcoef(depth, column)[0, 1]) < 1e-9
        assert depth.std() == pytest.approx(0.45, abs=0.01)
        # Smooth: neighbours in the table are mostly neighbours on the array.
        assert np.corrcoef(depth[1:], depth[:-1])[0, 1] > 0.5
        patients.setdefault(row["patient"], []).append(depth.mean())
    assert np.ptp(patients["BC90001"]) < 1e-9
    assert np.std([means[0] for means in patients.values()]) > 0.1


def test_planted_genes_follow_their_field(simulated):
    genes, _ = simulated
    assert genes["planted"].sum() == 20
    for field in FIELDS:
        of_field = genes[genes[field] != 0]
        assert sorted(of_field[field]) == sorted(-of_field[field])
        ends = pd.DataFrame(0.3, index=[0, 1], columns=list(FIELDS)).assign(**{field: [0.1, 0.7]})
        change = np.diff(np.log(expected_counts(genes, ends, np.zeros(2))), axis=0)[0]
        for up in genes.index[genes[field] > 0]:
            strength = genes.loc[up, field]
            down = genes.index[genes[field] == -strength][0]
            # What both lose or gain to keep the total is the same for both.
            assert change[up] - change[down] == pytest.approx(2 * strength * 0.6)


def test_only_planted_genes_follow_the_tissue_in_the_counts(simulated):
    genes, parts = simulated
    drawn, fields = [], []
    for number, (_, spots, expected) in enumerate(parts):
        covered = spots["under_tissue"].to_numpy()
        drawn.append(draw_counts(np.random.default_rng(number), expected[covered]))
        fields.append(spots.loc[covered, list(FIELDS)])
    counts = np.vstack(drawn)
    high = np.sort(np.argsort(counts.mean(axis=0))[::-1][: 20 + CONTROLS])
    genes_high = genes.iloc[high]
    planted = genes_high["planted"].to_numpy() == 1
    assert planted.sum() == 20
    y = np.log((1 + counts[:, high]) / (len(genes) + counts.sum(axis=1, keepdims=True)))
    r = np.corrcoef(y.T, pd.concat(fields).T)[: len(high), len(high) :]
    assert np.abs(r[~planted]).max() < 0.12
    effects = genes_high.loc[planted, list(FIELDS)].to_numpy()
    along = (r[planted] * np.sign(effects)).sum(axis=1)
    assert along.min() > 0.12
    means = genes_high["mean"].to_numpy()
    assert np.median(means[planted]) == pytest.approx(np.median(means[~planted]), rel=0.1)


def patches(image: np.ndarray, spots: pd.DataFrame) -> np.ndarray:
    """Mean colour of the 128-pixel windows that lie on the image."""
    colours = []
    for x, y in spots[["x", "y"]].round().astype(int).to_numpy():
        window = image[max(y - 64, 0) : y + 64, max(x - 64, 0) : x + 64]
        colours.append(window.mean(axis=(0, 1)) if window.size else np.full(3, np.nan))
    return np.array(colours)


def test_the_image_shows_the_fields_and_not_the_depth(files, folder, simulated):
    parts = {row["section"]: (row, spots) for row, spots, _ in simulated[1]}
    for section in ("BC90001_C1", "BC90001_C2"):
        image = np.asarray(Image.open(folder / section / "image.jpg"))
        row, spots = parts[section]
        covered = spots[spots["under_tissue"]]
        colour = patches(image, covered)
        seen = ~np.isnan(colour[:, 0])
        tissue = covered[seen]
        red, green, _ = colour[seen].T
        # Haematoxylin takes red, and nothing takes green where there is fat.
        dark = tissue["tumour"] + 0.5 * tissue["immune"]
        assert np.corrcoef(red, dark)[0, 1] < -0.7
        assert np.corrcoef(green, tissue["fat"])[0, 1] > 0.6
        depth = log_depth(SEED, row["patient"], spots)[spots["under_tissue"]][seen]
        assert abs(np.corrcoef(red, depth)[0, 1]) < 0.2
        assert abs(np.corrcoef(green, depth)[0, 1]) < 0.2


def test_every_tissue_can_be_all_there_is():
    rows = np.zeros((40, 40), np.float32)
    colours = {}
    for name in ("tumour", "stroma", "fat"):
        content = dict.fromkeys(("tumour", "stroma", "fat", "immune", "depth"), rows)
        tissue = Tissue((400, 400), rows + 100, **content | {name: rows + 1})
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            colours[name] = draw(SEED, "P", "P_C1", tissue).mean(axis=(0, 1))
    red, green, _ = np.array([colours[name] for name in ("tumour", "stroma", "fat")]).T
    assert (np.diff(red) > 10).all()
    assert (np.diff(green) > 10).all()


def test_stain_and_scanner_are_the_patients(folder, files):
    # The brightest of an image is the slide's empty glass.
    white = {}
    for section in files:
        image = np.asarray(Image.open(folder / section / "image.jpg"), dtype=float)
        glass = image[image.min(axis=2) > np.percentile(image.min(axis=2), 98)]
        white[section] = glass.mean(axis=0)
    assert white["BC90001_C1"] == pytest.approx(white["BC90001_C2"], abs=1.0)
    assert np.abs(white["BC90001_C1"] - white["BC90005_C1"]).max() > 2.0


def test_gene_table_has_hgncs_columns_and_names_planted_genes(tmp_path):
    write_genes(tmp_path / "truth.tsv", tmp_path / "genes.tsv", seed=SEED)
    truth = pd.read_csv(tmp_path / "truth.tsv", sep="\t", keep_default_na=False)
    assert {"gene", "symbol", "planted", "strength", *FIELDS} <= set(truth.columns)
    assert truth["gene"].is_unique
    assert set(truth["planted"]) == {0, 1}
    assert (truth.loc[truth["planted"] == 1, "strength"] > 0).all()
    assert (truth.loc[truth["planted"] == 0, ["strength", *FIELDS]] == 0).all(axis=None)
    assert 1000 <= len(truth) <= 1500
    with open(tmp_path / "genes.tsv") as file:
        header = file.readline().split()
    assert header == ["hgnc_id", "symbol", "ensembl_gene_id", "alias_symbol", "prev_symbol"]
    names = read_gene_table(tmp_path / "genes.tsv")
    for gene, symbol in truth.loc[truth["planted"] == 1, ["gene", "symbol"]].to_numpy():
        assert symbol
        assert names.symbol_of(gene) == symbol
    assert "" in {names.symbol_of(gene) for gene in truth["gene"][truth["symbol"] != ""]}


def test_metadata_has_the_columns_of_version_5(tmp_path):
    write_metadata(SHEET, tmp_path / "metadata.csv")
    metadata = pd.read_csv(tmp_path / "metadata.csv")
    assert list(metadata.columns) == [
        *["type", "patient", "replicate", "histology_image", "count_matrix"],
        *["spot_coordinates", "tumor_annotation"],
    ]
    rows = read_sheet(SHEET, "", check_files=False)
    assert (metadata["patient"] + "_" + metadata["replicate"]).to_list() == [
        row["section"] for row in rows
    ]
    assert metadata["histology_image"].to_list() == [row["image"] for row in rows]
