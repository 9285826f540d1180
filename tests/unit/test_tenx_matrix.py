"""10x's matrices in every layout: the same section, or one line that says why not."""

import gzip
import shutil
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from data import VISIUM, needs_visium
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from visium_files import GENES, Visium, written

from stnet.cohorts.tenx_matrix import read_matrix
from stnet.cohorts.visium import read_scale_factors, read_tissue_positions
from stnet.core.errors import InputError

QUICK = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def of_matrix(path) -> pd.DataFrame:
    table, _ = read_matrix(path)
    return pd.DataFrame(table.matrix.toarray(), table.spots, table.genes)


def as_folder(made: Visium) -> None:
    made.triplet(f"{made.folder}/filtered_feature_bc_matrix/", end=".gz")
    made.row["counts"] = str(made.folder / "filtered_feature_bc_matrix")


def as_cell_ranger_2(made: Visium) -> None:
    made.triplet(f"{made.folder}/filtered_gene_bc_matrices/GRCh38/", features="genes.tsv")
    made.row["counts"] = str(made.folder / "filtered_gene_bc_matrices")


def as_hdf5_of_cell_ranger_2(made: Visium) -> None:
    made.matrix(of_cell_ranger_2="GRCh38")


def as_in_geo(made: Visium) -> None:
    """All files in one folder, with those of another sample; the positions are packed."""
    for sample in ("GSM1_S1_", "GSM2_S10_"):
        start = f"{made.folder}/geo/{sample}"
        matrix, *_ = made.triplet(start, end=".gz")
        positions = written(f"{start}{made.positions.name}.gz", made.table())
        for name in ("scalefactors_json.json", "tissue_hires_image.png"):
            content = made.positions.with_name(name).read_bytes()
            Path(f"{start}{name}.gz").write_bytes(gzip.compress(content))
        if sample == "GSM1_S1_":
            made.row |= {"counts": str(matrix), "spots": str(positions)}
    shutil.rmtree(made.positions.parent)


LAYOUTS = [as_folder, as_cell_ranger_2, as_hdf5_of_cell_ranger_2, as_in_geo]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_section_is_the_same_in_every_layout(tmp_path, layout):
    made = Visium(tmp_path).files()
    with Image.open(made.row["image"]) as image:
        image.reduce(10).save(made.positions.with_name("tissue_hires_image.png"))
    made.write()
    expected = {path.name: path.read_bytes() for path in tmp_path.glob("out/s.*")}
    Path(made.row["counts"]).unlink()
    layout(made)
    made.write()
    assert expected == {path.name: path.read_bytes() for path in tmp_path.glob("out/s.*")}
    assert len(expected) == 2


def test_features_that_are_no_genes_are_left_out_of_a_triplet_too(tmp_path):
    made = Visium(tmp_path)
    made.genes.loc[[1, 4], "feature_type"] = "Antibody Capture"
    matrix, *_ = made.triplet(f"{tmp_path}/")
    assert (of_matrix(matrix) == made.counts.drop(columns=GENES["id"][[1, 4]])).all(axis=None)


def test_probes_are_added_up_by_gene(tmp_path):
    rng = np.random.default_rng(2)
    genes, included = ["G1", "G2", "G1", "G3", "G2", "G1"], [1, 1, 0, 0, 1, 1]
    made = Visium(tmp_path)
    counts = made.counts.to_numpy()
    made.matrix(
        **{
            "features/id": [f"{gene}|x|{n}".encode() for n, gene in enumerate(genes)],
            "features/gene_id": [gene.encode() for gene in genes],
            "features/gene_name": [f"{gene}-name".encode() for gene in genes],
            "features/filtered_probes": np.array(included, bool),
            "filtered_barcodes": rng.random(len(counts)) < 0.5,
        }
    )
    table, remark = read_matrix(made.row["counts"])
    assert (table.genes, table.symbols) == (["G1", "G2"], ["G1-name", "G2-name"])
    sums = np.column_stack([counts[:, 0] + counts[:, 5], counts[:, 1] + counts[:, 4]])
    assert (table.matrix.toarray() == sums).all()
    assert remark == "4 probes added up to 2 genes, 2 excluded"
    with h5py.File(made.row["counts"], "a") as file:
        del file["matrix/features/filtered_probes"]
        file["matrix/features/filtered_probes"] = np.array(included, bool).astype("S")
    with pytest.raises(InputError, match=r"filtered_probes is of type .*, not true or false"):
        read_matrix(made.row["counts"])


