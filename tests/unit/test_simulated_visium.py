"""Simulated Visium sections: their files, their bytes, the model shared with the ST cohort's."""

import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from stnet.cohorts.orientation import check_misplaced
from stnet.cohorts.section import write_section
from stnet.core.checksums import FOLDER
from stnet.core.errors import InputError
from stnet.expression.gene_matching import align
from stnet.expression.genes import read_gene_table
from stnet.simulation.cohort import write_genes
from stnet.simulation.counts import FIELDS, expected_counts, log_depth, simulate_genes
from stnet.simulation.histology import draw
from stnet.simulation.visium import (
    SPOTS_IN_TISSUE,
    simulate_array,
    visium_genes,
    write_visium,
)

ROOT = Path(__file__).parents[2]
SEED, PATIENT, SECTION = 1, "VS90001", "VS90001_1"
SCALE = 2 / 3


def make(folder: Path, section: str = SECTION, version: int = 2, seed: int = SEED) -> dict:
    """The section's row of the sheet, its files written."""
    row = {"patient": PATIENT, "section": section, "format": "visium", "grid": "hexagonal"}
    row |= {"labels": "", "um_per_px": "", "pixel_scale": ""}
    names = {"image": "image.jpg", "counts": "matrix.h5", "spots": "spatial"}
    row |= {column: str(folder / name) for column, name in names.items()}
    files = (row["image"], row["counts"], row["spots"])
    write_visium(*files, section=section, patient=PATIENT, seed=seed, version=version)
    return row


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.parent.name != FOLDER
    }


def read(row: dict[str, str], folder: Path, **options) -> ad.AnnData:
    output = folder / "section.h5ad"
    options = {"spot_window": 256, "spot_pitch_um": 100, "genes": None, **options}
    classes = {"tumour": [], "normal": []}
    write_section(
        row, output, folder / "drops.tsv", label_classes=classes, require_label=False, **options
    )
    return ad.read_h5ad(output)


