"""Read distributed text tables, plain or gzip: columns, spot positions and counts."""

import gzip
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, TextIO

import numpy as np
import pandas as pd
from scipy import sparse

from stnet.core.errors import InputError
from stnet.core.tsv import DECIMAL_COMMA, check_delimiter, columns_of, number, rows_of

# Columns of positions: on the array, and x and y in the image.
ARRAY, PIXELS = ["array_col", "array_row"], ["pixel_x", "pixel_y"]
GZIP_MAGIC = b"\x1f\x8b"
SPOT_NAME = re.compile(r"\d+x\d+")
FLAGS = {"1": 1, "1.0": 1, "TRUE": 1, "T": 1, "0": 0, "0.0": 0, "FALSE": 0, "F": 0}
# Names that tables give to the column with the names of their rows.
CORNERS = {"spot", "spots", "barcode", "barcodes", "cell", "id", "index", "name", "x", "gene"}
# Pixels of the largest image; numbers far beyond would overflow.
FURTHEST = 10**7
LARGEST_COUNT = np.iinfo(np.int32).max
# In smaller tables a gene may be the sum of the others by chance.
FEWEST_TO_SUM = 4


@dataclass(frozen=True)
class CountTable:
    """Raw counts as distributed: `matrix` (spots, genes) int32 with unique spots and genes.

    `symbols` are distributed names of the genes besides their ids, not always unique; empty if each
    gene has one name only.
    """

    spots: list[str]
    genes: list[str]
    matrix: sparse.csr_matrix
    symbols: Sequence[str] = ()


@contextmanager
def open_unpacked(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file, gzip or plain.

    Raises InputError, also while the file is read, if it is missing, or if its gzip is damaged or
    truncated.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file; correct the path or download the file")
    # The suffix is not reliable: browsers may unpack .gz files and keep the name.
    with open(path, "rb") as file:
        opener = gzip.open if file.read(2) == GZIP_MAGIC else open
    try:
        with opener(path, "rb") as content:
            yield content
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            f"{path}: truncated or damaged gzip ({error}); download it again"
        ) from error


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """The file itself, or of a `.gz` an unpacked copy for a while. Raises as `open_unpacked`."""
    if path.suffix != ".gz":
        yield path
        return
    with TemporaryDirectory() as folder:
        copy = Path(folder, path.stem)
        with open_unpacked(path) as content:
            copy.write_bytes(content.read())
        yield copy


@contextmanager
def open_text(path: str | Path) -> Iterator[TextIO]:
    """Open a text file, gzip or plain, with any line endings.

    Raises InputError as `open_unpacked`, and if the file is not text.
    """
    try:
        with open_unpacked(path) as content:
            yield io.TextIOWrapper(content, encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: not a text table in UTF-8 ({error}); save it so, or download it again"
        ) from error


def read_rows(path: str | Path, delimiter: str) -> list[tuple[int, list[str]]]:
    """Line number and stripped fields of every non-blank line. Raises as `open_text`."""
    with open_text(path) as text:
        return list(rows_of(text, path, delimiter))


def read_columns(
    path: str | Path, delimiter: str, needed: list[str], *, may_lack_header: bool = False
) -> pd.DataFrame:
    """Read a table as text, indexed by line number.

    Columns are named by the header. A table that `may_lack_header` has none if none of the columns
    is in its first line, which may be pandas' numbers 0, 1, …; its columns are then `needed`.
    Raises InputError as `open_text` and `columns_of`, and for a table without rows.
    """
    rows = read_rows(path, delimiter)
    first = rows[0][1] if rows else ["", ""]
    if may_lack_header and len(first) > 1 and set(needed).isdisjoint(first):
        is_numbered = first == [str(number) for number in range(len(first))]
        rows = [(0, needed), *rows[is_numbered:]]
    hint = "check the section's format"
    header, rows = columns_of(path, rows, needed, delimiter, padded=False, hint=hint)
    if not rows:
        raise InputError(f"{path}: no rows after its header; download it again")
    return pd.DataFrame(
        [fields for _, fields in rows], columns=header, index=[n for n, _ in rows], dtype=str
    )


def numbers(path: str | Path, table: pd.DataFrame, column: str) -> np.ndarray:
    """A column as float64. Raises InputError naming the first line without a number or place."""
    values = pd.to_numeric(table[column], errors="coerce").astype(float)
    bad = table.index[~(values.abs() <= FURTHEST)]
    if len(bad):
        text = str(table[column][bad[0]])
        fault = "is too large" if np.isfinite(values[bad[0]]) else "is not a number"
        remedy = "write a decimal point" if DECIMAL_COMMA.fullmatch(text) else "correct it"
        where = f"{path} {_label(table.index)} {bad[0]}, column {column}"
        raise InputError(f"{where}: {text!r} {fault}; {remedy}")
    return values.to_numpy()


