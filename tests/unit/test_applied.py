"""A trained model applied to slides, which are at hand only for that, and to Visium sections."""

import errno
import hashlib
from contextlib import nullcontext
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import tifffile
from models import load_model_file, write_toy_model
from openslide import OpenSlide
from PIL import Image
from scipy import sparse

from stnet.cohorts.section import write_section
from stnet.config.tiles import Cut
from stnet.core.errors import InputError, SystemFailure
from stnet.core.h5ad import write_h5ad
from stnet.core.hashing import file_sha256
from stnet.expression.spatial import picture_of
from stnet.inference.model import Model
from stnet.inference.sections import predict_section
from stnet.inference.slides import predict_slide
from stnet.inference.summary import write_summary
from stnet.networks.image_encoder import Encoder
from stnet.simulation.cohort import write_genes
from stnet.simulation.visium import write_visium
from stnet.slides.scale import Configured
from stnet.slides.windows import fit_side, input_window, windows
from stnet.sources import slide as fetch
from stnet.sources.slide import slide_at_hand

CMU = Path(__file__).parents[3] / "shared/data/wsi/cmu-1-small-region.svs"
ABOUT = {"patient": "P", "sample": "P-01A", "slide": "P-01A-TS1"}
CUT = Cut(side=64, magnification=20, background=220, most_background=0.5, scale="pixels")


@pytest.fixture(scope="module")
def model(toy, tmp_path_factory):
    return load_model_file(write_toy_model(toy, tmp_path_factory.mktemp("model"), ["all"]))


@pytest.fixture(params=["png", "tif", "jpg"])
def slide(tmp_path, request):
    """A slide of 200 x 130 px that OpenSlide does not read, whose right half is glass."""
    pixels = np.random.default_rng(3).integers(60, 200, (130, 200, 3), dtype=np.uint8)
    # As in H&E, green is the darkest channel.
    pixels[..., 1] -= 40
    pixels[:, 100:] = 245
    path = tmp_path / f"slide.{request.param}"
    Image.fromarray(pixels).save(path)
    return path, np.asarray(Image.open(path))


def predicted(model, slide, folder, cut=CUT, um_per_px=0.5, encoder=None, must_read=True, md5=""):
    predict_slide(
        slide,
        model,
        folder / "tiles.h5ad",
        about={**ABOUT, "md5": md5},
        cut=cut,
        configured=Configured(um_per_px),
        encoder=encoder,
        must_read=must_read,
    )
    return ad.read_h5ad(folder / "tiles.h5ad")


def warnings_of(predictions):
    """The warnings that the summary of predictions has."""
    write_summary(predictions, predictions.with_suffix(".tsv"))
    table = pd.read_csv(predictions.with_suffix(".tsv"), sep="\t").set_index("quantity")["value"]
    said = table[table.index == "warning"]
    return said[~said.str.contains("unlike every|another scale")].tolist()


def test_tiles_with_tissue_are_predicted_as_they_are(model, slide, tmp_path):
    path, pixels = slide
    tiles = predicted(model, path, tmp_path)
    # Of three by two whole windows: tissue, tissue over 36 of 64 columns, glass.
    assert tiles.obs[["x", "y", "size"]].values.tolist() == [
        [0, 0, 64],
        [64, 0, 64],
        [0, 64, 64],
        [64, 64, 64],
    ]
    if slide[0].suffix != ".jpg":
        assert tiles.obs["tissue"].tolist() == [1.0, 36 / 64, 1.0, 36 / 64]
    np.testing.assert_array_equal(tiles.obsm["spatial"][1], [96, 32])
    patches = np.stack([pixels[y : y + 64, x : x + 64] for y in (0, 64) for x in (0, 64)])
    np.testing.assert_allclose(tiles.X, model.apply(patches).predicted, rtol=1e-5, atol=1e-6)
    assert tiles.uns["slide"]["magnification_from"] == "configured"
    assert (tiles.uns["tiling"]["candidates"], tiles.uns["tiling"]["kept"]) == (6, 4)
    assert tiles.uns["provenance"]["model"] == "all"
    assert tiles.uns["training_distance"]["um_per_px"] == 1
    assert tiles.uns["refused"] == ""
    picture, downsample = picture_of(tiles.uns["spatial"]["P-01A-TS1"])
    assert (picture.size, downsample) == ((200, 130), 1)
    assert tiles.uns["spatial"]["P-01A-TS1"]["scalefactors"]["spot_diameter_fullres"] == 64
    assert tiles.uns["provenance"]["code"] == "0"


