"""Patches against Pillow, OpenSlide and numpy, and the guards between patches and targets."""

import csv
import os

import anndata as ad
import numpy as np
import pytest
from openslide import OpenSlide
from PIL import Image
from sections import section_file
from tiled import read_patch_plain, to_tiled_tiff

from stnet.core.errors import InputError
from stnet.core.h5ad import write_h5ad
from stnet.core.hashing import file_sha256, names_sha256
from stnet.slides.blank import BLANK
from stnet.slides.image import open_image
from stnet.slides.patches import (
    check_view,
    parse_view,
    read_patches,
    write_index,
    write_patches,
)


@pytest.fixture
def picture(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "image.png")
    return tmp_path / "image.png", pixels


@pytest.fixture
def section(tmp_path):
    """Three spots at (0, 0), (10, 20) and (20, 40); the first is nearer than 5 px to the edge."""
    path = tmp_path / "S1.h5ad"
    return section_file(path, "S1", [[1], [2], [3]], ["A"], used=[False, True, True])


def view_of(section, picture, folder, view):
    folder.mkdir(exist_ok=True)
    write_patches(section, picture, folder / "S1.npy", view=view)
    write_index([section], [folder / "S1.npy"], folder / "index.tsv", view=view)
    return folder / "index.tsv"


NAMES = ["S1:1x1", "S1:2x2"]


def test_patches_are_the_pixels_around_the_spot(section, picture, tmp_path):
    path, pixels = picture
    patches = read_patches(view_of(section, path, tmp_path / "8x1", "8x1"), NAMES, ["S1"])
    assert patches.dtype == np.uint8
    np.testing.assert_array_equal(patches, [pixels[16:24, 6:14], pixels[36:44, 16:24]])


def test_larger_windows_keep_the_rows_and_are_black_off_the_image(section, picture, tmp_path):
    path, pixels = picture
    patches = read_patches(view_of(section, path, tmp_path / "40x1", "40x1"), NAMES, ["S1"])
    assert patches.shape == (2, 40, 40, 3)
    assert not patches[0, :, :10].any()
    np.testing.assert_array_equal(patches[0, :, 10:], pixels[0:40, 0:30])


def test_downsampling_is_the_mean_of_blocks(section, picture, tmp_path):
    path, pixels = picture
    patches = read_patches(view_of(section, path, tmp_path / "8x2", "8x2"), NAMES, ["S1"])
    blocks = pixels[16:24, 6:14].reshape(4, 2, 4, 2, 3).mean(axis=(1, 3))
    assert np.abs(patches[0] - blocks).max() <= 0.5


@pytest.mark.parametrize("view", ["8x1", "40x1", "300x1", "8x2", "40x4"])
@pytest.mark.parametrize("name", ["image.png", "image.jpg", "image.tif"])
def test_patches_are_the_region_reads_of_lossless_tiles(section, picture, tmp_path, name, view):
    original, pixels = picture
    image = Image.fromarray(pixels)
    image.save(tmp_path / "image.jpg")
    to_tiled_tiff(original, tmp_path / "image.tif")
    path, tiles = tmp_path / name, tmp_path / "tiles.tif"
    to_tiled_tiff(path, tiles)
    assert OpenSlide.detect_format(tiles) == "generic-tiff"
    window, downsampling = parse_view(view)
    with OpenSlide(tiles) as slide:
        plain = [read_patch_plain(slide, x, y, window) for x, y in [(10, 20), (20, 40)]]
    write_patches(section, path, tmp_path / "S1.npy", view=view)
    shrunk = [np.asarray(patch.reduce(downsampling)) for patch in plain]
    np.testing.assert_array_equal(np.load(tmp_path / "S1.npy"), shrunk)


def test_rows_are_the_spots_whatever_their_order_down_the_image(picture, tmp_path):
    path, pixels = picture
    section = section_file(tmp_path / "S1.h5ad", "S1", [[1], [2], [3]], ["A"])
    upward = ad.read_h5ad(section)[::-1].copy()
    write_h5ad(upward, section)
    write_patches(section, path, tmp_path / "S1.npy", view="8x1")
    patches = np.load(tmp_path / "S1.npy")
    np.testing.assert_array_equal(patches[:2], [pixels[36:44, 16:24], pixels[16:24, 6:14]])
    np.testing.assert_array_equal(patches[2, 4:, 4:], pixels[:4, :4])


def test_views_that_cannot_be(section, picture, tmp_path):
    assert parse_view("448x2") == (448, 2)
    assert parse_view("299x1") == (299, 1)
    for view in ("225x2", "224x3", "0x1", "224x0"):
        with pytest.raises(InputError, match=view):
            parse_view(view)


