"""Files of a section, altered at random: the section says the same, or one line says why not."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from scverse_files import scverse
from st_files import Section
from visium_files import Visium

from stnet.core.errors import InputError

COLUMNS, ROWS, PITCH, ORIGIN = 16, 18, 40, 50
SIZE = (2 * ORIGIN + (COLUMNS - 1) * PITCH, 2 * ORIGIN + (ROWS - 1) * PITCH)
GENES = [f"ENSG{i:011d}" for i in range(12)]
# Each example writes and reads a section's files.
QUICK = settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def tissue(number: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Two outlines without symmetry."""
    if number == 0:
        return ((x < 6) & (y > 1) & (y < 16)) | ((y > 9) & (y < 14) & (x < 13))
    return (x - 10) ** 2 + (y - 6) ** 2 < 26


def made(folder: Path, layout: str, number: int = 0) -> Section:
    """Section `number`, its spots on tissue; counts of the whole array but for HER2ST."""
    section = Section(folder, layout)
    rng = np.random.default_rng(number)
    x, y = (axis.ravel() for axis in np.meshgrid(range(COLUMNS), range(ROWS)))
    spots = pd.DataFrame({"x": x, "y": y}, index=[f"{a}x{b}" for a, b in zip(x, y, strict=True)])
    spots[["pixel_x", "pixel_y"]] = ORIGIN + PITCH * spots[["x", "y"]] + rng.uniform(-2, 2, 2)
    under = tissue(number, x, y)
    depth = np.where(under, 20, 0.4)[:, None]
    counts = pd.DataFrame(rng.poisson(depth, (len(x), len(GENES))) + 1, spots.index, GENES)
    section.spots, section.size = spots[under], SIZE
    section.counts = counts[under] if layout == "her2st" else counts
    words = rng.choice(["tumor", "non"], under.sum())
    section.words = pd.Series(words, section.spots.index)
    return section


def files(section: Section, number: int = 0) -> Section:
    section.files()
    paint(section.row["image"], number)
    return section


def paint(path: str, number: int) -> None:
    image = Image.new("RGB", SIZE, (240, 240, 240))
    draw = ImageDraw.Draw(image)
    x, y = (axis.ravel() for axis in np.meshgrid(range(COLUMNS), range(ROWS)))
    for a, b in np.column_stack([x, y])[tissue(number, x, y)].tolist():
        left, top = ORIGIN + PITCH * (a - 0.5), ORIGIN + PITCH * (b - 0.5)
        draw.rectangle((left, top, left + PITCH, top + PITCH), (180, 120, 160))
    image.save(path, quality=95)


def outcome(section):
    """The section and its drops, or None if one line refused it."""
    options = {"require_label": False, "spot_window": 32} if isinstance(section, Section) else {}
    try:
        return section.write(**options)
    except InputError as error:
        line = str(error)
    assert "\n" not in line
    assert not [*section.folder.glob("out/*")]
    return None


def agree(found, expected) -> None:
    """Spots of `found` are those of `expected` or some of them, and equal in all that is said."""
    section, drops = found
    assert drops["kept"] == section.n_obs
    same = expected[0][section.obs_names]
    assert (same.X[:, same.var_names.get_indexer(section.var_names)] != section.X).nnz == 0
    assert np.abs(section.obsm["spatial"] - same.obsm["spatial"]).max() == 0
    pd.testing.assert_frame_equal(
        section.obs[["array_row", "array_col"]], same.obs[["array_row", "array_col"]]
    )
    annotation = section.obs["annotation"].astype(object)
    assert (annotation.isna() | (annotation == same.obs["annotation"].astype(object))).all()
    assert section.uns["slide"]["um_per_px"] == pytest.approx(
        expected[0].uns["slide"]["um_per_px"], rel=0.1
    )


def shuffled(table, rng):
    return table.iloc[rng.permutation(len(table))]


def fewer(table, rng):
    return table.iloc[np.sort(rng.permutation(len(table))[: rng.integers(1, len(table))])]


def exchanged(table, one, other):
    return table.assign(**{one: table[other], other: table[one]})


def misplaced(table, columns, rng):
    """The columns' values at other rows."""
    order = rng.permutation(len(table))
    return table.assign(**{name: table[name].to_numpy()[order] for name in columns})


def shifted(table, rng):
    """Spots renamed: all one array position further."""
    step = rng.integers(1, 4)
    names = [name.split("x") for name in table.index]
    return table.set_axis([f"{int(x) + step}x{y}" for x, y in names], axis="index")