def _label(lines: Sequence[int]) -> str:
    """What the rows of a table are named by: lines, if its index says nothing else."""
    return getattr(lines, "name", None) or "line"


def flags(path: str | Path, table: pd.DataFrame, column: str) -> np.ndarray:
    """A column of yes or no as bool: 1, TRUE, True or T, and 0, FALSE, False or F.

    Raises InputError naming the first line with another value.
    """
    values = table[column].astype(str).str.upper().map(FLAGS)
    bad = table.index[values.isna()]
    if len(bad):
        raise InputError(
            f"{path} {_label(table.index)} {bad[0]}, column {column}:"
            f" {str(table[column][bad[0]])!r} is not 0 or 1; correct it"
        )
    return values.to_numpy(bool)


def are_counts(values: np.ndarray) -> bool:
    """Whether all values are whole numbers from 0 to the largest count."""
    kind = values.dtype.kind
    whole = kind in "iu" or (kind == "f" and bool((values == np.rint(values)).all()))
    return not values.size or (whole and values.min() >= 0 and values.max() <= LARGEST_COUNT)


def spot_name(x: float, y: float) -> str:
    """The key of a spot, `XxY`: array column x array row, rounded to the nearest integers."""
    return f"{round(x)}x{round(y)}"


def places_table(path: str | Path, table: pd.DataFrame, columns: dict[str, str]) -> pd.DataFrame:
    """Spot positions, with the index of `table`, which has the cells of the file `path`.

    `columns` maps each output column to a column of the table: `array_col`, `array_row` (integers),
    `pixel_x`, `pixel_y` (float) and, if the table names it otherwise, `selected`. A spot is outside
    the tissue if its value of `selected` is 0 or false. Raises InputError naming the line of an
    invalid number or flag, a non-integer array position or a repeated spot.
    """
    places = [name for name in columns if name != "selected"]
    positions = pd.DataFrame(
        {name: numbers(path, table, columns[name]) for name in places}, index=table.index
    )
    for name in ARRAY:
        broken = positions.index[positions[name] != positions[name].round()]
        if len(broken):
            raise InputError(
                f"{path} {_label(table.index)} {broken[0]}, column {columns[name]}:"
                f" {positions[name][broken[0]]} is not an array position; write a whole number"
            )
        positions[name] = positions[name].astype(int)
    selected = columns.get("selected", "selected")
    positions["selected"] = flags(path, table, selected) if selected in table else True
    repeated = positions.duplicated(ARRAY, keep=False)
    if repeated.any():
        check_repeated(path, _spot_names(positions[repeated]), positions.index[repeated])
    return positions


def position_table(path: str | Path, table: pd.DataFrame, columns: dict[str, str]) -> pd.DataFrame:
    """Positions as from `places_table`, indexed by spots named `XxY`."""
    positions = places_table(path, table, columns)
    return positions.set_axis(_spot_names(positions), axis="index")


def _spot_names(positions: pd.DataFrame) -> list[str]:
    return [
        spot_name(x, y) for x, y in zip(positions["array_col"], positions["array_row"], strict=True)
    ]


def read_positions(path: str | Path) -> pd.DataFrame:
    """Read positions from the ST Spot Detector: tab-separated x, y, pixel_x, pixel_y, selected.

    Used by the earlier layout of the ST cohort (`.spots.txt`, without `selected`) and by HER2ST
    (`_selection.tsv`). Returns and raises as `position_table`.
    """
    columns = {"array_col": "x", "array_row": "y", "pixel_x": "pixel_x", "pixel_y": "pixel_y"}
    return position_table(path, read_columns(path, "\t", list(columns.values())), columns)