@pytest.mark.skipif(not CMU.is_file(), reason=f"no {CMU}")
@pytest.mark.parametrize("side", [512, 224])
def test_tiles_of_a_real_slide_are_those_of_plain_arithmetic(model, tmp_path, side):
    cut = Cut(side=side, scale="pixels")
    tiles = predicted(model, CMU, tmp_path, cut, um_per_px=None)
    with OpenSlide(CMU) as opened:
        width, height = opened.dimensions
        whole = np.asarray(opened.read_region((0, 0), 0, (width, height)).convert("RGB"))
    kept = [
        (x, y)
        for y in range(0, height - side + 1, side)
        for x in range(0, width - side + 1, side)
        if (whole[y : y + side, x : x + side].mean(axis=2) > 220).mean() <= 0.5
    ]
    assert kept
    assert tiles.obs[["x", "y"]].values.tolist() == list(map(list, kept))
    assert tiles.uns["slide"]["um_per_px"] == 0.499
    assert tiles.uns["slide"]["magnification_from"] == "mpp"
    patches = np.stack([whole[y : y + side, x : x + side] for x, y in kept[-2:]])
    np.testing.assert_allclose(tiles.X[-2:], model.apply(patches).predicted, rtol=1e-4, atol=1e-5)


def test_windows_of_micrometres_are_as_wide_as_the_training_windows(model, slide, tmp_path):
    path, pixels = slide
    # Training: 32 px of 0.5 µm, 16 µm; this slide has 0.25 µm, and is worked at with 0.25.
    cut = Cut(side=64, magnification=40, scale="micrometres")
    tiles = predicted(model, path, tmp_path, cut, um_per_px=0.25)
    assert set(tiles.obs["size"]) == {64}
    first = np.asarray(Image.fromarray(pixels[:64, :64]).reduce(2))[None]
    np.testing.assert_allclose(tiles.X[:1], model.apply(first).predicted, rtol=1e-5, atol=1e-6)
    assert tiles.uns["training_distance"]["um_per_px"] == 1


def test_unscaled_pixels_of_another_size_are_flagged(model, slide, tmp_path):
    cut = Cut(side=64, magnification=40, scale="pixels")
    tiles = predicted(model, slide[0], tmp_path, cut, um_per_px=0.25)
    assert tiles.uns["training_distance"]["um_per_px"] == 0.5
    assert "um_per_px" in tiles.uns["flags"]
    write_summary(tmp_path / "tiles.h5ad", tmp_path / "summary.tsv")
    table = pd.read_csv(tmp_path / "summary.tsv", sep="\t")
    assert "another scale" in " ".join(table.loc[table["quantity"] == "warning", "value"])


def test_features_are_the_mean_over_tiles_of_the_encoders(model, slide, tmp_path):
    path, pixels = slide
    options = {"growth_rate": 4, "block_config": [1, 1], "num_init_features": 8}
    engine = model.card["engine"]["cpu"]
    encoder = Encoder("torchvision", "densenet", options, None, engine=engine, device="cpu")
    tiles = predicted(model, path, tmp_path, encoder=encoder)
    patches = np.stack([pixels[y : y + 64, x : x + 64] for y in (0, 64) for x in (0, 64)])
    expected = encoder.features(patches, 2).mean(axis=0)
    np.testing.assert_allclose(tiles.uns["features"], expected, rtol=1e-4, atol=1e-6)
    assert tiles.uns["provenance"]["encoder"] == "random"


@pytest.mark.parametrize("content", [b"no slide", b""])
def test_a_slide_that_cannot_be_read_is_refused_by_name_or_written_without_tiles(
    model, tmp_path, content, caplog
):
    path = tmp_path / "broken.svs"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"broken\.svs"):
        predicted(model, path, tmp_path)
    assert not (tmp_path / "tiles.h5ad").exists()
    tiles = predicted(model, path, tmp_path, must_read=False)
    assert tiles.shape == (0, 5)
    assert tiles.uns["refused"] == (
        "not a slide, TIFF, JPEG, PNG, JPEG 2000, BMP, GIF or WebP; convert it to TIFF, or fetch it"
        " again if it is one"
    )
    assert "P-01A-TS1: refused" in caplog.text


