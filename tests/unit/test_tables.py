"""Tables as people write them: read as what they say, or refused in one line that says why."""

import csv
import io
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stnet.cohorts.st import read_annotations
from stnet.cohorts.text_tables import read_columns, read_counts, read_positions
from stnet.cohorts.visium import POSITION_COLUMNS, read_tissue_positions
from stnet.config.section_sheet import COLUMNS, read_sheet
from stnet.core.errors import InputError
from stnet.expression.gene_sets import read_gene_sets
from stnet.sources.lock import read_lock

QUICK = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
SPOTS = ["2x3", "2x4", "3x3", "10x12"]
SELECTION = pd.DataFrame(
    {
        **{"x": [2, 2, 3, 10], "y": [3, 4, 3, 12], "pixel_x": [1.5, 1e2, 20.25, 3.0]},
        **{"pixel_y": [4.0, 5.5, 6.0, 7.0], "selected": [1, 0, 1, 1]},
    }
)
BARCODES = ["AAACAAGTATCTCCCA-1", "AAACACCAATAACTGC-1", "AAACAGAGCGACTCCT-1"]
VISIUM = pd.DataFrame(
    [[1, 0, 2, 5.5, 6.0], [0, 1, 3, 7.0, 8.0], [1, 2, 4, 9.0, 1.0]], columns=POSITION_COLUMNS[1:]
)
VISIUM.insert(0, "barcode", BARCODES)
COUNTS = pd.DataFrame([[1, 0, 3], [0, 0, 2], [9, 1, 0], [4, 4, 4]], SPOTS, ["GAPDH", "ENSG1", "A"])
SHEET = pd.DataFrame("", index=range(3), columns=COLUMNS[:-1]).assign(
    patient=["A", "B", "B"], section=["A_1", "B_1", "B_2"], format="her2st", grid="square"
)
SHEET = SHEET.assign(
    counts=["1.tsv", "2.tsv", "3.tsv"],
    spots=["4.tsv", "5.tsv", "6.tsv"],
    um_per_px=["", "0.5", "1"],
)

dialects = st.fixed_dictionaries(
    {
        "quoting": st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
        "end": st.sampled_from(["\n", "\r\n", "\r"]),
        "mark": st.sampled_from(["", "\ufeff"]),
        "names": st.sampled_from(["none", "pandas", "R"]),
        "trailing": st.sampled_from(["none", "rows", "all"]),
        "empty_rows": st.booleans(),
        "flags": st.sampled_from([None, "TRUE", "True", "T", "1.0"]),
        "last_end": st.booleans(),
    }
).filter(lambda dialect: dialect["names"] != "R" or dialect["trailing"] == "none")


def written(table, dialect, delimiter="\t", flag=None):
    """A table in a dialect, as bytes."""
    table = table.copy()
    if flag and (word := dialect["flags"]):
        no = {"TRUE": "FALSE", "True": "False", "T": "F", "1.0": "0.0"}[word]
        table[flag] = np.where(table[flag] == 1, word, no)
    if dialect["names"] != "none":
        numbers = range(dialect["names"] == "R", len(table) + (dialect["names"] == "R"))
        table.index = numbers if isinstance(table.index, pd.RangeIndex) else table.index
    by_name = not isinstance(table.index, pd.RangeIndex)
    text = io.StringIO()
    table.to_csv(
        text,
        sep=delimiter,
        index=dialect["names"] != "none" or by_name,
        quoting=dialect["quoting"],
        lineterminator="\n",
    )
    header, *rows = text.getvalue().rstrip("\n").split("\n")
    if dialect["names"] == "R":  # `write.table` writes no name for row names
        header = header.removeprefix('""').removeprefix(delimiter)
    if dialect["trailing"] != "none":
        rows = [row + delimiter for row in rows]
    if dialect["trailing"] == "all":
        header += delimiter
    if dialect["empty_rows"]:
        rows = [rows[0], "", *rows[1:], delimiter * 3]
    lines = dialect["end"].join([header, *rows]) + dialect["end"] * dialect["last_end"]
    return (dialect["mark"] + lines).encode()


