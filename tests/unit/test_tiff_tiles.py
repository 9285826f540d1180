"""JPEG tiles of slides, decoded without OpenSlide, against its pixels and the plain loop."""

from io import BytesIO
from itertools import product

import numpy as np
import pytest
import tifffile
from data import REAL
from openslide import OpenSlide, OpenSlideError
from PIL import Image
from tiled import write_jpeg_tiles

from stnet.core.errors import InputError
from stnet.slides.image import open_image
from stnet.slides.scale import Configured, resolve_scale
from stnet.slides.tiff_tiles import JpegTiles
from stnet.slides.tiling import Tiling, TilingRecord, tiles

SVS = REAL / "wsi" / "cmu-1-small-region.svs"
TILE_OFFSETS, TILE_BYTES = 324, 325


def picture(height, width, glass=240, grain=2, seed=0):
    """Glass and, in the middle, tissue of coarse grain."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    inside = (x - width / 2) ** 2 + (y - height / 2) ** 2 < (0.3 * min(width, height)) ** 2
    coarse = random.normal(0, 30, (height // 3 + 1, width // 3 + 1, 3)).repeat(3, 0).repeat(3, 1)
    noise = random.normal(0, grain, (height, width, 3))
    tissue = [190, 130, 175] + coarse[:height, :width]
    pixels = np.where(inside[..., None], tissue, [glass, glass - 2, glass + 1]) + noise
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def write(path, pixels, factors=(1, 4, 16), *, tile=256, **how):
    levels = []
    for factor in factors:
        height, width = (side // factor for side in pixels.shape[:2])
        boxes = pixels[: height * factor, : width * factor].astype(float)
        means = boxes.reshape(height, factor, width, factor, 3).mean(axis=(1, 3))
        level = np.rint(means).astype(np.uint8)
        bands = [level[top : top + tile] for top in range(0, height, tile)]
        levels.append(((height, width), bands))
    write_jpeg_tiles(path, levels, tile=tile, **how)
    return path


def patch(path, tag, changes):
    """Change some of a tag's values on the first page."""
    with tifffile.TiffFile(path, mode="r+") as tiff:
        found = tiff.pages[0].tags[tag]
        values = list(found.value)
        for place, change in changes.items():
            values[place] = change(values[place])
        found.overwrite(values)


def shown(path, x, y, width, height):
    """OpenSlide's pixels; those outside the image black, those not scanned white."""
    with OpenSlide(path) as slide:
        region = np.asarray(slide.read_region((x, y), 0, (width, height))).astype(int)
        rows, columns = np.mgrid[y : y + height, x : x + width]
        inside = (rows >= 0) & (rows < slide.dimensions[1])
        inside &= (columns >= 0) & (columns < slide.dimensions[0])
    return np.where(region[..., 3:] > 0, region[..., :3], 255) * inside[..., None]


def plain(path, side, step):
    """Corner and share of tissue of each tile that the plain loop keeps."""
    kept = []
    with OpenSlide(path) as slide:
        width, height = slide.dimensions
    for y in range(0, height - side + 1, step):
        for x in range(0, width - side + 1, step):
            background = shown(path, x, y, side, side).mean(axis=2) > 220
            if background.mean() <= 0.5:
                kept.append((x, y, 1 - background.mean()))
    return kept


def cut(path, side, threads=1, overlap=0):
    record = TilingRecord()
    with open_image(path) as image:
        scale = resolve_scale(image, magnification=20, configured=Configured(0.5))
        tiling = Tiling(side, 220, 0.5, overlap)
        found = list(tiles(image, scale, tiling, record, threads=threads))
    return found, record


@pytest.fixture
def not_decoded_here(monkeypatch):
    """Counts the regions that are read, and those that were left to OpenSlide."""
    counts = {"read": 0, "left": 0}
    region = JpegTiles.region

    def counted(self, *place):
        pixels = region(self, *place)
        counts["read"] += 1
        counts["left"] += pixels is None
        return pixels

    monkeypatch.setattr(JpegTiles, "region", counted)
    return counts