def test_windows_of_micrometres_need_only_the_resolution_of_training(model, slide, tmp_path):
    # x20 to work at; the slide has x17, the training images x20 in this toy: within 15 %.
    assert predicted(model, slide[0], tmp_path, um_per_px=0.58).n_obs
    coarse = Cut(side=64, magnification=40, scale="micrometres")
    tiles = predicted(model, slide[0], tmp_path, coarse, um_per_px=0.5)
    assert set(tiles.obs["size"]) == {32}
    with pytest.raises(InputError, match="less than the x40"):
        predicted(
            model, slide[0], tmp_path, Cut(side=64, magnification=40, scale="pixels"), um_per_px=0.5
        )


def test_images_with_hardly_any_tile_or_pixel_are_told_so(model, slide, tmp_path):
    with pytest.raises(InputError) as no:
        predicted(model, slide[0], tmp_path, CUT.model_copy(update={"side": 136}))
    assert str(no.value) == (
        f"{slide[0]}: 200 x 130 px, smaller than a tile of 136 px (68 µm at 0.5 µm per pixel, taken"
        " from: configured); give the image at full resolution, or correct predict.um_per_px"
    )
    # 2 x 1 tiles of 100 px.
    predicted(model, slide[0], tmp_path, CUT.model_copy(update={"side": 100}))
    few = "only 2 tiles fit the image of 200 x 130 px; check its scale, 0.5 µm per pixel"
    assert warnings_of(tmp_path / "tiles.h5ad") == [few]
    # Training: 32 px of 0.5 µm; 16 µm of this slide are 20 px.
    cut = Cut(magnification=12.5, scale="micrometres")
    predicted(model, slide[0], tmp_path, cut, um_per_px=0.8)
    [said] = warnings_of(tmp_path / "tiles.h5ad")
    assert "enlarged 1.6 times" in said


def test_a_slide_of_unknown_scale_is_refused(model, slide, tmp_path):
    with pytest.raises(InputError, match=r"set predict\.um_per_px"):
        predicted(model, slide[0], tmp_path, um_per_px=None)


def test_the_advice_is_of_the_part_of_the_configuration_that_the_slide_is_in(
    model, slide, tmp_path
):
    def refused(um_per_px, **cut):
        with pytest.raises(InputError) as no:
            predict_slide(
                slide[0],
                model,
                tmp_path / "tiles.h5ad",
                about=ABOUT,
                cut=Cut(scale="pixels", **cut),
                configured=Configured(um_per_px, key="external.tcga"),
                encoder=None,
                must_read=True,
            )
        return str(no.value)

    assert refused(None).endswith("set external.tcga.um_per_px")
    assert refused(1.0).endswith(
        "lower external.tcga.tiles.magnification to 10, or correct um_per_px"
    )


def test_overlapping_tiles_are_predicted_and_their_step_is_written(model, slide, tmp_path):
    cut = Cut(side=64, scale="pixels", overlap=0.5)
    tiles = predicted(model, slide[0], tmp_path, cut)
    assert tiles.uns["tiling"]["step"] == 32
    assert (tiles.uns["tiling"]["candidates"], tiles.n_obs) == (15, 9)
    assert sorted(set(tiles.obs["x"])) == [0, 32, 64]
    write_summary(tmp_path / "tiles.h5ad", tmp_path / "summary.tsv")
    table = pd.read_csv(tmp_path / "summary.tsv", sep="\t").set_index("quantity")["value"]
    said = "9 of 15 tiles, the rest mostly glass; tiles overlap by 50%"
    n_abstained = tiles.obs["abstained"].sum()
    assert n_abstained == (tiles.obs["ood_score"] > 1).sum()
    assert table["predicted"] == said + (f"; {n_abstained} abstained from" if n_abstained else "")


