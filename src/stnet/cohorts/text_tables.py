"""Reading the tables of a distribution: compressed or plain text, columns, spots and counts."""

import csv
import gzip
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
import pandas as pd
from scipy import sparse

from stnet.core.errors import InputError

GZIP_MAGIC = b"\x1f\x8b"
SPOT_NAME = re.compile(r"\d+x\d+")
LARGEST_COUNT = np.iinfo(np.int32).max


@dataclass(frozen=True)
class CountTable:
    """Raw counts as distributed: `matrix` (spots, genes) int32, names unique in both directions.

    `symbols` is what the genes are called beside their ids, not always uniquely; empty where the
    distribution has one name a gene.
    """

    spots: list[str]
    genes: list[str]
    matrix: sparse.csr_matrix
    symbols: Sequence[str] = ()


@contextmanager
def open_text(path: str | Path) -> Iterator[TextIO]:
    """Open a text file, gzip or plain (by its first bytes), whatever its line endings.

    Raises InputError, also while the file is read: no such file, damaged or truncated gzip, no
    text.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file; correct the section sheet or fetch the file")
    # Not by the suffix: browsers unpack .gz files on the way and keep the name.
    with open(path, "rb") as file:
        opener = gzip.open if file.read(2) == GZIP_MAGIC else open
    try:
        with opener(path, "rt", encoding="utf-8-sig") as text:
            yield text
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path}: truncated or damaged gzip ({error}); fetch it again") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a text table ({error}); fetch it again") from error


def read_rows(path: str | Path, delimiter: str) -> list[tuple[int, list[str]]]:
    """Line number and stripped fields of every line that is not blank. Raises as `open_text`."""
    with open_text(path) as text:
        reader = csv.reader(text, delimiter=delimiter)
        rows = [(reader.line_num, [field.strip() for field in fields]) for fields in reader]
    return [(line, fields) for line, fields in rows if any(fields)]


def read_columns(
    path: str | Path, delimiter: str, needed: list[str], *, headed: bool = True
) -> pd.DataFrame:
    """A table as text, indexed by line number.

    Its columns are those of its header, or, if it is not `headed`, `needed`. Raises InputError as
    `open_text`, and naming a column of `needed` that is missing, a line with too few or too many
    fields, or a table without lines.
    """
    rows = read_rows(path, delimiter)
    if not headed:
        rows = [(0, needed), *rows]
    header = rows[0][1] if rows else []
    missing = [name for name in needed if name not in header]
    if missing:
        raise InputError(
            f"{path}: no column {', '.join(missing)} in its header ({', '.join(header)});"
            " check the format column of the section sheet"
        )
    if len(rows) == 1:
        raise InputError(
            f"{path}: nothing {'after its header' if headed else 'in it'}; fetch it again"
        )
    for line, fields in rows[1:]:
        if len(fields) != len(header):
            raise InputError(
                f"{path} line {line}: {len(fields)} fields where the table has {len(header)};"
                " correct the line or fetch the file again"
            )
    return pd.DataFrame(
        [fields for _, fields in rows[1:]],
        columns=header,
        index=[line for line, _ in rows[1:]],
        dtype=str,
    )


def numbers(path: str | Path, table: pd.DataFrame, column: str) -> np.ndarray:
    """The column as float64. Raises InputError naming the line of what is no finite number."""
    values = pd.to_numeric(table[column], errors="coerce").astype(float)
    bad = table.index[~np.isfinite(values)]
    if len(bad):
        raise InputError(
            f"{path} line {bad[0]}, column {column}: {table[column][bad[0]]!r} is not a number;"
            " correct it"
        )
    return values.to_numpy()


def spot_name(x: float, y: float) -> str:
    """The key of a spot, `XxY`: array column x array row, rounded to the nearest integers."""
    return f"{round(x)}x{round(y)}"


def position_table(path: str | Path, table: pd.DataFrame, columns: dict[str, str]) -> pd.DataFrame:
    """Spot positions indexed by `XxY`, in the order of `table`, the text of the file `path`.

    `columns` names the table's columns of `array_col`, `array_row` (the array's column and row,
    whole numbers), `pixel_x`, `pixel_y` (the image's, float) and, if it is not called so,
    `selected`, which is false where its column holds 0: a spot outside the tissue. Raises
    InputError naming the line of a number that is none, a position off the grid or a spot that
    appears twice.
    """
    if "selected" in table:
        columns = {"selected": "selected", **columns}
    positions = pd.DataFrame(
        {name: numbers(path, table, column) for name, column in columns.items()}, index=table.index
    )
    for name in ("array_col", "array_row"):
        broken = positions.index[positions[name] != positions[name].round()]
        if len(broken):
            raise InputError(
                f"{path} line {broken[0]}, column {columns[name]}: {positions[name][broken[0]]} is"
                " no array position; it must be a whole number"
            )
        positions[name] = positions[name].astype(int)
    positions["selected"] = positions["selected"] != 0 if "selected" in positions else True
    spots = [
        spot_name(x, y) for x, y in zip(positions["array_col"], positions["array_row"], strict=True)
    ]
    check_repeated(path, spots, positions.index)
    return positions.set_axis(spots, axis="index")


def read_positions(path: str | Path) -> pd.DataFrame:
    """Positions of the ST Spot Detector's files: tab-separated x, y, pixel_x, pixel_y, selected.

    The earlier layout of the ST cohort (`.spots.txt`, without `selected`) and HER2ST
    (`_selection.tsv`) have them. Returns and raises as `position_table`.
    """
    columns = {"array_col": "x", "array_row": "y", "pixel_x": "pixel_x", "pixel_y": "pixel_y"}
    return position_table(path, read_columns(path, "\t", list(columns.values())), columns)


def read_counts(path: str | Path) -> CountTable:
    """A tab-separated table of counts, a row a spot (first field `XxY`), a column a gene.

    Raises InputError as `open_text`, and naming the line and the gene of a value that is not a
    whole number of at least 0, a line with too few or too many fields, a line that is no spot, a
    spot or gene that appears twice, a table without spots or genes.
    """
    spots, lines, rows = [], [], []
    with open_text(path) as text:
        genes = [name.strip() for name in next(text, "").split("\t")[1:]]
        if not genes:
            raise InputError(f"{path}: no genes in its first line; a tab-separated table is needed")
        repeated = pd.Index(genes).duplicated()
        if repeated.any():
            raise InputError(
                f"{path}: gene {genes[repeated.argmax()]!r} has two columns; give each its own id"
            )
        for line, content in enumerate(text, start=2):
            if not content.strip():
                continue
            spot, _, values = content.partition("\t")
            where = f"{path} line {line}"
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
        raise InputError(f"{path}: no spot in it; fetch it again")
    check_repeated(path, spots, lines)
    indptr = np.concatenate([[0], np.cumsum([len(present) for present, _ in rows])])
    indices, data = (np.concatenate(part) for part in zip(*rows, strict=True))
    matrix = sparse.csr_matrix((data, indices, indptr), shape=(len(spots), len(genes)))
    return CountTable(spots, genes, matrix)


def _row_of_counts(values: str, genes: list[str], where: str) -> np.ndarray:
    # Text to array in one call: six times faster than pandas on tables of 15,000 columns.
    try:
        counts = np.fromstring(values, dtype=np.int64, sep="\t")
    except ValueError:
        counts = np.empty(0)
    complete = counts.size == len(genes) == values.count("\t") + 1
    if complete and counts.min() >= 0 and counts.max() <= LARGEST_COUNT:
        return counts
    return _checked_row(values.rstrip("\n").split("\t"), genes, where)


def _checked_row(fields: list[str], genes: list[str], where: str) -> np.ndarray:
    """Whole numbers written with decimals (`3.0`), or an error that names what is wrong."""
    if len(fields) != len(genes):
        raise InputError(
            f"{where}: {len(fields)} counts for {len(genes)} genes; correct the line or fetch the"
            " file again"
        )
    counts = []
    for gene, field in zip(genes, fields, strict=True):
        try:
            count = float(field)
        except ValueError:
            count = np.nan
        if not (0 <= count <= LARGEST_COUNT and count.is_integer()):
            raise InputError(
                f"{where}, column {gene}: {field!r} is not a count; raw counts are needed, whole"
                " numbers of at least 0"
            )
        counts.append(int(count))
    return np.array(counts, dtype=np.int64)


def check_repeated(path: str | Path, spots: Sequence[str], lines: Sequence[int]) -> None:
    """Raise InputError naming the line of a spot that appears twice in the file `path`."""
    first: dict[str, int] = {}
    for spot, line in zip(spots, lines, strict=True):
        if spot in first:
            raise InputError(
                f"{path} line {line}: spot {spot} again, as on line {first[spot]}; keep one"
            )
        first[spot] = line
