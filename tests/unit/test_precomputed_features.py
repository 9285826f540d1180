"""Features of other programs: the right row for each spot, or one line that says why not."""

import json
import logging

import anndata as ad
import h5py
import numpy as np
import pytest
from embedding_files import grid_corners, trident_attributes, write_hest, write_trident
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from st_files import HEIGHT, WIDTH, Section

from stnet.core.errors import InputError
from stnet.core.h5ad import write_h5ad
from stnet.core.hashing import file_sha256
from stnet.features.collect import collect_features
from stnet.features.precomputed import write_precomputed_features

# Spots are 40 px apart, off an exact grid by up to 2 px, with a radius of 10 px.
SIDE, VIEW, D = 80, "80x2", 6


class Made:
    """Files of embeddings for a section's spots, in any order."""

    def __init__(self, section, folder):
        self.section, self.folder = section, folder
        self.all = ad.read_h5ad(section)
        self.used = self.all[self.all.obs["used"].to_numpy()]
        rng = np.random.default_rng(3)
        self.order = rng.permutation(self.all.n_obs)
        self.names = self.all.obs_names[self.order].tolist()
        self.corners = self.all.obsm["spatial"][self.order].astype(int) - SIDE // 2
        self.values = rng.normal(size=(self.all.n_obs, D)).astype(np.float32)
        self.attributes = trident_attributes("HE", (WIDTH, HEIGHT), SIDE)
        self.path = folder / "S.h5"

    @property
    def expected(self):
        """Looked up by name, spot by spot."""
        return np.array([self.values[self.names.index(name)] for name in self.used.obs_names])

    def hest(self):
        return write_hest(self.path, self.values, self.names, self.corners)

    def trident(self):
        return write_trident(self.path, self.values, self.corners, self.attributes)

    def read(self, path=None, view=VIEW):
        output = self.folder / "features.h5ad"
        write_precomputed_features(self.section, path or self.path, output, view=view, code="0123")
        return ad.read_h5ad(output)

    def refused(self, view=VIEW):
        with pytest.raises(InputError) as caught:
            self.read(view=view)
        assert "\n" not in str(caught.value)
        assert not (self.folder / "features.h5ad").exists()
        return str(caught.value)


@pytest.fixture(scope="module")
def section(tmp_path_factory):
    files = Section(tmp_path_factory.mktemp("section")).files()
    files.write(require_label=False, spot_window=SIDE)
    return files.folder / "out/s.h5ad"


@pytest.fixture
def made(section, tmp_path):
    made = Made(section, tmp_path)
    assert 10 < made.used.n_obs < made.all.n_obs
    return made


def test_each_spot_has_the_row_of_its_barcode(made):
    made.hest()
    found = made.read()
    np.testing.assert_array_equal(found.X, made.expected)
    assert found.obs_names.tolist() == [f"P-1_C1:{name}" for name in made.used.obs_names]
    assert found.var_names.tolist() == [f"feature{i}" for i in range(D)]
    with h5py.File(made.path, "a") as file:
        del file["coords"]
    np.testing.assert_array_equal(made.read().X, made.expected)


def test_each_spot_has_the_row_of_the_tile_cut_at_it(made):
    made.trident()
    found = made.read()
    np.testing.assert_array_equal(found.X, made.expected)
    about = found.uns["features"]
    assert (about["kind"], about["view"], about["encoder"]) == ("precomputed", VIEW, "uni_v1")
    assert (about["file"], about["sha256"]) == (str(made.path), file_sha256(made.path))
    stated = json.loads(about["attributes"])["coords"]
    assert stated == {key: str(value) for key, value in made.attributes["coords"].items()}


def test_names_of_st_may_be_padded_as_hest_has_them(made):
    names, made.names = made.names, ["x".join(n.zfill(3) for n in s.split("x")) for s in made.names]
    made.hest()
    made.names = names
    np.testing.assert_array_equal(made.read().X, made.expected)


