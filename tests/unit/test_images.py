"""Images of any mode against plain arithmetic, and those that are refused."""

import os
import struct
import time
from io import BytesIO

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from images import chunk, exif_chunk, in_8_bits, shown, turned, write_png, write_tiff
from PIL import Image

from stnet.core.errors import InputError
from stnet.slides import image as image_module
from stnet.slides.image import open_image

SIZE = (45, 70)
RANDOM = np.random.default_rng(0)
RGB = RANDOM.integers(0, 256, (*SIZE, 3), dtype=np.uint8)
ALPHA = RANDOM.integers(0, 256, (*SIZE, 1), dtype=np.uint8)
OF_12 = RANDOM.integers(0, 4096, (*SIZE, 3), dtype=np.uint16)
OF_16 = RANDOM.integers(0, 65536, (*SIZE, 3), dtype=np.uint16)
RGBA = np.concatenate([RGB, ALPHA], axis=2)
RGBA_16 = np.concatenate([OF_16, ALPHA * np.uint16(257)], axis=2)
PALETTE = RANDOM.integers(0, 256, (256, 3), dtype=np.uint8)
OME = {"photometric": "minisblack", "ome": True}
PLANES = {"photometric": "minisblack", "metadata": None}


def read(path):
    """All pixels, and whether regions, also those partly outside, and a thumbnail are the same."""
    with open_image(path) as image:
        width, height = image.size
        whole = image.read(0, 0, width, height)
        around = image.read(-5, -3, width + 9, height + 7)
        assert image.thumbnail(20).mode == "RGB"
    assert whole.shape == (height, width, 3)
    assert whole.dtype == np.uint8
    np.testing.assert_array_equal(around[3 : 3 + height, 5 : 5 + width], whole)
    assert around.sum(dtype=int) == whole.sum(dtype=int)
    return whole


def unlike(path, expected):
    """What is wrong with the pixels of an image, or None."""
    try:
        pixels = read(path)
    except InputError as error:
        return str(error)
    if pixels.shape != expected.shape:
        return f"{pixels.shape} for {expected.shape}"
    # Transparency and its division are rounded more than once.
    largest = np.abs(pixels - expected).max()
    return None if largest <= 1 else f"differs by {largest}"


def assert_refused(made, messages):
    wrong = []
    for (name, path), message in zip(made.items(), messages, strict=True):
        started = time.monotonic()
        try:
            read(path)
        except InputError as error:
            text = str(error)
            if message not in text or "\n" in text or not text.startswith(f"{path}: "):
                wrong.append((name, text))
        else:
            wrong.append((name, "is read"))
        if time.monotonic() - started > 10:
            wrong.append((name, "takes too long"))
    assert not wrong


def tiffs(tmp_path, samples, **keys):
    """The image in strips and in tiles."""
    for tiled in (False, True):
        for order in ("<", ">"):
            path = tmp_path / f"{tiled}{order == '<'}.tif"
            yield write_tiff(path, samples, tiled=tiled, byteorder=order, **keys)