HOW = [
    {"subsampling": 2, "quality": 30},
    {"subsampling": 1, "quality": 70},
    {"subsampling": 0, "quality": 95},
    {"is_rgb": True, "quality": 80},
]


@pytest.mark.parametrize("how", HOW, ids=str)
@pytest.mark.parametrize(
    ("tile", "size"), [(256, (900, 1100)), (240, (720, 960)), (64, (333, 257))]
)
def test_pixels_are_openslides(tmp_path, not_decoded_here, how, tile, size):
    path = write(tmp_path / "1.tif", picture(*size), tile=tile, **how)
    height, width = size
    places = [
        (0, 0, width, height),
        (0, 0, tile, tile),
        (tile - 1, tile + 1, tile + 2, 3),
        (width - 50, height - 40, 80, 90),
        (-30, -20, 100, 70),
        (width + 5, 0, 20, 20),
        (-50, -50, 20, 20),
        (17, 19, 1, 1),
    ]
    with open_image(path) as image:
        for place in places:
            np.testing.assert_array_equal(image.read(*place), shown(path, *place))
    assert not_decoded_here == {"read": len(places) + 1, "left": 0}


@pytest.mark.parametrize(("glass", "grain"), [(245, 2), (240, 6), (232, 2), (225, 4), (223, 3)])
@pytest.mark.parametrize(
    ("side", "overlap", "how"), [*zip((128, 200, 96, 160), (0, 0.5, 0, 0), HOW, strict=True)]
)
def test_tiles_are_those_of_the_plain_loop(
    tmp_path, not_decoded_here, glass, grain, side, overlap, how
):
    path = write(tmp_path / "1.tif", picture(700, 810, glass, grain), tile=128, **how)
    expected = plain(path, side, round(side * (1 - overlap)))
    found, record = cut(path, side, threads=2, overlap=overlap)
    assert [(tile.x, tile.y) for tile in found] == [tile[:2] for tile in expected]
    assert [tile.tissue for tile in found] == pytest.approx([tile[2] for tile in expected])
    for tile in found:
        np.testing.assert_array_equal(tile.pixels, shown(path, tile.x, tile.y, side, side))
    assert 0 < len(found) < record.candidates
    assert not_decoded_here["read"] > 1
    assert not_decoded_here["left"] == 0