def read_counts(path: str | Path) -> CountTable:
    """Read a tab-separated table of counts: rows are spots (first field `XxY`), columns are genes.

    Raises InputError as `open_text`, and for a value that is not a non-negative integer (naming
    line and gene), a line with too few or too many fields, a malformed spot, a repeated spot or
    gene, and a table without spots or genes.
    """
    spots, lines, rows = [], [], []
    with open_text(path) as text:
        header = next(rows_of([next(text, "")], path, "\t"), (1, [""]))[1]
        first = next(text, "")
        genes = _genes_of(path, header, _cells(first, path, 2))
        repeated = pd.Index(genes).duplicated()
        if repeated.any():
            raise InputError(
                f"{path}: gene {genes[repeated.argmax()]!r} has two columns; give each its own id"
            )
        for line, content in enumerate(chain([first], text), start=2):
            if not content.strip():
                continue
            where = f"{path} line {line}"
            if '"' in content:
                content = "\t".join(_cells(content, path, line))
            spot, _, values = content.partition("\t")
            spot = spot.strip()
            if not SPOT_NAME.fullmatch(spot):
                raise InputError(
                    f"{where}: {spot[:40]!r} is not a spot written XxY; rows must be spots, genes"
                    " columns"
                )
            spots.append(spot)
            lines.append(line)
            counts = _row_of_counts(values, genes, where)
            present = np.flatnonzero(counts)
            rows.append((present.astype(np.int32), counts[present].astype(np.int32)))
    if not spots:
        raise InputError(f"{path}: has no spots; download it again")
    check_repeated(path, spots, lines)
    indptr = np.concatenate([[0], np.cumsum([len(present) for present, _ in rows])])
    indices, data = (np.concatenate(part) for part in zip(*rows, strict=True))
    matrix = sparse.csr_matrix((data, indices, indptr), shape=(len(spots), len(genes)))
    _check_no_sum(path, genes, matrix)
    return CountTable(spots, genes, matrix)


def _check_no_sum(path: str | Path, genes: list[str], matrix: sparse.csr_matrix) -> None:
    """Raise InputError if a column is the sum of all others, such as a total saved with them."""
    sums, totals = matrix.sum(axis=0).A1, matrix.sum(axis=1).A1
    if min(matrix.shape) < FEWEST_TO_SUM or not matrix.nnz:
        return
    for column in np.flatnonzero(2 * sums.astype(np.int64) == totals.sum()):
        if (2 * matrix[:, [column]].toarray().ravel().astype(np.int64) == totals).all():
            raise InputError(
                f"{path}: column {genes[column]} is the sum of all others, so it is no gene; remove"
                " it"
            )


def _cells(content: str, path: str | Path, line: int) -> list[str]:
    """Cells of a line, without quotes and without empty cells at its end."""
    cells = next((cells for _, cells in rows_of([content], path, "\t", first=line)), [])
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _genes_of(path: str | Path, header: list[str], first: list[str]) -> list[str]:
    """Genes of a header. R's `write.table` writes no name for the column of spots."""
    while header and not header[-1]:
        header.pop()
    lacks_corner = len(first) == len(header) + 1 and header[0].lower() not in {"", *CORNERS}
    genes = header if lacks_corner else header[1:]
    if not genes:
        check_delimiter(path, header, 2, "\t")
        check_delimiter(path, first, 2, "\t")
        raise InputError(f"{path}: no genes in its first line; use a tab-separated table")
    if "" in genes:
        raise InputError(f"{path}: column {header.index('', 1) + 1} has no gene; name it")
    return genes


def _row_of_counts(values: str, genes: list[str], where: str) -> np.ndarray:
    # On tables of 15,000 columns this is six times faster than pandas.
    try:
        counts = np.fromstring(values, dtype=np.int64, sep="\t")
    except ValueError:
        counts = np.empty(0)
    # NumPy takes any white space for a delimiter.
    complete = counts.size == len(genes) == values.count("\t") + 1 and " " not in values
    if complete and counts.min() >= 0 and counts.max() <= LARGEST_COUNT:
        return counts
    fields = values.rstrip("\n").split("\t")
    while len(fields) > len(genes) and not fields[-1].strip():
        fields.pop()
    return _checked_row(fields, genes, where)


def _checked_row(fields: list[str], genes: list[str], where: str) -> np.ndarray:
    """Parse counts that may be written with decimals (`3.0`), or raise InputError."""
    if len(fields) != len(genes):
        raise InputError(
            f"{where}: {len(fields)} counts for {len(genes)} genes; correct the line or download"
            " the file again"
        )
    counts = []
    for gene, field in zip(genes, fields, strict=True):
        try:
            count = number(field.strip())
        except ValueError:
            count = np.nan
        if not (0 <= count <= LARGEST_COUNT and count.is_integer()):
            raise InputError(
                f"{where}, column {gene}: {field!r} is not a count; use raw counts (non-negative"
                " integers)"
            )
        counts.append(int(count))
    return np.array(counts, dtype=np.int64)


def check_repeated(path: str | Path, spots: Sequence[str], lines: Sequence[int]) -> None:
    """Raise InputError naming the line of a repeated spot in the file `path`."""
    names = pd.Index(spots)
    repeated = names.duplicated()
    if repeated.any():
        second = repeated.argmax()
        first = (names == names[second]).argmax()
        label = _label(lines)
        raise InputError(
            f"{path} {label} {lines[second]}: spot {names[second]} is also on {label}"
            f" {lines[first]}; keep one"
        )
