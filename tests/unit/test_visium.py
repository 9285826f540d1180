"""Visium sections, on files written here: the matrix, the spatial folder, and what is refused."""

import shutil
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw
from visium_files import GENES, ORIGIN, PITCH, SIDE, Visium

from stnet.cohorts.orientation import check_misplaced
from stnet.config.section_sheet import COLUMNS, read_sheet
from stnet.core.errors import InputError
from stnet.expression.targets import write_targets
from stnet.slides.patches import write_patches

HGNC = (
    "hgnc_id\tsymbol\tensembl_gene_id\talias_symbol\tprev_symbol\n"
    "1\tTSPAN6\tENSG00000000003\t\tOLD1\n2\tGAPDH\tENSG00000111640\t\t\n"
)


@pytest.mark.parametrize("version", [1, 2])
def test_a_section_is_what_its_files_say(tmp_path, version):
    made = Visium(tmp_path, version).files()
    section, drops = made.write()
    spots = made.spots[made.spots["in_tissue"] == 1]
    assert len(spots) == 38
    assert list(section.obs_names) == list(spots.index)
    assert list(section.var_names) == list(GENES["id"])
    assert section.X.dtype == np.int32
    assert (section.X.toarray() == made.counts.loc[spots.index].to_numpy()).all()
    assert list(section.obs["total_counts"]) == list(made.counts.loc[spots.index].sum(axis=1))
    assert list(section.obs["array_col"]) == list(spots["array_col"])
    assert list(section.obs["array_row"]) == list(spots["array_row"])
    pixels = spots[["pxl_col_in_fullres", "pxl_row_in_fullres"]].to_numpy()
    assert (section.obsm["spatial"] == pixels).all()
    assert section.obs["margin"].min() == ORIGIN
    assert section.obs["label"].isna().all()
    assert section.uns["grid"] == {"V-1_A": "hexagonal"}
    assert section.uns["slide"]["um_per_px"] == pytest.approx(100 / PITCH, rel=5e-3)
    others = len(made.spots) - len(spots)
    assert {k: v for k, v in drops.items() if v and k not in ("patient", "section")} == {
        **{"positions": len(made.spots), "counts": len(spots), "unselected": others},
        **{"kept": len(spots), "used": len(spots)},
    }


def test_both_versions_of_space_ranger_give_the_same_section(tmp_path):
    (first, first_drops), (second, second_drops) = (
        Visium(tmp_path / str(version), version).files().write() for version in (1, 2)
    )
    assert first_drops == second_drops
    assert (first.X != second.X).nnz == 0
    pd.testing.assert_frame_equal(first.obs, second.obs)
    pd.testing.assert_frame_equal(first.var, second.var)
    assert (first.obsm["spatial"] == second.obsm["spatial"]).all()


def test_a_header_is_known_by_what_it_says(tmp_path):
    made = Visium(tmp_path).files()
    expected = made.write()[0]
    made.positions.rename(made.positions.with_name("tissue_positions_list.csv"))
    assert (made.write()[0].obsm["spatial"] == expected.obsm["spatial"]).all()
    old = Visium(tmp_path / "old", version=1).files()
    old.positions.write_text("0,1,2,3,4,5\n" + old.table())  # as pandas saves it
    assert (old.write()[0].obsm["spatial"] == expected.obsm["spatial"]).all()


def test_symbols_are_the_table_s_or_else_the_matrix_s(tmp_path):
    made = Visium(tmp_path)
    made.genes.loc[2, "name"] = "ENSG00000000419"  # a gene without a name
    made.files()
    var = made.write()[0].var
    assert list(var["symbol"]) == ["OLD1", "TNMD", "", "TWIN", "TWIN", "GFP"]
    ids = ["ENSG00000000003", "ENSG00000000005", "ENSG00000000419", "ENSG07", "ENSG08", ""]
    assert list(var["ensembl"]) == ids
    (tmp_path / "hgnc.tsv").write_text(HGNC)
    var = made.write(genes=tmp_path / "hgnc.tsv")[0].var
    assert list(var["symbol"]) == ["TSPAN6", "TNMD", "", "TWIN", "TWIN", "GFP"]
    assert list(var["ensembl"]) == ids