@pytest.mark.parametrize("step", [40, 80])
def test_on_a_grid_a_spot_has_the_nearest_tile(made, step, caplog):
    made.corners = grid_corners((WIDTH, HEIGHT), step)
    made.values = np.arange(len(made.corners) * D, dtype=np.float32).reshape(-1, D)
    made.trident()
    with caplog.at_level(logging.WARNING):
        found = made.read()
    for row, place in zip(found.X, made.used.obsm["spatial"], strict=True):
        centres = made.corners + SIDE / 2
        (tile,) = np.flatnonzero((made.values == row).all(axis=1))
        distances = np.hypot(*(centres - place).T)
        assert distances[tile] == distances.min()
    shared = made.used.n_obs - len(np.unique(found.X, axis=0))
    assert (f"{shared} of {made.used.n_obs} spots share a tile" in caplog.text) == (shared > 0)
    assert (shared > 0) == (step == 80)


@pytest.mark.parametrize("step", [40, 80, 160])
def test_a_grid_of_tiles_whose_width_is_not_stated(made, step):
    corners = grid_corners((WIDTH, HEIGHT), step)
    write_trident(
        made.path,
        np.arange(len(corners) * D, dtype="f4").reshape(-1, D),
        corners,
        {"features": {}, "coords": {}},
    )
    if step == SIDE:
        assert made.read().n_obs == made.used.n_obs
    else:
        assert f"its tiles are {step} px apart in the image, but the window" in made.refused()


def test_a_spot_without_its_tile_does_not_take_a_neighbours(made):
    spot = made.used.obs_names[7]
    for corners in (made.corners, grid_corners((WIDTH, HEIGHT), 40)):
        place = made.used[spot].obsm["spatial"][0]
        keep = np.hypot(*(corners + SIDE / 2 - place).T) > 25
        assert len(corners) - 4 <= keep.sum() < len(corners)
        write_trident(made.path, np.ones((keep.sum(), D), "f4"), corners[keep], made.attributes)
        line = made.refused()
        assert "has no tile with its centre within" in line
        assert f"of {made.used.n_obs} used spots of section P-1_C1 ({spot}" in line


@pytest.mark.parametrize("dtype", ["float16", "float64", "bfloat16"])
@pytest.mark.parametrize("axes", [2, 3])
def test_other_precisions_and_a_leading_axis(made, dtype, axes):
    made.values = np.round(made.values, 1).astype("float16").astype("float32")
    made.values[:, 0] = 1.5
    made.trident()
    with h5py.File(made.path, "a") as file:
        del file["features"]
        values = made.values[None] if axes == 3 else made.values
        if dtype == "bfloat16":
            kind = h5py.h5t.IEEE_F32LE.copy()
            kind.set_fields(15, 7, 8, 0, 7)
            kind.set_size(2)
            kind.set_ebias(127)
            space = h5py.h5s.create_simple(values.shape)
            h5py.h5d.create(file.id, b"features", kind, space)
            file["features"][...] = values
            made.values = file["features"][:].reshape(made.values.shape)
            assert file["features"].id.get_type().get_size() == 2
        else:
            file["features"] = values.astype(dtype)
    found = made.read()
    np.testing.assert_array_equal(found.X, made.expected)
    assert (found.X[:, 0] == 1.5).all()


def swapped(made):
    """Two used spots' barcodes exchanged."""
    one, two = (made.names.index(name) for name in made.used.obs_names[[2, 5]])
    made.names[one], made.names[two] = made.names[two], made.names[one]


def without(made):
    """Neither of two used spots."""
    keep = ~np.isin(made.names, made.used.obs_names[[2, 5]])
    made.values, made.corners = made.values[keep], made.corners[keep]
    made.names = [name for name, kept in zip(made.names, keep, strict=True) if kept]


def elsewhere(made):
    made.names = [f"{i}x99" for i in range(len(made.names))]


def repeated(made):
    made.names[3] = made.names[4]


def twice(made):
    made.corners[3] = made.corners[4]


def wider(made):
    """Patches of twice the window around the same spots."""
    made.corners = made.corners - SIDE // 2
    made.attributes["coords"]["patch_size_level0"] = 2 * SIDE


