"""AnnData of other programs gives the section of its own format, or one line says why not."""

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from PIL import Image
from scverse_files import assert_same, scverse
from st_files import Section
from visium_files import Visium

from stnet.cohorts.scverse import section_of

WINDOW = {"require_label": False, "spot_window": 40}


def visium(folder) -> Visium:
    """A section with Space Ranger's pictures, as scanpy needs them."""
    made = Visium(folder).files()
    spatial = Path(made.row["spots"])
    factors = json.loads((spatial / "scalefactors_json.json").read_text())
    factors["tissue_lowres_scalef"] = 0.05
    (spatial / "scalefactors_json.json").write_text(json.dumps(factors))
    with Image.open(made.row["image"]) as image:
        for name, factor in (("hires", 10), ("lowres", 20)):
            image.reduce(factor).save(spatial / f"tissue_{name}_image.png")
    with h5py.File(made.row["counts"], "a") as file:
        file.attrs["library_ids"] = np.array([b"V-1"])
    return made


@pytest.fixture
def own(tmp_path):
    """A Visium section, what its own format gives, and scanpy's AnnData of it."""
    made = visium(tmp_path)
    with pytest.warns(FutureWarning, match="squidpy"):
        read = sc.read_visium(tmp_path, count_file="matrix.h5")
    return made, made.write()[0], read


def as_anndata(made, content):
    """The same section, in the format `anndata`."""
    path = made.folder / "section.h5ad"
    content.write_h5ad(path)
    made.row |= {"format": "anndata", "counts": str(path), "spots": "", "labels": ""}
    return made


def test_what_scanpy_read_is_the_section(own):
    made, expected, read = own
    found, drops = as_anndata(made, read).write()
    assert_same(found, expected)
    assert drops["positions"] == drops["kept"] == 38
    factors = [s.uns["spatial"]["V-1_A"]["scalefactors"] for s in (found, expected)]
    assert factors[0] == factors[1]


def test_the_picture_is_that_of_the_file(own):
    made, _, read = own
    assert read.uns["spatial"]["V-1"]["images"]["hires"].dtype == np.float32  # from 0 to 1
    with Image.open(Path(made.row["spots"]) / "tissue_hires_image.png") as picture:
        np.testing.assert_array_equal(section_of(read, "").image_facts.picture, picture)


@pytest.mark.parametrize("layout", ["visium", "st-v5", "her2st"])
def test_our_own_sections_are_read_again(tmp_path, layout):
    made = visium(tmp_path) if layout == "visium" else Section(tmp_path, layout).files()
    options = {} if layout == "visium" else WINDOW
    expected, _ = made.write(**options)
    found, drops = as_anndata(made, expected).write(**options)
    assert_same(found, expected)
    assert drops["kept"] == expected.n_obs


def test_an_st_section_may_lack_array_positions_and_image(tmp_path):
    made = Section(tmp_path).files()
    expected, _ = made.write(**WINDOW)
    content = scverse(made.spots, made.counts, made.row["image"], diameter=20)
    content.obs = content.obs[[]]
    assert_same(as_anndata(made, content).write(**WINDOW)[0], expected)
    content.uns["spatial"]["is_single"] = True  # CELLxGENE
    assert_same(as_anndata(made, content).write(**WINDOW)[0], expected)
    del content.uns["spatial"]
    assert_same(as_anndata(made, content).write(**WINDOW)[0], expected)
    made.row["image"] = ""
    assert made.write(**WINDOW)[0].n_obs == len(made.spots)


def dense(content):
    content.X = content.X.toarray().astype(np.int64)


def wide(content):
    matrix = content.X.astype(np.float64)
    matrix.indices, matrix.indptr = matrix.indices.astype("i8"), matrix.indptr.astype("i8")
    content.X = matrix


def ids_first(content):
    content.var["gene_name"] = content.var_names
    content.var_names = content.var.pop("gene_ids")


def normalised(content):
    content.layers["counts"] = content.X.copy()
    content.X = np.log1p(content.X.toarray())


def raw(content):
    content.raw = content.copy()
    content.X = content.X * 0.5


def chosen(content):
    whole = content.copy()
    content._inplace_subset_var([0, 1])
    content.raw = whole


def with_antibody(content):
    """The last gene comes from an antibody."""
    content.var["feature_types"] = ["Gene Expression"] * 5 + ["Antibody Capture"]