def test_tiffs_of_one_meaning_are_shown_as_rgb(tmp_path):
    grey, inverted = {"photometric": "minisblack"}, {"photometric": "miniswhite"}
    straight, with_alpha = {"extrasamples": ["unassalpha"]}, {"extrasamples": ["assocalpha"]}
    multiplied = np.rint(shown(RGBA) - 255 + ALPHA).astype(np.uint8)
    black = 255 - ALPHA.astype(float)
    cases = [
        ("RGB", RGB, {}, RGB),
        ("LZMA", RGB, {"compression": "lzma"}, RGB),
        ("planes", np.moveaxis(RGB, 2, 0).copy(), {"planarconfig": "separate"}, RGB),
        ("8 in 16 bits", RGB.astype(np.uint16), {}, RGB),
        ("12 in 16 bits", OF_12, {}, in_8_bits(OF_12)),
        ("16 bits", OF_16, {"compression": "deflate"}, in_8_bits(OF_16)),
        ("grey", RGB[..., 0], grey, shown(RGB[..., :1])),
        ("grey of 12", OF_12[..., 0], grey, shown(OF_12[..., :1])),
        ("inverted", RGB[..., 0], inverted, 255 - shown(RGB[..., :1])),
        ("RGBA", RGBA, straight, shown(RGBA)),
        ("RGBA of 16", RGBA_16, straight, shown(RGBA_16)),
        (
            "multiplied",
            np.concatenate([multiplied, ALPHA], axis=2),
            with_alpha,
            multiplied + 255.0 - ALPHA,
        ),
        ("fourth unknown", RGBA, {"extrasamples": ["unspecified"]}, RGB),
        (
            "CMYK of 16",
            RGBA_16,
            {"photometric": "separated"},
            (255 - in_8_bits(OF_16)) * black / 255,
        ),
        ("CMYK", RGBA, {"photometric": "separated"}, (255.0 - RGB) * black / 255),
        *[
            (f"palette {n}", RGB[..., 0], {"photometric": "palette", "colormap": colours}, of_it)
            for n in (1, 257)
            for colours, of_it in [(PALETTE.T * np.uint16(n), PALETTE[RGB[..., 0]])]
        ],
    ]
    wrong = []
    for name, samples, keys, expected in cases:
        for path in tiffs(tmp_path, samples, **keys):
            wrong += [(name, path.name, why) for why in [unlike(path, expected)] if why]
    assert not wrong


def test_pngs_of_one_meaning_are_shown_as_rgb(tmp_path):
    path = tmp_path / "image.png"
    key = chunk(b"tRNS", struct.pack(">HHH", *OF_16[3, 4].tolist()))
    without = in_8_bits(OF_16)
    without[(OF_16[3, 4] == OF_16).all(axis=2)] = 255
    palette = chunk(b"PLTE", PALETTE.tobytes())
    faint = chunk(b"tRNS", RGB[:4, :64, 1].tobytes())
    coloured = np.concatenate([PALETTE, RGB[:4, :64, 1].reshape(-1, 1)], axis=1)[RGB[..., 0]]
    grey = np.concatenate([OF_16[..., :1], RGBA_16[..., 3:]], axis=2)
    cases = [
        *[(samples, {}, shown(samples)) for samples in (RGB, RGBA, RGB[..., :1], RGBA[..., 2:])],
        *[(samples, {}, shown(samples)) for samples in (OF_12, OF_16, RGBA_16, OF_16[..., :1])],
        (RGB.astype(np.uint16), {}, RGB),
        (grey, {}, shown(grey)),
        (OF_16, {"before": key}, without),
        (RGB[..., :1], {"before": palette, "colour_type": 3}, PALETTE[RGB[..., 0]]),
        (RGB[..., :1], {"before": palette + faint, "colour_type": 3}, shown(coloured)),
    ]
    wrong = []
    for number, (samples, keys, expected) in enumerate(cases):
        wrong += [
            (number, why) for why in [unlike(write_png(path, samples, **keys), expected)] if why
        ]
    assert not wrong


def test_all_formats_are_turned_upright_alike(tmp_path):
    wrong = []
    for orientation in range(10):
        made = {}
        for name in ("a.jpg", "a.webp"):
            exif = Image.Exif()
            exif[274] = orientation
            Image.fromarray(RGB).save(tmp_path / name, exif=exif)
            made[tmp_path / name] = np.asarray(Image.open(tmp_path / name).convert("RGB"))
        turn = exif_chunk(orientation)
        made[write_png(tmp_path / "a.png", RGB, before=turn)] = RGB
        made[write_png(tmp_path / "b.png", RGB, after=turn)] = RGB
        made[write_png(tmp_path / "c.png", OF_12, before=turn)] = in_8_bits(OF_12)
        for kind, samples in {"rgb": RGB, "16": OF_12, "grey": RGB[..., 0]}.items():
            for tiled in (False, True):
                path = tmp_path / f"{kind}{tiled}.tif"
                keys = {"photometric": "minisblack"} if kind == "grey" else {}
                write_tiff(path, samples, orientation=orientation, tiled=tiled, **keys)
                made[path] = shown(samples.reshape(*SIZE, -1))
        slide = tmp_path / "aperio.tif"
        says = {"description": "Aperio Image Library\r\n70x45|MPP = 0.25", "metadata": None}
        says["compression"] = "deflate"  # OpenSlide does not read such small tiles without
        made[write_tiff(slide, RGB, orientation=orientation, tiled=True, **says)] = RGB
        for path, pixels in made.items():
            why = unlike(path, turned(pixels, orientation))
            wrong += [(orientation, path.name, why)] if why else []
        with open_image(slide) as image:
            assert image.um_per_px == 0.25
    assert not wrong


