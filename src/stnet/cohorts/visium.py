"""10x Visium: the matrix that Space Ranger writes, and its `spatial` folder.

Spots are named by their barcodes and lie on a hexagonal array; those outside the tissue have a
position and no counts.
"""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from scipy import sparse

from stnet.cohorts.distributed import DistributedSection
from stnet.cohorts.text_tables import (
    LARGEST_COUNT,
    CountTable,
    check_repeated,
    open_text,
    position_table,
    read_columns,
)
from stnet.core.errors import InputError

logger = logging.getLogger(__name__)

# Of Space Ranger 2.0 and later, with a header; of those before, without one.
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
# A filtered matrix has exactly the spots under tissue, a raw one all of the array. More than this
# share on both sides without the other, and they are of two sections (ours).
MOST_UNMATCHED = 0.01
# Printed spots are 55 µm wide; `spot_diameter_fullres` is by 10x's account that of a theoretical
# spot of 65 µm. Relative deviations from these two: of the first one hears, the second is a pitch
# or an image that is not the section's (ours).
SPOT_UM, THEORETICAL_SPOT_UM = 55.0, 65.0
SUSPECT, IMPOSSIBLE = 1.25, 1.5


def read(row: dict[str, str]) -> DistributedSection:
    """Read a section: `filtered_feature_bc_matrix.h5` and the `spatial` folder.

    `row` is the section's row of the sheet. Raises InputError as `read_matrix`,
    `read_tissue_positions` and `read_spot_diameter`, and if the two are of different sections.
    """
    positions = read_tissue_positions(row["spots"])
    counts, remark = read_matrix(row["counts"])
    under_tissue, counted = set(positions.index[positions["selected"]]), set(counts.spots)
    lost, elsewhere = len(under_tissue - counted), len(counted - under_tissue)
    if lost > MOST_UNMATCHED * len(under_tissue) and elsewhere > MOST_UNMATCHED * len(counted):
        raise InputError(
            f"{row['counts']}: {elsewhere} of its {len(counted)} barcodes are not under tissue in"
            f" {row['spots']}, and {lost} of the {len(under_tissue)} spots under tissue are not in"
            " it; name matrix and folder of one section"
        )
    return DistributedSection(positions, counts, {}, remark, read_spot_diameter(row["spots"]))


def read_tissue_positions(folder: str | Path) -> pd.DataFrame:
    """Positions of all spots of the array, as of `position_table` but indexed by barcode.

    From `tissue_positions.csv` or `tissue_positions_list.csv` in the `spatial` folder: array_col is
    its array_col, pixel_x its pxl_col_in_fullres, and `selected` what is under tissue. Raises
    InputError as `position_table` and `read_columns`, for a barcode that appears twice, and where
    there is no such file.
    """
    path = _position_file(Path(folder))
    # By its first field, not its name: files are renamed to what an older tool asks for.
    with open_text(path) as text:
        headed = text.readline().split(",")[0].strip() == POSITION_COLUMNS[0]
    table = read_columns(path, ",", POSITION_COLUMNS, headed=headed)
    check_repeated(path, table["barcode"], table.index)
    columns = {
        **{"selected": "in_tissue", "array_col": "array_col", "array_row": "array_row"},
        **{"pixel_x": "pxl_col_in_fullres", "pixel_y": "pxl_row_in_fullres"},
    }
    return position_table(path, table, columns).set_axis(table["barcode"].to_list(), axis="index")


def _position_file(folder: Path) -> Path:
    if not folder.is_dir():
        raise InputError(
            f"{folder}: no such folder; the section sheet's spots must be Space Ranger's spatial"
            " folder"
        )
    for name in POSITION_FILES:
        if (folder / name).is_file():
            return folder / name
    if any(folder.glob("*.parquet")):
        raise InputError(
            f"{folder}: positions as .parquet are of Visium HD, whose bins are no spots; name a"
            " Visium section"
        )
    raise InputError(
        f"{folder}: no {' or '.join(POSITION_FILES)} in it; name Space Ranger's spatial folder"
    )


def read_spot_diameter(folder: str | Path) -> float | None:
    """`spot_diameter_fullres` of `scalefactors_json.json`, in pixels; None where it is not said.

    Raises InputError if the file is there and unreadable.
    """
    path = Path(folder) / "scalefactors_json.json"
    if not path.is_file():
        return None
    try:
        diameter = float(json.loads(path.read_text())["spot_diameter_fullres"])
        if not 0 < diameter < np.inf:
            raise ValueError(f"it is {diameter}")
    except KeyError:
        return None
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{path}: no width of a spot to be read from spot_diameter_fullres ({error}); fetch it"
            " again or remove it"
        ) from error
    return diameter