def test_ranges_of_tiles_are_shares_of_those_in_training(model, slide, tmp_path, toy):
    tiles = predicted(model, slide[0], tmp_path)
    measured = ad.read_h5ad(toy[1][1]).X
    low, high = np.percentile(np.asarray(tiles.X, float), [2, 98], axis=0)
    trained = np.subtract(*np.percentile(measured, [98, 2], axis=0))
    np.testing.assert_allclose(tiles.var["range_share"], (high - low) / trained, rtol=1e-5)
    few = tiles.var["range_share"] < 0.05
    write_summary(tmp_path / "tiles.h5ad", tmp_path / "summary.tsv")
    table = pd.read_csv(tmp_path / "summary.tsv", sep="\t").set_index("quantity")["value"]
    assert int(table["consistent_hardly_varying"]) == (few & tiles.var["consistent"]).sum()


def test_a_slide_of_glass_has_no_tiles(model, tmp_path):
    Image.new("RGB", (200, 130), (240, 240, 240)).save(tmp_path / "glass.png")
    tiles = predicted(model, tmp_path / "glass.png", tmp_path)
    assert tiles.n_obs == 0
    assert tiles.uns["refused"] == ""


def test_transparent_glass_is_glass_on_slides_of_either_reader(model, slide, tmp_path):
    """Black where it is transparent, as scanners and editors leave it."""
    _, pixels = slide
    alpha = np.full((*pixels.shape[:2], 1), 255, dtype=np.uint8)
    alpha[:, 100:] = 0
    clear = np.concatenate([pixels * (alpha > 0), alpha], axis=2)
    tifffile.imwrite(tmp_path / "a.tif", clear, tile=(64, 64), photometric="rgb")
    Image.fromarray(clear).save(tmp_path / "b.png")
    glass = np.where(alpha, pixels, 255).astype(np.uint8)
    Image.fromarray(glass).save(tmp_path / "c.png")
    found = [predicted(model, tmp_path / name, tmp_path) for name in ("a.tif", "b.png", "c.png")]
    for tiles in found:
        assert tiles.n_obs == 4
        assert tiles.obs["tissue"].tolist() == [1.0, 36 / 64, 1.0, 36 / 64]
        np.testing.assert_allclose(tiles.X, found[2].X, rtol=1e-5, atol=1e-6)


def test_blank_tiles_are_counted_and_warned_of(model, slide, tmp_path, caplog):
    path, pixels = slide
    assert [*predicted(model, path, tmp_path).uns["blank_patches"].values()] == [0] * 4
    assert "no stained tissue" not in caplog.text
    grey = pixels.copy()
    grey[:64] = grey[:64, :, :1]
    grey[64:128, :64] = 0
    Image.fromarray(grey).save(tmp_path / "grey.png")
    tiles = predicted(model, tmp_path / "grey.png", tmp_path)
    assert tiles.uns["blank_patches"] == {"black": 1, "white": 0, "flat": 0, "grey": 2}
    said = "3 of 4 patches show no stained tissue (1 black, 2 grey); look at the image"
    assert f"P-01A-TS1: {said}" in caplog.text
    write_summary(tmp_path / "tiles.h5ad", tmp_path / "summary.tsv")
    table = pd.read_csv(tmp_path / "summary.tsv", sep="\t")
    assert said in table.loc[table["quantity"] == "warning", "value"].tolist()


def test_the_users_scale_overrides_the_slides_own(model, slide, tmp_path, caplog):
    _, pixels = slide
    keys = {"tile": (64, 64), "photometric": "rgb", "metadata": None}
    says = "Aperio Image Library\r\n200x130|MPP = 0.25"
    tifffile.imwrite(tmp_path / "a.svs", pixels, description=says, **keys)
    about = {"about": ABOUT, "cut": CUT, "encoder": None, "must_read": True}
    configured = Configured(0.5, overrides=True)
    output = tmp_path / "tiles.h5ad"
    predict_slide(tmp_path / "a.svs", model, output, configured=configured, **about)
    tiles = ad.read_h5ad(output)
    assert tiles.uns["slide"]["um_per_px"] == 0.5
    assert set(tiles.obs["size"]) == {64}
    said = (
        "um_per_px is set to 0.5, 2 times the image's own 0.25; take it out if the image is right"
    )
    assert f"P-01A-TS1: {said}" in caplog.text
    assert warnings_of(output) == [said]
    assert set(predicted(model, tmp_path / "a.svs", tmp_path).obs["size"]) == {128}


