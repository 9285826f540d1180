"""The field's tools open our files: scanpy and squidpy draw a gene over its image in one call."""

import anndata as ad
import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot
from PIL import Image

from stnet.cohorts.section import write_section
from stnet.expression.held_out_job import HeldOutJob
from stnet.expression.predictions import write_predictions
from stnet.expression.spatial import THUMBNAIL
from stnet.expression.targets import section_expression, write_targets
from stnet.simulation.cohort import write_genes
from stnet.simulation.visium import write_visium
from stnet.simulation.write import write_section as simulate

mpl.use("agg")

NAMES = {"st": "BC90001_C1", "visium": "V_1"}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Section files of a simulated ST and of a Visium section, and predictions of both."""
    folder = tmp_path_factory.mktemp("field")
    write_genes(folder / "truth.tsv", folder / "genes.tsv", seed=1)
    paths = {name: str(folder / name) for name in ("image.jpg", "c.tsv", "s.csv", "l.tsv")}
    content = {"all_tumour": False, "controls": False}
    simulate(*paths.values(), section=NAMES["st"], patient="BC90001", seed=1, content=content)
    of_visium = [str(folder / name) for name in ("visium.jpg", "counts.h5", "spatial")]
    write_visium(*of_visium, section="V_1", patient="V", seed=1, version=2)
    rows = {
        "st": {
            **dict(zip(("image", "counts", "spots", "labels"), paths.values(), strict=True)),
            **{"patient": "BC90001", "format": "st-v5", "grid": "square"},
        },
        "visium": {
            **dict(zip(("image", "counts", "spots"), of_visium, strict=True)),
            **{"labels": "", "patient": "V", "format": "visium", "grid": "hexagonal"},
        },
    }
    found = {}
    for name, row in rows.items():
        path = folder / f"{name}.h5ad"
        write_section(
            {**row, "section": NAMES[name], "um_per_px": "", "pixel_scale": ""},
            path,
            folder / f"{name}.drops.tsv",
            label_classes={"tumour": ["tumor"], "normal": ["non"]},
            require_label=False,
            spot_window=128,
            spot_pitch_um={"st": 200, "visium": 100}[name],
            genes=folder / "genes.tsv",
        )
        targets, predictions = folder / f"{name}.targets.h5ad", folder / f"{name}.p.h5ad"
        write_targets([path], targets, genes=3, transform="log_fraction")
        predict(targets, predictions)
        found[name] = path
        found[f"{name} predictions"] = predictions
    return found


def predict(targets, path):
    """Predictions as a job would write them of the held-out sections."""
    measured = ad.read_h5ad(targets)
    job = HeldOutJob("toy", "A", measured.obs["section"].unique(), threads=1, code="0")
    held_out = measured[job.is_held_out(measured)].copy()
    write_predictions(path, held_out, held_out.X + 1, {"experiment": job.experiment})


KINDS = ["st", "visium", "st predictions", "visium predictions"]


@pytest.mark.parametrize("kind", KINDS)
def test_columns_and_parts_are_named_as_the_field_names_them(files, kind):
    table = ad.read_h5ad(files[kind])
    name = NAMES[kind.split()[0]]
    wanted = ["patient", "section", "in_tissue", "array_row", "array_col", "label", "annotation"]
    assert table.obs.columns.tolist() == [*wanted, "total_counts", "margin", "used", "on_tissue"]
    assert table.obs["used"].dtype == bool
    assert set(table.obs["in_tissue"]) == {1}
    assert {"symbol", "ensembl"} <= set(table.var)
    of_section = table.uns["spatial"][name]
    assert set(of_section) == {"images", "scalefactors", "metadata"}
    picture, factors = of_section["images"]["hires"], of_section["scalefactors"]
    with Image.open(of_section["metadata"]["source_image_path"]) as image:
        assert max(picture.shape) == min(max(image.size), THUMBNAIL)
        assert factors["tissue_hires_scalef"] == picture.shape[1] / image.width
    # Every spot lies in the picture.
    places = table.obsm["spatial"] * factors["tissue_hires_scalef"]
    assert (places >= 0).all()
    assert (places < picture.shape[1::-1]).all()
    diameter = {"st": 100, "visium": (55, 65)}[kind.split()[0]]
    um = factors["spot_diameter_fullres"] * of_section["metadata"]["um_per_px"]
    assert np.min(diameter) * 0.98 <= um <= np.max(diameter) * 1.02
    assert table.uns["grid"] == {name: {"st": "square", "visium": "hexagonal"}[kind.split()[0]]}


def test_rows_and_columns_run_as_pixels_do(files):
    """x, pixels to the right, goes with the array's column, y with its row."""
    for kind in KINDS:
        table = ad.read_h5ad(files[kind])
        for axis, name in enumerate(("array_col", "array_row")):
            r = np.corrcoef(table.obsm["spatial"][:, axis], table.obs[name].astype(float))[0, 1]
            assert abs(r) > 0.99, (kind, name)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore")