def test_ids_and_symbols_are_known_by_their_form(tmp_path):
    made = Visium(tmp_path)
    expected = made.files().write()[0].var
    made.genes.loc[4, "name"] = "TWIN2"
    made.genes[["id", "name"]] = made.genes[["name", "id"]]
    var = made.files().write()[0].var
    assert list(var.index) == ["OLD1", "TNMD", "DPM1", "TWIN", "TWIN2", "GFP"]
    assert list(var["ensembl"]) == list(expected["ensembl"])
    assert list(var["symbol"][:4]) == list(expected["symbol"][:4])


def test_features_that_are_no_genes_are_left_out(tmp_path, caplog):
    made = Visium(tmp_path)
    made.genes.loc[[1, 4], "feature_type"] = "Antibody Capture"
    section, _ = made.files().write()
    kept = GENES["id"].drop([1, 4])
    assert list(section.var_names) == list(kept)
    expected = made.counts.loc[section.obs_names, kept]
    assert (section.X.toarray() == expected.to_numpy()).all()
    assert list(section.obs["total_counts"]) == list(expected.sum(axis=1))
    assert "section V-1_A: 2 features left out that are not genes" in caplog.text


def test_a_raw_matrix_has_the_spots_out_of_the_tissue_too(tmp_path):
    made = Visium(tmp_path)
    expected = made.files().write()[0]
    made.counts = made.counts.reindex(sorted(made.spots.index), fill_value=1)
    made.matrix()
    section, drops = made.write()
    assert (section.X != expected.X).nnz == 0
    assert drops["counts"] == len(made.spots)


def test_a_matrix_may_lack_a_spot_but_not_a_tenth_of_them(tmp_path):
    made = Visium(tmp_path).files()
    made.counts = made.counts.iloc[1:]
    made.matrix()
    section, drops = made.write()
    assert sorted(section.obs_names) == list(made.counts.index)
    assert drops["no_counts"] == 1
    made = Visium(tmp_path / "cut").files()
    made.counts = made.counts.iloc[4:]
    made.matrix()
    assert "4 of the 38 spots under tissue" in made.refused()


def test_counts_written_as_floats_are_counts(tmp_path):
    made = Visium(tmp_path).files()
    expected = made.write()[0]
    made.matrix(data=made.counts.to_numpy()[made.counts.to_numpy() > 0].astype(np.float32))
    assert (made.write()[0].X != expected.X).nnz == 0


def test_a_section_is_trained_on_like_any_other(tmp_path):
    made = Visium(tmp_path).files()
    section, _ = made.write()
    path, image = tmp_path / "out/s.h5ad", Image.open(made.row["image"])
    write_patches(path, made.row["image"], tmp_path / "p.npy", view="32x1")
    patches = np.load(tmp_path / "p.npy")
    assert patches.shape == (section.n_obs, 32, 32, 3)
    x, y = section.obsm["spatial"][3].astype(int)
    assert (patches[3] == np.asarray(image.crop((x - 16, y - 16, x + 16, y + 16)))).all()
    write_targets([path], tmp_path / "t.h5ad", genes=3, transform="log_fraction")
    targets = ad.read_h5ad(tmp_path / "t.h5ad")
    chosen = list(targets.var_names)
    assert chosen == list(made.counts.sum().sort_values(ascending=False).index[:3])
    spot = section.obs_names[3]
    fractions = (1 + made.counts.loc[spot, chosen]) / (6 + made.counts.loc[spot].sum())
    assert targets[f"V-1_A:{spot}"].X.ravel() == pytest.approx(np.log(fractions).to_numpy())
    assert list(targets.var["symbol"]) == list(section.var["symbol"][chosen])