@pytest.fixture(scope="module")
def section(tmp_path_factory):
    """A simulated Visium section of the contract, with its gene table."""
    folder = tmp_path_factory.mktemp("visium")
    write_genes(folder / "truth.tsv", folder / "genes.tsv", seed=1)
    names = {"section": "V_1", "patient": "V"}
    files = [folder / "image.jpg", folder / "counts.h5", folder / "spatial"]
    write_visium(*files, **names, seed=1, version=2)
    row = dict(zip(("image", "counts", "spots"), map(str, files), strict=True))
    row |= {**names, "format": "visium", "labels": "", "grid": "hexagonal"}
    write_section(
        {**row, "um_per_px": "", "pixel_scale": ""},
        folder / "V_1.h5ad",
        folder / "drops.tsv",
        label_classes={"tumour": [], "normal": []},
        require_label=False,
        spot_window=128,
        spot_pitch_um=100,
        genes=folder / "genes.tsv",
    )
    return folder


@pytest.fixture
def visium_model(model, section):
    """The toy model, its genes called like some of the section's and one like none."""
    truth = pd.read_csv(section / "truth.tsv", sep="\t").set_index("symbol")["gene"]
    named = [truth["TUMOUR1"], truth["CONTROL5"], truth["IMMUNE1"], "ENSG9", truth["STROMA1"]]
    renamed = object.__new__(Model)
    renamed.__dict__ |= model.__dict__
    genes = model.genes.set_axis(pd.Index(named, name="gene"))
    renamed.genes = genes.assign(symbol="", ensembl=named)
    return renamed


def applied(model, section, folder, scale="micrometres"):
    keys = {"scale": scale, "genes": section / "genes.tsv"}
    files = (folder / "predictions.h5ad", folder / "alignment.tsv")
    predict_section(section / "V_1.h5ad", model, *files, **keys)
    return ad.read_h5ad(files[0])


def test_a_section_is_predicted_at_the_scale_of_training(visium_model, section, tmp_path):
    spots = applied(visium_model, section, tmp_path)
    measured = ad.read_h5ad(section / "V_1.h5ad")
    measured = measured[measured.obs["margin"] >= 64]
    assert spots.obs_names.tolist() == [f"V_1:{name}" for name in measured.obs_names]
    assert warnings_of(tmp_path / "predictions.h5ad") == [
        "the image has too few pixels: it is enlarged 1.3 times to the scale of the training"
        " images, without their detail"
    ]
    # Training patches: 32 px of 0.5 µm; the section has 0.667 µm a pixel: 24 px.
    assert (spots.uns["provenance"]["window"], spots.uns["provenance"]["side"]) == (24, 32)
    image = np.asarray(Image.open(section / "image.jpg"))
    x, y = measured.obsm["spatial"][7].astype(int) - 12
    patch = Image.fromarray(image[y : y + 24, x : x + 24]).resize((32, 32), 2)
    expected = visium_model.apply(np.asarray(patch)[None]).predicted
    np.testing.assert_allclose(spots.X[7:8], expected, rtol=1e-4, atol=1e-5)


def test_blank_patches_of_a_section_are_counted_and_warned_of(
    visium_model, section, tmp_path, caplog
):
    blank = applied(visium_model, section, tmp_path).uns["provenance"]["blank_patches"]
    assert [*blank.values()] == [0] * 4
    assert "no stained tissue" not in caplog.text
    grey = ad.read_h5ad(section / "V_1.h5ad")
    Image.open(section / "image.jpg").convert("L").save(tmp_path / "grey.png")
    grey.uns["slide"]["path"] = str(tmp_path / "grey.png")
    grey.uns["slide"]["sha256"] = file_sha256(tmp_path / "grey.png")
    write_h5ad(grey, tmp_path / "V_1.h5ad")
    files = (tmp_path / "predictions.h5ad", tmp_path / "alignment.tsv")
    keys = {"scale": "pixels", "genes": section / "genes.tsv"}
    predict_section(tmp_path / "V_1.h5ad", visium_model, *files, **keys)
    spots = ad.read_h5ad(files[0])
    assert spots.uns["provenance"]["blank_patches"]["grey"] == spots.n_obs
    assert f"V_1: {spots.n_obs} of {spots.n_obs} patches show no stained tissue" in caplog.text


