"""Samples of HEST give the section of its own format, or one line says why not."""

import json
from pathlib import Path

import anndata as ad
import numpy as np
import pytest
from scverse_files import assert_same, hest_sample, hest_st
from sections import section_file
from st_files import Section
from visium_files import PITCH, Visium

from stnet.core.errors import InputError
from stnet.core.h5ad import write_h5ad
from stnet.expression.targets import write_targets

WINDOW = {"require_label": False, "spot_window": 40}
SCALE = 200 / 40  # of the test's section, µm per pixel


def sample(folder, name="ID1", **said) -> Section:
    """A section of ST as a sample of HEST."""
    made = Section(folder, "her2st").files()
    content = hest_st(made.spots, made.counts)
    made.row |= hest_sample(content, folder, name, made.row["image"], SCALE, **said)
    return made


def test_a_sample_of_st_is_the_section(tmp_path):
    expected, _ = Section(tmp_path / "own", "her2st").files().write(**WINDOW)
    made = sample(tmp_path / "hest")
    content = ad.read_h5ad(made.row["counts"])
    # HEST has x as row, and pads names.
    assert content.obs.loc["005x010", ["array_row", "array_col"]].to_list() == [5, 10]
    found, drops = made.write(**WINDOW)
    assert_same(found, expected)
    assert drops["kept"] == 48
    published = {"dataset_title": "Simulated sections", "patient": "Patient 1"}
    assert found.uns["published"] == published


def test_a_sample_of_visium_is_the_section(tmp_path):
    made = Visium(tmp_path).files()
    expected, _ = made.write()
    content = ad.AnnData(made.counts.to_numpy(dtype=np.float32))
    content.obs_names, content.var_names = made.counts.index, made.genes["name"]
    content.var["gene_ids"] = made.genes["id"].to_numpy()
    content.var_names_make_unique()
    spots = made.spots.loc[content.obs_names]
    content.obs[["array_row", "array_col"]] = spots[["array_row", "array_col"]]
    content.obsm["spatial"] = spots[["pxl_col_in_fullres", "pxl_row_in_fullres"]].to_numpy()
    said = {"st_technology": "Visium", "inter_spot_dist": 100.0, "spot_diameter": 55.0}
    made.row |= hest_sample(content, tmp_path, "ID1", made.row["image"], 100 / PITCH, **said)
    found, _ = made.write()
    found.var["symbol"] = found.var["symbol"].astype(str).replace("TWIN-1", "TWIN")
    assert_same(found, expected)


def test_metadata_may_say_little(tmp_path):
    made = sample(tmp_path)
    path = Path(made.row["spots"])
    said = {"id": "ID1", "st_technology": "Spatial Transcriptomics", "patient": None}
    path.write_text(
        json.dumps(said | {"dataset_title": "D", "nb_genes": "", "spot_diameter": None})
    )
    found, _ = made.write(**WINDOW)
    assert "published" not in found.uns
    assert found.n_obs == 48
    made.row["image"] = ""
    assert made.write(**WINDOW)[0].n_obs == 48


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"id": "ID2"}, "ID1.h5ad: id is 'ID2' in "),
        ({"id": None}, "ID1.h5ad: id is None in "),
        ({"st_technology": "Visium HD"}, "st_technology 'Visium HD' is not one of"),
        ({"pixel_size_um_estimated": SCALE * 1.2}, "6 µm per pixel by "),
        ({"pixel_size_um_estimated": -1}, "pixel_size_um_estimated is invalid"),
        ({"inter_spot_dist": 100.0}, "spots are 100 µm apart by "),
        ({"fullres_px_width": 540}, "ID1.jpg: 270 x 350 px, but 540 x 350 px by "),
        ({"spots_under_tissue": 60}, "has 48 spots_under_tissue, but 60 by "),
        ({"nb_genes": 18000}, "has 4 nb_genes, but 18000 by "),
    ],
)
def test_metadata_that_contradict_the_sample_are_refused(tmp_path, said, message):
    error = sample(tmp_path, **said).refused(**WINDOW)
    assert message in error
    assert "ID1.json" in error


def test_files_of_two_samples_are_refused(tmp_path):
    made, other = sample(tmp_path / "1"), sample(tmp_path / "2", "ID2")
    for column in ("counts", "spots", "image"):
        mixed = Section(tmp_path / column)
        mixed.row = made.row | {column: other.row[column]}
        assert "name the files of one sample" in mixed.refused(**WINDOW)


@pytest.mark.parametrize("text", ["", "[1]", "{", "\xff", "[" * 100_000])
def test_broken_metadata_are_refused(tmp_path, text):
    made = sample(tmp_path)
    Path(made.row["spots"]).write_bytes(text.encode("latin-1"))
    assert "ID1.json: not a sample's metadata" in made.refused(**WINDOW)


def test_the_scale_is_that_of_the_metadata_where_spots_lie_on_one_line(tmp_path):
    made = Section(tmp_path, "her2st").files()
    content = hest_st(made.spots[made.spots["x"] == 3], made.counts)
    made.row |= hest_sample(content, tmp_path, "ID1", made.row["image"], 4.9)
    found, _ = made.write(**WINDOW)
    assert found.uns["slide"]["um_per_px"] == 4.9


def cohort(folder, *patients) -> list[Path]:
    """Sections of (patient of the sheet, published patient), all different."""
    folder.mkdir(exist_ok=True)
    paths = []
    for number, (patient, published) in enumerate(patients):
        counts = np.random.default_rng(number).poisson(9, (12, 3)) + 1
        path = section_file(
            folder / f"{number}.h5ad", f"S{number}", counts, list("ABC"), patient=patient
        )
        section = ad.read_h5ad(path)
        if published:
            section.uns["published"] = {"dataset_title": "D", "patient": published}
        write_h5ad(section, path)
        paths.append(path)
    return paths


def test_published_patients_are_those_of_the_sheet(tmp_path):
    arguments = {"genes": 2, "transform": "log_fraction"}
    good = cohort(tmp_path, ("A", "1"), ("A", "1"), ("B", "2"), ("C", None), ("B", None))
    write_targets(good, tmp_path / "t.h5ad", **arguments)
    leak = cohort(tmp_path / "leak", ("A", "1"), ("B", "2"), ("C", "1"))
    with pytest.raises(InputError, match=r"patient C of .* is '1' of 'D', but '1' is 'A' in .*/0"):
        write_targets(leak, tmp_path / "u.h5ad", **arguments)
    two = cohort(tmp_path / "two", ("A", "1"), ("B", "2"), ("A", "3"))
    with pytest.raises(InputError, match=r"patient A of .* is '3' of 'D', but 'A' is '1' in .*/0"):
        write_targets(two, tmp_path / "u.h5ad", **arguments)
    assert not (tmp_path / "u.h5ad").exists()
    # Another data set has patients of its own.
    section = ad.read_h5ad(leak[2])
    section.uns["published"]["dataset_title"] = "Another"
    write_h5ad(section, leak[2])
    write_targets(leak, tmp_path / "u.h5ad", **arguments)