def halved(made):
    """On an image of half the resolution."""
    made.corners = (made.corners + SIDE // 2) // 2 - SIDE // 4
    made.attributes["coords"] |= {"level0_width": WIDTH // 2, "level0_height": HEIGHT // 2}


def unnamed(made):
    """TRIDENT's of another slide, before it stated the size of slides."""
    del made.attributes["coords"]["level0_width"], made.attributes["coords"]["level0_height"]
    made.corners[:, 0] += WIDTH


def renamed(made):
    for each in made.attributes.values():
        each["name"] = "HE2"


def renamed_once(made):
    made.attributes["coords"]["name"] = "HE2"


def centred(made):
    made.corners += SIDE // 2


def constant(made):
    made.values[:] = 1


def infinite(made):
    made.values[made.names.index(made.used.obs_names[4]), 2] = np.inf


def too_large(made):
    made.values = made.values.astype(float)
    made.values[made.names.index(made.used.obs_names[4]), 2] = 1e300


def whole_numbers(made):
    made.values = made.values.view(np.uint16)


def of_slides(made):
    made.values = made.values[0]


def reversed_order(made):
    made.names = made.names[::-1]


REFUSED = [
    ("hest", swapped, "by coords the tiles of 2 of 34 used spots of section P-1_C1 ("),
    ("hest", reversed_order, "coords and barcodes have another order"),
    ("hest", halved, "or are of another slide or resolution; compute them again"),
    ("hest", wider, "its tiles are 160 px wide in the image, but the window of view 80x2 is 80"),
    ("hest", without, "has no features with the barcode of 2 of 34 used spots of section P-1_C1 ("),
    (
        "hest",
        elsewhere,
        "with the barcode of 34 of 34 used spots of section P-1_C1 (3x4, 4x4, 5x4, 6x4, 7x4, …)",
    ),
    ("hest", elsewhere, "; give the features of this section's image"),
    ("hest", repeated, "is repeated; keep one of its rows"),
    ("hest", infinite, "not all features of 1 of 34 used spots of section P-1_C1 ("),
    ("hest", too_large, "are finite; compute them again"),
    ("hest", whole_numbers, "embeddings has type uint16; write it as float32"),
    ("trident", wider, "its tiles are 160 px wide in the image, but the window of view 80x2 is 80"),
    ("trident", halved, "a slide of 135 x 175 px, but the image of section P-1_C1 has 270 x 350"),
    ("trident", unnamed, "tiles are off the image of section P-1_C1 (270 x 350 px)"),
    ("trident", renamed, "features of slide HE2, but the image of section P-1_C1 is HE.jpg"),
    ("trident", renamed_once, "its datasets have different attributes name (HE, HE2)"),
    ("hest", centred, "its coords are at the centres of the spots; write the top left"),
    ("hest", constant, "all 34 used spots of section P-1_C1 have the same features"),
    ("trident", without, "with its centre within 10 px of 2 of 34 used spots of section P-1_C1 ("),
    ("trident", without, "compute features of every used spot, also off the tissue"),
    ("trident", twice, "no tiles, or two with the same coords"),
    ("trident", infinite, "not all features of 1 of 34 used spots of section P-1_C1 ("),
    ("trident", of_slides, "features has shape (6,), not a row for each tile"),
]


@pytest.mark.parametrize(("layout", "change", "said"), REFUSED)
def test_what_does_not_belong_to_the_section_is_refused(made, layout, change, said):
    change(made)
    getattr(made, layout)()
    line = made.refused()
    assert line.startswith(f"{made.path}: ")
    assert said in line


@pytest.mark.parametrize("share", [0.92, 1.08])
def test_a_window_within_a_tenth_of_the_views_is_taken(made, share):
    view = f"{round(SIDE * share)}x1"
    for write in (made.hest, made.trident):
        write()
        np.testing.assert_array_equal(made.read(view=view).X, made.expected)


def test_the_slide_may_be_named_as_the_section_is(made):
    for each in made.attributes.values():
        each["name"] = "P-1_C1"
    made.trident()
    np.testing.assert_array_equal(made.read().X, made.expected)


DATASETS = [
    (lambda file: file.clear(), "has no embeddings or features, but nothing; name a file of patch"),
    (lambda file: file.pop("coords"), "has neither coords nor barcodes to tell its tiles apart"),
    (lambda file: file.copy("features", "embeddings"), "has both embeddings and features"),
    (lambda file: file["coords"].resize(9, 0), "9 coords for 48 rows of features; compute it"),
    (lambda file: file["features"].resize(9, 0), "48 coords for 9 rows of features; compute it"),
    (lambda file: file.create_dataset("barcodes", data=[1.0]), "damaged, or not embeddings in HD"),
    (
        lambda file: file["coords"].attrs.create("level0_width", "wide"),
        "level0_width is 'wide', not a number of pixels",
    ),
    (
        lambda file: file["coords"].attrs.modify("patch_size_level0", -4),
        "patch_size_level0 is '-4', not a number of pixels",
    ),
]


@pytest.mark.parametrize(("change", "said"), DATASETS)
def test_datasets_that_do_not_fit_together_are_refused(made, change, said):
    made.trident()
    with h5py.File(made.path, "a") as file:
        change(file)
    assert said in made.refused()


def test_coordinates_that_are_no_pixels_are_refused(made):
    for bad in (np.nan, 1e300):
        made.trident()
        with h5py.File(made.path, "a") as file:
            corners = file["coords"][:].astype(float)
            corners[2, 1] = bad
            del file["coords"]
            file["coords"] = corners
        assert "coords are not x and y of each tile in pixels" in made.refused()


def test_other_files_are_refused(made):
    assert "No such file" in made.refused()
    made.path.write_text("x,y\n")
    assert "damaged, or not embeddings in HDF5" in made.refused()


def test_sections_have_features_of_one_encoder(made):
    paths = []
    for number, (width, encoder) in enumerate([(6, "uni_v1"), (6, None), (6, "conch"), (4, None)]):
        made.path = made.folder / f"{number}.h5"
        made.attributes["features"]["encoder"] = encoder
        write_trident(made.path, made.values[:, :width], made.corners, made.attributes)
        features = made.read()
        features.obs_names = f"S{number}:" + features.obs_names
        paths.append(made.folder / f"{number}.h5ad")
        write_h5ad(features, paths[-1])
    out = made.folder / "all.h5ad"
    # Older versions of TRIDENT do not name it.
    collect_features(paths[:2], out)
    with pytest.raises(
        InputError, match=r"2\.h5ad: not the .*0\.h5ad \(6 conch from .*2\.h5, not 6 uni"
    ):
        # The first file that names its encoder decides, wherever it stands.
        collect_features([paths[1], paths[0], paths[2]], out)
    with pytest.raises(
        InputError, match=r"3\.h5ad: not the .*1\.h5ad \(4 from .*3\.h5, not 6 from"
    ):
        collect_features([paths[1], paths[3]], out)


QUICK = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@QUICK
@given(data=st.data())
def test_any_damage_is_refused_in_one_line_or_harmless(made, data):
    """A flipped byte may change a value, which nothing can notice; spots never change places."""
    getattr(made, data.draw(st.sampled_from(["hest", "trident"])))()
    content = bytearray(made.path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    cut = data.draw(st.integers(len(content) // 2, len(content)))
    made.path.write_bytes(content[:cut] if data.draw(st.booleans()) else content)
    try:
        found = made.read()
    except InputError as error:
        line = str(error)
        assert "\n" not in line
        return
    assert found.obs_names.tolist() == [f"P-1_C1:{name}" for name in made.used.obs_names]
    if found.shape[1] == D:
        changed = (made.expected != found.X).any(axis=1)
        assert changed.sum() <= 4


@QUICK
@given(seed=st.integers(0, 2**31), drop=st.booleans(), layout=st.sampled_from(["hest", "trident"]))
def test_rows_may_be_in_any_order_and_of_more_spots(made, seed, drop, layout):
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(made.names))
    if drop:
        used = np.isin(made.names, made.used.obs_names)[order]
        order = order[used | (rng.random(len(order)) < 0.5)]
    expected, names, values, corners = made.expected, made.names, made.values, made.corners
    try:
        made.names = [names[i] for i in order]
        made.values, made.corners = values[order], corners[order]
        getattr(made, layout)()
        np.testing.assert_array_equal(made.read().X, expected)
    finally:
        made.names, made.values, made.corners = names, values, corners
