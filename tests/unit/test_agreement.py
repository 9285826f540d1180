"""What two files of a section say of one thing is compared, and the refusal names both."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from st_files import Section
from visium_files import PITCH, SIDE, Visium

from stnet.cohorts.scale import um_per_px
from stnet.core.errors import InputError
from stnet.slides.image import SlideImage


def visium(folder, **factors) -> Visium:
    """A section with Space Ranger's picture, a tenth as large as the image."""
    made = Visium(folder).files()
    path = Path(made.row["spots"]) / "scalefactors_json.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | factors))
    with Image.open(made.row["image"]) as image:
        image.reduce(10).save(path.with_name("tissue_hires_image.png"))
    return made


def write(made):
    """The section's scale, or the line that refused it."""
    try:
        return made.write()[0].uns["slide"]["um_per_px"]
    except InputError as error:
        return str(error)


@pytest.mark.parametrize("grey", [False, True])
def test_the_picture_of_space_ranger_is_of_the_image(tmp_path, grey):
    made = visium(tmp_path)
    picture = Path(made.row["spots"]) / "tissue_hires_image.png"
    if grey:
        with Image.open(picture) as image:
            image.convert("L").save(picture)
    assert made.write()[0].n_obs == 38
    image = Image.open(made.row["image"]).copy()

    wrong = []
    for factor in (0.5, 0.85, 1.15, 1.25, 2):
        image.resize([round(side * factor) for side in image.size]).save(made.row["image"])
        made.row["pixel_scale"] = ""
        error = write(made)
        if f"{round(SIDE * factor)} x" not in error and "lie off this image" not in error:
            wrong.append((factor, error))
        made.row["pixel_scale"] = str(factor)
        found = made.write(spot_window=20)[0]
        if found.uns["slide"]["um_per_px"] != pytest.approx(100 / PITCH / factor, rel=0.02):
            wrong.append((factor, found))
    assert wrong == []
    made.row["pixel_scale"] = ""
    image.transpose(Image.Transpose.ROTATE_180).save(made.row["image"])
    assert "not what" in write(made)
    image.save(made.row["image"])
    picture.write_bytes(picture.read_bytes()[:60])
    assert f"{picture}: damaged image" in write(made)
    picture.unlink()
    made.write()


def test_scales_are_compared(tmp_path, monkeypatch, caplog):
    made = visium(tmp_path)
    both = r"µm per pixel by {}.*, but 2.5\d* by spot_pitch_um \(100\) and the distance of the"
    wrong = []
    for stated, fits in ((2.5, True), (2.7, True), (2.8, False), (1.25, False), (5.0, False)):
        made.row["um_per_px"] = str(stated)
        found = pd.Series([str(write(made))])
        right = (
            found[0] == str(stated) if fits else found.str.contains(both.format("its um_per_px"))
        )
        if not np.all(right):
            wrong.append(found[0])
        # The sheet overrides the image's own scale, which is compared where the sheet has none.
        monkeypatch.setattr(SlideImage, "um_per_px", stated)
        made.row["um_per_px"] = "2.5"
        caplog.clear()
        if write(made) != 2.5 or ("times the image's own" in caplog.text) == fits:
            wrong.append((stated, "not overridden"))
        made.row["um_per_px"] = ""
        found = pd.Series([str(write(made))])
        own = both.format("the properties of .*HE.tif")
        if found.str.contains(own).all() == fits:
            wrong.append(found[0])
        monkeypatch.setattr(SlideImage, "um_per_px", None)
    assert wrong == []
    made = visium(tmp_path / "stated", microns_per_pixel=0.3)
    assert "0.3 µm per pixel by microns_per_pixel of scalefactors_json.json" in write(made)
    assert visium(tmp_path / "agreed", microns_per_pixel=2.5).write()[0].n_obs == 38


