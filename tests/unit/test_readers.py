"""Readers of the distribution formats, on files written here."""

import gzip
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from st_files import GENES, HEIGHT, PITCH, WIDTH, Section

from stnet.cohorts.scale import um_per_px
from stnet.cohorts.section import READERS
from stnet.cohorts.st import read_annotations
from stnet.config.section_sheet import FILE_COLUMNS, FORMATS
from stnet.core.checksums import record
from stnet.core.errors import InputError


def sums(drops: dict) -> dict:
    return {k: v for k, v in drops.items() if v and k not in ("patient", "section")}


@pytest.mark.parametrize("layout", ["st-v5", "st-original", "her2st"])
def test_a_section_is_what_its_files_say(tmp_path, layout):
    made = Section(tmp_path, layout).files()
    section, drops = made.write()
    spots = made.spots

    assert list(section.obs_names) == list(spots.index)
    assert list(section.var_names) == GENES
    assert section.X.format == "csr"
    assert section.X.dtype == np.int32
    assert (section.X.toarray() == made.counts.loc[spots.index].to_numpy()).all()
    assert list(section.obs["total_counts"]) == list(made.counts.loc[spots.index].sum(axis=1))
    assert list(section.obs["array_col"]) == list(spots["x"])
    assert list(section.obs["array_row"]) == list(spots["y"])
    assert set(section.obs["patient"]) == {"P-1"}
    assert set(section.obs["section"]) == {"P-1_C1"}
    assert list(section.obs["annotation"]) == list(made.words)
    assert list(section.obs["label"].map({"tumour": "tumor", "normal": "non"})) == list(made.words)

    pixels = spots[["pixel_x", "pixel_y"]].to_numpy()
    assert (np.abs(section.obsm["spatial"] - pixels) <= 0.5).all()
    assert (section.obsm["spatial"] == [[round(x), round(y)] for x, y in pixels]).all()
    margin = [min(x, y, WIDTH - x, HEIGHT - y) for x, y in section.obsm["spatial"]]
    assert list(section.obs["margin"]) == margin

    slide = section.uns["slide"]
    assert (slide["path"], slide["width"], slide["height"]) == (made.row["image"], WIDTH, HEIGHT)
    assert len(slide["sha256"]) == 64
    assert slide["um_per_px"] == pytest.approx(200 / PITCH, rel=5e-3)
    assert section.uns["grid"] == {"P-1_C1": "square"}

    inner = sum(m >= 40 for m in margin)
    assert 0 < inner < len(spots)
    assert sums(drops) == {
        **{"positions": 48, "counts": 50, "no_position": 2, "kept": 48},
        **{"near_edge": 48 - inner, "used": inner},
    }


def test_both_layouts_of_the_st_cohort_give_the_same_section(tmp_path):
    (v5, v5_drops), (original, original_drops) = (
        Section(tmp_path / layout, layout).files().write() for layout in ("st-v5", "st-original")
    )
    assert v5_drops == original_drops
    assert (v5.X != original.X).nnz == 0
    pd.testing.assert_frame_equal(v5.obs, original.obs)
    pd.testing.assert_frame_equal(v5.var, original.var)
    assert (v5.obsm["spatial"] == original.obsm["spatial"]).all()
    assert v5.uns["slide"]["um_per_px"] == original.uns["slide"]["um_per_px"]


def test_each_dropped_spot_is_counted_once_by_the_first_reason(tmp_path):
    made = Section(tmp_path, "her2st")
    spots = list(made.spots.index)
    made.spots["selected"] = 1
    made.spots.loc[spots[:3], "selected"] = 0
    made.counts = made.counts.drop(index=[spots[2], spots[3]])
    made.counts.loc[spots[4]] = 0
    made.spots.loc[spots[4], "pixel_x"] = -9  # has no counts either
    made.spots.loc[spots[5], "pixel_x"] = WIDTH  # the first pixel off the image
    made.words = made.words.drop([spots[3], spots[5], spots[6]])
    section, drops = made.files().write(spot_window=2)
    assert list(section.obs_names) == spots[7:]
    assert sums(drops) == {
        **{"positions": 48, "counts": 48, "no_position": 2, "unselected": 3, "no_counts": 2},
        **{"off_image": 1, "no_label": 1, "kept": 41, "used": 41},
    }