@needs_visium
def test_a_real_matrix_of_probes():
    path = VISIUM / "probe_v2/raw_probe_bc_matrix.h5"
    found = of_matrix(path)
    with h5py.File(path) as file:
        part = {name: values[:] for name, values in file["matrix"].items() if name != "features"}
        names = file["matrix/features/gene_id"].asstr()[:]
        included = file["matrix/features/filtered_probes"][:]
    expected = {}
    for column, barcode in enumerate(part["barcodes"].astype(str)):
        for at in range(part["indptr"][column], part["indptr"][column + 1]):
            if included[part["indices"][at]]:
                key = barcode, names[part["indices"][at]]
                expected[key] = expected.get(key, 0) + part["data"][at]
    stored = found.stack()
    assert len(expected) > 100
    assert stored[stored > 0].to_dict() == expected
    assert set(found.columns) == set(names[included])


@needs_visium
@pytest.mark.filterwarnings("ignore")
def test_a_real_section_is_what_scanpy_reads():
    import scanpy as sc

    path = VISIUM / "scanpy_v1/filtered_feature_bc_matrix.h5"
    ours, theirs = read_matrix(path)[0], sc.read_10x_h5(path)
    assert ours.matrix.shape == (100, 100)
    assert (ours.matrix != theirs.X).nnz == 0
    assert ours.spots == theirs.obs_names.tolist()
    assert ours.genes == theirs.var["gene_ids"].tolist()
    positions = read_tissue_positions(VISIUM / "scanpy_v1")
    assert (len(positions), positions["selected"].sum()) == (4992, 4235)
    assert read_scale_factors(VISIUM / "scanpy_v1")[0].picture.name == "tissue_hires_image.png"


@needs_visium
def test_a_real_triplet_is_what_its_lines_say(tmp_path):
    folder = VISIUM / "mtx_v1/outs/raw_feature_bc_matrix"
    lines = (folder / "matrix.mtx").read_text().splitlines()
    features = [line.split("\t")[0] for line in (folder / "features.tsv").read_text().splitlines()]
    barcodes = (folder / "barcodes.tsv").read_text().split()
    expected = pd.DataFrame(0, barcodes, features)
    for line in lines[2:]:
        gene, barcode, count = map(int, line.split())
        expected.iloc[barcode - 1, gene - 1] = count
    assert expected.to_numpy().astype(bool).sum() == 338
    assert (of_matrix(folder) == expected).all(axis=None)
    assert (of_matrix(VISIUM / "mtx_v1/outs") == expected).all(axis=None)
    positions = read_tissue_positions(VISIUM / "mtx_v1/outs")
    assert set(barcodes) <= set(positions.index)


def test_barcodes_that_were_shuffled_are_refused_until_confirmed(tmp_path, caplog):
    made = Visium(tmp_path).files()
    as_folder(made)
    path = Path(made.row["counts"]) / "barcodes.tsv.gz"
    names = np.random.default_rng(0).permutation(made.counts.index)
    written(path, "\n".join([*names, ""]))
    assert "its barcodes are not in order, as Space Ranger writes them" in made.refused()
    made.row["confirmed"] = "yes"
    section, _ = made.write()
    assert "not in order" in caplog.text
    expected = made.counts.set_axis(names, axis="index").loc[section.obs_names]
    assert (section.X.toarray() == expected.to_numpy()).all()


def changed(name: str, old: str, new: str):
    """A fault: text of a file of the triplet."""

    def fault(folder: Path) -> None:
        path = folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return fault


def cut(name: str, end: int):
    def fault(folder: Path) -> None:
        path = folder / name
        path.write_bytes(path.read_bytes()[:end])

    return fault


def packed_and_cut(folder: Path) -> None:
    path = folder / "matrix.mtx"
    (folder / "matrix.mtx.gz").write_bytes(gzip.compress(path.read_bytes())[:-9])
    path.unlink()


