"""Features of real sections, given in the layouts of HEST and TRIDENT, predict as our own do."""

import anndata as ad
import numpy as np
import pytest
from data import needs_her2st
from embedding_files import grid_corners, trident_attributes, write_hest, write_trident
from real_sections import IMAGES, OPTIONS, her2st_row

from stnet.baselines.ridge import predict_ridge
from stnet.cohorts.section import write_section
from stnet.core.errors import InputError
from stnet.expression.held_out_job import HeldOutJob
from stnet.expression.targets import write_targets
from stnet.features.collect import collect_features
from stnet.features.encoded import encode_section
from stnet.features.precomputed import write_precomputed_features
from stnet.slides.patches import write_index, write_patches

NAMES = ["B4", "C2"]
# A small network, so that two sections are encoded in seconds.
ENCODER = {
    "library": "torchvision",
    "architecture": "densenet",
    "options": {"growth_rate": 4, "block_config": [1, 1], "num_init_features": 8},
    **{"mean": None, "sd": None, "weights": None},
}

pytestmark = needs_her2st


@pytest.fixture(scope="module")
def encoded(tmp_path_factory):
    """Sections, targets, and features of our own kind."""
    folder = tmp_path_factory.mktemp("her2st")
    for name in NAMES:
        row = her2st_row(name)
        section = folder / f"{name}.h5ad"
        write_section(row, section, folder / f"{name}.tsv", **OPTIONS)
        write_patches(section, row["image"], folder / f"{name}.npy", view="224x1")
    sections, patches = ([folder / f"{n}.{end}" for n in NAMES] for end in ("h5ad", "npy"))
    write_index(sections, patches, folder / "index.tsv", view="224x1")
    write_targets(sections, folder / "targets.h5ad", genes=250, transform="log_fraction")
    for name, section in zip(NAMES, sections, strict=True):
        encode_section(
            *(section, folder / "index.tsv", folder / f"{name}-encoder.h5ad"),
            **{"view": "224x1", "settings": ENCODER, "device": "cpu", "threads": 2, "code": "0"},
        )
    return folder


def padded(name):
    """The name of a spot as HEST's reader of ST has it."""
    return "x".join(number.zfill(3) for number in name.split(":")[1].split("x"))


def predictions(folder, layout):
    collect_features([folder / f"{n}-{layout}.h5ad" for n in NAMES], folder / "features.h5ad")
    predict_ridge(
        *(folder / "targets.h5ad", folder / "features.h5ad", folder / "predictions.h5ad"),
        HeldOutJob("toy", "B", ["B4"], 2, "0"),
        **{"components": 16, "penalties": [1000.0], "inner_folds": 2, "seed": 0},
    )
    return ad.read_h5ad(folder / "predictions.h5ad").X


def test_ridge_predicts_the_same_bits(encoded):
    for name in NAMES:
        own = ad.read_h5ad(encoded / f"{name}-encoder.h5ad")
        slide = ad.read_h5ad(encoded / f"{name}.h5ad").uns["slide"]
        order = np.random.default_rng(0).permutation(own.n_obs)
        values, corners = own.X[order], own.obsm["spatial"][order].astype(int) - 112
        names = [padded(own.obs_names[row]) for row in order]
        write_hest(encoded / "hest.h5", values, names, corners)
        stem = IMAGES[name].split("/")[-1].removesuffix(".jpg")
        attributes = trident_attributes(stem, (slide["width"], slide["height"]), 224)
        write_trident(encoded / "trident.h5", values, corners, attributes)
        for layout in ("hest", "trident"):
            write_precomputed_features(
                *(encoded / f"{name}.h5ad", encoded / f"{layout}.h5"),
                encoded / f"{name}-{layout}.h5ad",
                **{"view": "224x1", "code": "0"},
            )
    predicted = predictions(encoded, "encoder")
    assert predicted.shape == (283, 250)
    assert predicted.std(axis=0).min() > 0
    np.testing.assert_array_equal(predictions(encoded, "hest"), predicted)
    np.testing.assert_array_equal(predictions(encoded, "trident"), predicted)


def test_tiles_of_the_whole_slide_are_taken_by_place(encoded):
    """TRIDENT's grid, without the tiles that are mostly off the tissue."""
    section = ad.read_h5ad(encoded / "C2.h5ad")
    slide, places = section.uns["slide"], section.obsm["spatial"]
    corners = grid_corners((slide["width"], slide["height"]), 224)
    near = np.abs(corners[:, None] + 112 - places).max(axis=2).min(axis=1) < 300
    attributes = trident_attributes("5714_HE_BT_C2", (slide["width"], slide["height"]), 224)
    file, output = encoded / "grid.h5", encoded / "grid.h5ad"
    write_trident(file, corners[near].astype("f4"), corners[near], attributes)
    write_precomputed_features(encoded / "C2.h5ad", file, output, view="224x1", code="0")
    # The features here are the corners.
    tiles = ad.read_h5ad(output)
    assert (tiles.obsm["spatial"] >= tiles.X).all()
    assert (tiles.obsm["spatial"] <= tiles.X + 224).all()


def test_features_of_another_section_are_refused(encoded):
    """C2 and B4 have spots of the same names, and images of the same size or nearly so."""
    own = ad.read_h5ad(encoded / "B4-encoder.h5ad")
    names, corners = list(map(padded, own.obs_names)), own.obsm["spatial"].astype(int) - 112
    image = ad.read_h5ad(encoded / "B4.h5ad").uns["slide"]
    attributes = trident_attributes("BT10737_D2_HE", (image["width"], image["height"]), 224)
    path, output = encoded / "other.h5", encoded / "other.h5ad"
    write_hest(path, own.X, names, corners)
    with pytest.raises(InputError, match=r"other\.h5: has no features with the barcode of \d+ of"):
        write_precomputed_features(encoded / "C2.h5ad", path, output, view="224x1", code="0")
    write_trident(path, own.X, corners, attributes)
    with pytest.raises(InputError, match=r"of slide BT10737_D2_HE, but .* C2 is 5714_HE_BT_C2\.j"):
        write_precomputed_features(encoded / "C2.h5ad", path, output, view="224x1", code="0")
    for part in attributes.values():
        for key in ("name", "level0_width", "level0_height"):
            part.pop(key, None)
    write_trident(path, own.X, corners, attributes)
    with pytest.raises(InputError, match=r"has no tile with its centre within 72\.\d px of \d+ of"):
        write_precomputed_features(encoded / "C2.h5ad", path, output, view="224x1", code="0")