@pytest.fixture(scope="module")
def row(tmp_path_factory):
    """A section, simulated without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return make(tmp_path_factory.mktemp("visium"))


@pytest.fixture(scope="module")
def genes(tmp_path_factory):
    """The table of genes of the simulated cohort."""
    folder = tmp_path_factory.mktemp("genes")
    write_genes(folder / "truth.tsv", folder / "genes.tsv", seed=SEED)
    return folder / "genes.tsv"


def test_same_bytes_with_any_threads(row, tmp_path):
    script = (
        "import sys; sys.path[:0] = sys.argv[1:3]; from pathlib import Path;"
        "from test_simulated_visium import make; make(Path(sys.argv[3]))"
    )
    threads = {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2", "PYTHONHASHSEED": "7"}
    subprocess.run(
        [
            sys.executable,
            "-c",
            script,
            str(ROOT / "src"),
            str(Path(__file__).parent),
            str(tmp_path),
        ],
        check=True,
        env=os.environ | threads,
    )
    folder = Path(row["image"]).parent
    names = {"image.jpg", "matrix.h5", "spatial/tissue_positions.csv"}
    assert set(content(folder)) == names | {"spatial/scalefactors_json.json"}
    assert content(tmp_path) == content(folder)


def test_another_section_or_seed_is_another(row, tmp_path):
    one = content(Path(row["image"]).parent)
    for name, keys in {"other": {"section": "VS90001_2"}, "seed": {"seed": 2}}.items():
        make(tmp_path / name, **keys)
        other = content(tmp_path / name)
        for file in ("image.jpg", "matrix.h5", "spatial/tissue_positions.csv"):
            assert other[file] != one[file]


def test_both_versions_are_the_same_section(row, tmp_path):
    first = make(tmp_path / "1", version=1)
    lines = (Path(first["spots"]) / "tissue_positions_list.csv").read_text().splitlines()
    headed = (Path(row["spots"]) / "tissue_positions.csv").read_text().splitlines()
    assert headed[0].startswith("barcode,in_tissue,array_row,array_col,pxl_row")
    assert lines == headed[1:]
    for column in ("image", "counts"):
        assert Path(first[column]).read_bytes() == Path(row[column]).read_bytes()
    with pytest.raises(InputError, match="Space Ranger 3 is not 1 or 2"):
        make(tmp_path / "3", version=3)


def test_the_reader_finds_every_spot_under_tissue(row, tmp_path, caplog):
    section = read(row, tmp_path)
    drops = pd.read_csv(tmp_path / "drops.tsv", sep="\t").iloc[0]
    assert 300 <= SPOTS_IN_TISSUE <= 500
    assert drops["used"] == drops["counts"] == section.n_obs == SPOTS_IN_TISSUE
    assert drops["unselected"] == drops["positions"] - SPOTS_IN_TISSUE > 200
    assert section.uns["slide"]["um_per_px"] == pytest.approx(SCALE, rel=1e-3)
    assert "WARNING" not in caplog.text
    # Neighbours in a row are 100 µm apart.
    same_row = np.diff(section.obs["array_row"]) == 0
    steps = np.hypot(*np.diff(section.obsm["spatial"], axis=0)[same_row].T)
    assert steps * SCALE == pytest.approx(100, abs=1.5)
    assert (np.diff(section.obs["array_col"])[same_row] == 2).all()


def test_a_section_with_pixel_columns_exchanged_is_refused(row, tmp_path):
    folder = tmp_path / "spatial"
    shutil.copytree(row["spots"], folder, ignore=shutil.ignore_patterns(FOLDER))
    positions = folder / "tissue_positions.csv"
    table = pd.read_csv(positions)
    names = ["pxl_row_in_fullres", "pxl_col_in_fullres"]
    table[names] = table[names[::-1]].to_numpy()
    table.to_csv(positions, index=False)
    with pytest.raises(InputError, match="with x and y exchanged"):
        read(row | {"spots": str(folder)}, tmp_path)


def test_the_matrix_has_10x_s_layout(row):
    with h5py.File(row["counts"]) as file:
        matrix = file["matrix"]
        barcodes = matrix["barcodes"].asstr()[:].tolist()
        assert barcodes == sorted(barcodes)
        assert len(barcodes) == SPOTS_IN_TISSUE
        assert tuple(matrix["shape"][:]) == (len(matrix["features/id"]), SPOTS_IN_TISSUE)
        assert set(matrix["features/feature_type"].asstr()[:]) == {"Gene Expression"}
        assert len(matrix["indptr"]) == SPOTS_IN_TISSUE + 1
        dtypes = {name: matrix[name].dtype for name in ("data", "indices", "indptr", "shape")}
    assert dtypes == {"data": "i4", "indices": "i8", "indptr": "i8", "shape": "i4"}


def test_a_tiff_has_the_drawing_at_twice_its_resolution(tmp_path):
    folder = tmp_path / "spatial"
    keys = {"section": SECTION, "patient": PATIENT, "seed": SEED, "version": 2}
    write_visium(tmp_path / "image.tif", tmp_path / "matrix.h5", folder, **keys)
    tissue, _ = simulate_array(SEED, PATIENT, SECTION)
    drawn = draw(SEED, PATIENT, SECTION, tissue)
    with Image.open(tmp_path / "image.tif") as image:
        assert image.size == (2 * drawn.shape[1], 2 * drawn.shape[0])
        shrunk = np.asarray(image.reduce(2), dtype=float)
    assert np.abs(shrunk - drawn).mean() < 1.5


def test_most_genes_are_found_by_id_and_a_few_by_name(row, tmp_path, genes):
    own = read(row, tmp_path, genes=genes).var
    truth = simulate_genes(SEED)
    table = read_gene_table(genes)
    model = pd.DataFrame(
        {
            "symbol": [table.symbol_of(gene) for gene in truth["gene"]],
            "ensembl": truth["gene"].where(truth["symbol"] != "", ""),
        }
    ).set_axis(truth["gene"])
    aligned = align(model, own, table)
    expected = visium_genes(SEED)["id"].reindex(truth.index, fill_value="")
    assert list(aligned["match"]) == list(expected)
    high = aligned[truth["mean"] >= 4]
    assert dict(high["by"].value_counts()) == {"ensembl": 47, "": 6, "symbol": 4, "alias": 3}
    assert dict(high["reason"].value_counts().drop("")) == {
        "not measured": 4,
        "its name is of no single gene": 2,
    }
    assert (aligned["by"] == "ensembl").mean() > 0.85
    without = align(model, own, read_gene_table(None))["by"].value_counts()
    assert "alias" not in without


@pytest.mark.parametrize("seed", range(1, 9))
def test_genes_of_every_seed_are_lost_and_renamed(seed):
    truth, measured = simulate_genes(seed), visium_genes(seed)
    assert measured["id"].is_unique
    assert measured["name"].is_unique
    assert not measured["id"].str.startswith("__").any()
    high = truth[(truth["mean"] >= 4) & (truth["symbol"] != "")]
    kept = measured.loc[high.index.intersection(measured.index)]
    assert len(high) - len(kept) == 4
    renumbered = kept["id"] != truth.loc[kept.index, "gene"]
    renamed = kept["name"] != truth.loc[kept.index, "symbol"]
    assert renamed.sum() in (1, 2, 3)
    assert renumbered.sum() == renamed.sum() + 4
    assert (renumbered | ~renamed).all()


def test_counts_are_those_of_the_planted_model_four_times_deeper(row, tmp_path):
    section = read(row, tmp_path)
    truth, measured = simulate_genes(SEED), visium_genes(SEED)
    _, spots = simulate_array(SEED, PATIENT, SECTION)
    expected = expected_counts(truth, spots, log_depth(SEED, PATIENT, spots))
    expected = pd.DataFrame(expected, spots.index)[measured.index].loc[section.obs_names]
    counts = pd.DataFrame(section.X.toarray(), section.obs_names, measured.index)
    ratio = counts.sum() / expected.sum()
    common = expected.mean() > 3
    assert ratio[common].mean() == pytest.approx(4, rel=0.03)
    assert (ratio[common] / 4 - 1).abs().max() < 0.15
    # What follows a field in the image's tissue follows it here, and nothing else does.
    y = np.log((1 + counts) / (len(measured) + counts.sum(axis=1).to_numpy()[:, None]))
    fields = spots.loc[section.obs_names, list(FIELDS)]
    high = truth.loc[measured.index[common]]
    for field in FIELDS:
        r = y[high.index].corrwith(fields[field])
        assert (r * np.sign(high[field]))[high[field] != 0].min() > 0.2
    r = pd.concat([y[high.index].corrwith(fields[field]).abs() for field in FIELDS], axis=1)
    assert r.max(axis=1)[high["planted"] == 0].median() < 0.15


@pytest.mark.parametrize("seed", range(1, 7))
def test_exchanged_positions_are_refused_and_correct_ones_are_not(seed):
    patient, section = f"P{seed}", f"P{seed}_1"
    tissue, spots = simulate_array(seed, patient, section)
    row = {"section": section, "spots": "spatial", "image": "image.tif"}
    drawn = Image.fromarray(draw(seed, patient, section, tissue))
    picture = drawn.reduce(4)
    array, pixels = (spots[names].to_numpy() for names in (["array_col", "array_row"], ["x", "y"]))
    flags = spots["under_tissue"].to_numpy()
    side = tissue.shape[0]
    check_misplaced(row, picture, array, pixels / 4, flags, 41.0 / 4)
    with pytest.raises(InputError, match=r"spatial: .* with x and y exchanged"):
        check_misplaced(row, picture, array, pixels[:, ::-1] / 4, flags, 41.0 / 4)
    # The slide the other way up or round is another picture of the same section.
    for turned in (Image.Transpose.ROTATE_180, Image.Transpose.FLIP_LEFT_RIGHT):
        places = np.column_stack([side - pixels[:, 0], pixels[:, 1]])
        if turned == Image.Transpose.ROTATE_180:
            places = side - pixels
        other = drawn.transpose(turned).reduce(4)
        check_misplaced(row, other, array, places / 4, flags, 41.0 / 4)