# Whether the result may be used; the others must be refused.
ALTERATIONS = {
    "counts shuffled": (True, lambda s, r: setattr(s, "counts", shuffled(s.counts, r))),
    "genes shuffled": (True, lambda s, r: setattr(s, "counts", shuffled(s.counts.T, r).T)),
    "spots shuffled": (True, lambda s, r: setattr(s, "spots", shuffled(s.spots, r))),
    "labels shuffled": (True, lambda s, r: setattr(s, "words", shuffled(s.words, r))),
    "counts lost": (True, lambda s, r: setattr(s, "counts", fewer(s.counts, r))),
    "spots lost": (True, lambda s, r: setattr(s, "spots", fewer(s.spots, r))),
    "labels lost": (True, lambda s, r: setattr(s, "words", fewer(s.words, r))),
    "pixels exchanged": (
        False,
        lambda s, r: setattr(s, "spots", exchanged(s.spots, "pixel_x", "pixel_y")),
    ),
    "pixels of other spots": (
        False,
        lambda s, r: setattr(s, "spots", misplaced(s.spots, ["pixel_x", "pixel_y"], r)),
    ),
    "one pixel column of other spots": (
        False,
        lambda s, r: setattr(s, "spots", misplaced(s.spots, ["pixel_y"], r)),
    ),
    "pixels stretched": (
        False,
        lambda s, r: setattr(s, "spots", s.spots.assign(pixel_x=s.spots["pixel_x"] * 0.7)),
    ),
    "labels shifted": (False, lambda s, r: setattr(s, "words", shifted(s.words, r))),
    "um_per_px": (False, lambda s, r: s.row.update(um_per_px=str(5 * r.choice([0.5, 0.8, 2])))),
    "grid": (False, lambda s, r: s.row.update(grid="hexagonal")),
}
AFTER = {
    **{f"other {part}": part for part in ("counts", "spots", "labels", "image")},
    **{f"image {factor}": factor for factor in (0.5, 0.8, 1.25, 2.0)},
}


@pytest.mark.parametrize("layout", ["st-v5", "st-original", "her2st"])
def test_an_altered_st_section(tmp_path, layout, caplog):
    expected = files(made(tmp_path / "0", layout)).write(require_label=False, spot_window=32)
    other = files(made(tmp_path / "1", layout, 1), 1)
    assert other.write(require_label=False, spot_window=32)[0].n_obs > 60
    assert "tissue" not in caplog.text
    seen = set()

    @QUICK
    @given(st.sampled_from([*ALTERATIONS, *AFTER]), st.integers(0, 2**32 - 1))
    def check(name, seed):
        section = made(tmp_path / f"{name}-{seed}", layout)
        rng, usable = np.random.default_rng(seed), False
        caplog.clear()
        if name in ALTERATIONS:
            usable, alter = ALTERATIONS[name]
            alter(section, rng)
        files(section)
        if name.startswith("other"):
            section.row[AFTER[name]] = other.row[AFTER[name]]
        elif name.startswith("image"):
            with Image.open(section.row["image"]) as image:
                sides = [round(side * AFTER[name]) for side in image.size]
                image.resize(sides).save(section.row["image"])
        found = outcome(section)
        seen.add(name)
        if found is None:
            # Too few spots are left, or all on one line.
            assert not usable or "lost" in name
        elif usable:
            agree(found, expected)
        else:
            assert "check that both are of the same section" in caplog.text, name

    check()
    assert len(seen) > 12


def named(made: Visium, rng) -> None:
    made.counts.index = made.counts.index.str.replace("-1", f"-{rng.integers(2, 9)}")


def aggregated(made: Visium, rng) -> None:
    second = made.counts.set_axis(made.counts.index.str.replace("-1", "-2"), axis="index")
    made.counts = pd.concat([made.counts, second])


def elsewhere(made: Visium, rng) -> None:
    """The counts of another section, whose tissue is the lower right of the array."""
    off = made.spots.index[(made.spots["pxl_row_in_fullres"] > 150)]
    made.counts = made.counts.set_axis(off[: len(made.counts)], axis="index")


def of_visium(attribute: str, change):
    return lambda made, rng: setattr(made, attribute, change(getattr(made, attribute), rng))


PIXELS = ["pxl_row_in_fullres", "pxl_col_in_fullres"]
VISIUM = {
    "counts shuffled": (True, of_visium("counts", shuffled)),
    "spots shuffled": (True, of_visium("spots", shuffled)),
    "counts lost": (True, of_visium("counts", fewer)),
    "spots lost": (True, of_visium("spots", fewer)),
    "exchanged": (False, of_visium("spots", lambda t, r: exchanged(t, *PIXELS))),
    "array exchanged": (
        False,
        of_visium("spots", lambda t, r: exchanged(t, "array_row", "array_col")),
    ),
    "barcodes of other spots": (
        False,
        of_visium("spots", lambda t, r: t.set_axis(r.permutation(t.index), axis="index")),
    ),
    "pixels of other spots": (False, of_visium("spots", lambda t, r: misplaced(t, PIXELS, r))),
    "array of other spots": (
        False,
        of_visium("spots", lambda t, r: misplaced(t, ["array_row", "array_col"], r)),
    ),
    "sample": (False, named),
    "aggregated": (False, aggregated),
    "counts of another": (False, elsewhere),
    "um_per_px": (False, lambda made, r: made.row.update(um_per_px=str(2.5 * r.choice([0.5, 2])))),
}
IMAGES = (0.5, 0.8, 1.25, 2.0)