def test_a_section_is_measured_with_its_own_genes_as_pseudo_counts(visium_model, section, tmp_path):
    spots = applied(visium_model, section, tmp_path, scale="pixels")
    measured = ad.read_h5ad(section / "V_1.h5ad")
    measured = measured[measured.obs["margin"] >= 64]
    gene = visium_model.genes.index[0]
    counts = sparse.csr_matrix(measured.X)[:, measured.var_names.get_loc(gene)].toarray().ravel()
    expected = np.log((1 + counts) / (measured.n_vars + measured.obs["total_counts"]))
    np.testing.assert_allclose(spots.layers["observed"][:, 0], expected, rtol=1e-5)
    # A gene that is not measured is missing.
    assert np.isnan(spots.layers["observed"][:, 3]).all()
    r = [np.corrcoef(spots.X[:, i], spots.layers["observed"][:, i])[0, 1] for i in (0, 1, 2, 4)]
    np.testing.assert_allclose(spots.var["pearson"].iloc[[0, 1, 2, 4]], r, rtol=1e-4)
    assert np.isnan(spots.var["pearson"].iloc[3])
    write_summary(tmp_path / "predictions.h5ad", tmp_path / "summary.tsv")
    table = pd.read_csv(tmp_path / "summary.tsv", sep="\t").set_index("quantity")["value"]
    n_abstained = spots.obs["abstained"].sum()
    assert n_abstained == (spots.obs["ood_score"] > 1).sum() > 0
    assert table["predicted"] == f"{spots.n_obs} spots; {n_abstained} abstained from"
    assert table["measured_genes"] == "4"
    assert float(table["mean_r"]) == pytest.approx(np.mean(r), rel=0.01, abs=1e-3)
    trusted = spots.var["consistent"].to_numpy()[[0, 1, 2, 4]]
    assert float(table["mean_r_consistent"]) == pytest.approx(np.mean(np.array(r)[trusted]), 0.01)
    assert spots.uns["provenance"]["universe"] == measured.n_vars
    alignment = pd.read_csv(tmp_path / "alignment.tsv", sep="\t", keep_default_na=False)
    assert alignment["by"].tolist()[3] == ""
    assert spots.uns["provenance"]["window"] == 32


def test_a_section_that_measures_no_gene_of_the_model_is_refused(model, section, tmp_path):
    with pytest.raises(InputError, match="measures none of the model's genes"):
        applied(model, section, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("scale", "um_per_px", "expected"),
    [
        ("pixels", 0.3, (448, 224)),
        ("micrometres", 0.3, (round(224 * 1.4 / 0.3), 224)),
        ("micrometres", 1.4, (224, 224)),
    ],
)
def test_windows_of_pixels_or_micrometres(scale, um_per_px, expected):
    keys = {"window": 448, "downsampling": 2, "trained_um_per_px": 1.4, "um_per_px": um_per_px}
    assert input_window(scale, **keys) == expected


def test_windows_come_from_the_top_down_black_off_the_image():
    class Plain:
        pixels = np.arange(20 * 20 * 3, dtype=np.uint32).reshape(20, 20, 3).astype(np.uint8)

        def read(self, left, top, width, height):
            padded = np.pad(self.pixels, ((10, 10), (10, 10), (0, 0)))
            return padded[top + 10 : top + 10 + height, left + 10 : left + 10 + width]

    centres = np.array([[10, 15], [2, 1], [18, 9]])
    parts = list(windows(Plain(), centres, 8, 4, batch=2))
    assert [rows.tolist() for rows, _ in parts] == [[1, 2], [0]]
    whole = Plain().read(-2, -3, 8, 8)
    np.testing.assert_array_equal(parts[0][1][0], fit_side(whole, 4))
    assert (whole[:3] == 0).all()


ROW = {"file": "a.svs", "file_id": "1", "md5": hashlib.md5(b"slide").hexdigest(), "size": "5"}