def test_bins_of_visium_hd_are_no_spots(tmp_path):
    said = "from Visium HD, whose bins are not spots; use format visium-hd"
    made = visium(tmp_path / "factors", bin_size_um=8.0)
    assert f"bin_size_um in scalefactors_json.json is {said}" in write(made)
    made = Visium(tmp_path / "barcodes")
    made.spots.index = [f"s_008um_{i:05d}_00001-1" for i in range(len(made.spots))]
    names = made.spots.index[made.spots["in_tissue"] == 1]
    made.counts = made.counts.set_axis(names, axis="index")
    assert f"barcode s_008um_00000_00001-1 is {said}" in write(made.files())
    # Bins under other names lie on a square array.
    made = Visium(tmp_path / "bins")
    made.spots["array_col"] = made.spots["array_col"] // 2
    assert "its array is not hexagonal; name a Visium section (not bins of" in write(made.files())


def test_two_position_files_say_the_same_or_are_refused(tmp_path):
    made = Visium(tmp_path).files()
    expected = made.write()[0]
    shutil.copy(made.positions, made.positions.with_name("tissue_positions_list.csv"))
    assert (made.write()[0].obsm["spatial"] == expected.obsm["spatial"]).all()
    made.spots.iloc[3, -1] += 1
    made.positions.write_text(made.table())
    error = write(made)
    assert f"differ in 1 spots, such as {made.spots.index[3]}; remove the one" in error
    made.spots = made.spots.iloc[:-1]
    made.positions.write_text(made.table())
    assert "tissue_positions.csv and tissue_positions_list.csv differ in" in write(made)


def test_an_array_is_what_the_sheet_calls_it(tmp_path):
    made = Section(tmp_path).files()
    made.row["grid"] = "hexagonal"
    assert "array row + column is even for 24 spots and odd for 24, so its" in made.refused()
    x, y = (axis.ravel() for axis in np.mgrid[:12, :9])
    even = (x + y) % 2 == 0
    array, odd = (np.column_stack([x, y])[side] for side in (even, ~even))
    pixels = array * [20, 20 * np.sqrt(3)]
    assert um_per_px(array, pixels, "hexagonal", 200, "s") == pytest.approx(5)
    # The other half is hexagonal, too.
    assert um_per_px(odd, odd * [20, 20 * np.sqrt(3)], "hexagonal", 200, "s")
    assert um_per_px(array[:1], pixels[:1], "square", 200, "s") is None
    with pytest.raises(InputError, match=r"column is even for all 54 spots, .* grid to hexagonal"):
        um_per_px(array, array * 20, "square", 200, "s")
    with pytest.raises(InputError, match=r"are 40 px apart along one axis and 23\.09 along"):
        um_per_px(array, array * 20, "hexagonal", 200, "s")
    aside = np.where(np.arange(len(pixels)) % 2, 50, -50)[:, None] * [1, 0]
    with pytest.raises(InputError, match=r"\d+ of 54 spots are further than a spot's distance"):
        um_per_px(array, pixels + aside, "hexagonal", 200, "s")


def test_spots_that_the_matrix_has_not_and_the_reverse(tmp_path):
    """Up to a hundredth and one spot may be unmatched, and any number on one side only."""
    made = Section(tmp_path, "her2st")
    counts, words = made.counts, made.words
    assert made.files().write()[1]["kept"] == 48
    wrong = []
    tried = [(1, 20, False), (2, 1, False), (20, 0, False), (2, 2, True), (3, 3, True)]
    for lost, elsewhere, refused in tried:
        names = list(made.spots.index)
        kept = counts.loc[names[lost:]]
        added = counts.iloc[:elsewhere].set_axis([f"40x{i}" for i in range(elsewhere)], axis=0)
        made.counts = pd.concat([kept, added])
        found = write(made.files())
        if ("of its" in str(found)) != refused:
            wrong.append((lost, elsewhere, found))
        made.counts = counts
        more = pd.Series(["non"] * elsewhere, added.index)
        made.words = pd.concat([words.loc[names[lost:]], more])
        found = write(made.files())
        # Two of 48 labels may be beside their spots.
        if ("labels are at no spot" in str(found)) != (refused and lost > 2):
            wrong.append((lost, elsewhere, found))
        made.words = words
    assert wrong == []
