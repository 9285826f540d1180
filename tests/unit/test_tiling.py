"""Tiles of slides against every window read by OpenSlide and decided pixel by pixel."""

import os
import subprocess
import sys
import threading
from fractions import Fraction
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import tifffile
from data import REAL
from openslide import OpenSlide
from PIL import Image

from stnet.core.errors import InputError
from stnet.slides import tiling as module
from stnet.slides.image import open_image
from stnet.slides.prepass import Prepass
from stnet.slides.scale import Configured, resolve_scale
from stnet.slides.tiling import Tiling, TilingRecord, tiles

SVS = REAL / "wsi" / "cmu-1-small-region.svs"
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
RULE = {"background": 220, "most_background": 0.5}


def box(pixels, factor):
    """Means of boxes, what is left at the ends dropped, as most writers of pyramids do."""
    height, width = (side // factor for side in pixels.shape[:2])
    whole = pixels[: height * factor, : width * factor].astype(float)
    boxes = whole.reshape(height, factor, width, factor, 3)
    return np.rint(boxes.mean(axis=(1, 3))).astype(np.uint8)


def nearest(pixels, factor):
    return pixels[factor // 2 :: factor, factor // 2 :: factor]


def smooth(pixels, factor):
    height, width = (max(1, side // factor) for side in pixels.shape[:2])
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR))


def triangle(pixels, factor):
    """Each pixel of the level reaches one of its own to every side, and no farther."""
    once = box(pixels, factor).astype(float)
    padded = np.pad(once, [(1, 1), (1, 1), (0, 0)], mode="edge")
    across = (padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]) / 4
    return np.rint((across[:-2] + 2 * across[1:-1] + across[2:]) / 4).astype(np.uint8)


def lossy(pixels, factor):
    """A scanner's JPEG of each level, and of its own accord."""
    file = BytesIO()
    Image.fromarray(box(pixels, factor)).save(file, "jpeg", quality=60)
    return np.asarray(Image.open(file))


def write(
    path,
    pixels,
    factors=(1, 4, 16),
    *,
    shrink=box,
    says="",
    first="adobe_deflate",
):
    """A slide; `says` as Aperio's do (`AppMag = 40`), `first` how its first level is coded."""
    with tifffile.TiffWriter(path) as tiff:
        for factor in factors:
            level = pixels if factor == 1 else shrink(pixels, factor)
            height, width = level.shape[:2]
            tiff.write(
                np.ascontiguousarray(level),
                tile=(256, 256),
                compression=first if factor == 1 else "adobe_deflate",
                photometric="rgb",
                subfiletype=int(factor > 1),
                description=f"Aperio Image Library\r\n{width}x{height}|{says}" if says else None,
                metadata=None,
            )
    return path


@cache
def picture(height, width, seed=0):
    """Glass with a little grain, a disc of tissue with much in the lower right."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    inside = (x - 0.65 * width) ** 2 + (y - 0.6 * height) ** 2 < (0.25 * min(width, height)) ** 2
    grain = random.normal(0, 1, (height, width, 3))
    pixels = np.where(inside[..., None], [190, 130, 175] + 40 * grain, 243 + 2 * grain)
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def cut(path, side, *, threads=1, default=0.5, magnification=20, **rule):
    record = TilingRecord()
    with open_image(path) as image:
        scale = resolve_scale(image, magnification=magnification, configured=Configured(default))
        found = list(tiles(image, scale, Tiling(side, **RULE | rule), record, threads=threads))
    assert record.kept == len(found)
    return found, record


def decided(pixels, x, y, size, background=220, most_background=0.5):
    """(x, y, size, share of tissue) if the tile is kept, by the rule in exact fractions."""
    limit = 3 * Fraction(background)
    is_background = pixels.astype(int).sum(axis=2) > limit
    share = Fraction(int(is_background.sum()), is_background.size)
    return None if share > Fraction(most_background) else (x, y, size, float(1 - share), pixels)


def brute_force(path, side, downsample=1, level=0, shrink=1, step=None, **rule):
    """Every window by OpenSlide alone; `shrink` is how often the level's pixels are reduced.

    `step` is from one window to the next, in level-0 pixels.
    """
    kept = []
    with OpenSlide(path) as slide:
        width, height = slide.dimensions
        size, n = side * downsample, side * shrink
        for y in range(0, height - size + 1, step or size):
            for x in range(0, width - size + 1, step or size):
                region = np.asarray(slide.read_region((x, y), level, (n, n))).astype(int)
                shown = np.where(region[..., 3:] > 0, region[..., :3], 255)
                boxes = shown.reshape(side, shrink, side, shrink, 3).sum(axis=(1, 3))
                mean = (boxes + shrink**2 // 2) // shrink**2
                kept.append(decided(mean, x, y, size, **rule))
    return [tile for tile in kept if tile]


def assert_same(found, expected, *, in_order=True):
    assert expected
    found = found if in_order else sorted(found, key=lambda tile: (tile.y, tile.x))
    assert [tile[:3] for tile in found] == [tile[:3] for tile in expected]
    assert [tile.tissue for tile in found] == pytest.approx([tile[3] for tile in expected])
    for tile, plain in zip(found, expected, strict=True):
        assert tile.pixels.dtype == np.uint8
        np.testing.assert_array_equal(tile.pixels, plain[4])


@pytest.mark.parametrize("side", [64, 100, 150])
@pytest.mark.parametrize("factors", [(1,), (1, 4), (1, 4, 16)])
@pytest.mark.parametrize(("size", "threads"), [((640, 768), 1), ((605, 751), 2)])
def test_tiles_are_those_of_every_pixel(tmp_path, size, factors, side, threads):
    path = write(tmp_path / "S1.tif", picture(*size), factors)
    found, record = cut(path, side, threads=threads)
    assert_same(found, brute_force(path, side))
    assert record.candidates == (size[0] // side) * (size[1] // side)
    assert not record.refuted
    assert (record.skipped > 0) == (len(factors) > 1)
    assert record.checked == -(-record.skipped // module.SAMPLED)


@pytest.mark.parametrize(("overlap", "step"), [(0.5, 32), (0.3, 45)])
def test_tiles_that_overlap_are_those_of_every_step(tmp_path, overlap, step):
    height, width = 305, 351
    path = write(tmp_path / "S1.tif", picture(height, width))
    found, record = cut(path, 64, overlap=overlap)
    assert_same(found, brute_force(path, 64, step=step))
    assert record.candidates == ((height - 64) // step + 1) * ((width - 64) // step + 1)


def test_tiles_that_overlap_are_as_exact_on_a_slide_of_twice_the_magnification(tmp_path):
    path = write(tmp_path / "S1.tif", picture(512, 512), (1, 2, 4, 8), says="AppMag = 40")
    found, record = cut(path, 64, overlap=0.3)
    assert_same(found, brute_force(path, 64, downsample=2, level=1, step=90))
    assert record.skipped


@pytest.mark.parametrize("says", ["AppMag = 40", "MPP = 0.2520", "AppMag = 20|MPP = 0.25"])
def test_twice_the_magnification_is_level_0_shrunk_by_2(tmp_path, says):
    path = write(tmp_path / "S1.tif", picture(768, 896), says=says)
    found, record = cut(path, 64, default=None)
    assert_same(found, brute_force(path, 64, downsample=2, shrink=2))
    assert record.skipped


def test_a_level_of_just_the_magnification_is_read_as_it_is(tmp_path):
    path = write(tmp_path / "S1.tif", picture(768, 896), (1, 2, 4, 8), says="AppMag = 40")
    found, record = cut(path, 64)
    assert_same(found, brute_force(path, 64, downsample=2, level=1))
    assert record.skipped
    found, _ = cut(path, 16, magnification=5)
    assert_same(found, brute_force(path, 16, downsample=8, level=3))


def test_a_level_before_the_magnification_is_shrunk_the_rest(tmp_path):
    path = write(tmp_path / "S1.tif", picture(768, 896), (1, 2, 8), says="AppMag = 40")
    found, _ = cut(path, 64, magnification=10)
    assert_same(found, brute_force(path, 64, downsample=4, level=1, shrink=2))


def test_a_fraction_is_resampled_from_windows_side_by_side(tmp_path):
    path = write(tmp_path / "S1.tif", picture(1000, 1300), says="AppMag = 30")
    found, _ = cut(path, 75)
    expected = []
    with OpenSlide(path) as slide:
        for row in range(int(1000 // 112.5)):
            for column in range(int(1300 // 112.5)):
                x, y = round(column * 112.5), round(row * 112.5)
                region = slide.read_region((x, y), 0, (112, 112)).convert("RGB")
                window = np.asarray(region.resize((75, 75), Image.Resampling.BILINEAR))
                expected.append(decided(window, x, y, 112))
    assert_same(found, [tile for tile in expected if tile])


def test_the_prepass_skips_most_of_the_glass_and_changes_nothing(tmp_path, monkeypatch):
    path = write(tmp_path / "S1.tif", picture(1024, 1024))
    found, record = cut(path, 64)
    assert record.skipped > 0.6 * record.candidates
    assert record.checked < record.skipped / 10
    monkeypatch.setattr(Prepass, "of", lambda *_: None)
    plain, everything = cut(path, 64)
    assert everything.skipped == everything.checked == 0
    assert_same(found, plain)


def test_only_tiles_that_are_not_skipped_are_read(tmp_path, monkeypatch):
    path = write(tmp_path / "S1.tif", picture(1024, 1024))
    read, original = [], module._Reader.read

    def counted(self, candidate):
        read.append(candidate[:2])
        return original(self, candidate)

    monkeypatch.setattr(module._Reader, "read", counted)
    _, record = cut(path, 64)
    assert len(read) == len(set(read)) == record.candidates - record.skipped + record.checked


def speckled(height, width):
    """Glass whose dark pixels, more than half, lie between those that `nearest` leaves in."""
    pixels = np.full((height, width, 3), 243, dtype=np.uint8)
    y, x = np.mgrid[:height, :width]
    pixels[(y % 4 != 2) & (x % 4 != 2) & (y > height // 3)] = 100
    return pixels


@pytest.mark.parametrize("threads", [1, 2])
def test_a_pyramid_that_leaves_out_dark_pixels_is_refuted_and_read_whole(tmp_path, threads):
    path = write(tmp_path / "S1.tif", speckled(768, 896), shrink=nearest)
    found, record = cut(path, 64, threads=threads)
    assert record.refuted
    assert record.skipped
    assert_same(found, brute_force(path, 64), in_order=False)


def test_a_refuted_prepass_skips_no_more(tmp_path, monkeypatch):
    path = write(tmp_path / "S1.tif", picture(768, 896))
    monkeypatch.setattr(module, "SAMPLED", 2)
    monkeypatch.setattr(Prepass, "refutes", lambda *_: True)
    monkeypatch.setattr(Prepass, "is_background", lambda _, bounds, __: bounds > -1)
    found, record = cut(path, 64)
    assert record.skipped == 2 * module.AHEAD + 1
    assert record.checked == module.AHEAD + 1
    assert_same(found, brute_force(path, 64), in_order=False)


def test_a_tile_and_a_pixel_at_the_very_limits_are_kept_and_tissue(tmp_path):
    pixels = np.full((64, 320, 3), 255, dtype=np.uint8)
    pixels[:32, :64] = (220, 220, 220)  # exactly half
    pixels[:32, 64:128] = (220, 220, 221)  # one level more: background
    pixels[:32, 128:192] = (255, 255, 150)  # of another colour, its mean exactly 220
    pixels[:32, 192:256] = (100, 0, 0)
    pixels[0, 192] = 255  # one pixel too few
    pixels[:33, 256:] = 0
    path = write(tmp_path / "S1.tif", pixels, (1,))
    found, _ = cut(path, 64)
    assert [(tile.x, tile.tissue) for tile in found] == [(0, 0.5), (128, 0.5), (256, 33 / 64)]
    assert_same(found, brute_force(path, 64))


@pytest.mark.parametrize(
    ("background", "most"), [(200.5, 0.25), (220 + 1 / 3, 0.9), (0, 0), (255, 0)]
)
def test_other_limits_are_held_too(tmp_path, background, most):
    path = write(tmp_path / "S1.tif", picture(768, 896))
    found, _ = cut(path, 64, background=background, most_background=most)
    if background:
        assert_same(found, brute_force(path, 64, background=background, most_background=most))
    else:
        assert not found


def test_a_slide_smaller_than_a_tile_has_none(tmp_path):
    found, record = cut(write(tmp_path / "S1.tif", picture(200, 600), (1, 4)), 256)
    assert (found, record) == ([], TilingRecord())


@pytest.mark.parametrize("name", ["S1.png", "S1.jpg"])
def test_plain_images_are_tiled_too_by_several_threads(tmp_path, name):
    Image.fromarray(picture(1600, 700)).save(tmp_path / name)
    whole = np.asarray(Image.open(tmp_path / name))
    corners = [(x, y) for y in range(0, 1600 - 63, 64) for x in range(0, 700 - 63, 64)]
    plain = [decided(whole[y : y + 64, x : x + 64], x, y, 64) for x, y in corners]
    found, record = cut(tmp_path / name, 64, threads=4)
    assert_same(found, [tile for tile in plain if tile])
    assert not record.skipped


def test_what_was_not_scanned_is_background(tmp_path):
    """Tiles of no bytes, as scanners leave them."""
    dark = np.zeros((256, 256, 3), dtype=np.uint8)
    path = tmp_path / "S1.tif"
    keys = {"dtype": np.uint8, "tile": (256, 256), "photometric": "rgb", "metadata": None}
    with tifffile.TiffWriter(path) as tiff:
        scanned = [dark, None, None, None, None, dark, dark, None]
        tiff.write(iter(scanned), shape=(512, 1024, 3), compression="adobe_deflate", **keys)
    with OpenSlide(path) as slide:
        assert slide.read_region((300, 0), 0, (1, 1)).getpixel((0, 0))[3] == 0
    found, _ = cut(path, 192)
    assert_same(found, brute_force(path, 192))
    assert [tile[:2] for tile in found if tile.tissue == 1] == [(0, 0)]
    assert (0, 0) in [tile[:2] for tile in found]
    assert (576, 0) not in [tile[:2] for tile in found]


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_truncated_slides_are_named(tmp_path, share, threads):
    path = write(tmp_path / "S1.tif", picture(768, 896), says="AppMag = 20")
    os.truncate(path, int(path.stat().st_size * share))
    with pytest.raises(InputError, match=r"S1\.tif: damaged image") as caught:
        cut(path, 64, threads=threads)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("threads", [1, 2])
def test_damage_within_is_named_and_stays_so(tmp_path, threads):
    """OpenSlide's handles refuse everything after one error: no tile is silently left out."""
    path = write(tmp_path / "S1.tif", picture(1024, 1024))
    with tifffile.TiffFile(path) as tiff:
        place, length = tiff.pages[0].dataoffsets[9], tiff.pages[0].databytecounts[9]
    with open(path, "r+b") as file:
        file.seek(place)
        file.write(b"\xff" * length)
    before = threading.active_count()
    with open_image(path) as image:
        scale = resolve_scale(image, magnification=20, configured=Configured(0.5))
        cut_tiles = tiles(image, scale, Tiling(64, **RULE), TilingRecord(), threads=threads)
        with pytest.raises(InputError, match=r"S1\.tif: damaged image"):
            list(cut_tiles)
        with pytest.raises(InputError, match=r"S1\.tif: damaged image"):
            image.read(0, 0, 8, 8)
    assert threading.active_count() == before


def test_an_abandoned_slide_leaves_no_thread_and_reads_no_further(tmp_path, monkeypatch):
    path = write(tmp_path / "S1.tif", np.zeros((1024, 1024, 3), dtype=np.uint8))
    begun, original = [], module._Reader.read
    go_on = threading.Event()

    def counted(self, candidate):
        begun.append(candidate)
        if len(begun) > 1:
            go_on.wait(20)
        return original(self, candidate)

    monkeypatch.setattr(module._Reader, "read", counted)
    before = threading.active_count()
    with open_image(path) as image:
        scale = resolve_scale(image, magnification=20, configured=Configured(0.5))
        cut_tiles = tiles(image, scale, Tiling(64, **RULE), TilingRecord(), threads=1)
        assert next(cut_tiles)[:2] == (0, 0)
        threading.Timer(0.2, go_on.set).start()
        cut_tiles.close()
    assert len(begun) <= 2
    go_on.set()
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join()
    assert threading.active_count() == before


PYRAMIDS = {"box": box, "bilinear": smooth, "triangle": triangle, "jpeg": lossy}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("size", [(512, 640), (507, 651)])
@pytest.mark.parametrize("kind", PYRAMIDS)
def test_no_tile_is_darker_than_its_bound(tmp_path, kind, size, seed):
    random = np.random.default_rng(seed)
    coarse = random.choice([0, 30, 230, 255], (size[0] // 9 + 1, size[1] // 9 + 1, 3))
    blobs = coarse.repeat(9, axis=0).repeat(9, axis=1)[: size[0], : size[1]]
    pixels = np.clip(blobs + random.normal(0, 20, blobs.shape), 0, 255).astype(np.uint8)
    path = write(tmp_path / "S1.tif", pixels, (1, 4, 16), shrink=PYRAMIDS[kind])
    with open_image(path) as image:
        for tile in (41, 64, 128, 251):
            prepass = Prepass.of(image, tile, 220)
            lefts = list(range(0, size[1] - tile + 1, 13))
            lefts.append(size[1] - tile)
            for top in [*range(0, size[0] - tile, 97), size[0] - tile]:
                bounds = prepass.bounds(top, lefts)
                for left, bound in zip(lefts, bounds, strict=True):
                    window = pixels[top : top + tile, left : left + tile]
                    assert not prepass.refutes(bound, window)
                    assert (765 - window.sum(axis=2, dtype=int)).mean() <= bound


@pytest.mark.parametrize("kind", PYRAMIDS)
@pytest.mark.parametrize("seed", range(2))
def test_whole_slides_of_honest_pyramids_are_never_refuted(tmp_path, kind, seed):
    path = write(tmp_path / "S1.tif", picture(600, 700, seed), shrink=PYRAMIDS[kind])
    for side in (50, 64, 130):
        found, record = cut(path, side)
        assert not record.refuted
        assert record.skipped
        assert_same(found, brute_force(path, side))


def test_rounding_refutes_nothing(tmp_path):
    """Every pixel of the level is rounded up, and no ring makes up for it."""
    grain = np.random.default_rng(0).random((640, 640)) < 0.65
    pixels = np.where(grain, 243, 242).astype(np.uint8)[..., None].repeat(3, axis=2)
    path = write(tmp_path / "S1.tif", pixels, (1, 16))
    with open_image(path) as image:
        assert (image.read(0, 0, 40, 40, level=1) == 243).all()
    found, record = cut(path, 640)
    assert (found, record.skipped, record.checked, record.refuted) == ([], 1, 1, False)


def test_pale_tissue_is_skipped_only_below_the_limit(tmp_path):
    """Pixels that are only just tissue, on 30 to 58 % of the tiles, on the whitest glass."""
    pixels = np.full((1024, 1024, 3), 255, dtype=np.uint8)
    for tile in range(8):
        pixels[:, 128 * tile : 128 * tile + round(1.28 * (30 + 4 * tile))] = 220
    path = write(tmp_path / "S1.tif", pixels)
    found, record = cut(path, 128)
    assert_same(found, brute_force(path, 128))
    assert record.skipped
    assert {tile.x for tile in found} == set(range(5 * 128, 1024, 128))


def test_the_dark_end_that_a_level_leaves_out_is_read(tmp_path):
    """Fifteen columns and rows at the end of the slide are in no box of the level."""
    pixels = np.full((655, 655, 3), 255, dtype=np.uint8)
    pixels[:, 640:] = pixels[640:] = 0
    path = write(tmp_path / "S1.tif", pixels, (1, 16))
    rule = {"most_background": 0.9}
    found, record = cut(path, 131, **rule)
    assert_same(found, brute_force(path, 131, **rule))
    assert len(found) == 9
    assert record.skipped == 16


@pytest.mark.parametrize("size", [(769, 897), (771, 896)])
def test_a_level_that_is_not_just_halved_is_left_alone(tmp_path, size):
    """OpenSlide gives pixels of such levels smoothed by a part of a pixel."""
    path = write(tmp_path / "S1.tif", picture(*size), (1, 2, 16), says="AppMag = 40")
    with OpenSlide(path) as slide:
        assert 2 < slide.level_downsamples[1] < 2.01
    found, _ = cut(path, 64)
    assert_same(found, brute_force(path, 64, downsample=2, shrink=2))


def test_a_share_of_just_the_limit_is_kept(tmp_path):
    """0.3 is no binary fraction: 1 - 70 / 100 is more."""
    pixels = np.zeros((10, 20, 3), dtype=np.uint8)
    pixels[:3, :] = 255
    pixels[3, 10] = 255
    path = write(tmp_path / "S1.tif", pixels, (1,))
    found, _ = cut(path, 10, most_background=0.3)
    assert [(tile.x, tile.tissue) for tile in found] == [(0, 0.7)]


def test_resampled_slides_have_no_prepass(tmp_path):
    path = write(tmp_path / "S1.tif", picture(1000, 1300), says="AppMag = 30")
    assert cut(path, 75)[1].skipped == 0


@pytest.mark.parametrize(
    ("dots_per_inch", "um_per_px"), [(72, None), (300, None), (50_800, 0.5), (10**6, None)]
)
def test_the_resolution_of_printers_is_no_scale(tmp_path, dots_per_inch, um_per_px):
    keys = {"tile": (256, 256), "photometric": "rgb", "resolutionunit": "inch"}
    resolution = (dots_per_inch, dots_per_inch)
    tifffile.imwrite(tmp_path / "S1.tif", picture(200, 200), resolution=resolution, **keys)
    with open_image(tmp_path / "S1.tif") as image:
        assert image.um_per_px == um_per_px
        assert image.objective_power is None


@pytest.mark.parametrize("says", ["AppMag = 0|MPP = 0", "AppMag = nan|MPP = -0.5", "AppMag = |MPP"])
def test_properties_that_say_nothing_are_none(tmp_path, says):
    with open_image(write(tmp_path / "S1.tif", picture(200, 200), says=says)) as image:
        assert (image.um_per_px, image.objective_power) == (None, None)


def test_levels_are_those_of_the_file(tmp_path):
    path = write(tmp_path / "S1.tif", picture(640, 768))
    with open_image(path) as image:
        assert image.levels == [(768, 640, 1), (192, 160, 4), (48, 40, 16)]
        expected = box(picture(640, 768), 4)[30:70, 20:80]
        np.testing.assert_array_equal(image.read(20, 30, 60, 40, level=1), expected)
    Image.fromarray(picture(200, 300)).save(tmp_path / "S1.png", dpi=(72, 72))
    with open_image(tmp_path / "S1.png") as image:
        assert image.levels == [(300, 200, 1)]
        assert (image.um_per_px, image.objective_power) == (None, None)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_slide_cut_between_its_pages_is_damaged(tmp_path):
    """Pillow reads the first page and says nothing of the others."""
    path = write(tmp_path / "S1.tif", picture(640, 768))
    with tifffile.TiffFile(path) as tiff:
        second = tiff.pages[1].offset
    os.truncate(path, second + 2)
    assert OpenSlide.detect_format(path) is None
    with pytest.raises(InputError, match=r"S1\.tif: damaged image \(cut short\)"), open_image(path):
        pass


def test_a_late_refutation_brings_what_was_skipped_at_the_end(tmp_path):
    """The sample is one honest tile; but one that shows some of its darkness is read."""
    pixels = np.full((256, 512, 3), 250, dtype=np.uint8)
    y, x = np.mgrid[:256, :512]
    is_left_in = (y % 4 == 2) & (x % 4 == 2)
    pixels[(y >= 64) & (x < 256) & ~is_left_in] = 0
    pixels[128:192, 128:192][is_left_in[128:192, 128:192]] = 160
    path = write(tmp_path / "S1.tif", pixels, (1, 4), shrink=nearest)
    found, record = cut(path, 64)
    expected = brute_force(path, 64)
    assert record == TilingRecord(32, 12, skipped=31, checked=1, refuted=True)
    assert_same(found, expected, in_order=False)
    read = [(128, 128)]
    late = [tile[:2] for tile in expected if tile[:2] not in read]
    assert [tile[:2] for tile in found] == [*read, *late]


def peak(path):
    """Tiles kept of a slide, and the most memory of a process that cut it, in KiB."""
    code = (
        "import sys\n"
        "from stnet.slides.image import open_image\n"
        "from stnet.slides.scale import Configured, resolve_scale\n"
        "from stnet.slides.tiling import Tiling, TilingRecord, tiles\n"
        "with open_image(sys.argv[1]) as image:\n"
        "    scale = resolve_scale(image, magnification=20, configured=Configured(0.5))\n"
        "    cut = tiles(image, scale, Tiling(256, 220, 0.5), TilingRecord(), threads=2)\n"
        "    number = sum(1 for _ in cut)\n"
        "status = open('/proc/self/status').read()\n"
        "print(number, status.partition('VmHWM:')[2].split()[0])\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(module.__file__).parents[2])}
    command = [sys.executable, "-c", code, str(path)]
    done = subprocess.run(command, env=environment, capture_output=True, check=True, text=True)
    return [int(number) for number in done.stdout.split()]


def test_memory_does_not_grow_with_the_slide(tmp_path):
    """Twice the sides, 150 MB more of pixels: not held by tiles, skipped or kept."""
    base, found = picture(1024, 1024), []
    for times in (4, 8):

        def shrink(pixels, factor, times=times):
            return np.tile(box(base, factor), (times, times, 1))

        path, pixels = tmp_path / f"{times}.tif", np.tile(base, (times, times, 1))
        found.append(peak(write(path, pixels, shrink=shrink, first=None)))
    (few, less), (many, more) = found
    assert many == 4 * few
    assert more - less < 40_000  # KiB


@pytest.mark.skipif(not SVS.is_file(), reason=f"no real slide {SVS}")
@pytest.mark.parametrize("side", [512, 224])
def test_a_real_slide_is_cut_as_every_pixel_says(side):
    found, record = cut(SVS, side, default=None)
    assert_same(found, brute_force(SVS, side))
    assert not record.refuted