def test_spots_without_label_stay_where_none_is_required(tmp_path):
    made = Section(tmp_path)
    made.words = made.words.iloc[1:]
    section, drops = made.files().write(require_label=False)
    assert drops["no_label"] == 0
    assert section.obs["label"].isna().sum() == section.obs["annotation"].isna().sum() == 1
    made.row["labels"] = ""
    section, drops = made.write(require_label=False)
    assert section.obs["label"].isna().all()
    assert list(section.obs["label"].cat.categories) == ["tumour", "normal"]


def test_rows_of_the_st_cohort_s_labels(tmp_path, caplog):
    made = Section(tmp_path).files()
    rows = ["a\t1.6\t3.4\tL\ttumor", "b\t3\t3\tL\tnon", "c\t3\t3\tL\ttumor", "d\t4\t3\tL\t"]
    made.put("labels", "\r".join(["C1_x_y\tx\ty\tlabel", *rows, "e\t5\t3\tL"]))
    section, drops = made.write(spot_window=2)
    assert dict(section.obs["annotation"]) == {"2x3": "tumor", "3x3": "tumor"}
    assert drops["no_label"] == 46
    assert (
        "2 spots labelled, 1 rows at non-integer positions rounded, 2 rows without an annotation,"
        " 1 changed by a later row" in caplog.text
    )


def test_her2st_labels_go_to_the_nearest_spot_within_half_a_unit(tmp_path, caplog):
    made = Section(tmp_path, "her2st").files()
    rows = [(2.3, 3, "far one"), (2.1, 3, "near one"), (3.49, 3, "reaches"), (4, 3.5, "between")]
    rows += [(7.36, 3.36, "diagonal"), (5, 3, "")]
    others = made.spots.index.drop(["2x3", "3x3", "5x3"])
    rows += [(*map(int, spot.split("x")), "other") for spot in others]
    lines = ["x\ty\tlabel", *(f"{x}\t{y}\t{word}" for x, y, word in rows)]
    made.put("labels", "\n".join(lines))
    section, _ = made.write(spot_window=2)
    named = {"2x3": "near one", "3x3": "reaches"}
    assert dict(section.obs["annotation"]) == named | dict.fromkeys(others, "other")
    assert section.obs["label"].isna().all()
    log = caplog.text
    assert (
        "at most 0.49 grid units away; 2 rows have no spot within 0.5, 1 rows lost to a nearer row"
        in log
    )
    assert (
        "annotations without a class in label_classes: other (45), near one (1), reaches (1)" in log
    )