def test_three_grey_pages_are_red_green_and_blue(tmp_path):
    planes, deep = np.moveaxis(RGB, 2, 0).copy(), np.moveaxis(OF_12, 2, 0).copy()
    names = {"Channel": {"Name": ["Blue", "green", "Red"]}}
    cases = [
        (planes, PLANES, RGB),
        (deep, PLANES, in_8_bits(OF_12)),
        (planes, OME | {"metadata": {"axes": "CYX"}}, RGB),
        (planes, OME | {"metadata": {"axes": "CYX"} | names}, RGB[..., ::-1]),
        (planes, {"imagej": True, "photometric": "minisblack", "metadata": {"axes": "CYX"}}, RGB),
    ]
    wrong = []
    for number, (samples, keys, expected) in enumerate(cases):
        for tiled in (False,) if "imagej" in keys else (False, True):
            path = write_tiff(tmp_path / "image.tif", samples, tiled=tiled, **keys)
            wrong += [(number, tiled, why) for why in [unlike(path, expected)] if why]
    assert not wrong


def test_images_of_no_single_meaning_are_refused(tmp_path):
    planes, stack = np.moveaxis(RGB, 2, 0).copy(), np.stack([RGB] * 3)
    dyes = {"axes": "CYX", "Channel": {"Name": ["DAPI", "FITC", "TRITC"]}}
    grey = {"photometric": "minisblack"}
    contiguous = grey | {"planarconfig": "contig"}
    apart = {"planarconfig": "separate"}
    apart_grey = grey | apart | {"extrasamples": ["unassalpha"]}
    cases = {
        "OME z": (planes, OME | {"metadata": {"axes": "ZYX"}}, "a stack of 3 images"),
        "dyes": (planes, OME | {"metadata": dyes}, "the channels DAPI, FITC, TRITC, not red"),
        "z": (stack, {}, "a stack of 3 images"),
        "z in one page": (stack, {"truncate": True}, "a stack of 3 images"),
        "time": (planes[:2], grey, "a stack of 2 images"),
        "float": (RGB / np.float32(255), {}, "floating-point numbers, of unknown range"),
        "signed": (RGB.astype(np.int16), {}, "signed integers"),
        "32 bits": (RGB.astype(np.uint32), {}, "32 bits per channel"),
        "16-bit planes": (
            np.moveaxis(OF_16, 2, 0).copy(),
            {"planarconfig": "separate"},
            "each in a plane of its own",
        ),
        "grey planes": (np.moveaxis(RGB[..., :2], 2, 0).copy(), apart_grey, "each in a plane"),
        "six": (np.concatenate([RGB, RGB], axis=2), contiguous, "6 channels"),
        "three unnamed": (RGB, contiguous, "3 channels and does not say which colours"),
        "two unnamed": (RGB[..., :2], contiguous, "2 channels and does not say which colours"),
        "Lab": (RGB, {"photometric": "cielab"}, "its colours as CIELAB"),
    }
    made, messages = {}, []
    for name, (samples, keys, message) in cases.items():
        for tiled in (False, True):
            if tiled and "truncate" in keys:
                continue
            made[name, tiled] = tmp_path / f"{name}{tiled}.tif"
            write_tiff(made[name, tiled], samples, tiled=tiled, **keys)
            messages.append(message)
    for name, small, message in [
        ("thumbnail", RGB[::4, ::4], "first page of 18 x 12 px, smaller than page 2 of 70 x 45 px"),
        ("scenes", RGB[:, 1:], "holds two images, of 69 x 45 and, on page 2, 70 x 45"),
        ("smaller scene", RGB[:-1], "holds two images"),
    ]:
        for tile in (None, (16, 16)):
            made[name, tile] = tmp_path / f"{name}{tile is None}.tif"
            pages = [small, RGB][:: -1 if name == "smaller scene" else 1]
            with tifffile.TiffWriter(made[name, tile]) as tiff:
                for page in pages:
                    tiff.write(np.ascontiguousarray(page), photometric="rgb", tile=tile)
            messages.append(message if name != "scenes" else "70 x 45")
    for tile in (None, (16, 16)):
        made["below", tile] = tmp_path / f"below{tile is None}.tif"
        with tifffile.TiffWriter(made["below", tile]) as tiff:
            small = np.ascontiguousarray(RGB[::4, ::4])
            tiff.write(small, photometric="rgb", tile=tile, subifds=1)
            tiff.write(RGB, photometric="rgb", tile=tile)
        messages.append("a thumbnail as its first page and the image below it")
    other = [Image.fromarray(RGB[::-1])]
    for name in ("a.gif", "a.png", "a.webp", "a.mpo"):
        made[name] = tmp_path / name
        Image.fromarray(RGB).save(made[name], save_all=True, append_images=other)
        messages.append("several pictures")
    for name in ("a.ppm", "a.ico"):
        made[name] = tmp_path / name
        Image.fromarray(RGB).save(made[name])
        messages.append("not a slide, TIFF, JPEG")
    assert_refused(made, messages)