FAULTS = {
    "cut": (cut("matrix.mtx", -20), "matrix.mtx: damaged, or not a matrix"),
    "cut in a number": (cut("matrix.mtx", -1), "matrix.mtx: damaged.*it ends within a line"),
    "cut after the banner": (cut("matrix.mtx", 50), "matrix.mtx: damaged"),
    "cut gzip": (packed_and_cut, "matrix.mtx.gz: truncated or damaged gzip"),
    "empty": (cut("matrix.mtx", 0), "matrix.mtx: damaged.*its first line is ''"),
    "pattern": (changed("matrix.mtx", "integer", "pattern"), "its first line is '%%MatrixMarket"),
    "symmetric": (changed("matrix.mtx", "general", "symmetric"), "its first line is"),
    "array": (changed("matrix.mtx", "coordinate", "array"), "its first line is"),
    "zero": (changed("matrix.mtx", "\n1 1 ", "\n0 1 "), "damaged.*index out of bounds"),
    "more": (changed("matrix.mtx", "6 38 ", "6 38 1"), "damaged.*Truncated"),
    "fewer": (changed("matrix.mtx", "6 38 2", "6 38 "), "damaged.*Too many lines"),
    "huge": (changed("matrix.mtx", "6 38 ", "6 38 99999999"), "matrix.mtx: damaged"),
    "sides": (changed("matrix.mtx", "6 38 ", "6 39 "), "6 features x 39 barcodes, but"),
    "transposed": (changed("matrix.mtx", "6 38 ", "38 38 "), "38 features x 38 barcodes, but"),
    "decimal": (changed("matrix.mtx", "\n1 1 ", "\n1 1 0.5"), "values that are not counts"),
    "negative": (changed("matrix.mtx", "\n1 1 ", "\n1 1 -"), "values that are not counts"),
    "twice": (changed("matrix.mtx", "\n2 1 ", "\n1 1 "), "several counts of a gene for one bar"),
    "other features": (
        cut("features.tsv", -30),
        "matrix.mtx: has 6 features x 38 barcodes, but features.tsv has 5 and barcodes.tsv has 38",
    ),
    "feature twice": (changed("features.tsv", "ENSG07", "ENSG08"), "gene 'ENSG08' is repeated"),
    "no features": (lambda folder: (folder / "features.tsv").unlink(), "not one barcodes.tsv and"),
    "no barcodes": (lambda folder: (folder / "barcodes.tsv").unlink(), "not one barcodes.tsv and"),
    "text": (changed("matrix.mtx", "\n1 1 ", "\n1 a "), "damaged.*Invalid integer"),
}


@pytest.mark.parametrize(("fault", "message"), FAULTS.values(), ids=FAULTS)
def test_a_faulty_triplet_is_refused_in_one_line(tmp_path, fault, message):
    made = Visium(tmp_path)
    made.triplet(f"{tmp_path}/")
    assert (of_matrix(tmp_path) == made.counts).all(axis=None)
    fault(tmp_path)
    with pytest.raises(InputError, match=message) as caught:
        read_matrix(tmp_path)
    assert "\n" not in str(caught.value)


@QUICK
@given(
    st.integers(1, 6),
    st.integers(1, 6),
    st.randoms(use_true_random=False),
    st.fixed_dictionaries(
        {
            "end": st.sampled_from(["\n", "\r\n"]),
            "packed": st.booleans(),
            "field": st.sampled_from(["integer", "real", "Integer"]),
            "comments": st.sampled_from([[], ["%"], ["%metadata_json: {}", "% more"]]),
            "legacy": st.booleans(),
            "lost": st.sampled_from([None, 0, 1, 2]),
        }
    ),
)
def test_a_triplet_says_the_same_or_is_refused(tmp_path, genes, spots, random, dialect):
    """Entries in any order, any line ends, packed or not; each file cut anywhere is refused."""
    folder = tmp_path / "triplet"
    shutil.rmtree(folder, ignore_errors=True)
    counts = [[random.choice([0, 0, 1, 7, 2**31 - 1]) for _ in range(genes)] for _ in range(spots)]
    entries = [(g, s, n) for s, row in enumerate(counts) for g, n in enumerate(row) if n]
    random.shuffle(entries)
    names = [f"ENSG{n}" for n in range(genes)]
    barcodes = sorted("".join(random.choices("ACGT", k=9)) + f"{n}-1" for n in range(spots))
    features = "genes.tsv" if dialect["legacy"] else "features.tsv"
    lines = {
        "matrix.mtx": [
            f"%%MatrixMarket matrix coordinate {dialect['field']} general",
            *dialect["comments"],
            f"{genes} {spots} {len(entries)}",
            *(f"{g + 1} {s + 1} {n}" for g, s, n in entries),
        ],
        features: [
            f"{name}\tS{name}" + "\tGene Expression" * (features[0] == "f") for name in names
        ],
        "barcodes.tsv": barcodes,
    }
    for number, (name, rows) in enumerate(lines.items()):
        text = dialect["end"].join([*rows, ""])
        if dialect["lost"] == number:
            # Of the matrix some bytes, of a table at least a row.
            most = len(text) if number == 0 else len(text) - len(rows[-1]) - len(dialect["end"]) + 1
            text = text[: random.randrange(most)]
        written(folder / f"{name}{'.gz' * dialect['packed']}", text)
    try:
        found = of_matrix(folder)
    except InputError as error:
        said = str(error)
        assert dialect["lost"] is not None
        assert "\n" not in said
    else:
        assert dialect["lost"] is None
        assert found.to_numpy().tolist() == counts
        assert (found.index.tolist(), found.columns.tolist()) == (barcodes, names)