def test_twice_the_magnification_is_reduced_from_the_same_pixels(tmp_path, not_decoded_here):
    pixels = picture(800, 800, 230)
    says = "Aperio Image Library\r\n800x800|AppMag = 40|MPP = 0.25"
    path = write(tmp_path / "1.svs", pixels, tile=128, says=says)
    found, record = cut(path, 100)
    assert 0 < len(found) < record.candidates == 16
    for tile in found:
        boxes = shown(path, tile.x, tile.y, 200, 200).reshape(100, 2, 100, 2, 3).sum(axis=(1, 3))
        np.testing.assert_array_equal(tile.pixels, (boxes + 2) // 4)
    assert not_decoded_here["read"] > 1
    assert not_decoded_here["left"] == 0


def test_tiles_that_were_not_scanned_are_as_openslide_shows_them(tmp_path, not_decoded_here):
    path = write(tmp_path / "1.tif", picture(512, 512), tile=128)
    patch(path, TILE_BYTES, {5: lambda _: 0})
    with open_image(path) as image:
        np.testing.assert_array_equal(image.read(0, 0, 512, 512), shown(path, 0, 0, 512, 512))
        np.testing.assert_array_equal(image.read(0, 0, 128, 128), shown(path, 0, 0, 128, 128))
    assert not_decoded_here == {"read": 3, "left": 1}


@pytest.mark.parametrize("seed", range(8))
def test_damage_is_found_where_openslide_finds_it(tmp_path, seed):
    path = write(tmp_path / "1.tif", picture(512, 512), tile=256)
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages[0]
        place, size = page.dataoffsets[seed % 4], page.databytecounts[seed % 4]
    random = np.random.default_rng(seed)
    with open(path, "r+b") as file:
        file.seek(place + int(random.integers(100, size - 20)))
        file.write(random.integers(0, 256, 12, dtype=np.uint8).tobytes())
    try:
        expected = shown(path, 0, 0, 512, 512)
    except Exception:
        expected = None
    if expected is None:
        with pytest.raises(InputError, match="damaged image"), open_image(path) as image:
            image.read(0, 0, 512, 512)
        return
    with open_image(path) as image:
        np.testing.assert_array_equal(image.read(0, 0, 512, 512), expected)


@pytest.mark.parametrize(
    ("tag", "change"),
    [
        (TILE_BYTES, lambda size: size // 2),
        (TILE_BYTES, lambda _: 2**31),
        (TILE_OFFSETS, lambda _: 2**63 + 5),
        (TILE_OFFSETS, lambda _: 0),
        (TILE_OFFSETS, lambda place: place + 7),
    ],
)
def test_damaged_tables_of_tiles_are_named_in_one_line(tmp_path, tag, change):
    path = write(tmp_path / "1.tif", picture(512, 512), tile=128)
    patch(path, tag, {6: change})
    with pytest.raises(InputError) as raised, open_image(path) as image:
        image.read(0, 0, 512, 512)
    assert f"{path}: damaged image" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("tag", "value"), [*product((256, 257, 322, 323), (0, 65_520)), (322, 1), (323, 1)]
)
def test_absurd_sides_are_named_in_one_line(tmp_path, tag, value):
    path = write(tmp_path / "1.tif", picture(512, 512), factors=(1,), tile=128)
    with tifffile.TiffFile(path, mode="r+") as tiff:
        tiff.pages[0].tags[tag].overwrite(value)
    with pytest.raises(InputError) as raised, open_image(path) as image:
        image.read(0, 0, 512, 512)
    assert f"{path}: damaged image" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_stream_that_says_other_colours_is_left_to_openslide(tmp_path):
    path = write(tmp_path / "1.tif", picture(512, 512), tile=128, is_rgb=True)
    with tifffile.TiffFile(path, mode="r+") as tiff:
        tiff.pages[0].tags["PhotometricInterpretation"].overwrite(6)
    with open_image(path) as image:
        np.testing.assert_array_equal(image.read(0, 0, 512, 512), shown(path, 0, 0, 512, 512))


@pytest.mark.parametrize("how", [{"mode": "L"}, {"keep_rgb": True}], ids=str)
def test_a_tile_of_other_colours_is_as_openslide_shows_it(tmp_path, how):
    """Of the tile of most bytes the pixels are compared anyway, so the other one is small."""
    path = write(tmp_path / "1.tif", picture(256, 512), factors=(1,), tile=256)
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages[0]
        place = page.dataoffsets[int(np.argmin(page.databytecounts))]
        size = min(page.databytecounts)
    stream = BytesIO()
    flat = Image.new(how.pop("mode", "RGB"), (256, 256), "grey")
    flat.save(stream, "JPEG", **how)
    assert len(stream.getvalue()) < size
    with open(path, "r+b") as file:
        file.seek(place)
        file.write(stream.getvalue())
    try:
        expected = shown(path, 0, 0, 512, 256)
    except OpenSlideError:
        expected = None
    with open_image(path) as image:
        if expected is None:
            with pytest.raises(InputError, match="damaged image"):
                image.read(0, 0, 512, 256)
        else:
            np.testing.assert_array_equal(image.read(0, 0, 512, 256), expected)


@pytest.mark.skipif(not SVS.exists(), reason=f"{SVS} is absent")
@pytest.mark.parametrize(("x", "y"), [*product((0, 239, 1708), (0, 240, 2455))])
def test_a_real_slide_is_shown_as_by_openslide(not_decoded_here, x, y):
    with open_image(SVS) as image:
        np.testing.assert_array_equal(image.read(x, y, 512, 512), shown(SVS, x, y, 512, 512))
    assert not_decoded_here == {"read": 2, "left": 0}
