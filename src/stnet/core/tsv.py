"""Tables that people write or save again with R, pandas or a spreadsheet.

Whatever has one meaning is read: quoted cells, empty cells at the end of a row, empty rows, any
line endings, a byte order mark, and the row numbers or names of R, with or without a header.
"""

import csv
import logging
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from stnet.core.errors import InputError
from stnet.core.suggest import suggest

DELIMITERS = {"\t": "tabs", ";": "semicolons", ",": "commas", " ": "spaces"}
# How spots are named: array column x row, or barcode.
DECIMAL_COMMA = re.compile(r"[-+]?\d*,\d+")
SPOT = re.compile(r"\d+x\d+|[ACGT]{8,}(-\d+)?")

logger = logging.getLogger(__name__)

Line = tuple[int, list[str]]


def rows_of(
    lines: Iterable[str], path: str | Path, delimiter: str, first: int = 1
) -> Iterator[Line]:
    """Number, from `first` on, and stripped cells of every line that is not empty.

    Raises InputError naming the line if a quote is not closed on it.
    """
    read: list[str] = []
    reader = csv.reader(_noted(lines, read), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + first
        read.clear()
        try:
            cells = next(reader, None)
        except csv.Error:
            raise _misquoted(path, line, read[0], delimiter) from None
        if cells is None:
            return
        if len(read) > 1:
            raise _misquoted(path, line, read[0], delimiter)
        cells = [cell.strip() for cell in cells]
        if any(cells):
            yield line, cells


def _noted(lines: Iterable[str], read: list[str]) -> Iterator[str]:
    for line in lines:
        read.append(line)
        yield line


def _misquoted(path: str | Path, line: int, text: str, delimiter: str) -> InputError:
    if text.count('"') % 2:
        return InputError(f'{path} line {line}: a quote (") without its partner; remove it')
    for other in DELIMITERS:
        if f'"{other}"' in text:
            return _wrong_delimiter(path, other, delimiter)
    return InputError(f"{path} line {line}: text beside a quoted cell, or a long one; correct it")


def _wrong_delimiter(path: str | Path, found: str, delimiter: str) -> InputError:
    return InputError(
        f"{path}: not {DELIMITERS[delimiter][:-1]}-separated: its cells are separated by"
        f" {DELIMITERS[found]}; separate them by {DELIMITERS[delimiter]}"
    )


def columns_of(
    path: str | Path,
    rows: Sequence[Line],
    needed: Sequence[str],
    delimiter: str,
    *,
    padded: bool,
    hint: str,
) -> tuple[list[str], list[Line]]:
    """Split a table into its header and its rows.

    Args:
        path: the table, for messages.
        rows: of `rows_of`, the header first.
        needed: columns that it must have.
        delimiter: the delimiter of the table.
        padded: whether rows that are too short end with empty cells; otherwise they are refused.
        hint: end of the message about a missing column.

    Returns:
        The header, and the rows with their lines, all of the header's length.

    Raises:
        InputError: a column is missing, there twice or unnamed, or a row has another number of
            cells.
    """
    header = _trimmed(rows[0][1]) if rows else []
    missing = [name for name in needed if name not in header]
    if missing:
        others = {name for each in DELIMITERS for cell in header for name in cell.split(each)}
        # Two cells of a known name are enough: columns may be missing too.
        least = len(needed) if others.isdisjoint(needed) else 2
        check_delimiter(path, header, least, delimiter)
        raise InputError(
            f"{path}: no column {', '.join(missing)} in its header ({', '.join(header)[:200]});"
            f" {hint}"
        )
    twice = [name for name in needed if header.count(name) > 1]
    if twice:
        raise InputError(f"{path}: column {twice[0]} is there twice; remove one")
    if "" in header[1:]:
        # The names after it may be those of other columns.
        raise InputError(f"{path}: column {header.index('', 1) + 1} has no name; name or remove it")
    if _lacks_corner(header, [cells for _, cells in rows[1:]]):
        header = ["", *header]
    found = [(line, _trimmed(cells, len(header))) for line, cells in rows[1:]]
    for line, cells in found:
        if len(cells) > len(header) or (len(cells) < len(header) and not padded):
            raise InputError(
                f"{path} line {line}: {len(cells)} fields where the table has {len(header)};"
                " correct the line or fetch the file again"
            )
    return header, [(n, cells + [""] * (len(header) - len(cells))) for n, cells in found]


def _lacks_corner(header: list[str], rows: list[list[str]]) -> bool:
    """Whether the first column has R's row names, for which `write.table` writes no header.

    Row names are the numbers 1, 2, … or names of spots. With names of spots, an empty last cell in
    every row is rather a delimiter at the end of the row.
    """
    if not rows or any(len(cells) != len(header) + 1 for cells in rows):
        return False
    names = [cells[0] for cells in rows]
    if names == [str(number) for number in range(1, len(names) + 1)]:
        return True
    are_spots = len(set(names)) == len(names) and all(map(SPOT.fullmatch, names))
    return are_spots and any(cells[-1] for cells in rows)


def _trimmed(cells: list[str], least: int = 0) -> list[str]:
    """`cells` without empty cells at the end, but at least that many."""
    last = max((number for number, cell in enumerate(cells, 1) if cell), default=0)
    return cells[: max(last, least)]


def check_delimiter(path: str | Path, cells: list[str], least: int, delimiter: str) -> None:
    """Raise InputError if a line is a comment, or one cell but `least` with another delimiter."""
    if cells and cells[0].startswith("#"):
        raise InputError(f"{path}: begins with a comment ({cells[0][:40]}); remove such lines")
    for other in DELIMITERS:
        if len(cells) == 1 and len(cells[0].split(other)) >= max(least, 2):
            raise _wrong_delimiter(path, other, delimiter)


def number(text: str) -> float:
    """The number that a cell has. Unlike `float`, ValueError for nan, inf, `1e400` and `1_0`."""
    if not re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", text):
        raise ValueError(text)
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def read_tsv(
    path: str | Path,
    columns: Sequence[str],
    of: str,
    optional: Sequence[str] = (),
    *,
    name_unread: bool = False,
) -> dict[int, dict[str, str]]:
    """Read the columns of a sheet as stripped text, by line.

    Args:
        path: the sheet.
        columns: what it must have.
        of: what it lists, as sections, for messages.
        optional: columns that it may lack; their cells are then empty.
        name_unread: whether to warn of other columns, which are not read.

    Returns:
        Cells by column, by the number of the line.

    Raises:
        InputError: the sheet is missing or not text, lacks a column of `columns`, has one that
            looks like a misspelt optional one, a row with more cells than the header, or no rows.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such sheet of {of}; correct its path in the configuration")
    try:
        # Spreadsheets put a byte order mark before the first column's name.
        with open(path, encoding="utf-8-sig") as file:
            rows = list(rows_of(file, path, "\t"))
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text ({error}); save it as UTF-8") from error
    further = f" and, where needed, {' '.join(optional)}" if optional else ""
    hint = f"the columns are {' '.join(columns)}{further}"
    header, rows = columns_of(path, rows, columns, "\t", padded=True, hint=hint)
    absent = {name: "" for name in optional if name not in header}
    for name in header:
        if name in optional and header.count(name) > 1:
            raise InputError(f"{path}: column {name} is there twice; remove one")
        # Columns such as notes, age or grade are the user's own.
        alike = [each for each in absent if each[0] == name[:1].casefold()]
        meant = suggest(name, absent, 1, least=0.8) or suggest(name, alike, 1, least=0.7)
        if meant and name not in (*columns, *optional):
            raise InputError(
                f"{path}: column {name} is not read{meant} If not, add an empty column of that name"
            )
    unread = [name for name in header if name and name not in (*columns, *optional)]
    if unread and name_unread:
        several = len(unread) > 1
        logger.warning(
            f"{path}: column{'s' * several} {', '.join(unread)} {'are' if several else 'is'} not"
            f" read; {hint}"
        )
    if not rows:
        raise InputError(f"{path}: lists no {of}; add a row for each")
    places = {name: header.index(name) for name in (*columns, *optional) if name in header}
    return {line: {name: cells[at] for name, at in places.items()} | absent for line, cells in rows}
