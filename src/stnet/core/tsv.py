"""Sheets: TSV files that users edit."""

import csv
from collections.abc import Sequence
from pathlib import Path

from stnet.core.errors import InputError


def read_tsv(path: str | Path, columns: Sequence[str], of: str) -> list[dict[str, str]]:
    """Read the `columns` of a sheet as stripped text. `of` is what it lists: sections or slides.

    Raises InputError naming the sheet if it is missing or not text, lacks a column or has no rows.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such sheet of {of}; correct its path in the configuration")
    try:
        # Spreadsheets put a byte order mark before the first column's name.
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, delimiter="\t")
            found, rows = reader.fieldnames or [], list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not UTF-8 text ({error}); save it as UTF-8") from error
    missing = [name for name in columns if name not in found]
    if missing:
        raise InputError(
            f"{path}: no column {', '.join(missing)}; the columns are {' '.join(columns)}"
        )
    if not rows:
        raise InputError(f"{path}: lists no {of}; add a row for each")
    return [{name: (row[name] or "").strip() for name in columns} for row in rows]