def test_pyramids_and_small_pictures_beside_the_image_are_not_refused(tmp_path):
    small = np.ascontiguousarray(RGB[::2, ::2])
    for tile in (None, (16, 16)):
        path = tmp_path / "image.tif"
        with tifffile.TiffWriter(path) as tiff:
            tiff.write(RGB, photometric="rgb", tile=tile)
            tiff.write(small, photometric="rgb", tile=tile)  # not marked as a level
            tiff.write(RGB, photometric="rgb", tile=tile, subfiletype=1)
        assert unlike(path, RGB) is None
    path = tmp_path / "camera.jpg"
    Image.fromarray(RGB).save(path, "MPO", save_all=True, append_images=[Image.fromarray(small)])
    with Image.open(path) as camera:
        assert (camera.format, camera.n_frames) == ("MPO", 2)
        assert unlike(path, np.asarray(camera)) is None


def patched(path, tag, value):
    """The TIFF with another value in a tag of its first page."""
    with tifffile.TiffFile(path) as tiff:
        found = tiff.pages[0].tags[tag]
    length = {3: 2, 4: 4}[int(found.dtype)]
    with open(path, "r+b") as file:
        file.seek(found.valueoffset)
        file.write((value % 2 ** (8 * length)).to_bytes(length, "little"))
    return path


def test_unknown_compressions_are_to_be_converted(tmp_path):
    made = {}
    for compression in (50001, 50002, 34712, 33003, 65432):
        for tiled in (False, True):
            path = tmp_path / f"{compression}{tiled}.tif"
            write_tiff(path, RGB, tiled=tiled, compression="deflate")
            made[compression, tiled] = patched(path, 259, compression)
    assert_refused(made, ["is not read; convert it to TIFF"] * len(made))


