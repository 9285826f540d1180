"""Sections of HER2ST against a plain reading of the same files."""

import gzip
import hashlib
from pathlib import Path

import anndata as ad
import pandas as pd
import pytest

from stnet.cohorts.section import write_section
from stnet.core.errors import InputError

HER2ST = Path(__file__).parents[3] / "shared/data/her2st"
pytestmark = pytest.mark.skipif(not HER2ST.is_dir(), reason=f"real data absent: {HER2ST}")

IMAGES = {
    "A1": "app/A1_HE_image_dark.png",
    "B4": "ST-imgs/B/B4/BT10737_D2_HE.jpg",
    "C2": "ST-imgs/C/C2/5714_HE_BT_C2.jpg",
    "C3": "ST-imgs/C/C3/5714_HE_BT_D1.jpg",
    "C4": "ST-imgs/C/C4/5714_HE_BT_D2.jpg",
}
SPOTS = {"A1": 346, "B4": 283, "C2": 187, "C3": 180, "C4": 184}
CLASSES = {
    "tumour": ["invasive cancer", "cancer in situ"],
    "normal": ["connective tissue", "adipose tissue", "immune infiltrate", "breast glands"],
}


def read(name, folder, **columns):
    """The section and its drops table, as the workflow makes them."""
    row = {"patient": name[0], "section": name, "format": "her2st", "grid": "square"}
    row |= {"um_per_px": "", "pixel_scale": "", "image": "", "labels": ""}
    row["counts"] = str(HER2ST / f"ST-cnts/{name}.tsv.gz")
    row["spots"] = str(HER2ST / f"ST-spotfiles/{name}_selection.tsv")
    row |= columns
    output, drops = folder / f"{name}.h5ad", folder / f"{name}.drops.tsv"
    write_section(
        row,
        output,
        drops,
        label_classes=CLASSES,
        require_label=False,
        spot_window=224,
        spot_pitch_um=200,
        genes=None,
    )
    return ad.read_h5ad(output), pd.read_csv(drops, sep="\t").iloc[0]


def rows_of(path):
    """A tab-separated file with a header, as dictionaries of text."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt") as file:
        header = next(file).rstrip("\n").split("\t")
        return [dict(zip(header, line.rstrip("\n").split("\t"), strict=True)) for line in file]


@pytest.mark.parametrize("name", list(IMAGES))
def test_spots_and_counts_equal_a_plain_reading(tmp_path, name):
    scale = 2000 / 6954 if name == "A1" else 1
    image = str(HER2ST / IMAGES[name])
    section, drops = read(name, tmp_path, image=image, pixel_scale=str(scale))
    assert drops["used"] == drops["kept"] == section.n_obs == SPOTS[name]
    assert drops["positions"] == SPOTS[name] + drops["no_counts"]
    assert drops["no_position"] == drops["off_image"] == drops["unselected"] == 0

    totals, ones = {}, {}
    for row in rows_of(HER2ST / f"ST-cnts/{name}.tsv.gz"):
        spot, *counts = row.values()
        counts = [int(count) for count in counts]
        totals[spot], ones[spot] = sum(counts), counts.count(1)
    assert dict(section.obs["total_counts"]) == totals
    assert {s: int((section[s].X.data == 1).sum()) for s in section.obs_names[:5]} == {
        s: ones[s] for s in section.obs_names[:5]
    }
    for row in rows_of(HER2ST / f"ST-spotfiles/{name}_selection.tsv"):
        spot = f"{row['x']}x{row['y']}"
        if spot in totals:
            x, y = section.obsm["spatial"][section.obs_names.get_loc(spot)]
            assert (x, y) == (
                round(float(row["pixel_x"]) * scale),
                round(float(row["pixel_y"]) * scale),
            )
    slide = section.uns["slide"]
    assert slide["sha256"] == hashlib.sha256(Path(image).read_bytes()).hexdigest()
    if name != "A1":
        # The sections with full-resolution images: a pitch of 200 um is about 290 px.
        assert slide["um_per_px"] == pytest.approx(200 / 290, abs=0.005)
        assert section.obs["margin"].min() > 500


@pytest.mark.parametrize("name", ["A1", "B1", "C1", "D1", "E1"])
def test_every_label_reaches_its_spot(tmp_path, name):
    labels = HER2ST / f"ST-pat/lbl/{name}_labeled_coordinates.tsv"
    section, _ = read(name, tmp_path, labels=str(labels))
    # In these files each row lies so near its spot that plain rounding finds it too.
    words = {f"{round(float(r['x']))}x{round(float(r['y']))}": r["label"] for r in rows_of(labels)}
    assert dict(section.obs["annotation"]) == {spot: words[spot] for spot in section.obs_names}
    tumour = section.obs["annotation"].isin(CLASSES["tumour"])
    undetermined = section.obs["annotation"] == "undetermined"
    assert (tumour == (section.obs["label"] == "tumour")).all()
    assert (undetermined == section.obs["label"].isna()).all()


def test_files_of_other_sections_are_refused(tmp_path):
    spots = pd.read_csv(HER2ST / "ST-spotfiles/C2_selection.tsv", sep="\t", dtype=str)
    exchanged = spots.rename(columns={"pixel_x": "pixel_y", "pixel_y": "pixel_x"})
    exchanged.to_csv(tmp_path / "exchanged.tsv", sep="\t", index=False)
    image = str(HER2ST / IMAGES["C2"])
    cases = {
        "of its 180 spots are not under tissue": {"counts": str(HER2ST / "ST-cnts/C3.tsv.gz")},
        "with x and y exchanged": {"spots": str(tmp_path / "exchanged.tsv"), "image": image},
        "the image is of another section": {"image": str(HER2ST / IMAGES["B4"])},
        "when scaled by 1.25: the image is of another": {"image": image, "pixel_scale": "0.8"},
        "labels are at no spot": {
            "labels": str(HER2ST / "ST-pat/lbl/B1_labeled_coordinates.tsv"),
        },
        "0.5 µm per pixel by its um_per_px": {"um_per_px": "0.5"},
    }
    for message, columns in cases.items():
        with pytest.raises(InputError) as caught:
            read("C2", tmp_path, misaligned="stop", **columns)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)
