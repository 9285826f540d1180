"""10x Visium: Space Ranger's matrix and its `spatial` folder.

Spots are named by barcode and lie on a hexagonal array. Spots outside the tissue have a position
but no counts.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from scipy import sparse

from stnet.cohorts.distributed import DistributedSection, SpaceRanger
from stnet.cohorts.text_tables import (
    CountTable,
    are_counts,
    check_repeated,
    position_table,
    read_columns,
)
from stnet.core.errors import InputError

# Since Space Ranger 2.0, with a header; before, without one.
POSITION_FILES = ["tissue_positions.csv", "tissue_positions_list.csv"]
POSITION_COLUMNS = [
    "barcode",
    "in_tissue",
    "array_row",
    "array_col",
    "pxl_row_in_fullres",
    "pxl_col_in_fullres",
]
FEATURES = ["id", "name", "feature_type", "genome"]
PARTS = ["barcodes", "data", "indices", "indptr", "shape", *(f"features/{f}" for f in FEATURES)]
GENE = "Gene Expression"
# Reduced copies of the image, each with its key in `scalefactors_json.json`.
PICTURES = {
    "tissue_hires_image.png": "tissue_hires_scalef",
    "tissue_lowres_image.png": "tissue_lowres_scalef",
}
# Barcodes of Visium HD's bins are named by their size, such as `s_008um_00301_00321-1`.
BIN = re.compile(r"s_\d+um_.*")
# According to 10x, `spot_diameter_fullres` is the diameter of a theoretical spot.
THEORETICAL_SPOT_UM = 65.0


def read(row: dict[str, str]) -> DistributedSection:
    """Read a section: `filtered_feature_bc_matrix.h5` and the `spatial` folder.

    `row` is the section's row of the sheet. Raises InputError as `read_matrix`,
    `read_tissue_positions` and `read_scale_factors`, for the bins of Visium HD, and if a barcode of
    the matrix is nowhere on the array.
    """
    space_ranger = read_scale_factors(row["spots"])
    positions = read_tissue_positions(row["spots"])
    counts, remark = read_matrix(row["counts"])
    bins = next((spot for spot in [*positions.index, *counts.spots] if BIN.fullmatch(spot)), None)
    if bins:
        raise InputError(_not_hd(row["spots"], f"barcode {bins} is"))
    strangers = pd.Index(counts.spots).difference(positions.index, sort=False)
    if len(strangers):
        raise InputError(
            f"{row['counts']}: {len(strangers)} of its {len(counts.spots)} barcodes, such as"
            f" {strangers[0]}, are nowhere on the array in {row['spots']}; name the section's own"
            " matrix (not an aggregated one) and positions of all its spots"
        )
    return DistributedSection(positions, counts, {}, remark, space_ranger=space_ranger)


def _not_hd(folder: str | Path, found: str) -> str:
    return (
        f"{folder}: {found} from Visium HD, whose bins are not spots, and which is not supported;"
        " name a Visium section"
    )


def read_tissue_positions(folder: str | Path) -> pd.DataFrame:
    """Positions of all spots of the array, as from `position_table` but indexed by barcode.

    They are read from `tissue_positions.csv` or `tissue_positions_list.csv` in the `spatial`
    folder. pixel_x is pxl_col_in_fullres, and `selected` is true under tissue. Raises InputError as
    `position_table` and `read_columns`, for a repeated barcode, and if there is no such file or two
    that differ.
    """
    first, *others = _position_files(Path(folder))
    positions = _read_position_file(first)
    for path in others:
        other = _read_position_file(path).reindex(positions.index)
        differ = ~(other == positions).all(axis=1)
        if differ.any():
            raise InputError(
                f"{folder}: {first.name} and {path.name} differ in {differ.sum()} spots, such as"
                f" {positions.index[differ.argmax()]}; remove the one that is not the section's"
            )
    return positions


def _read_position_file(path: Path) -> pd.DataFrame:
    # The file name is not reliable: files are renamed for older tools.
    table = read_columns(path, ",", POSITION_COLUMNS, may_lack_header=True)
    check_repeated(path, table["barcode"], table.index)
    columns = {
        **{"selected": "in_tissue", "array_col": "array_col", "array_row": "array_row"},
        **{"pixel_x": "pxl_col_in_fullres", "pixel_y": "pxl_row_in_fullres"},
    }
    return position_table(path, table, columns).set_axis(table["barcode"].to_list(), axis="index")


def _position_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InputError(
            f"{folder}: no such folder; the section sheet's spots must be Space Ranger's spatial"
            " folder"
        )
    found = [folder / name for name in POSITION_FILES if (folder / name).is_file()]
    if found:
        return found
    if any(folder.glob("*.parquet")):
        raise InputError(_not_hd(folder, ".parquet positions are"))
    raise InputError(
        f"{folder}: has no {' or '.join(POSITION_FILES)}; name Space Ranger's spatial folder"
    )


def read_scale_factors(folder: str | Path) -> SpaceRanger:
    """What `scalefactors_json.json` and the reduced images of a `spatial` folder say.

    Nothing if the file is missing. Raises InputError if it is unreadable, has a value that is not a
    positive number, or is of Visium HD.
    """
    path = Path(folder) / "scalefactors_json.json"
    if not path.is_file():
        return SpaceRanger()
    try:
        factors = json.loads(path.read_text())
        if not isinstance(factors, dict):
            raise ValueError("not an object")
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{path}: damaged ({error}); download the file again or remove it"
        ) from error
    if "bin_size_um" in factors:
        raise InputError(_not_hd(folder, "bin_size_um in scalefactors_json.json is"))
    picture = next((name for name in PICTURES if (Path(folder) / name).is_file()), None)
    reduction = factor(path, factors, PICTURES[picture]) if picture else None
    return SpaceRanger(
        spot_diameter=factor(path, factors, "spot_diameter_fullres"),
        um_per_px=factor(path, factors, "microns_per_pixel"),
        picture=Path(folder) / picture if picture and reduction else None,
        reduction=reduction,
    )


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


def read_matrix(path: str | Path) -> tuple[CountTable, str]:
    """Counts of a matrix in 10x's HDF5 layout (Cell Ranger 3 and later), and a remark for the log.

    Rows are barcodes in the file's order, columns are the features of type Gene Expression, named
    by id. Raises InputError if the file is missing, damaged or of another layout, has no genes or
    genes of several genomes, repeats a barcode or gene, or has values that are not counts.
    """
    with _opened(path) as matrix:
        barcodes = matrix["barcodes"].asstr()[:].tolist()
        features = pd.DataFrame({name: matrix[f"features/{name}"].asstr()[:] for name in FEATURES})
        data, indices, indptr = (matrix[part][:] for part in ("data", "indices", "indptr"))
        if tuple(matrix["shape"][:]) != (len(features), len(barcodes)):
            raise ValueError("its shape does not match its features and barcodes")
        # The file has features x barcodes by columns, which is barcodes x features by rows.
        counts = sparse.csr_matrix((data, indices, indptr), shape=(len(barcodes), len(features)))
        counts.check_format()
        if indptr[-1] != len(data):
            raise ValueError("values after the last barcode's")
        if not are_counts(data):
            raise InputError(
                f"{path}: has values that are not counts; use raw counts (non-negative integers)"
            )
        counts.sum_duplicates()
        if counts.nnz < len(data):
            raise ValueError("several counts of a gene for one barcode")
    is_gene = (features["feature_type"] == GENE).to_numpy()
    genes = features[is_gene]
    check_genes(path, genes)
    repeated = pd.Index(barcodes).duplicated()
    if repeated.any():
        raise InputError(
            f"{path}: barcode {barcodes[repeated.argmax()]} is repeated; download it again"
        )
    if not is_gene.all():
        counts = counts[:, is_gene]
    table = CountTable(
        barcodes, genes["id"].to_list(), counts.astype(np.int32), genes["name"].to_list()
    )
    others = int((~is_gene).sum())
    return table, f"{others} features left out that are not genes" if others else ""


@contextmanager
def _opened(path: str | Path) -> Iterator[h5py.Group]:
    """Yield the group `matrix` of a file after checking its layout."""
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file; correct the section sheet or download the file")
    try:
        with h5py.File(path) as file:
            groups = [name for name, group in file.items() if isinstance(group, h5py.Group)]
            if "matrix" not in groups and any("gene_names" in file[name] for name in groups):
                raise InputError(
                    f"{path}: has the layout of Cell Ranger 2, one group per genome"
                    f" ({', '.join(groups)}); name Space Ranger's filtered_feature_bc_matrix.h5"
                )
            missing = [part for part in PARTS if f"matrix/{part}" not in file]
            if missing:
                raise InputError(
                    f"{path}: has no matrix/{missing[0]}; name Space Ranger's"
                    " filtered_feature_bc_matrix.h5"
                )
            yield file["matrix"]
    except (OSError, KeyError, RuntimeError, TypeError, ValueError, IndexError) as error:
        raise InputError(
            f"{path}: damaged, or not a matrix of Space Ranger ({error}); download it again"
        ) from error


def check_genes(path: str | Path, genes: pd.DataFrame) -> None:
    """Raise InputError if `genes` (id, genome) are none, or not each of its own of one genome."""
    if genes.empty:
        raise InputError(f"{path}: has no feature of type {GENE}; name the section's matrix")
    genomes = sorted(set(genes["genome"]))
    if len(genomes) > 1:
        raise InputError(
            f"{path}: has genes of several genomes ({', '.join(genomes)}); name a matrix of one"
        )
    if (genes["id"] == "").any():
        raise InputError(f"{path}: has a gene without an id; give each its own")
    repeated = genes["id"][genes["id"].duplicated()]
    if len(repeated):
        raise InputError(f"{path}: gene {repeated.iloc[0]!r} is repeated; give each its own id")
