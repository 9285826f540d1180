"""The ST cohort (Mendeley Data 29ntw7sh4r): version 5 and the earlier layout.

Both have the same content. Counts are spots x Ensembl ids for all spots of the array. The spot file
has the spots under tissue. Annotations are `tumor` or `non`.
"""

import pandas as pd

from stnet.cohorts.distributed import DistributedSection
from stnet.cohorts.text_tables import (
    SPOT_NAME,
    position_table,
    read_columns,
    read_counts,
    read_positions,
    read_rows,
    spot_name,
)
from stnet.core.errors import InputError
from stnet.core.tsv import check_delimiter, number


def read_v5(row: dict[str, str]) -> DistributedSection:
    """Read a section of version 5: `*_stdata.tsv.gz`, `spots_*.csv.gz`, `*_Coords.tsv.gz`.

    `row` is the section's row of the sheet. The spot file is comma-separated: the first column is
    `XxY`, columns X and Y are pixel positions. Raises InputError as the readers of
    `stnet.cohorts.text_tables`.
    """
    path = row["spots"]
    table = read_columns(path, ",", ["X", "Y"])
    # The first column has no name. X and Y are pixels; we add `x` and `y` of the array.
    spots = table.iloc[:, 0]
    malformed = [line for line, spot in spots.items() if not SPOT_NAME.fullmatch(spot)]
    if malformed:
        line = malformed[0]
        raise InputError(
            f"{path} line {line}: {spots[line]!r} is not a spot written XxY; correct it"
        )
    table[["x", "y"]] = spots.str.split("x", expand=True)
    columns = {"array_col": "x", "array_row": "y", "pixel_x": "X", "pixel_y": "Y"}
    return _section(row, position_table(path, table, columns))


def read_original(row: dict[str, str]) -> DistributedSection:
    """Read a section of the earlier layout: `.tsv.gz`, `.spots.txt`, `_Coords.tsv`.

    `row` is the section's row of the sheet. Raises InputError as the readers of
    `stnet.cohorts.text_tables`.
    """
    return _section(row, read_positions(row["spots"]))


def _section(row: dict[str, str], positions: pd.DataFrame) -> DistributedSection:
    annotations, remark = read_annotations(row["labels"]) if row["labels"] else ({}, "")
    unplaced = sum(spot not in positions.index for spot in annotations)
    counts = read_counts(row["counts"])
    return DistributedSection(positions, counts, annotations, remark, unplaced)


def read_annotations(path: str) -> tuple[dict[str, str], str]:
    """The pathologist's annotation by spot name, and a remark for the log.

    Fields are read by position (name, x, y, label id, annotation), because version 5 has four
    header names for five columns, and CR line endings. Non-integer x and y are rounded to the
    nearest spot, and the last row of a spot counts, as in the released code. Rows without an
    annotation are ignored. Raises InputError naming a line whose x or y is not a number, for a file
    without annotations, or as `open_text`.
    """
    annotations: dict[str, str] = {}
    empty = moved = changed = 0
    rows = read_rows(path, "\t")
    if len(rows) < 2:
        raise InputError(f"{path}: has no labels; correct it, or leave labels empty in the sheet")
    check_delimiter(path, rows[1][1], 3, "\t")
    for order, (line, fields) in enumerate(rows):
        try:
            x, y = number(fields[1]), number(fields[2])
            spot = spot_name(x, y)
        except (IndexError, ValueError, OverflowError) as error:
            # A header has words there; a spot with a broken number is none.
            if order == 0 and not any(field[:1].isdigit() for field in fields[1:3]):
                continue
            raise InputError(
                f"{path} line {line}: fields 2 and 3 are not a spot's x and y; write name, x, y,"
                " label id and label"
            ) from error
        word = fields[4] if len(fields) > 4 else ""
        moved += not (x.is_integer() and y.is_integer())
        if not word:
            empty += 1
            continue
        changed += annotations.get(spot, word) != word
        annotations[spot] = word
    if not annotations:
        raise InputError(
            f"{path}: no row has a label in field 5; write name, x, y, label id and label, or"
            " leave labels empty in the sheet"
        )
    remark = (
        f"{len(annotations)} spots labelled, {moved} rows at non-integer positions rounded,"
        f" {empty} rows without an annotation, {changed} changed by a later row"
    )
    return annotations, remark