def read_or_refused(reader, *arguments, **keys):
    """What a reader gives, or None if it refuses in one line."""
    try:
        return reader(*arguments, **keys)
    except InputError as error:
        said = str(error)
    assert "\n" not in said
    return None


@QUICK
@given(dialects)
def test_positions_and_counts_in_any_dialect_are_equal(tmp_path, dialect):
    path = tmp_path / "t.tsv"
    path.write_bytes(written(SELECTION, dialect, flag="selected"))
    found = read_positions(path)
    assert found.index.tolist() == SPOTS
    assert found["pixel_x"].tolist() == SELECTION["pixel_x"].tolist()
    assert found["selected"].tolist() == [True, False, True, True]
    path.write_bytes(written(COUNTS, dialect))
    counts = read_counts(path)
    assert (counts.spots, counts.genes) == (SPOTS, COUNTS.columns.tolist())
    assert (counts.matrix.toarray() == COUNTS.to_numpy()).all()


@QUICK
@given(dialects)
def test_visium_positions_saved_again_are_equal(tmp_path, dialect):
    path = tmp_path / "tissue_positions.csv"
    path.write_bytes(written(VISIUM, dialect, ",", "in_tissue"))
    found = read_tissue_positions(tmp_path)
    assert found.index.tolist() == BARCODES
    assert found["pixel_x"].tolist() == [6.0, 8.0, 1.0]
    assert found["selected"].tolist() == [True, False, True]


@QUICK
@given(dialects)
def test_sheets_in_any_dialect_are_equal(tmp_path, dialect):
    path = tmp_path / "sheet.tsv"
    path.write_bytes(written(SHEET, dialect))
    rows = read_sheet(path, "", check_files=False)
    assert pd.DataFrame(rows).equals(SHEET.assign(confirmed=""))


@QUICK
@given(dialects, st.data())
def test_a_table_with_one_character_changed_is_never_read_as_fewer_rows(tmp_path, dialect, data):
    """A quote, tab or line end put in a row: the others stay what they are, or all is refused."""
    text = written(SELECTION, dialect).decode().lstrip("\ufeff")
    at = data.draw(st.integers(text.index(dialect["end"]) + 1, len(text)))
    path = tmp_path / "t.tsv"
    path.write_text(text[:at] + data.draw(st.sampled_from(['"', "\t", '\n"', ","])) + text[at:])
    found = read_or_refused(read_positions, path)
    if found is not None:
        assert len(found) == len(SPOTS)
        same = (found.to_numpy() == read_positions_of(tmp_path).to_numpy()).all(axis=1)
        assert same.sum() >= len(SPOTS) - 1
    path.write_text(text[:at] + '"' + text[at:])
    found = read_or_refused(read_columns, path, "\t", ["x"])
    assert found is None or len(found) == len(SPOTS)


def read_positions_of(folder):
    path = folder / "plain.tsv"
    SELECTION.to_csv(path, sep="\t", index=False)
    return read_positions(path)