def check_spot_size(row: dict[str, str], diameter_um: float) -> None:
    """Hold the width that Space Ranger gives a spot against what spots are made.

    `diameter_um` is that width by the section's scale, in µm. Logs a warning if it is more than a
    quarter off, and raises InputError if it is more than half off: either the pitch of the spots
    or the positions and `scalefactors_json.json` are not the section's.
    """
    off = max(SPOT_UM / diameter_um, diameter_um / THEORETICAL_SPOT_UM)
    if off <= SUSPECT:
        return
    message = (
        f"{row['spots']}: a spot of scalefactors_json.json is {diameter_um:.0f} µm wide by the"
        f" scale of section {row['section']}, not {SPOT_UM:.0f} to {THEORETICAL_SPOT_UM:.0f}; check"
        " the cohort's spot_pitch_um (100 for Visium) and the sheet's um_per_px and pixel_scale"
    )
    if off > IMPOSSIBLE:
        raise InputError(message)
    logger.warning(message)


def read_matrix(path: str | Path) -> tuple[CountTable, str]:
    """Counts of a matrix in 10x's HDF5 layout (Cell Ranger 3 and later), and a remark for the log.

    Rows are barcodes in the file's order, columns the features of type Gene Expression, named by
    id. Raises InputError naming what is wrong: no such file, a damaged one, another layout, no
    genes, genes of several genomes, a barcode or gene that appears twice, values that are no
    counts.
    """
    with _opened(path) as matrix:
        barcodes = matrix["barcodes"].asstr()[:].tolist()
        features = pd.DataFrame({name: matrix[f"features/{name}"].asstr()[:] for name in FEATURES})
        data, indices, indptr = (matrix[part][:] for part in ("data", "indices", "indptr"))
        if tuple(matrix["shape"][:]) != (len(features), len(barcodes)):
            raise ValueError("its shape is not that of its features and barcodes")
        # By columns (barcodes) of features x barcodes, which are the rows of what we want.
        counts = sparse.csr_matrix((data, indices, indptr), shape=(len(barcodes), len(features)))
        counts.check_format()
        if indptr[-1] != len(data):
            raise ValueError("values after the last barcode's")
    _refuse_other_values(path, data)
    is_gene = (features["feature_type"] == GENE).to_numpy()
    genes = features[is_gene]
    _refuse_other_genes(path, genes)
    repeated = pd.Index(barcodes).duplicated()
    if repeated.any():
        raise InputError(f"{path}: barcode {barcodes[repeated.argmax()]} twice; fetch it again")
    if not is_gene.all():
        counts = counts[:, is_gene]
    table = CountTable(
        barcodes, genes["id"].to_list(), counts.astype(np.int32), genes["name"].to_list()
    )
    others = int((~is_gene).sum())
    return table, f"{others} features that are no genes left out" if others else ""


@contextmanager
def _opened(path: str | Path) -> Iterator[h5py.Group]:
    """Group `matrix` of the file with all its parts, whatever is wrong with it named."""
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file; correct the section sheet or fetch the file")
    try:
        with h5py.File(path) as file:
            groups = [name for name, group in file.items() if isinstance(group, h5py.Group)]
            if "matrix" not in groups and any("gene_names" in file[name] for name in groups):
                raise InputError(
                    f"{path}: the layout of Cell Ranger 2, a group a genome ({', '.join(groups)});"
                    " name the filtered_feature_bc_matrix.h5 of Space Ranger"
                )
            missing = [part for part in PARTS if f"matrix/{part}" not in file]
            if missing:
                raise InputError(
                    f"{path}: no matrix/{missing[0]} in it; name Space Ranger's"
                    " filtered_feature_bc_matrix.h5"
                )
            yield file["matrix"]
    except (OSError, KeyError, RuntimeError, TypeError, ValueError, IndexError) as error:
        raise InputError(
            f"{path}: damaged, or not a matrix of Space Ranger ({error}); fetch it again"
        ) from error


def _refuse_other_values(path: str | Path, values: np.ndarray) -> None:
    whole = values.dtype.kind in "iu" or (values == np.rint(values)).all()
    if values.size and not (whole and values.min() >= 0 and values.max() <= LARGEST_COUNT):
        raise InputError(
            f"{path}: values that are no counts; raw counts are needed, whole numbers of at least 0"
        )


def _refuse_other_genes(path: str | Path, genes: pd.DataFrame) -> None:
    if genes.empty:
        raise InputError(f"{path}: no feature of type {GENE} in it; name the section's matrix")
    genomes = sorted(set(genes["genome"]))
    if len(genomes) > 1:
        raise InputError(
            f"{path}: genes of several genomes ({', '.join(genomes)}); name a matrix of one"
        )
    repeated = genes["id"][genes["id"].duplicated()]
    if len(repeated):
        raise InputError(f"{path}: gene {repeated.iloc[0]!r} twice; give each its own id")