def cut_short(made: Visium) -> None:
    path = Path(made.row["counts"])
    path.write_bytes(path.read_bytes()[:-100])


def two_genomes(made: Visium) -> None:
    made.matrix(of_cell_ranger_2="GRCh38")
    with h5py.File(made.row["counts"], "a") as file:
        file.copy("GRCh38", "mm10")


def altered(**changed):
    """A fault: parts of the matrix, changed."""
    return lambda made: made.matrix(**changed)


def features(column: str, row: int, value: str):
    """A fault: a cell of the table of features, changed."""

    def fault(made: Visium) -> None:
        made.genes.loc[row, column] = value
        made.matrix()

    return fault


def other_barcodes(made: Visium) -> None:
    made.counts.index = made.counts.index.str.replace("-1", "-2")
    made.matrix()


def other_section(made: Visium) -> None:
    elsewhere = sorted(made.spots.index[made.spots["in_tissue"] == 0])[:3]
    made.counts.index = [*elsewhere, *made.counts.index[3:]]
    made.matrix()


def line(number: int, old: str, new: str):
    """A fault: the first `old` in a line (from 1) of the positions, replaced."""

    def fault(made: Visium) -> None:
        lines = made.positions.read_text().split("\n")
        assert old in lines[number - 1]
        lines[number - 1] = lines[number - 1].replace(old, new, 1)
        made.positions.write_text("\n".join(lines))

    return fault


def twice(made: Visium) -> None:
    first, second = made.positions.read_text().split("\n")[1:3]
    line(3, second.split(",")[0], first.split(",")[0])(made)


def high_definition(made: Visium) -> None:
    row, column = made.spots["array_row"], made.spots["array_col"]
    names = [f"s_008um_{r:05d}_{c:05d}-1" for r, c in zip(row, column, strict=True)]
    made.counts.index = made.counts.index.map(dict(zip(made.spots.index, names, strict=True)))
    made.spots.index = names
    made.files()


def segmented(made: Visium) -> None:
    made.counts.index = [f"cellid_{number:09d}-1" for number in range(len(made.counts))]
    made.matrix()


def scales(text: str):
    """A fault: the scale factors' text."""
    return lambda made: (Path(made.row["spots"]) / "scalefactors_json.json").write_text(text)


