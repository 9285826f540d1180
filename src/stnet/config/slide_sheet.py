"""The slide sheet: a TSV with one row per whole slide of an external cohort."""

import re
from collections.abc import Mapping
from pathlib import Path

from stnet.config.section_sheet import GROUP_ID_RULE, MARKUP, is_group_id
from stnet.core.errors import InputError
from stnet.core.tsv import read_tsv

COLUMNS = [
    *["patient", "sample", "slide", "file", "file_id", "md5", "size"],
    *["histology", "expression", "expression_md5", "expression_size"],
]
# (a, b): rows with the same a must have the same b.
DETERMINES = [("sample", "patient"), ("sample", "expression"), ("patient", "histology")]


def read_slide_sheet(path: str | Path) -> list[dict[str, str]]:
    """Rows of the slide sheet at `path` as dictionaries of `COLUMNS`, all text.

    `slide` is `file` without its suffix. `file_id` and `expression` are the GDC's ids of the slide
    and of its sample's STAR table. `md5` and `size` (bytes) belong to the slide, `expression_md5`
    and `expression_size` to the table. The columns from `md5` on may be empty.

    Raises InputError naming the sheet, the row and what to do.
    """
    slides = read_tsv(path, COLUMNS, "slides")
    check_slides(slides, str(path))
    return list(slides.values())


def check_slides(rows: Mapping[int, dict[str, str]], where: str) -> None:
    """Raise InputError naming the first invalid row of a slide sheet. `rows` are by line.

    Refused are ids with other characters, malformed hashes and sizes, repeated slides or files, and
    rows that contradict each other: a sample with two patients or two expression tables, or a
    patient with two histologies.
    """
    lines: dict[tuple[str, str], int] = {}
    for line, row in rows.items():
        here = f"{where} line {line} ({row['slide']})"
        _check_row(row, here)
        for name in ("slide", "file_id"):
            first = lines.setdefault((name, row[name]), line)
            if first != line:
                raise InputError(f"{here}: {name} {row[name]} is also on line {first}; remove one")
        for key, name in DETERMINES:
            first = lines.setdefault((f"{name} of {key}", row[key]), line)
            other = rows[first][name]
            if row[name] != other:
                raise InputError(
                    f"{here}: {name} of {key} {row[key]} is {row[name]!r}, but {other!r} on line"
                    f" {first}; correct one of them"
                )


def _check_row(row: dict[str, str], here: str) -> None:
    for name in ("patient", "sample", "slide", "file", "file_id"):
        if not is_group_id(row[name]):
            raise InputError(f"{here}: {name} {row[name]!r} is not an id of {GROUP_ID_RULE}")
    if Path(row["file"]).stem != row["slide"]:
        raise InputError(
            f"{here}: slide is not the name of file {row['file']} without its suffix; correct it"
        )
    if row["expression"] and not is_group_id(row["expression"]):
        raise InputError(f"{here}: expression {row['expression']!r} is not a file id")
    if MARKUP.search(row["histology"]):
        raise InputError(f"{here}: histology {row['histology']!r} has markup of a web page")
    for of in ("", "expression_"):
        for name, pattern, kind in [
            (f"{of}md5", "[0-9a-f]{32}", "32 lower-case hexadecimal digits"),
            (f"{of}size", "[1-9][0-9]*", "a number of bytes"),
        ]:
            if row[name] and not re.fullmatch(pattern, row[name]):
                raise InputError(
                    f"{here}: {name} {row[name]!r} is not {kind}; correct it or leave it empty"
                )
