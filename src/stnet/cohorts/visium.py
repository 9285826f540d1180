"""10x Visium: Space Ranger's matrix, and its files about the spots.

Spots are named by barcode and lie on a hexagonal array. Spots outside the tissue have a position
but no counts.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from stnet.cohorts.distributed import DistributedSection, ImageFacts
from stnet.cohorts.suspicion import suspect
from stnet.cohorts.tenx_matrix import read_matrix
from stnet.cohorts.text_tables import check_repeated, open_text, places_table, read_columns
from stnet.config.space_ranger import (
    HDF5,
    PICTURES,
    POSITIONS,
    SCALE_FACTORS,
    matrix_files,
    spatial_files,
)
from stnet.core.errors import InputError, check_system

POSITION_COLUMNS = [
    "barcode",
    "in_tissue",
    "array_row",
    "array_col",
    "pxl_row_in_fullres",
    "pxl_col_in_fullres",
]
# Barcodes of Visium HD's bins are named by their size, row and column: `s_008um_00301_00321-1`.
BIN = re.compile(r"s_(\d+)um_.*")
# According to 10x, `spot_diameter_fullres` is the diameter of a theoretical spot.
THEORETICAL_SPOT_UM = 65.0


def read(row: dict[str, str]) -> DistributedSection:
    """Read a section of Visium.

    `row` is the section's row of the sheet. Raises InputError as `read_files` and `check_barcodes`,
    for the bins of Visium HD, and if the barcodes of a matrix in three files are not in order.
    """
    parts = read_files(row)
    for names in (parts.positions.index, parts.counts.spots):
        check_no_bins(row["spots"], names)
    if parts.bin_um:
        raise InputError(
            f"{row['spots']}: bin_size_um in {SCALE_FACTORS} is from Visium HD, whose bins are not"
            " spots; use format visium-hd"
        )
    check_barcodes(row, parts)
    # Of three files, that of the barcodes may be another's, or have been sorted or shuffled.
    if HDF5 not in matrix_files(row["counts"]) and parts.counts.spots != sorted(parts.counts.spots):
        suspect(
            row,
            f"{row['counts']}: its barcodes are not in order, as Space Ranger writes them, so they"
            " may not be those of the matrix's columns",
        )
    return parts


def read_files(row: dict[str, str]) -> DistributedSection:
    """What Space Ranger's files say, of Visium and Visium HD, whatever they are named by.

    `row` is the section's row of the sheet. Raises InputError as `read_matrix`,
    `read_tissue_positions` and `read_scale_factors`.
    """
    image_facts, bin_um = read_scale_factors(row["spots"])
    positions = read_tissue_positions(row["spots"])
    counts, remark = read_matrix(row["counts"])
    return DistributedSection(positions, counts, {}, remark, image_facts=image_facts, bin_um=bin_um)


def check_no_bins(path: str | Path, names: Iterable[str]) -> None:
    """Raise InputError if spots of the file `path` are bins of Visium HD by their names."""
    for name in filter(BIN.fullmatch, names):
        raise InputError(
            f"{path}: barcode {name} is from Visium HD, whose bins are not spots; use format"
            " visium-hd, with the files of Space Ranger"
        )


def check_barcodes(row: dict[str, str], parts: DistributedSection) -> None:
    """Raise InputError if a barcode of the matrix is nowhere on the array."""
    spots = parts.counts.spots
    strangers = pd.Index(spots).difference(parts.positions.index, sort=False)
    if len(strangers):
        raise InputError(
            f"{row['counts']}: {len(strangers)} of its {len(spots)} barcodes, such as"
            f" {strangers[0]}, are nowhere on the array in {row['spots']}; name the section's own"
            " matrix (not an aggregated one) and positions of all its spots"
        )


def read_tissue_positions(path: str | Path) -> pd.DataFrame:
    """Positions of all spots of the array, as from `places_table` but indexed by barcode.

    `path` is what `stnet.config.space_ranger.spatial_files` finds the files of. pixel_x is
    pxl_col_in_fullres, and `selected` is true under tissue. Raises InputError as `spatial_files`,
    `places_table` and `read_columns`, for a repeated barcode, and if there are two files that
    differ.
    """
    found = spatial_files(path)
    first, *others = [found[name] for name in POSITIONS if name in found]
    positions = _read_position_file(first)
    for other in others:
        table = _read_position_file(other).reindex(positions.index)
        differ = ~(table == positions).all(axis=1)
        if differ.any():
            raise InputError(
                f"{path}: {first.name} and {other.name} differ in {differ.sum()} spots, such as"
                f" {positions.index[differ.argmax()]}; remove the one that is not the section's"
            )
    return positions


def _read_position_file(path: Path) -> pd.DataFrame:
    # The file name is not reliable: files are renamed for older tools.
    if path.suffix == ".parquet":
        table = _read_parquet(path)
    else:
        table = read_columns(path, ",", POSITION_COLUMNS, may_lack_header=True)
    check_repeated(path, table["barcode"], table.index)
    columns = {
        **{"selected": "in_tissue", "array_col": "array_col", "array_row": "array_row"},
        **{"pixel_x": "pxl_col_in_fullres", "pixel_y": "pxl_row_in_fullres"},
    }
    return places_table(path, table, columns).set_axis(table["barcode"].to_list(), axis="index")


def _read_parquet(path: Path) -> pd.DataFrame:
    from pyarrow import parquet  # only Visium HD has such files

    try:
        table = parquet.read_table(path)
        missing = [name for name in POSITION_COLUMNS if name not in table.column_names]
        if missing or not table.num_rows:
            lacks = f"column {missing[0]}" if missing else "rows"
            raise InputError(f"{path}: has no {lacks}; name Space Ranger's positions")
        # Pandas may have written one of them as its index.
        columns = table.select(POSITION_COLUMNS).to_pandas(ignore_metadata=True)
        return columns.rename_axis("row")
    except (OSError, ValueError, TypeError) as error:
        check_system(error, path)
        raise InputError(
            f"{path}: damaged, or no table in Parquet format ({' '.join(str(error).split())});"
            " download it again"
        ) from error


def read_scale_factors(path: str | Path) -> tuple[ImageFacts, float | None]:
    """What the scale factors and the reduced images say, and the side of a bin of Visium HD in µm.

    `path` is as in `read_tissue_positions`. Nothing if there are no scale factors. Raises
    InputError if they are unreadable, or have a value that is not a positive number.
    """
    found = spatial_files(path)
    if SCALE_FACTORS not in found:
        return ImageFacts(), None
    file = found[SCALE_FACTORS]
    try:
        with open_text(file) as text:
            factors = json.load(text)
        if not isinstance(factors, dict):
            raise ValueError("not an object")
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{file}: damaged ({error}); download the file again or remove it"
        ) from error
    picture = next((name for name in PICTURES if name in found), None)
    reduction = factor(file, factors, PICTURES[picture]) if picture else None
    said = ImageFacts(
        spot_diameter=factor(file, factors, "spot_diameter_fullres"),
        um_per_px=factor(file, factors, "microns_per_pixel"),
        picture=found[picture] if picture and reduction else None,
        reduction=reduction,
    )
    return said, factor(file, factors, "bin_size_um")


def factor(path: Path, factors: dict, name: str) -> float | None:
    """A positive number of the scale factors in the file `path`; None if it is not given."""
    if name not in factors:
        return None
    try:
        value = float(factors[name])
        if not 0 < value < np.inf:
            raise ValueError(f"value {value}")
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(
            f"{path}: {name} is invalid ({error}); download the file again or remove it"
        ) from error
    return value