FAULTS = {
    "no matrix": (lambda m: Path(m.row["counts"]).unlink(), r"matrix.h5: no such file"),
    "truncated": (cut_short, r"matrix.h5: damaged, or not a matrix .*download it again"),
    "text": (lambda m: Path(m.row["counts"]).write_text("<html>"), r"matrix.h5: damaged"),
    "older": (two_genomes, r"matrix.h5: has genes of several genomes \(GRCh38, mm10\)"),
    "part": (altered(indptr=None), r"matrix.h5: has no matrix/indptr"),
    "shape": (altered(shape=[5, 9]), r"matrix.h5: damaged.*its shape does not match its feat"),
    "short": (altered(data=[1, 2]), r"matrix.h5: damaged"),
    "index": (altered(indices=lambda i: [*i[:-1], 6]), r"matrix.h5: damaged"),
    "order": (altered(indptr=lambda i: [*i[:2], i[3], i[2], *i[4:]]), r"matrix.h5: damaged"),
    "left over": (
        altered(data=lambda d: [*d, 1], indices=lambda i: [*i, 0]),
        r"matrix.h5: damaged.*values after the last barcode's",
    ),
    "numbers": (altered(barcodes=[1, 2]), r"matrix.h5: damaged"),
    "no genes": (
        lambda m: [features("feature_type", row, "Antibody Capture")(m) for row in range(6)],
        r"matrix.h5: has no feature of type Gene Expression",
    ),
    "genomes": (features("genome", 4, "mm10"), r"genes of several genomes \(GRCh38, mm10\)"),
    "gene twice": (features("id", 4, "ENSG07"), r"matrix.h5: gene 'ENSG07' is repeated"),
    "other barcodes": (
        other_barcodes,
        r"\d+ of its \d+ barcodes, such as \w+-2, are nowhere on the array in .*spati",
    ),
    "other section": (other_section, r"3 of its \d+ spots .*, and 3 of the \d+ spots under"),
    "no folder": (
        lambda m: shutil.rmtree(m.row["spots"]),
        r"spatial: no such file or folder; correct",
    ),
    "no positions": (
        lambda m: m.positions.unlink(),
        r"spatial: has no tissue_positions.csv or tiss",
    ),
    "hd": (high_definition, r"spatial: barcode s_008um_00000_00000-1 is from .*use format visium-"),
    "hd's scale": (
        scales('{"bin_size_um": 8}'),
        r"bin_size_um in scalefactors_json.json is from .*use format visium-hd",
    ),
    "cells": (segmented, r"matrix.h5: barcode cellid_000000000-1 is a segmented cell"),
    "empty": (lambda m: m.positions.write_text(""), r"tissue_positions.csv: no rows"),
    "header only": (
        lambda m: m.positions.write_text(m.table().split("\n")[0]),
        r"after its header",
    ),
    "column": (line(1, "array_row", "row"), r"positions.csv: no column array_row in its header"),
    "cut line": (line(5, ",", ""), r"positions.csv line 5: 5 fields where the table has 6"),
    "word": (line(5, ",0,", ",no,"), r"positions.csv line 5, column \w+: 'no' is not a number"),
    "cut in a number": (
        lambda m: m.positions.write_text(m.table()[:-3]),
        r"spatial: 1 of 108 spots are further than a spot's distance from their place",
    ),
    "barcode twice": (twice, r"positions.csv line 3: spot [ACGT]+-1 is also on line 2"),
    "no json": (
        scales("{"),
        r"scalefactors_json.json: damaged .*download the file",
    ),
    "no width": (scales('{"spot_diameter_fullres": 0}'), r"value 0.0"),
    "gene unnamed": (features("id", 4, ""), r"matrix.h5: 1 genes have no id, the first is feature"),
    "huge width": (
        scales(f'{{"spot_diameter_fullres": 1{"0" * 400}}}'),
        r"spot_diameter_fullres is invalid",
    ),
    "nested": (scales("[" * 100_000), r"scalefactors_json.json: damaged"),
    "far": (line(5, ",0,", ",1e19,"), r"positions.csv line 5, column \w+: '1e19' is too large"),
    "counts in text": (
        lambda m: m.matrix(data=lambda values: np.array([str(v) for v in values], "S")),
        r"matrix.h5: has values that are not counts",
    ),
    "gene twice for a barcode": (
        lambda m: m.matrix(indices=lambda genes: [genes[1], *genes[1:]]),
        r"matrix.h5: damaged.*several counts of a gene for one barcode",
    ),
    "a list": (scales("[1]"), r"scalefactors_json.json: damaged \(not an object\)"),
}


@pytest.mark.parametrize(("fault", "message"), FAULTS.values(), ids=FAULTS)
def test_bad_input_is_refused_in_one_line_and_nothing_is_written(tmp_path, fault, message):
    made = Visium(tmp_path).files()
    fault(made)
    error = made.refused()
    assert pd.Series([error]).str.contains(message).all(), error


@pytest.mark.parametrize("value", [-1, 1.5, float("nan"), 2**40])
def test_values_that_are_no_counts_are_refused(tmp_path, value):
    made = Visium(tmp_path).files()
    data = made.counts.to_numpy()[made.counts.to_numpy() > 0]
    data = data.astype(np.float64 if isinstance(value, float) else np.int64)
    data[5] = value
    made.matrix(data=data)
    assert "matrix.h5: has values that are not counts" in made.refused()


def test_a_barcode_with_two_columns_is_refused(tmp_path):
    made = Visium(tmp_path).files()
    names = list(made.counts.index)
    made.counts.index = [names[1], *names[1:]]
    made.matrix()
    assert f"barcode {names[1]} is repeated" in made.refused()