def of_cellxgene(content):
    """As CELLxGENE describes genes."""
    content.var["feature_name"], content.var["feature_type"] = content.var_names, "protein_coding"
    content.var = content.var.drop(columns="feature_types").set_index("gene_ids")


FORMS = {
    "CELLxGENE": of_cellxgene,
    "dense": dense,
    "by columns": lambda content: setattr(content, "X", content.X.tocsc()),
    "int64 indices": wide,
    "ids first": ids_first,
    "normalised": normalised,
    "raw": raw,
    "chosen genes": chosen,
    "an antibody": with_antibody,
    "other order": lambda content: content._inplace_subset_obs(content.obs_names[::-1]),
}


@pytest.mark.parametrize("form", list(FORMS))
def test_forms_of_the_same_counts(own, form, caplog):
    made, expected, read = own
    read.var_names_make_unique()
    FORMS[form](read)
    found, _ = as_anndata(made, read).write()
    found.var["symbol"] = found.var["symbol"].astype(str).replace("TWIN-1", "TWIN")
    if form == "an antibody":
        expected = expected[:, :5].copy()
        expected.obs["total_counts"] = expected.X.sum(axis=1).A1
    assert_same(found, expected)
    said = {"normalised": "of layers['counts']", "raw": "of raw", "chosen genes": "of raw"}
    said["an antibody"] = "1 features left out that are not genes"
    assert said.get(form, "section V-1_A") in caplog.text


def word(flag: int) -> str:
    """As R and Python write it."""
    return ("FALSE", "True")[flag]


@pytest.mark.parametrize("form", [bool, float, str, word])
@pytest.mark.parametrize("kind", [object, "category"])
def test_forms_of_the_flag_of_the_tissue(own, form, kind):
    made, expected, read = own
    lost = read.obs_names[[0, 7]]
    flags = [form(int(name not in lost)) for name in read.obs_names]
    read.obs["in_tissue"] = pd.Series(flags, read.obs_names).astype(kind).infer_objects()
    found, drops = as_anndata(made, read).write()
    assert drops["unselected"] == 2
    assert set(expected.obs_names) - set(found.obs_names) == set(lost)


def test_a_file_of_an_old_version_with_fixed_text(tmp_path):
    """The layout of anndata 0.7: categories apart from their codes, no encoding of the file."""
    made = Section(tmp_path).files()
    expected, _ = made.write(**WINDOW)
    content = scverse(made.spots, made.counts)
    path = tmp_path / "old.h5ad"
    with h5py.File(path, "w") as file:
        matrix = file.create_group("X")
        matrix.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0"})
        matrix.attrs["shape"] = content.shape
        for part in ("data", "indices", "indptr"):
            matrix[part] = getattr(content.X, part)
        for axis, names in (("obs", content.obs_names), ("var", content.var_names)):
            group = file.create_group(axis)
            group.attrs.update({"encoding-type": "dataframe", "encoding-version": "0.1.0"})
            group.attrs.update({"_index": "_index", "column-order": []})
            group["_index"] = names.to_numpy(dtype="S")
        file["obs"].attrs["column-order"] = ["in_tissue", "array_row", "array_col"]
        for name in ("array_row", "array_col"):
            file[f"obs/{name}"] = content.obs[name].to_numpy()
        file["obs/__categories/in_tissue"] = np.array([b"no", b"True"])
        file["obs/in_tissue"] = np.ones(content.n_obs, dtype=np.int8)
        file["obs/in_tissue"].attrs["categories"] = file["obs/__categories/in_tissue"].ref
        file["obsm/spatial"] = content.obsm["spatial"]
    made.row |= {"format": "anndata", "counts": str(path), "spots": "", "labels": ""}
    assert_same(made.write(**WINDOW)[0], expected)


def of_obs(**columns):
    def change(content):
        for name, values in columns.items():
            content.obs[name] = values(content.obs[name]) if callable(values) else values

    return change


def spatial(values):
    return lambda content: content.obsm.update(spatial=values(content.obsm["spatial"]))


def counts(change):
    def changed(content):
        content.X = change(content.X.toarray())

    return changed


def first(values, value):
    values = values.copy()
    values.flat[0] = value
    return values


def library(content) -> dict:
    return content.uns["spatial"]["library"]


def twice(content):
    content.uns["spatial"]["other"] = library(content)


def with_layer(content):
    content.layers["counts"] = content.X + content.X


def with_pixels(content):
    content.obs["pxl_col_in_fullres"], content.obs["pxl_row_in_fullres"] = content.obsm["spatial"][
        ::-1
    ].T