def test_absurd_headers_and_bombs_are_refused_in_one_line_at_once(tmp_path):
    made, messages = {}, []
    for side, message in [
        (2**31 - 1, "the limit is 2,000,000,000 px"),
        (60_000, "the limit is 2,000,000,000 px"),
        (40_000, "more than 200 px per byte"),
        (0, "not a slide, TIFF, JPEG"),
    ]:
        made["png", side] = write_png(tmp_path / f"{side}.png", RGB, size=(side, side))
        messages.append(message)
    jpeg = BytesIO()
    Image.fromarray(RGB).save(jpeg, "JPEG")
    place = jpeg.getvalue().index(b"\xff\xc0") + 5
    for side, message in [(65_535, "the limit is"), (40_000, "px per byte")]:
        made["jpeg", side] = tmp_path / f"{side}.jpg"
        sides = struct.pack(">HH", side, side)
        made["jpeg", side].write_bytes(
            jpeg.getvalue()[:place] + sides + jpeg.getvalue()[place + 4 :]
        )
        messages.append(message)
    for tag, value, tiled, message in [
        (256, 100_000, True, "damaged image"),
        (257, 2**31, True, "damaged image"),
        (257, 100_000, False, "damaged image"),
        (256, 2**31, False, "the limit is"),
        (256, 0, True, "damaged image"),
        (277, 3000, True, "3000 channels"),
        (258, 64, False, "bits per channel"),
        (322, 2**20, True, "damaged image"),
    ]:
        path = write_tiff(tmp_path / f"{tag}-{value}-{tiled}.tif", RGB, tiled=tiled)
        made[tag, value, tiled] = patched(path, tag, value)
        messages.append(message)
    sparse = tmp_path / "sparse.tif"
    side, n_tiles = 100_000, (-(-100_000 // 256)) ** 2
    empty = iter([np.zeros((256, 256, 3), dtype=np.uint8), *[None] * (n_tiles - 1)])
    keys = {"shape": (side, side, 3), "dtype": np.uint8, "tile": (256, 256), "photometric": "rgb"}
    with tifffile.TiffWriter(sparse, bigtiff=True) as tiff:
        tiff.write(empty, compression="deflate", **keys)
    made["sparse"] = sparse
    messages.append("more than 1000 px per byte")
    for name, content in {
        "empty": b"",
        "text": b"no image",
        "png": b"\x89PNG\r\n\x1a\njunk" * 9,
    }.items():
        made[name] = tmp_path / name
        made[name].write_bytes(content)
        messages.append("not a slide, TIFF, JPEG")
    for name, content in {"short": b"II*\0", "junk": b"MM\0*junkjunkjunk"}.items():
        made[name] = tmp_path / name
        made[name].write_bytes(content)
        messages.append("damaged image")
    assert_refused(made, messages)


def test_ome_states_the_scale_in_its_units(tmp_path):
    scales = []
    for x, unit, tiled in [(0.25, "µm", True), (250, "nm", False), (2.5e-4, "mm", True)]:
        axes = {"axes": "YXS", "PhysicalSizeX": x, "PhysicalSizeY": x}
        units = {"PhysicalSizeXUnit": unit, "PhysicalSizeYUnit": unit}
        path = write_tiff(tmp_path / "image.ome.tif", RGB, tiled=tiled, metadata=axes | units)
        with open_image(path) as image:
            scales.append(image.um_per_px)
    assert scales == pytest.approx([0.25] * 3)
    for nothing in ({"PhysicalSizeX": "0,25"}, {"PhysicalSizeX": 1, "PhysicalSizeXUnit": "pixel"}):
        write_tiff(path, RGB, metadata={"axes": "YXS"} | nothing)
        with open_image(path) as image:
            assert image.um_per_px is None
    both = {"axes": "YXS", "PhysicalSizeX": 0.25, "PhysicalSizeY": 0.25}
    keys = {"metadata": both, "resolution": (20_000, 20_000), "resolutionunit": "centimeter"}
    write_tiff(tmp_path / "image.ome.tif", RGB, tiled=True, **keys)
    with open_image(tmp_path / "image.ome.tif") as image, pytest.raises(InputError) as error:
        print(image.um_per_px)
    assert "0.25 (PhysicalSizeX) and 0.5 (openslide.mpp-" in str(error.value)


def test_levels_too_large_to_read_at_once_give_the_same_thumbnail(tmp_path, monkeypatch):
    y, x = np.mgrid[:600, :900]
    smooth = np.stack([x // 4, y // 3, (x + y) // 8], axis=2).astype(np.uint8)
    path = write_tiff(tmp_path / "image.tif", smooth, tiled=True)
    with open_image(path) as image:
        usual = np.asarray(image.thumbnail(90)).astype(int)
        monkeypatch.setattr(image_module, "LARGE", 100_000)
        in_bands = np.asarray(image.thumbnail(90))
    assert in_bands.shape == (60, 90, 3)
    assert np.abs(in_bands - usual).max() <= 3


def read_or_refused(path):
    """The pixels of an image, or what it is refused for in one line."""
    try:
        return read(path), ""
    except InputError as error:
        lines = str(error).splitlines()
    return None, lines[0] if len(lines) == 1 else ""


DEPTHS = {
    "8": (np.uint8, 256),
    "8 in 16": (np.uint16, 256),
    "12 in 16": (np.uint16, 4096),
    "16": (np.uint16, 65536),
    "float": (np.float32, 2),
    "signed": (np.int16, 256),
    "32": (np.uint32, 256),
}


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    channels=st.integers(1, 5),
    depth=st.sampled_from([*DEPTHS, "8", "12 in 16", "16"]),
    pages=st.sampled_from([1, 1, 1, 2, 3, 4]),
    orientation=st.integers(0, 9),
    tiled=st.booleans(),
    separate=st.booleans(),
    compression=st.sampled_from([None, "deflate", "lzma"]),
    byteorder=st.sampled_from("<>"),
    seed=st.integers(0, 100),
)
def test_any_tiff_is_shown_right_or_refused(
    tmp_path, channels, depth, pages, orientation, tiled, separate, compression, byteorder, seed
):
    kind, most = DEPTHS[depth]
    random = np.random.default_rng(seed)
    samples = random.integers(0, most, (pages, 37, 22, channels)).astype(kind)
    separate = separate and channels > 1
    photometric = "rgb" if channels >= 3 else "minisblack"
    keys = {
        "photometric": photometric,
        "orientation": orientation,
        "tiled": tiled,
        "compression": compression,
        "byteorder": byteorder,
        "metadata": None,
        "planarconfig": ("separate" if separate else "contig") if channels > 1 else None,
        "extrasamples": ["unassalpha"] if channels in (2, 4) else None,
    }
    stored = np.moveaxis(samples, 3, 1) if separate else samples
    stored = np.ascontiguousarray(stored if channels > 1 else stored[..., 0])
    path = write_tiff(tmp_path / "image.tif", stored if pages > 1 else stored[0], **keys)
    is_known = np.dtype(kind).kind == "u" and kind != np.uint32 and channels < 5
    is_plane = pages == 3 and channels == 1
    expected = None
    if is_known and (pages == 1 or is_plane):
        plain = np.concatenate([*samples], axis=2) if is_plane else samples[0]
        expected = turned(shown(plain), orientation)
    pixels, refused = read_or_refused(path)
    if refused:
        must = expected is not None and not separate and channels in (1, 3, 4)
        assert not must, refused
        return
    assert expected is not None, "is read"
    assert pixels.shape == expected.shape
    assert np.abs(pixels - expected).max() <= 1


@pytest.mark.parametrize("name", ["image.png", "image.jpg", "image.tif", "tiles.tif", "deep.tif"])
def test_images_cut_anywhere_are_named_in_one_line_or_shown_whole(tmp_path, name):
    path = tmp_path / name
    if name.endswith("png"):
        write_png(path, OF_12)
    elif name.endswith("jpg"):
        Image.fromarray(RGB).save(path)
    else:
        samples = OF_12 if name == "deep.tif" else RGB
        write_tiff(path, samples, tiled=name == "tiles.tif", compression="deflate")
    whole, length = read(path), path.stat().st_size
    for share in np.linspace(0.99, 0.0, 25):
        os.truncate(path, int(length * share))
        pixels, refused = read_or_refused(path)
        assert refused or (pixels == whole).all()