@pytest.mark.parametrize("width", [51, 55, 65, 71])
def test_a_spot_is_about_as_wide_as_printed_or_as_in_theory(tmp_path, caplog, width):
    made = Visium(tmp_path)
    made.diameter = PITCH * width / 100
    made.files().write()
    assert "WARNING" not in caplog.text


@pytest.mark.parametrize("width", [40, 49, 72, 85])
def test_a_spot_of_another_width_is_refused(tmp_path, width):
    made = Visium(tmp_path)
    made.diameter = PITCH * width / 100
    assert f"scalefactors_json.json is {width} µm by" in made.files().refused()


def test_a_scale_that_is_not_visium_s_is_refused(tmp_path):
    made = Visium(tmp_path).files()
    # Also where no scale factors say so.
    Path(made.row["spots"], "scalefactors_json.json").unlink()
    made.row["um_per_px"] = "1"
    error = made.refused()
    assert "section V-1_A: 1 µm per pixel by its um_per_px, but 2.5" in error


def test_a_shrunken_image_has_shrunken_spots(tmp_path, caplog):
    made = Visium(tmp_path).files()
    with Image.open(made.row["image"]) as image:
        image.reduce(2).save(made.row["image"])
    made.row["pixel_scale"] = "0.5"
    section, _ = made.write(spot_window=20)
    assert section.uns["slide"]["um_per_px"] == pytest.approx(200 / PITCH, rel=1e-2)
    assert "WARNING" not in caplog.text


def test_scale_factors_may_be_missing(tmp_path):
    made = Visium(tmp_path).files()
    scales("{}")(made)
    made.write()
    (Path(made.row["spots"]) / "scalefactors_json.json").unlink()
    made.write()


class Sheet:
    def __init__(self, made: Visium):
        self.path, self.row = made.folder / "sheet.tsv", made.row

    def read(self) -> dict[str, str]:
        lines = ["\t".join(COLUMNS), "\t".join(self.row.get(name, "") for name in COLUMNS)]
        self.path.write_text("\n".join(lines))
        return read_sheet(self.path, "", check_files=True)[0]

    def refused(self, **changed) -> str:
        self.row = self.row | changed
        with pytest.raises(InputError) as caught:
            self.read()
        return str(caught.value)


def test_the_sheet_names_the_spatial_folder_or_a_file_of_it(tmp_path):
    made = Visium(tmp_path).files()
    assert Sheet(made).read()["spots"] == str(tmp_path / "spatial")
    made.row["spots"] = str(made.positions)
    assert Sheet(made).read()["spots"] == str(made.positions)
    folder = str(tmp_path)
    assert f"line 2 (V-1_A): counts {folder}: has no mat" in Sheet(made).refused(counts=folder)
    assert f"spots {folder}/x: no such file or f" in Sheet(made).refused(spots=f"{folder}/x")
    assert "grid 'square' must be hexagonal for" in Sheet(made).refused(grid="square")
    assert "labels 'l.csv' must be empty" in Sheet(made).refused(labels="l.csv")


def exchange(made: Visium) -> None:
    names = ["pxl_row_in_fullres", "pxl_col_in_fullres"]
    made.spots[names] = made.spots[names[::-1]].to_numpy()


def test_exchanged_pixel_columns_are_refused(tmp_path):
    made = Visium(tmp_path)
    exchange(made)
    error = made.files().refused()
    spots = made.spots[made.spots["in_tissue"] == 1]
    on = ((spots["pxl_col_in_fullres"] < 355) & (spots["pxl_row_in_fullres"] < 235)).mean()
    assert 0.5 < on < 0.8
    assert f"spatial: {on:.0%} of the spots under tissue of section V-1_A lie on tissue" in error
    assert "and 100% with x and y exchanged" in error
    made.row["image"] = ""
    made.write()