PLAIN = {"quoting": 0, "end": "\n", "mark": "", "names": "none", "trailing": "none"}
PLAIN |= {"empty_rows": False, "flags": None, "last_end": True}
AS_TEXT = {
    name: written(table, PLAIN, delimiter).decode()
    for name, table, delimiter in [
        ("sheet", SHEET, "\t"),
        ("selection", SELECTION, "\t"),
        ("visium", VISIUM, ","),
        ("counts", COUNTS, "\t"),
    ]
}
REFUSED = [
    ("sheet", lambda s: s.replace("image", "image\t"), "column 5 has no name; name or remove it"),
    ("sheet", lambda s: s.replace("B\tB_1", '"B\tB_1'), r'line 3: a quote \("\) without its part'),
    (
        "sheet",
        lambda s: s.replace("\t", ","),
        "not tab-separated: .* by commas; separate them by",
    ),
    # Columns are missing too.
    ("sheet", lambda s: "patient,image\nA,a.jpg\n", "not tab-separated: .* by commas"),
    ("sheet", lambda s: s.replace("0.5", "0,5"), "line 3 .*um_per_px '0,5' .*decimal point"),
    ("sheet", lambda s: s.replace("0.5", "inf"), "line 3 .*um_per_px 'inf' is not a positive"),
    ("sheet", lambda s: s.replace("0.5", "1_0"), "line 3 .*um_per_px '1_0' is not a positive"),
    ("sheet", lambda s: s.replace("labels", "image"), "column image is there twice; remove one"),
    ("sheet", lambda s: s.replace("pixel_scale", "pixel_scale\timage"), "column image is there tw"),
    (
        "sheet",
        lambda s: s.replace("0.5\t", "0.5\t1\t2"),
        "line 3: 11 fields where the table has 10",
    ),
    ("selection", lambda s: s.replace("1.5", "1,5"), "line 2, column pixel_x: '1,5' .*decimal p"),
    ("selection", lambda s: s.replace("\t", ";"), "separated by semicolons; separate them by tabs"),
    ("selection", lambda s: s.replace("\t", " "), "separated by spaces; separate them by tabs"),
    (
        "selection",
        lambda s: s.replace("\t0\n", "\t2\n"),
        "line 3, column selected: '2' is not 0 or",
    ),
    ("selection", lambda s: s.replace("\t0\n", "\tNA\n"), "line 3, column selected: 'NA' is not 0"),
    ("selection", lambda s: s.replace("2\t4", '"2\t4'), "line 3: a quote"),
    ("selection", lambda s: s.replace("2\t4", '"2"2\t4'), "line 3: text beside a quoted cell"),
    ("selection", lambda s: s.replace("2\t4", '2\t"4\n"'), "line 3: a quote"),
    ("visium", lambda s: s.replace(",", ";"), "separated by semicolons; separate them by commas"),
    ("visium", lambda s: s.split("\n", 1)[1].replace(",", "\t"), "separated by tabs"),
    ("visium", lambda s: s.replace("in_tissue", "tissue"), "no column in_tissue in its header"),
    ("counts", lambda s: s.replace("\t", ","), "separated by commas; separate them by tabs"),
    ("counts", lambda s: s.replace("\t", " "), "separated by spaces; separate them by tabs"),
    ("counts", lambda s: s.replace("ENSG1", ""), "column 3 has no gene"),
    ("counts", lambda s: s.replace("\t9", "\t1_0"), "line 4, column GAPDH: '1_0' is not a count"),
    ("counts", lambda s: s.replace("2x4", '"2x4'), "line 3: a quote"),
    ("counts", lambda s: "spot" + s.replace("\tA\n", "\n"), "line 2: 3 counts for 2 genes"),
]
READERS = {
    "sheet": lambda path: read_sheet(path, "", check_files=False),
    "selection": read_positions,
    "visium": lambda path: read_tissue_positions(path.parent),
    "counts": read_counts,
}


def test_what_has_no_single_meaning_is_refused_with_its_cause(tmp_path):
    wrong = []
    path = tmp_path / "tissue_positions.csv"
    for name, change, message in REFUSED:
        path.write_text(AS_TEXT[name])
        READERS[name](path)
        assert change(AS_TEXT[name]) != AS_TEXT[name], message
        path.write_text(change(AS_TEXT[name]))
        try:
            READERS[name](path)
            said = "nothing"
        except InputError as error:
            said = str(error)
        if not re.search(message, said) or "\n" in said:
            wrong.append(f"{name}, {message}: {said}")
    assert wrong == []


def test_other_tables(tmp_path):
    path = tmp_path / "file"
    path.write_text('name\tx\ty\tid\nC1\t"2"\t3\t1\t"tumor"\n')
    assert read_annotations(path)[0] == {"2x3": "tumor"}
    for text, message in [
        ("name,x,y,id\nC1,2,3,1,tumor\n", "separated by commas; separate them by tabs"),
        ("name\tx\ty\tid\n", "has no labels"),
    ]:
        path.write_text(text)
        with pytest.raises(InputError, match=message):
            read_annotations(path)
    path.write_text('"A set"\t""\t"GAPDH"\tTP53\n')
    (one,) = read_gene_sets(path)
    assert (one.name, one.genes) == ("A set", {"GAPDH", "TP53"})
    path.write_bytes("file\tsize\tsha256\nä\t1\taa\n".encode("latin-1"))
    for lock in (path, tmp_path):
        with pytest.raises(InputError, match="not a lock file"):
            read_lock(lock)
