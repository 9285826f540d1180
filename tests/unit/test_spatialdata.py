"""Sections of SpatialData: the same as by their own reader, placed by transformations, damaged."""

import json
import re
import warnings
from copy import copy
from pathlib import Path

import anndata as ad
import numcodecs
import numpy as np
import pandas as pd
import pytest
import zarr
from PIL import Image
from spatialdata import SpatialData
from spatialdata._io.format import SpatialDataContainerFormatV01, SpatialDataContainerFormatV02
from spatialdata.models import TableModel
from spatialdata.transformations import Affine, Identity, Scale, Sequence, Translation
from spatialdata_files import KEY, REGION, Zarr, row_of
from st_files import HEIGHT, WIDTH, Section

from stnet.cohorts.section import READERS
from stnet.config.section_sheet import COLUMNS, read_sheet
from stnet.core.errors import InputError
from stnet.expression.targets import write_targets
from stnet.slides.image import open_image
from stnet.slides.patches import write_patches
from stnet.slides.zarr_image import check_whole

VERSIONS = {"0.1": SpatialDataContainerFormatV01, "0.2": SpatialDataContainerFormatV02}
RADIUS = 10.0  # of spots of 100 µm, where 200 µm are 40 px


@pytest.fixture
def section(tmp_path):
    """A section of HER2ST's format on an image of noise, with half pixels."""
    made = Section(tmp_path, "her2st").files()
    noise = np.random.default_rng(1).integers(1, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    made.row |= {"image": str(tmp_path / "HE.png"), "labels": "", "confirmed": ""}
    Image.fromarray(noise).save(made.row["image"])
    return made


def stored(section) -> Zarr:
    spots = section.spots.rename(columns={"x": "array_col", "y": "array_row"})
    return Zarr(spots, section.counts, section.row["image"], RADIUS)


def put(data: SpatialData, folder: Path, version="0.2") -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data.write(folder, sdata_formats=VERSIONS[version]())
    return folder


def write(section, row):
    other = copy(section)
    other.row = row
    return other.write(require_label=False, spot_window=32)


def refused(section, row) -> str:
    with pytest.raises(InputError) as caught:
        write(section, row)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_section_targets_and_patches_are_those_of_its_own_files(section, tmp_path, version):
    own = section.row
    zarr_of = stored(section)
    zarr_of.levels = [2]
    store = put(zarr_of.data(), tmp_path / "x.zarr", version)
    made = []
    for row in (own, row_of(store, own)):
        found, drops = write(section, row)
        file = section.folder / "out/s.h5ad"
        write_targets([file], tmp_path / "t.h5ad", genes=2, transform="log_fraction")
        write_patches(file, row["image"], tmp_path / "p.npy", view="32x2")
        made.append((found, drops, (tmp_path / "t.h5ad").read_bytes(), np.load(tmp_path / "p.npy")))
    (first, drops, targets, patches), (second, again, *others) = made
    assert patches.std() > 10
    pd.testing.assert_frame_equal(first.obs, second.obs)
    pd.testing.assert_frame_equal(first.var, second.var)
    np.testing.assert_array_equal(first.X.toarray(), second.X.toarray())
    np.testing.assert_array_equal(first.obsm["spatial"], second.obsm["spatial"])
    np.testing.assert_array_equal(patches, others[1])
    assert len(targets) == len(others[0])
    assert {**drops, "counts": 48, "no_position": 0} == again
    (name,) = second.uns["spatial"]
    images = [found.uns["spatial"][name]["images"]["hires"] for found in (first, second)]
    np.testing.assert_array_equal(*images)
    diameters = [
        found.uns["spatial"][name]["scalefactors"]["spot_diameter_fullres"]
        for found in (first, second)
    ]
    assert diameters[1] == 2 * RADIUS == pytest.approx(diameters[0], rel=0.01)


def turned(angle):
    cos, sin = np.cos(angle), np.sin(angle)
    return Affine(
        [[cos, -sin, 5], [sin, cos, -9], [0, 0, 1]], input_axes=("x", "y"), output_axes=("x", "y")
    )


# What is done to the centres before they are stored, and the transformations of shapes and image.
PLACED = {
    "half": (lambda c: c / 2, {"global": Scale([2, 2], axes=("x", "y"))}, {"global": Identity()}),
    "moved": (
        lambda c: c - [100, 30],
        {"global": Translation([100, 30], axes=("x", "y"))},
        {"global": Identity()},
    ),
    "in µm": (
        lambda c: c * 5 + [7, 11],
        {"um": Identity()},
        {"um": Sequence([Scale([5, 5], axes=("x", "y")), Translation([7, 11], axes=("x", "y"))])},
    ),
    "axes in another order": (
        lambda c: c - [100, 30],
        {"global": Translation([30, 100], axes=("y", "x"))},
        {"global": Identity()},
    ),
    "both turned": (lambda c: c, {"global": turned(0.4)}, {"global": turned(0.4)}),
    "two systems that agree": (
        lambda c: c,
        {"global": Identity(), "small": Scale([0.1, 0.1], axes=("x", "y"))},
        {"small": Scale([0.1, 0.1], axes=("x", "y")), "global": Identity()},
    ),
}


@pytest.mark.parametrize("name", PLACED)
def test_transformations_of_shapes_and_image_are_heeded(section, tmp_path, name):
    change, placed, shown = PLACED[name]
    made = stored(section)
    expected = np.rint(made.centres)
    made.centres, made.placed, made.shown = change(made.centres), placed, shown
    store = put(made.data(), tmp_path / "x.zarr")
    found, _ = write(section, row_of(store, section.row))
    assert np.abs(found.obsm["spatial"] - expected).max() <= 1  # halves are rounded to even
    assert np.abs(found.obsm["spatial"] - expected).mean() < 0.05


def test_without_an_image_in_the_zarr_pixels_are_those_of_one_coordinate_system(section, tmp_path):
    half, own = Scale([0.5, 0.5], axes=("x", "y")), section.row
    cases = [
        ({"global": half}, 0.5),
        ({"V1": Identity(), "V1_small": half}, 1),
        ({"V1": half}, 0.5),
        ({"V1": half, "V2": Scale([0.25, 0.25], axes=("x", "y"))}, None),
    ]
    for number, (placed, factor) in enumerate(cases):
        made = stored(section)
        made.placed = placed
        store = put(made.data(), tmp_path / f"{number}.zarr")
        row = row_of(store, own, image="")
        if factor is None:
            assert "has the coordinate systems V1, V2, and none is called global" in refused(
                section, row
            )
        else:
            found = READERS["spatialdata"](row).positions[["pixel_x", "pixel_y"]].to_numpy()
            np.testing.assert_allclose(found, made.centres * factor)


def test_what_does_not_place_the_spots_is_refused(section, tmp_path):
    def two_systems(made):
        made.placed["aligned"] = Translation([300, 0], axes=("x", "y"))
        made.shown["aligned"] = Identity()

    cases = {
        "another system": (
            lambda made: made.shown.update({"other": made.shown.pop("global")}),
            "has the coordinate systems global, and .*images/he other; set the transformation",
        ),
        "contradiction": (
            two_systems,
            "by the coordinate system global its spots are on .* up to 300 px from where they are"
            " by aligned",
        ),
        "stretched": (
            lambda made: made.placed.update({"global": Scale([1, 1.2], axes=("x", "y"))}),
            "shapes/spots: neighbouring spots are .* px apart along one axis",
        ),
        "flat": (
            lambda made: made.shown.update({"global": Scale([1, 0], axes=("x", "y"))}),
            "damaged, or not written by spatialdata .Singular matrix.",
        ),
    }
    own = section.row
    for name, (change, message) in cases.items():
        made = stored(section)
        change(made)
        store = put(made.data(), tmp_path / f"{name}.zarr")
        assert re.search(message, refused(section, row_of(store, own)))


def several(section) -> SpatialData:
    """Two sections, each with shapes; one table for both, and one more for the first."""
    made = stored(section)
    data, second = made.data(), made.table.copy()
    data.shapes["more"] = made.shapes()
    first = made.table.copy()
    first.obs["of"], second.obs["of"] = REGION, "more"
    second.obs_names = [f"{name}-2" for name in second.obs_names]
    both = ad.concat([first, second])
    both.obs["of"] = pd.Categorical(both.obs["of"])
    data.tables["both"] = TableModel.parse(
        both, region=[REGION, "more"], region_key="of", instance_key=KEY
    )
    data.images["he2"] = made.image()
    return data


def test_several_tables_shapes_and_images_are_refused_with_their_names(section, tmp_path):
    store, own = put(several(section), tmp_path / "x.zarr"), section.row
    pairs = "tables/both with shapes/more or tables/both with shapes/spots or tables/table with"
    both, more, spots = f"{store}/tables/both", f"{store}/shapes/more", f"{store}/shapes/spots"
    wrong = [
        ({}, f"more than one of its tables and shapes .* {pairs} shapes/spots: name one"),
        ({"spots": spots}, "more than one of its tables and shapes"),
        ({"counts": both}, f"tables/both: name its shapes too, in spots; .* has {pairs}"),
        ({"counts": f"{store}/tables/table", "spots": more}, "none of its tables and shapes"),
        ({"counts": f"{store}/tables/no", "spots": more}, "none of its tables and shapes"),
        ({"spots": f"{tmp_path}/y.zarr/shapes/spots"}, "no shapes of .*x.zarr, which has tables"),
        ({"image": str(store), "spots": more}, "no image of .*x.zarr; name .*x.zarr/images/NAME"),
        ({"image": f"{store}/images", "spots": more}, "no image of"),
    ]
    for columns, message in wrong:
        assert re.search(message, refused(section, row_of(store, own, **columns)))
    for columns in ({"spots": more}, {"counts": both, "spots": spots}):
        found, _ = write(section, row_of(store, own, **columns))
        assert found.n_obs == 48
    with pytest.raises(InputError, match=r"not an image in it; name one of its images: he, he2"):
        open_image(store).__enter__()


def test_instances_are_matched_and_not_by_order(section, tmp_path):
    own = section.row
    expected = READERS["spatialdata"](
        row_of(put(stored(section).data(), tmp_path / "x.zarr"), own)
    ).positions
    made = stored(section)
    made.table = made.table[np.random.default_rng(0).permutation(48)[:40]].copy()
    parts = READERS["spatialdata"](row_of(put(made.data(), tmp_path / "y.zarr"), own))
    pd.testing.assert_frame_equal(parts.positions, expected.loc[parts.positions.index])
    assert "8 shapes of" in parts.remark
    ids = zarr.open_array(tmp_path / "x.zarr/tables/table/obs" / KEY)
    for wrong, message in (
        (99, "1 of 48 instances, such as 99 .obs.'spot_id'"),
        (8, "8 is repeat"),
    ):
        ids[7] = wrong
        assert re.search(message, refused(section, row_of(tmp_path / "x.zarr", own)))


def test_images_of_other_kinds_are_refused(section, tmp_path):
    def channels(made):
        made.channels = ["DAPI", "CD3", "CD8"]

    def alter(key, change):
        return lambda made: setattr(made, key, change(made.pixels))

    cases = {
        "four": (
            alter("pixels", lambda p: np.concatenate([p, p[:1]])),
            "has 4 channels, not red, green and blue",
        ),
        "deep": (alter("pixels", lambda p: p.astype(np.uint16)), "has pixels of type uint16"),
        "dyes": (
            alter("channels", lambda _: ["DAPI", "CD3", "CD8"]),
            "has the channels dapi, cd3, cd8, not red, green and blue",
        ),
    }
    for name, (change, message) in cases.items():
        made = stored(section)
        change(made)
        store = put(made.data(), tmp_path / f"{name}.zarr")
        with pytest.raises(InputError, match=message):
            open_image(store / "images/he").__enter__()
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="folder: a folder, and no image in a Zarr"):
        open_image(tmp_path / "folder").__enter__()