@pytest.fixture
def remote(monkeypatch):
    """Downloads that write a slide, and are counted."""
    asked = []

    def download_file(host, file_id, path, *, md5, size):
        asked.append((host, file_id, md5, size))
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(b"slide")

    monkeypatch.setattr(fetch, "download_file", download_file)
    return asked


@pytest.mark.parametrize("ends", [nullcontext(), pytest.raises(RuntimeError)])
def test_a_downloaded_slide_is_deleted_however_its_job_ends(remote, tmp_path, ends):
    with ends, slide_at_hand(ROW, tmp_path / "slides", host="h", mirror=None) as path:
        assert path.read_bytes() == b"slide"
        if not isinstance(ends, nullcontext):
            raise RuntimeError
    assert remote == [("h", "1", ROW["md5"], 5)]
    assert list((tmp_path / "slides").iterdir()) == []


def test_a_download_that_fails_leaves_nothing(monkeypatch, tmp_path):
    def download_file(host, file_id, path, *, md5, size):
        path.parent.mkdir(parents=True)
        path.with_name(f".{path.name}.1234.part").write_bytes(b"sli")
        raise InputError("attempt 8 of 8")

    monkeypatch.setattr(fetch, "download_file", download_file)
    with (
        pytest.raises(InputError, match="attempt 8"),
        slide_at_hand(ROW, tmp_path / "slides", host="h", mirror=None),
    ):
        pass
    assert list((tmp_path / "slides").iterdir()) == []


def test_a_disk_that_goes_away_is_no_damaged_slide(model, slide, tmp_path, monkeypatch):
    def read(self, *place, **keys):
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr(Image.Image, "crop", read)
    with pytest.raises(SystemFailure, match="cannot be read now"):
        predicted(model, slide[0], tmp_path, must_read=False)


def test_the_end_of_one_slide_leaves_the_others(remote, tmp_path):
    eleven = {**ROW, "file": "11.svs", "file_id": "2"}
    with slide_at_hand(eleven, tmp_path / "slides", host="h", mirror=None) as other:
        for row in (ROW | {"file": "1.svs"}, ROW | {"file": "11.svs", "file_id": "3"}):
            with slide_at_hand(row, tmp_path / "slides", host="h", mirror=None):
                pass
        assert other.read_bytes() == b"slide"


def test_only_what_the_slide_itself_is_makes_a_refusal(model, slide, tmp_path, monkeypatch):
    """A lost file, another file and a model that fails end the job; nothing is written."""
    path = tmp_path / "broken.svs"
    for content, md5 in [(None, ""), (b"", "0" * 32), (b"other", ROW["md5"])]:
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(SystemFailure, match=r"broken\.svs: .*; rerun"):
            predicted(model, path, tmp_path, must_read=False, md5=md5)
    path.write_bytes(b"slide")
    assert predicted(model, path, tmp_path, must_read=False, md5=ROW["md5"]).uns["refused"]
    (tmp_path / "tiles.h5ad").unlink()

    def fail(self, patches):
        raise InputError("model: predicts NaN")

    monkeypatch.setattr(Model, "apply", fail)
    with pytest.raises(InputError, match="predicts NaN"):
        predicted(model, slide[0], tmp_path, must_read=False)
    assert not (tmp_path / "tiles.h5ad").exists()


def test_a_slide_of_the_mirror_is_used_and_kept(remote, tmp_path):
    (tmp_path / "a.svs").write_bytes(b"slide")
    with slide_at_hand(ROW, tmp_path / "slides", host="h", mirror=tmp_path) as path:
        assert path == tmp_path / "a.svs"
    assert path.exists()
    assert not remote


def test_another_slide_under_the_same_name_is_refused(remote, tmp_path):
    (tmp_path / "a.svs").write_bytes(b"other")
    with (
        pytest.raises(InputError, match=r"a\.svs: md5 is not"),
        slide_at_hand(ROW, tmp_path / "slides", host="h", mirror=tmp_path),
    ):
        pass


def test_a_mirror_that_is_no_folder_is_refused(tmp_path):
    with (
        pytest.raises(InputError, match="no such folder"),
        slide_at_hand(ROW, tmp_path, host="h", mirror=tmp_path / "none"),
    ):
        pass