@pytest.mark.parametrize("grey", [225, 205, 185])
def test_exchanged_pixel_columns_are_refused_on_grey_glass_too(tmp_path, grey, caplog):
    made = Visium(tmp_path).files()
    with Image.open(made.row["image"]) as image:
        pixels = np.asarray(image.convert("RGB"))
    brightest = pixels.mean(axis=2).max()
    Image.fromarray((pixels * (grey / brightest)).astype(np.uint8)).save(made.row["image"])
    made.write()
    assert "mirrored" not in caplog.text
    shutil.rmtree(tmp_path / "out")
    dark = Path(made.row["image"]).read_bytes()
    exchange(made)
    made.files()
    Path(made.row["image"]).write_bytes(dark)
    assert "with x and y exchanged" in made.refused()


def test_exchanged_pixel_columns_off_a_wide_image_are_named(tmp_path):
    made = Visium(tmp_path)
    exchange(made)
    made.size = (SIDE, 300)
    made.files()
    error = made.refused()
    assert "lie off this image of 460 x 300 px" in error
    assert "and all fit with x and y exchanged" in error


def test_a_mirrored_array_that_fits_is_read(tmp_path):
    made = Visium(tmp_path)
    made.spots["pxl_col_in_fullres"] = SIDE - made.spots["pxl_col_in_fullres"]
    made.tissue = (SIDE - 355, 0, SIDE, 235)
    made.files().write()


def test_where_nothing_tells_the_two_apart_it_is_read_with_a_word(tmp_path, caplog):
    square = Visium(tmp_path / "square")
    inside = (square.spots[["pxl_row_in_fullres", "pxl_col_in_fullres"]] < 300).all(axis=1)
    square.spots["in_tissue"] = inside.astype(int)
    square.tissue = (0, 0, 300, 300)
    full = Visium(tmp_path / "full")
    full.spots["in_tissue"] = 1
    full.tissue, full.size = (0, 0, SIDE, SIDE), (SIDE + 40, SIDE + 40)
    for made in (square, full):
        caplog.clear()
        names = sorted(made.spots.index[made.spots["in_tissue"] == 1])
        made.counts = made.counts.reindex(names, fill_value=1)
        made.files().write()
        exchange(made)
        made.files().write()
        assert "the array is mirrored on the image" in caplog.text


def test_an_array_wholly_in_tissue_tells_where_glass_is(tmp_path):
    made = Visium(tmp_path)
    made.spots["in_tissue"] = 1
    made.spots["pxl_col_in_fullres"] -= 40
    made.spots["pxl_row_in_fullres"] += 10
    made.tissue = (0, 50, 390, SIDE)
    made.counts = made.counts.reindex(sorted(made.spots.index), fill_value=1)
    made.files().write(spot_window=20)
    shutil.rmtree(tmp_path / "out")
    exchange(made)
    assert "with x and y exchanged" in made.files().refused(spot_window=20)


def test_fat_is_no_fault_where_tissue_fills_the_array(tmp_path):
    made = Visium(tmp_path)
    made.spots["in_tissue"] = 1
    made.tissue = (0, 0, SIDE, 300)
    made.counts = made.counts.reindex(sorted(made.spots.index), fill_value=1)
    assert made.files().write(spot_window=20)[1]["kept"] == len(made.spots)


def test_half_of_the_tissue_in_fat_is_no_fault(tmp_path):
    made = Visium(tmp_path)
    made.tissue = (0, 0, 180, 235)
    made.files().write()


def test_tissue_that_was_left_out_is_no_fault(tmp_path):
    """A pale piece is flagged, a dark one in the mirrored place is not."""
    made = Visium(tmp_path)
    x, y = made.spots["pxl_col_in_fullres"], made.spots["pxl_row_in_fullres"]
    made.spots["in_tissue"] = ((x > 200) & (y < 200)).astype(int)
    made.tissue = (0, 200, 200, SIDE)
    names = sorted(made.spots.index[made.spots["in_tissue"] == 1])
    made.counts = made.counts.reindex(names, fill_value=1)
    made.files()
    with Image.open(made.row["image"]) as image:
        ImageDraw.Draw(image).rectangle((200, 0, 350, 200), (200, 150, 180))
        image.save(made.row["image"])
    made.write()