def test_patches_and_targets_of_different_versions_never_meet(section, picture, tmp_path):
    index = view_of(section, picture[0], tmp_path / "8x1", "8x1")
    with pytest.raises(InputError, match="not those of the targets"):
        read_patches(index, NAMES[::-1], ["S1"])
    with pytest.raises(InputError, match="has no section S2"):
        read_patches(index, NAMES, ["S2"])
    with pytest.raises(InputError, match="2 rows for 3 spots"):
        read_patches(index, [*NAMES, "S2:0x0"], ["S1"])
    patches = np.load(index.parent / "S1.npy")
    patches[0, 0, 0, 0] ^= 1
    np.save(index.parent / "S1.npy", patches)
    with pytest.raises(InputError, match=r"S1\.npy.*differs from its index"):
        read_patches(index, NAMES, ["S1"])


def test_an_index_is_of_its_own_sections_and_view(section, picture, tmp_path):
    index = view_of(section, picture[0], tmp_path, "6x1")
    check_view(index, "6x1")
    with pytest.raises(InputError, match=r"index.tsv: the index of view 6x1; delete it and rerun"):
        check_view(index, "12x2")
    (tmp_path / "S1.npy").rename(tmp_path / "S2.npy")
    with pytest.raises(
        InputError,
        match=r"S1.h5ad: has section S1, but its patches are S2.npy; delete it and rerun",
    ):
        write_index([section], [tmp_path / "S2.npy"], tmp_path / "other.tsv", view="6x1")


def test_sections_are_joined_in_the_order_asked_for(section, picture, tmp_path):
    folder = tmp_path / "8x1"
    paths = [folder / "S1.npy", folder / "S2.npy"]
    other = section_file(tmp_path / "S2.h5ad", "S2", [[1], [2]], ["A"])
    for spots, path in zip([section, other], paths, strict=True):
        write_patches(spots, picture[0], path, view="8x1")
    write_index([section, other], paths, folder / "index.tsv", view="8x1")
    names = ["S2:0x0", "S2:1x1", *NAMES]
    patches = read_patches(folder / "index.tsv", names, ["S2", "S1"])
    np.testing.assert_array_equal(patches, np.concatenate([np.load(path) for path in paths[::-1]]))


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"no array", 1, -1])
def test_files_that_are_not_those_indexed_are_named(section, picture, tmp_path, content):
    index = view_of(section, picture[0], tmp_path / "8x1", "8x1")
    path = index.parent / "S1.npy"
    whole = path.read_bytes()
    if content in (1, -1):
        content = (whole + b"\0")[: len(whole) + content]
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"S1\.npy: differs from its index"):
        read_patches(index, NAMES, ["S1"])


def test_files_of_another_shape_than_indexed_are_named(section, picture, tmp_path):
    index = view_of(section, picture[0], tmp_path / "8x1", "8x1")
    with open(index, newline="") as file:
        (row,) = csv.DictReader(file, delimiter="\t")
    index.write_text(index.read_text().replace("\t2\t", "\t1\t"))
    index.write_text(index.read_text().replace(row["spots_sha256"], names_sha256(NAMES[:1])))
    with pytest.raises(
        InputError, match=r"S1\.npy: has patches \(2, 8, 8, 3\), its index says \(1"
    ):
        read_patches(index, NAMES[:1], ["S1"])


@pytest.mark.parametrize("length", [0, 40, 300])
def test_a_file_that_was_cut_has_no_index(section, picture, tmp_path, length):
    index = view_of(section, picture[0], tmp_path / "8x1", "8x1")
    path = index.parent / "S1.npy"
    os.truncate(path, length)
    with pytest.raises(InputError, match=r"S1\.npy: damaged \(.+\); delete it and rerun"):
        write_index([section], [path], index, view="8x1")


def test_files_of_other_lengths_are_refused(section, picture, tmp_path):
    index = view_of(section, picture[0], tmp_path / "8x1", "8x1")
    path = index.parent / "S1.npy"
    np.save(path, np.load(path)[:1])
    with pytest.raises(InputError, match=r"S1\.npy: not the patches of the 2 spots"):
        write_index([section], [path], tmp_path / "index.tsv", view="8x1")


def test_damaged_and_absent_images_are_named_and_leave_nothing(section, tmp_path):
    random = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    Image.fromarray(random).save(tmp_path / "whole.jpg")
    whole = (tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.jpg").write_text("no image")
    for name in ("cut.jpg", "text.jpg", "absent.jpg"):
        with pytest.raises(InputError, match=name) as caught:
            write_patches(section, tmp_path / name, tmp_path / "S1.npy", view="8x1")
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "S1.npy").exists()
        assert not list(tmp_path.glob(".S1*"))