def test_regions_are_those_of_the_array_and_black_outside(section, tmp_path):
    made = stored(section)
    store = put(made.data(), tmp_path / "x.zarr")
    plain = np.pad(np.moveaxis(made.pixels, 0, 2), ((500, 500), (500, 500), (0, 0)))
    with open_image(store / "images/he") as image:
        assert image.size == (WIDTH, HEIGHT)
        for left, top, width, height in [
            (0, 0, WIDTH, HEIGHT),
            (100, 120, 60, 40),
            (-20, -30, 60, 70),
            (WIDTH - 10, HEIGHT - 5, 40, 30),
            (-300, 20, 40, 30),
            (WIDTH + 5, HEIGHT + 5, 7, 9),
        ]:
            expected = plain[top + 500 : top + 500 + height, left + 500 : left + 500 + width]
            np.testing.assert_array_equal(image.read(left, top, width, height), expected)


def damages(store: Path):
    """Each file removed, emptied and cut; arrays said to be longer and shorter than they are."""
    for path in sorted(path for path in store.rglob("*") if path.is_file()):
        name, content = path.relative_to(store), path.read_bytes()
        yield f"{name} removed", path, None
        yield f"{name} empty", path, b""
        yield f"{name} cut", path, content[: len(content) // 2]
        about = json.loads(content) if path.name in ("zarr.json", ".zarray") else {}
        for change in (1, -1) if about.get("shape") else ():
            shape = [length + change for length in about["shape"]]
            yield f"{name} {change:+}", path, json.dumps({**about, "shape": shape}).encode()


def outcome(section, row):
    """The section, or the line that refuses it."""
    try:
        return write(section, row)[0]
    except InputError as error:
        return str(error)


def test_what_zarr_would_make_up_is_refused(section, tmp_path):
    store, own = put(stored(section).data(), tmp_path / "x.zarr", "0.1"), section.row
    cases = [
        ("images/he/s0/0/0/1", 0, "images/he: 1 of its 9 chunks are missing"),
        ("tables/table/X/data/0", 0, "X/data: 1 of its 1 chunks are missing"),
        ("tables/table/obs/spot_id/0", 1, "obs/spot_id/0: cut short; fetch it again"),
        ("tables/table/var/.zgroup", 0, r"lacks its spots \(obs\) or genes \(var\)"),
    ]
    for name, cut, message in cases:
        whole = (store / name).read_bytes()
        if cut:
            (store / name).write_bytes(whole[:-cut])
        else:
            (store / name).unlink()
        assert re.search(message, refused(section, row_of(store, own)))
        (store / name).write_bytes(whole)
    assert outcome(section, row_of(store, own)).n_obs == 48


def check_damages(section, store, *, every):
    """Damage files one by one, every so many."""
    row = row_of(store, section.row)
    expected = outcome(section, row)
    refusals = 0
    for name, path, content in list(damages(store))[::every]:
        whole = path.read_bytes()
        path.unlink()
        if content is not None:
            path.write_bytes(content)
        found = outcome(section, row)
        path.write_bytes(whole)
        if isinstance(found, str):
            refusals += 1
            assert "\n" not in found, name
            assert str(store) in found, name
            continue
        pd.testing.assert_frame_equal(found.obs, expected.obs, obj=name)
        assert (found.X != expected.X).nnz == 0, name
        assert found.var_names.equals(expected.var_names), name
        np.testing.assert_array_equal(found.obsm["spatial"], expected.obsm["spatial"], name)
    return refusals


def test_a_damaged_file_is_one_line_or_changes_nothing(section, tmp_path):
    store = put(stored(section).data(), tmp_path / "x.zarr")
    assert check_damages(section, store, every=11) > 10


@pytest.mark.full
@pytest.mark.parametrize("version", VERSIONS)
def test_any_damaged_file_is_one_line_or_changes_nothing(section, tmp_path, version):
    store = put(stored(section).data(), tmp_path / "x.zarr", version)
    assert check_damages(section, store, every=1) > 150


@pytest.mark.parametrize("version", [2, 3])
def test_a_chunk_of_blosc_that_was_cut_is_refused(tmp_path, version):
    compressor = numcodecs.Blosc() if version == 2 else zarr.codecs.BloscCodec()
    pixels = np.random.default_rng(0).integers(0, 255, 50, dtype=np.uint8)
    zarr.create_array(tmp_path / "x", data=pixels, compressors=compressor, zarr_format=version)
    check_whole(tmp_path)
    chunk = tmp_path / "x" / ("0" if version == 2 else "c/0")
    chunk.write_bytes(chunk.read_bytes()[:-1])
    with pytest.raises(InputError, match="0: cut short; fetch it again"):
        check_whole(tmp_path)


def test_shapes_of_the_first_version_are_checked_too(section, tmp_path):
    store = put(stored(section).data(), tmp_path / "x.zarr", "0.1")
    path = store / "shapes/spots/coords"
    made = zarr.create_array(
        path, shape=(48, 2), dtype="f8", zarr_format=2, compressors=numcodecs.Blosc()
    )
    made[:] = 1.5
    (chunk,) = (file for file in path.iterdir() if file.name == "0.0")
    chunk.write_bytes(chunk.read_bytes()[:-1])
    assert "coords/0.0: cut short; fetch it again" in refused(section, row_of(store, section.row))


def test_a_sheet_names_folders_and_elements(section, tmp_path):
    store = put(several(section), tmp_path / "x.zarr")

    def sheet(*rows):
        lines = [
            "\t".join([*COLUMNS]),
            *("\t".join(row.get(c, "") for c in COLUMNS) for row in rows),
        ]
        (tmp_path / "sheet.tsv").write_text("\n".join(lines) + "\n")
        return read_sheet(tmp_path / "sheet.tsv", "", check_files=True)

    first = row_of(store, section.row, spots=f"{store}/shapes/spots")
    second = {**first, "section": "P-1_2", "spots": f"{store}/shapes/more"}
    second["image"] = f"{store}/images/he2"
    assert len(sheet(first, second)) == 2
    for columns, message in (
        ({"counts": str(tmp_path / "no.zarr")}, "no counts file or folder .*no.zarr; correct"),
        ({"spots": f"{store}/shapes/no"}, "no spots file or folder .*shapes/no; correct"),
        ({"image": f"{store}/images/no"}, "no image file or folder .*images/no; correct"),
        ({"labels": section.row["counts"]}, "labels .* must be empty for format spatialdata"),
    ):
        with pytest.raises(InputError, match=message):
            sheet({**first, **columns})
    a_file = {**first, "counts": section.row["counts"], "image": section.row["image"]}
    assert "damaged, or not written by spatialdata" in refused(section, a_file)