def names(axis, change):
    def changed(content):
        setattr(content, axis, change(getattr(content, axis).to_list()))

    return changed


@pytest.mark.filterwarnings("ignore:Observation names", "ignore:Variable names")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (names("obs_names", lambda n: [n[1], *n[1:]]), "spot 3x3 is repeated"),
        (
            names("obs_names", lambda n: [f"s_008um_00001_{at:05d}-1" for at in range(len(n))]),
            "barcode s_008um_00001_00000-1 is from Visium HD, whose bins are not spots",
        ),
        (names("var_names", lambda n: [n[1], *n[1:]]), "gene 'ENSG00000000005.2' is repeated"),
        (names("var_names", lambda n: ["", *n[1:]]), "1 genes have no id, the first is feature 1"),
        (lambda c: c.var.insert(0, "genome", list("aabb")), "genes of several genomes (a, b)"),
        (lambda c: c.obsm.clear(), "has no obsm['spatial']"),
        (spatial(lambda p: np.column_stack([p, p])), "obsm['spatial'] is no table of two"),
        (spatial(lambda p: first(p, np.nan)), "spot 2x3, column obsm['spatial'] x: 'nan'"),
        (spatial(lambda p: first(p, 1e9)), "is too large"),
        (of_obs(array_row=lambda v: v + 0.5), "spot 2x3, column array_row: 3.5 is not an array"),
        (of_obs(array_col=2, array_row=3), "spot 3x3: spot 2x3 is also on spot 2x3"),
        (of_obs(in_tissue=2), "spot 2x3, column in_tissue: '2' is not 0 or 1"),
        (of_obs(in_tissue=np.nan), "column in_tissue: 'nan' is not 0 or 1"),
        (of_obs(in_tissue=0), "no usable spot: of 48 positions in"),
        (of_obs(library_id=["a"] + ["b"] * 47), "has 2 sections (a, b)"),
        (twice, "has 2 sections (library, other)"),
        (counts(lambda x: first(x, -1)), "neither X, layers['counts'] nor raw has counts"),
        (counts(lambda x: first(x, 0.5)), "neither X, layers['counts'] nor raw has counts"),
        (counts(lambda x: first(x, np.nan)), "neither X, layers['counts'] nor raw has counts"),
        (
            lambda c: setattr(c, "X", c.X.toarray().astype(np.float16)),
            "float16, which rounds those above 2048",
        ),
        (counts(lambda x: x * 1e9), "neither X, layers['counts'] nor raw has counts"),
        (with_layer, "X and layers['counts'] both have whole numbers, which differ"),
        (with_pixels, "obsm['spatial'] and obs['pxl_col_in_fullres'], obs['pxl_row_in_fullres']"),
        (
            lambda c: library(c)["images"].update(hires=np.zeros((2, 2, 2, 2))),
            "hires in uns['spatial'] is",
        ),
        (lambda c: library(c)["scalefactors"].update(tissue_hires_scalef=0.0), "hires_scalef is"),
        (lambda c: library(c)["scalefactors"].update(tissue_hires_scalef=0.5), "540 x 700 px by"),
        (lambda c: library(c)["metadata"].update(um_per_px=9.0), "9 µm per pixel by uns['spat"),
    ],
)
def test_what_is_refused(tmp_path, change, message):
    made = Section(tmp_path).files()
    content = scverse(made.spots, made.counts, made.row["image"])
    change(content)
    error = as_anndata(made, content).refused(**WINDOW)
    assert message in error
    assert "section.h5ad" in error or "P-1_C1" in error


def test_barcodes_need_array_positions(own):
    made, _, read = own
    shutil.rmtree(made.folder / "out")
    read.obs = read.obs[["in_tissue", "array_row"]]
    assert "has no obs['array_col']" in as_anndata(made, read).refused()


def cut(path):
    path.write_bytes(path.read_bytes()[:3000])


def of_space_ranger(path):
    shutil.copy(path.with_name("matrix.h5"), path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (cut, "damaged, or not an AnnData file"),
        (lambda path: path.write_text("barcode,x"), "damaged, or not an AnnData file"),
        (lambda path: path.unlink(), "no such file"),
        (of_space_ranger, "section.h5ad: "),
    ],
)
def test_what_is_no_anndata_is_refused(own, change, message):
    made, _, read = own
    shutil.rmtree(made.folder / "out")
    as_anndata(made, read)
    change(Path(made.row["counts"]))
    assert message in made.refused()