class Strip:
    """An array of 30 x 8 spots, 25 px apart, on an image that is glass but where it is painted."""

    def __init__(self, folder: Path, height: int):
        self.image = np.full((height, 800, 3), 240, np.uint8)
        self.row = {"section": "S", "spots": "spatial", "image": str(folder / "strip.png")}

    def check(self, columns_in_tissue: int, *, mirrored: bool) -> None:
        picture = Image.fromarray(self.image)
        x, y = (axis.ravel() for axis in np.meshgrid(np.arange(30), np.arange(8)))
        array = np.column_stack([-x if mirrored else x, y])
        pixels = 40 + 25.0 * np.column_stack([x, y])
        check_misplaced(self.row, picture, array, pixels, x < columns_in_tissue, 10.0)


def test_places_off_the_image_are_on_no_tissue(tmp_path):
    strip = Strip(tmp_path, 300)
    # Little of the tissue is darker than glass, and so is the edge that exchanged spots lie behind.
    strip.image[:260, 355:400] = strip.image[285:] = 150
    strip.check(28, mirrored=True)


def test_what_is_darker_all_over_is_no_better_fit(tmp_path):
    strip = Strip(tmp_path, 800)
    strip.image[:230, :150] = strip.image[230:] = 150
    strip.check(15, mirrored=True)


def test_a_few_spots_more_on_debris_are_no_fault(tmp_path):
    strip = Strip(tmp_path, 300)
    strip.image[:, :160] = strip.image[:, 410:570] = 150
    strip.check(15, mirrored=False)
    strip.image[:, 410:] = 150
    with pytest.raises(InputError, match="the spots are off the tissue"):
        strip.check(15, mirrored=False)


def test_spots_that_lie_beside_the_tissue_are_refused(tmp_path):
    made = Visium(tmp_path)
    made.tissue = (0, 236, SIDE, SIDE)
    error = made.files().refused()
    assert "spatial: 0% of the spots under tissue of section V-1_A lie on tissue" in error
    assert "the spots are off the tissue" in error


@pytest.mark.parametrize("colour", ["white", "black", (190, 140, 170)])
@pytest.mark.parametrize("whole_array", [True, False])
def test_a_blank_image_is_refused_until_confirmed(tmp_path, caplog, colour, whole_array):
    made = Visium(tmp_path)
    if not whole_array:
        made.spots = made.spots[made.spots["in_tissue"] == 1]
    made.files()
    Image.new("RGB", made.size, colour).save(made.row["image"])
    refused = made.refused()
    assert "0% of the spots under tissue of section V-1_A lie on tissue in" in refused
    assert f"{made.row['image']}: it is blank" in refused
    made.row["confirmed"] = "yes"
    made.write()
    assert "it is blank, of one even shade, or no H&E" in caplog.text


def test_an_image_with_little_tissue_is_a_warning(tmp_path, caplog):
    made = Visium(tmp_path)
    made.tissue = (0, 0, 355, 60)
    made.files().write()
    assert "of the spots under tissue of section V-1_A lie on tissue" in caplog.text
    assert "look at the spots" in caplog.text


def test_suspect_files_that_the_sheet_confirms_are_a_warning(tmp_path, caplog):
    made = Visium(tmp_path)
    made.tissue = (0, 236, SIDE, SIDE)
    made.files()
    assert "If you have looked and they are right, set confirmed to yes" in made.refused()
    made.row["confirmed"] = "yes"
    section, _ = made.write()
    assert section.n_obs
    assert "the spots are off the tissue" in caplog.text


def test_what_no_tissue_explains_is_refused_although_the_sheet_confirms(tmp_path):
    made = Visium(tmp_path)
    made.row["confirmed"] = "yes"
    made.diameter *= 2
    assert "the spot diameter" in made.files().refused()