def test_an_image_that_changed_after_its_section_was_made_is_refused(section, picture, tmp_path):
    measured = ad.read_h5ad(section)
    measured.uns["slide"]["sha256"] = file_sha256(picture[0])
    write_h5ad(measured, section)
    write_patches(section, picture[0], tmp_path / "S1.npy", view="8x1")
    (tmp_path / "S1.npy").unlink()
    Image.fromarray(255 - picture[1]).save(picture[0])
    with pytest.raises(InputError, match=r"image\.png: has changed since .*S1\.h5ad was made"):
        write_patches(section, picture[0], tmp_path / "S1.npy", view="8x1")
    assert not (tmp_path / "S1.npy").exists()


def test_the_limit_of_other_users_of_pillow_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    Image.new("RGB", (7, 5)).save(tmp_path / "large.png")
    with open_image(tmp_path / "large.png") as image:
        assert image.read(0, 0, 7, 5).shape == (5, 7, 3)
    assert Image.MAX_IMAGE_PIXELS == 10
    with pytest.raises(InputError), open_image(tmp_path / "none.png"):
        pass
    assert Image.MAX_IMAGE_PIXELS == 10


def test_grey_and_transparent_images_become_rgb(tmp_path):
    Image.fromarray(np.full((20, 20), 7, dtype=np.uint8)).save(tmp_path / "grey.png")
    with open_image(tmp_path / "grey.png") as image:
        assert (image.read(15, 15, 10, 10)[:5, :5] == 7).all()
        assert not image.read(15, 15, 10, 10)[5:].any()
        assert image.thumbnail(10).size == (10, 10)


@pytest.mark.parametrize("mode", ["L", "RGBA", "CMYK", "P"])
def test_what_is_off_an_image_of_any_colours_is_black(tmp_path, mode):
    image = Image.fromarray(np.full((8, 8, 3), 200, dtype=np.uint8)).convert(mode)
    image.save(tmp_path / "image.tif")
    with open_image(tmp_path / "image.tif") as opened:
        region = opened.read(-4, 0, 8, 8)
    assert not region[:, :4].any()
    np.testing.assert_array_equal(region[:, 4:], np.asarray(image.convert("RGB"))[:, :4])


def test_blank_patches_are_counted_in_the_index_and_warned_of(picture, tmp_path, caplog):
    path, pixels = picture
    section = section_file(tmp_path / "S1.h5ad", "S1", [[1]] * 5, ["A"])
    shown = [0, 255, [180, 40, 90], pixels[..., :1], pixels[..., :1]]
    for spot, colours in enumerate(shown):  # at (10 spot, 20 spot), in windows of 8 px
        rows, columns = (slice(max(0, at - 4), at + 4) for at in (20 * spot, 10 * spot))
        pixels[rows, columns] = np.broadcast_to(colours, pixels.shape)[rows, columns]
    pixels[77, 37] = [0, 200, 0]  # one pixel of colour in the last window
    Image.fromarray(pixels).save(path)
    index = view_of(section, path, tmp_path / "8x1", "8x1")
    with open(index, newline="") as file:
        (row,) = csv.DictReader(file, delimiter="\t")
    assert [row[kind] for kind in BLANK] == ["1"] * 4
    warnings = [line.getMessage() for line in caplog.records if line.levelname == "WARNING"]
    assert warnings == [
        "section S1: 4 of 5 patches show no stained tissue (1 black, 1 white, 1 flat, 1 grey);"
        " look at the image"
    ]


def test_stained_patches_are_not_warned_of(section, picture, tmp_path, caplog):
    index = view_of(section, picture[0], tmp_path / "8x1", "8x1")
    assert index.read_text().splitlines()[1].endswith("\t0\t0\t0\t0")
    assert "no stained tissue" not in caplog.text


def test_removed_patches_are_made_again_as_they_were(section, picture, tmp_path):
    measured = ad.read_h5ad(section)
    measured.uns["slide"] = {"path": str(picture[0]), "sha256": ""}
    write_h5ad(measured, section)
    index = view_of(section, picture[0], tmp_path / "8x2", "8x2")
    path = index.parent / "S1.npy"
    os.utime(index, (1000, 1000))
    whole = path.read_bytes()
    path.unlink()
    read_patches(index, NAMES, ["S1"])
    assert path.read_bytes() == whole
    # Snakemake takes a file for news if it is newer than what was made from it.
    assert path.stat().st_mtime == index.stat().st_mtime == 1000
    path.unlink()
    Image.fromarray(255 - picture[1]).save(picture[0])
    with pytest.raises(InputError, match=r"S1\.npy: recreated from .*image\.png, it differs"):
        read_patches(index, NAMES, ["S1"])
    assert [each.name for each in index.parent.glob("[!.]*")] == ["index.tsv"]