def test_pixel_scale_and_um_per_px_of_the_sheet(tmp_path):
    made = Section(tmp_path)
    made.size = (WIDTH // 2, HEIGHT // 2)
    made.row["pixel_scale"] = "0.5"
    section, _ = made.files().write()
    pixels = made.spots[["pixel_x", "pixel_y"]].to_numpy()
    assert (section.obsm["spatial"] == [[round(x / 2), round(y / 2)] for x, y in pixels]).all()
    assert section.uns["slide"]["um_per_px"] == pytest.approx(2 * 200 / PITCH, rel=1e-2)
    made.row["um_per_px"] = "9.25"
    assert made.write()[0].uns["slide"]["um_per_px"] == 9.25


def test_a_section_without_an_image_has_no_edge(tmp_path):
    made = Section(tmp_path).files()
    made.row["image"] = ""
    section, drops = made.write()
    assert np.isinf(section.obs["margin"]).all()
    assert drops["used"] == 48
    assert section.uns["slide"]["path"] == ""


@pytest.mark.parametrize(("grid", "pitch_px"), [("square", 10.0), ("hexagonal", 10.0)])
def test_scale_from_the_spot_pitch_on_turned_arrays(grid, pitch_px):
    x, y = (axis.ravel() for axis in np.meshgrid(range(12), range(9)))
    array = np.column_stack([x, y])[(x + y) % 2 == 0 if grid == "hexagonal" else slice(None)]
    places = array * ([0.5, np.sqrt(3) / 2] if grid == "hexagonal" else [1, -1]) * pitch_px
    turn = np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    assert um_per_px(array, places @ turn + 50, grid, 200.0, "s") == pytest.approx(20)


def test_gene_names(tmp_path):
    table = tmp_path / "hgnc.tsv"
    table.write_text(
        "hgnc_id\tsymbol\tensembl_gene_id\talias_symbol\tprev_symbol\n"
        "1\tTSPAN6\tENSG00000000003\t\t\n2\tTNMD\tENSG00000000005\t\t\n"
        "3\tGAPDH\tENSG00000111640\t\t\n"
    )
    made = Section(tmp_path).files()
    var = made.write(genes=table)[0].var
    assert list(var["symbol"]) == ["TSPAN6", "TNMD", "", "GAPDH"]
    assert list(var["ensembl"]) == ["ENSG00000000003", "ENSG00000000005", "", "ENSG00000111640"]
    var = made.write()[0].var
    assert list(var["symbol"]) == ["", "", "", "GAPDH"]
    assert list(var["ensembl"]) == ["ENSG00000000003", "ENSG00000000005", "", ""]


def test_rows_for_reads_of_no_gene_are_left_out_and_those_of_several_genes_stay(tmp_path, caplog):
    caplog.set_level("INFO")
    made = Section(tmp_path)
    made.counts.columns = ["A", "__no_feature", "__ambiguous[A+B]", "N_unmapped"]
    section, _ = made.files().write()
    assert list(section.var_names) == ["A", "__ambiguous[A+B]"]
    kept = made.counts.loc[section.obs_names, ["A", "__ambiguous[A+B]"]]
    assert (section.X.toarray() == kept.to_numpy()).all()
    assert (section.obs["total_counts"] == kept.sum(axis=1)).all()
    assert "__no_feature, N_unmapped are no genes; left out" in caplog.text


def test_genes_that_a_spreadsheet_made_dates_are_warned_of(tmp_path, caplog):
    made = Section(tmp_path)
    made.counts.columns = ["1-Mar", "Sep-02", "MARCH-1", "SEPT2"]
    assert list(made.files().write()[0].var_names) == list(made.counts.columns)
    assert "2 genes are dates, such as 1-Mar: a spreadsheet" in caplog.text


def test_compression_is_known_by_content_and_whole_decimals_are_counts(tmp_path):
    made = Section(tmp_path).files()
    first, _ = made.write()
    text = made.counts.astype(float).to_csv(sep="\t")  # 3.0
    Path(made.row["counts"]).write_text(text)  # unpacked in passing, .gz in name only
    Path(made.row["labels"]).write_bytes(made.labels().encode())
    second, _ = made.write()
    assert (first.X != second.X).nnz == 0


def test_formats_are_those_of_the_sheet():
    assert list(READERS) == list(FORMATS)


def altered(column: str, change) -> str:
    """A fault: the text of a file, changed."""

    def fault(made: Section) -> None:
        data = Path(made.row[column]).read_bytes()
        text = gzip.decompress(data).decode() if data[:2] == b"\x1f\x8b" else data.decode()
        made.put(column, change(text))

    return fault


def cut_short(made: Section) -> None:
    path = Path(made.row["counts"])
    path.write_bytes(path.read_bytes()[:-30])


def in_line(number: int, change):
    """A change of one line (from 1) of a text."""

    def changed(text: str) -> str:
        lines = text.split("\n")
        lines[number - 1] = change(lines[number - 1])
        return "\n".join(lines)

    return changed


def in_field(number: int, field: int, value: str, delimiter: str = "\t"):
    """A change of one field (from 1) of one line (from 1)."""

    def changed(line: str) -> str:
        fields = line.split(delimiter)
        fields[field - 1] = value
        return delimiter.join(fields)

    return in_line(number, changed)


def small_image(made: Section) -> None:
    Image.new("RGB", (WIDTH // 2, HEIGHT // 2)).save(made.row["image"])


COUNTS_FAULTS = {
    "truncated": (cut_short, r"BC_stdata.tsv.gz: truncated or damaged gzip .*download it again"),
    "negative": (
        altered("counts", in_field(4, 3, "-2")),
        r"BC_stdata.tsv.gz line 4, column ENSG00000000005.2: '-2' is not a count",
    ),
    "fraction": (
        altered("counts", in_field(5, 5, "1.5")),
        r"line 5, column GAPDH: '1.5' is not a count",
    ),
    "word": (altered("counts", in_field(5, 2, "NA")), r"line 5, column ENSG\d+: 'NA' is not"),
    "blank": (altered("counts", in_field(5, 3, "")), r"line 5, column ENSG[\d.]+: '' is not"),
    "huge": (altered("counts", in_field(5, 3, "9" * 30)), r"line 5, column .*: '9+' is not a"),
    "short": (altered("counts", in_line(6, lambda s: s[: s.rindex("\t")])), r"line 6: 3 counts"),
    "long": (altered("counts", in_line(6, lambda s: s + "\t4")), r"line 6: 5 counts for 4 genes"),
    "two gaps": (altered("counts", in_line(6, lambda s: s.replace("\t", "\t\t"))), r"line 6: 8 co"),
    "spot twice": (
        altered("counts", lambda s: s + s.split("\n")[2]),
        r"line 52: spot \d+x\d+ is also on line 3; keep one",
    ),
    "gene twice": (altered("counts", in_field(1, 3, GENES[0])), r"gene 'ENSG\d+' has two columns"),
    "no spot": (altered("counts", in_field(3, 1, GENES[0])), r"line 3: 'ENSG\d+' is not a spot"),
    "no spots": (altered("counts", lambda s: s.split("\n")[0]), r"BC_stdata.tsv.gz: has no spots"),
    "two in a cell": (
        altered("counts", in_line(6, lambda s: " ".join(s.rsplit("\t", 1)) + "\t")),
        r"line 6, column .*: '\d+ \d+' is not a count",
    ),
    "comment": (altered("counts", lambda s: "# v1\n" + s), r"begins with a comment \(# v1\); rem"),
    "total": (
        lambda made: made.put(
            "counts", made.counts.assign(total=made.counts.sum(axis=1)).to_csv(sep="\t")
        ),
        r"BC_stdata.tsv.gz: column total is the sum of all others, so it is no gene; remove it",
    ),
    "not a table": (altered("counts", lambda s: "error"), r"no genes in its first line"),
    "an image": (
        lambda made: Path(made.row["counts"]).write_bytes(Path(made.row["image"]).read_bytes()),
        r"not a text table",
    ),
    "absent": (lambda made: Path(made.row["counts"]).unlink(), r"BC_stdata.tsv.gz: no such file"),
}
SPOTS_FAULTS = {
    "column": (
        altered("spots", in_line(1, lambda s: s.replace("Y", "row"))),
        r"spots_BT.csv.gz: no column Y in its header \(, X, row\)",
    ),
    "comment": (altered("spots", lambda s: "# v1, BT\n" + s), r"begins with a comment \(# v1\)"),
    "empty": (altered("spots", lambda s: ""), r"spots_BT.csv.gz: no column X, Y"),
    "header only": (altered("spots", lambda s: s.split("\n")[0]), r"no rows after its header"),
    "spot": (altered("spots", in_field(3, 1, "3", ",")), r"line 3: '3' is not a spot written XxY"),
    "twice": (
        altered("spots", in_field(3, 1, "2x3", ",")),
        r"line 3: spot 2x3 is also on line 2",
    ),
    "ragged": (altered("spots", in_line(4, lambda s: s + ",1")), r"line 4: 4 fields where the"),
    "word": (altered("spots", in_field(4, 3, "?", ",")), r"line 4, column Y: '\?' is not a number"),
    "infinite": (altered("spots", in_field(4, 3, "inf", ",")), r"line 4, column Y: 'inf' is not"),
    "line of pixels": (
        altered("spots", lambda s: re.sub(r"(?m)^(\d+x\d+),.*?,", r"\1,50,", s)),
        r"spots_BT.csv.gz: all spots lie on one line.*um_per_px",
    ),
    "line": (
        altered("spots", lambda s: "\n".join(s.split("\n")[:7])),
        r"spots_BT.csv.gz: all spots lie on one line.*um_per_px",
    ),
}
OTHER_FAULTS = {
    "label place": (
        altered("labels", lambda s: s.replace("C1_3_3\t3", "C1_3_3\tx")),
        r"BC_Coords.tsv.gz line 3: fields 2 and 3 are not a spot's x and y",
    ),
    "labels without ids": (
        altered("labels", lambda s: s.replace("\tL1\t", "\t")),
        r"BC_Coords.tsv.gz: no row has a label in field 5; write name, x, y, label id and label",
    ),
    "labels absent": (lambda made: Path(made.row["labels"]).unlink(), r"Coords.tsv.gz: no such fi"),
    "labels unnamed": (lambda made: made.row.update(labels=""), r"section P-1_C1: labels is empty"),
    "small image": (
        small_image,
        r"HE.jpg: \d+ of 48 spots of section P-1_C1 lie off this image of 135 x 175 px .* pixel_sc",
    ),
    "other section": (
        altered("counts", lambda s: s.replace("x", "x9")),
        r"stdata.tsv.gz: 50 of its 50 spots are not under tissue in .*spots_BT.csv.gz, and 48 of",
    ),
}


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        pytest.param(*value, id=f"{kind}: {key}")
        for kind, faults in [
            ("counts", COUNTS_FAULTS),
            ("spots", SPOTS_FAULTS),
            ("section", OTHER_FAULTS),
        ]
        for key, value in faults.items()
    ],
)
def test_bad_input_is_refused_in_one_line_and_nothing_is_written(tmp_path, fault, message):
    made = Section(tmp_path).files()
    fault(made)
    error = made.refused()
    assert pd.Series([error]).str.contains(message).all(), error


def test_a_window_larger_than_the_image_leaves_no_usable_spot(tmp_path):
    assert "48 near_edge" in Section(tmp_path).files().refused(spot_window=400)


def test_positions_off_the_grid_are_refused(tmp_path):
    made = Section(tmp_path, "her2st")
    made.spots["x"] = made.spots["x"] + 0.1
    assert "line 2, column x: 2.1 is not an array position" in made.files().refused()


def test_an_error_leaves_earlier_files_as_they_were(tmp_path):
    made = Section(tmp_path).files()
    made.write()
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    small_image(made)
    with pytest.raises(InputError):
        made.write()
    after = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert after == before


@pytest.mark.parametrize("column", ["image", "counts", "spots", "labels"])
def test_a_downloaded_file_that_changed_since_is_refused(tmp_path, column):
    made = Section(tmp_path).files()
    for path in map(Path, (made.row[name] for name in FILE_COLUMNS)):
        record(path, path)
    made.write()
    shutil.rmtree(tmp_path / "out")
    path = Path(made.row[column])
    # Behind the end, where no decoder looks.
    path.write_bytes(path.read_bytes() + b"\0")
    assert f"{path}: damaged" in made.refused()


def test_a_first_label_with_a_broken_number_is_no_header(tmp_path):
    path = tmp_path / "labels.tsv"
    path.write_text("a\t1O\t12\t1\ttumor\na\t11\t12\t1\ttumor\n")
    with pytest.raises(InputError, match="line 1: fields 2 and 3 are not a spot's x and y"):
        read_annotations(path)
    path.write_text("name\tx\ty\tid\tlabel\na\t11\t12\t1\ttumor\n")
    assert read_annotations(path)[0] == {"11x12": "tumor"}
