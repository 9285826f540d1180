import csv
import subprocess
import sys
from pathlib import Path

import pytest

from stnet.config.slide_sheet import COLUMNS, read_slide_sheet
from stnet.core.errors import InputError

ROWS = [
    {
        "patient": "TCGA-A1-0001",
        "sample": "TCGA-A1-0001-01A",
        "slide": f"TCGA-A1-0001-01A-01-{name}",
        "file": f"TCGA-A1-0001-01A-01-{name}.svs",
        "file_id": f"0000-{name}",
        "md5": "0123456789abcdef" * 2,
        "size": "12",
        "histology": "8500/3;8520/3",
        "expression": "1111",
        "expression_md5": "",
        "expression_size": "",
    }
    for name in ("TS1.AAAA", "BS1.BBBB")
]


def write(path, rows, columns=COLUMNS):
    with open(path, "w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, columns, delimiter="\t", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def refusal(path) -> str:
    with pytest.raises(InputError) as error:
        read_slide_sheet(path)
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    return message


def test_rows_come_as_they_are(tmp_path):
    rows = [row | {"note": "own column"} for row in ROWS]
    path = write(tmp_path / "slides.tsv", rows, ["note", *COLUMNS])
    assert read_slide_sheet(path) == ROWS


def test_columns_that_may_be_empty(tmp_path):
    empty = dict.fromkeys(["md5", "size", "histology", "expression"], "")
    rows = [row | empty for row in ROWS]
    assert read_slide_sheet(write(tmp_path / "slides.tsv", rows)) == rows


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patient": "TCGA A1"}, "patient 'TCGA A1' is not an id"),
        ({"sample": ""}, "sample '' is not an id"),
        ({"file": "../b.svs"}, "file '../b.svs' is not an id"),
        ({"file_id": ""}, "file_id '' is not an id"),
        ({"file": "other.svs"}, "slide is not the name of file other.svs without its suffix"),
        ({"file_id": "0000-TS1.AAAA"}, "file_id 0000-TS1.AAAA is also on line 2"),
        ({"slide": ROWS[0]["slide"], "file": ROWS[0]["file"]}, "TS1.AAAA is also on line 2"),
        ({"md5": "0123"}, "md5 '0123' is not 32 lower-case hexadecimal digits"),
        ({"md5": "0123456789ABCDEF" * 2}, "md5 '0123456789ABCDEF"),
        ({"size": "1e9"}, "size '1e9' is not a number of bytes"),
        ({"size": "0"}, "size '0' is not a number of bytes"),
        ({"expression_md5": "x"}, "expression_md5 'x' is not 32"),
        ({"expression_size": "-1"}, "expression_size '-1' is not a number of bytes"),
        ({"expression": "a/b"}, "expression 'a/b' is not a file id"),
        (
            {"patient": "TCGA-A1-0002"},
            "patient of sample TCGA-A1-0001-01A is 'TCGA-A1-0002', but 'TCGA-A1-0001' on line 2",
        ),
        ({"expression": "2222"}, "expression of sample TCGA-A1-0001-01A is '2222', but '1111'"),
        ({"histology": "8500/3"}, "histology of patient TCGA-A1-0001 is '8500/3', but '8500/3;8"),
    ],
)
def test_unsound_row_is_named(tmp_path, change, message):
    said = refusal(write(tmp_path / "slides.tsv", [ROWS[0], ROWS[1] | change]))
    assert f"slides.tsv line 3 ({(ROWS[1] | change)['slide']}): " in said
    assert message in said


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "slides.tsv"
    assert "no such sheet of slides" in refusal(path)
    assert "lists no slides" in refusal(write(path, []))
    left = [name for name in COLUMNS if name not in ("md5", "histology")]
    assert "no column md5, histology" in refusal(write(path, ROWS, left))
    path.write_bytes(b"\xff\xfe\x00\x01")
    assert "not UTF-8 text" in refusal(path)
    write(path, ROWS)
    path.write_text(path.read_text()[:-40])  # cut off within the last row
    assert "line 3" in refusal(path)


def test_only_the_standard_library_is_imported():
    """The Snakefile reads the sheet, and runs wherever Snakemake does."""
    code = (
        "import sys; before = set(sys.modules); import stnet.config.slide_sheet;"
        "print(*{name.partition('.')[0] for name in sys.modules.keys() - before})"
    )
    source = Path(__file__).parents[2] / "src"
    run = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(source)!r}); {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(run.stdout.split()) - set(sys.stdlib_module_names) == {"stnet"}