def test_an_altered_visium_section(tmp_path):
    expected = Visium(tmp_path / "0").files().write()
    seen = set()

    @QUICK
    @given(st.sampled_from([*VISIUM, *IMAGES]), st.integers(0, 2**32 - 1))
    def check(name, seed):
        made, usable = Visium(tmp_path / f"{name}-{seed}"), False
        if name in VISIUM:
            usable, alter = VISIUM[name]
            alter(made, np.random.default_rng(seed))
        made.files()
        spatial, image = Path(made.row["spots"]), Path(made.row["image"])
        with Image.open(image) as opened:
            opened.reduce(10).save(spatial / "tissue_hires_image.png")
            if name in IMAGES:
                opened.resize([round(side * name) for side in opened.size]).save(image)
        assume(name != "counts lost" or len(made.counts) > 2)
        found = outcome(made)
        seen.add(name)
        if found is None:
            assert not usable or "lost" in name
        else:
            assert usable, name
            agree(found, expected)

    check()
    assert len(seen) > 12


def of_pixels(change):
    """A change of `obsm["spatial"]`."""
    return lambda content, other, rng: content.obsm.update(
        spatial=change(content.obsm["spatial"], other.obsm["spatial"], rng)
    )


def rows_kept(choose):
    return lambda content, other, rng: content._inplace_subset_obs(choose(content.n_obs, rng))


def some(n, rng):
    return np.sort(rng.permutation(n)[: rng.integers(n // 2, n)])


def array_exchanged(content, other, rng):
    content.obs["array_row"], content.obs["array_col"] = (
        content.obs["array_col"].to_numpy(),
        content.obs["array_row"].to_numpy(),
    )


def array_of_other_spots(content, other, rng):
    order = rng.permutation(content.n_obs)
    for name in ("array_row", "array_col"):
        content.obs[name] = content.obs[name].to_numpy()[order]


def places_of_another(content, other, rng):
    """Counts of this section at the spots of another."""
    spots = rng.permutation(other.n_obs)[: content.n_obs]
    content._inplace_subset_obs(np.arange(len(spots)))
    content.obsm["spatial"] = other.obsm["spatial"][spots]
    for name in ("array_row", "array_col"):
        content.obs[name] = other.obs[name].to_numpy()[spots]


def normalised(content, other, rng):
    content.X = content.X.multiply(1e4 / content.X.sum(axis=1)).tocsr()


def scaled(content, factor):
    content.obsm["spatial"] = content.obsm["spatial"] * factor


# Whether the result may be used, as above.
ANNDATA = {
    "spots shuffled": (True, rows_kept(lambda n, rng: rng.permutation(n))),
    "spots lost": (True, rows_kept(some)),
    "genes shuffled": (True, lambda c, o, r: c._inplace_subset_var(r.permutation(c.n_vars))),
    "normalised": (False, normalised),
    "pixels of other spots": (False, of_pixels(lambda p, o, rng: rng.permutation(p))),
    "pixels of another": (False, of_pixels(lambda p, o, rng: np.resize(o, p.shape))),
    "pixels exchanged": (False, of_pixels(lambda p, o, rng: p[:, ::-1])),
    "pixels scaled": (False, lambda c, o, r: scaled(c, r.choice([0.25, 0.5, 2, 4]))),
    "pixels a little scaled": (False, lambda c, o, r: scaled(c, r.choice([0.8, 1.25]))),
    "one pixel column of other spots": (
        False,
        of_pixels(lambda p, o, rng: np.column_stack([p[:, 0], rng.permutation(p[:, 1])])),
    ),
    "array exchanged": (False, array_exchanged),
    "array of other spots": (False, array_of_other_spots),
    "places of another": (False, places_of_another),
    "picture of another": (False, lambda c, o, r: c.uns.update(spatial=o.uns["spatial"])),
}


def test_an_altered_anndata(tmp_path, caplog):
    own, other = (files(made(tmp_path / f"{n}", "st-v5", n), n) for n in (0, 1))
    expected = own.write(require_label=False, spot_window=32)
    contents = [scverse(each.spots, each.counts, each.row["image"]) for each in (own, other)]
    seen = set()

    @QUICK
    @given(st.sampled_from([*ANNDATA, "image of another"]), st.integers(0, 2**32 - 1))
    def check(name, seed):
        section = made(tmp_path / f"{name}-{seed}", "st-v5")
        section.folder.mkdir(exist_ok=True)
        content, rng = contents[0].copy(), np.random.default_rng(seed)
        usable, alter = ANNDATA.get(name, (False, lambda *parts: None))
        alter(content, contents[1], rng)
        image = (other if name == "image of another" else own).row["image"]
        section.row |= {"counts": str(section.folder / "s.h5ad"), "spots": "", "labels": ""}
        section.row |= {"format": "anndata", "image": image}
        content.write_h5ad(section.row["counts"])
        caplog.clear()
        found = outcome(section)
        seen.add(name)
        if found is None:
            assert not usable or "lost" in name
        else:
            # Places on the image and counts are right, and the array only mirrored.
            assert usable or name == "array exchanged", name
            assert usable or "the array is mirrored on the image" in caplog.text
            if usable:
                agree(found, expected)

    check()
    assert len(seen) > 10