def test_scanpy_draws_a_gene_over_its_image(files, kind):
    import scanpy as sc

    table = ad.read_h5ad(files[kind])
    (axis,) = sc.pl.spatial(table, color=table.var_names[0], show=False)
    assert_drawn(axis, table)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore")
def test_squidpy_draws_a_gene_over_its_image(files, kind):
    sq = pytest.importorskip("squidpy", reason="squidpy is not installed")
    table = ad.read_h5ad(files[kind])
    axis = sq.pl.spatial_scatter(table, color=table.var_names[0], return_ax=True)
    assert_drawn(axis, table)


def assert_drawn(axis, table):
    (picture,) = axis.images
    hires = next(iter(table.uns["spatial"].values()))["images"]["hires"]
    assert np.array_equal(np.asarray(picture.get_array())[..., :3], hires) or (
        np.asarray(picture.get_array()).shape[:2] == hires.shape[:2]
    )
    # A collection has a path for each spot, or one path and an offset for each.
    drawn = max(max(len(c.get_offsets()), len(c.get_paths())) for c in axis.collections)
    assert drawn == table.n_obs
    pyplot.close("all")


@pytest.mark.filterwarnings("ignore")
def test_log_cp10k_is_the_formula(files):
    """What scanpy computes of a whole section is ln(1 + 10^4 c / sum c)."""
    section = ad.read_h5ad(files["st"])
    genes = [*section.var_names[[5, 2]], "absent"]
    found = section_expression(section, genes, 900, "log_cp10k")
    counts = section[:, genes[:2]].X.toarray()
    expected = np.log1p(1e4 * counts / section.obs["total_counts"].to_numpy()[:, None])
    np.testing.assert_allclose(found[:, :2], expected, rtol=1e-12)
    assert (found[:, 2] == 0).all()


@pytest.mark.filterwarnings("ignore")
def test_our_reader_of_10x_files_agrees_with_scanpys(files):
    import scanpy as sc

    from stnet.cohorts.tenx_matrix import read_matrix

    path = files["visium"].parent / "counts.h5"
    ours, theirs = read_matrix(path)[0], sc.read_10x_h5(path)
    assert ours.spots == theirs.obs_names.tolist()
    assert ours.genes == theirs.var["gene_ids"].tolist()
    assert ours.symbols == theirs.var_names.tolist()
    assert (ours.matrix != theirs.X).nnz == 0


def test_the_pictures_of_other_sections_are_left_out_of_a_groups_targets(files, tmp_path):
    """A file for each held-out group would otherwise hold the cohort's pictures."""
    sections = [files["st"], files["visium"]]
    keys = {"genes": 3, "transform": "log_fraction", "held_out_sections": ["V_1"]}
    write_targets(sections, tmp_path / "t.h5ad", **keys)
    spatial = ad.read_h5ad(tmp_path / "t.h5ad").uns["spatial"]
    assert set(spatial["V_1"]["images"]) == {"hires"}
    assert spatial[NAMES["st"]]["images"] == {}
    assert spatial[NAMES["st"]]["metadata"]["um_per_px"] > 0
