"""10x's matrices of counts: HDF5 and Matrix Market, of all versions of Cell and Space Ranger."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import h5py
import numpy as np
import pandas as pd
from scipy import sparse
from scipy.io import mmread

from stnet.cohorts.text_tables import CountTable, are_counts, open_unpacked, read_rows
from stnet.config.space_ranger import FEATURES, HDF5, matrix_files
from stnet.core.errors import InputError, check_system

GENE = "Gene Expression"
COLUMNS = ["id", "name", "feature_type", "genome"]
# Where the columns of the features are in HDF5: of a matrix of probes, the genes of the probes are
# meant. Until Cell Ranger 2 there was a group for each genome, which is its name.
SINCE_3 = {name: f"features/{name}" for name in COLUMNS}
OF_PROBES = SINCE_3 | {"id": "features/gene_id", "name": "features/gene_name"}
UNTIL_2 = {"id": "genes", "name": "gene_names"}
# Of probes, whether it counts for its gene.
INCLUDED = "features/filtered_probes"
VALUES = ["data", "indices", "indptr", "shape"]
BANNER = re.compile(rb"%%MatrixMarket matrix coordinate (integer|real) general\s*", re.IGNORECASE)
CELL = re.compile(r"cellid_\d+.*")
UNREADABLE = (OSError, KeyError, RuntimeError, TypeError, ValueError, IndexError, OverflowError)


def read_matrix(path: str | Path) -> tuple[CountTable, str]:
    """Counts of a matrix that 10x's software wrote, and a remark for the log.

    Rows are barcodes in the file's order, columns are the features of type Gene Expression, named
    by id. Of a matrix of probes, those that 10x includes are added up by gene.

    Args:
        path: what `stnet.config.space_ranger.matrix_files` finds the files of.

    Raises:
        InputError: a file is missing, damaged, of another layout or of another matrix. Or it has no
            genes, genes of several genomes, segmented cells, a barcode or gene twice, or values
            that are not counts.
    """
    files = matrix_files(path)
    if HDF5 in files:
        path = files[HDF5]
        counts, barcodes, features, remark = _read_hdf5(path)
    else:
        path = files["matrix.mtx"]
        counts, barcodes, features, remark = _read_triplet(files)
    if barcodes and CELL.fullmatch(barcodes[0]):
        raise InputError(
            f"{path}: barcode {barcodes[0]} is a segmented cell, not a spot; name the matrix of"
            " spots or bins"
        )
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
        remark = f"{int((~is_gene).sum())} features left out that are not genes"
    counts = counts.astype(np.int32, copy=False)
    return CountTable(barcodes, genes["id"].to_list(), counts, genes["name"].to_list()), remark


Parts = tuple[sparse.csr_matrix, list[str], pd.DataFrame, str]


def _read_hdf5(path: Path) -> Parts:
    with _opened(path) as matrix:
        layout = UNTIL_2
        if "features" in matrix:
            layout = OF_PROBES if INCLUDED in matrix else SINCE_3
        missing = [each for each in ["barcodes", *VALUES, *layout.values()] if each not in matrix]
        if missing:
            raise InputError(
                f"{path}: has no {matrix.name[1:]}/{missing[0]}; name Space Ranger's"
                " filtered_feature_bc_matrix.h5"
            )
        barcodes = matrix["barcodes"].asstr()[:].tolist()
        features = pd.DataFrame({name: matrix[at].asstr()[:] for name, at in layout.items()})
        features = features.assign(
            **{"feature_type": GENE, "genome": ""} if layout is UNTIL_2 else {}
        )
        data, indices, indptr, shape = (matrix[part][:] for part in VALUES)
        included = _flags(matrix[INCLUDED]) if layout is OF_PROBES else None
        if tuple(shape) != (len(features), len(barcodes)):
            raise ValueError("its shape does not match its features and barcodes")
        # The file has features x barcodes by columns, which is barcodes x features by rows.
        counts = sparse.csr_matrix((data, indices, indptr), shape=(len(barcodes), len(features)))
        counts.check_format()
        if indptr[-1] != len(data):
            raise ValueError("values after the last barcode's")
        _check_counts(path, data)
        counts.sum_duplicates()
        if counts.nnz < len(data):
            raise ValueError("several counts of a gene for one barcode")
        if included is None:
            return counts, barcodes, features, ""
        return _sum_probes(counts, barcodes, features, included)


def _flags(dataset: h5py.Dataset) -> np.ndarray:
    # NumPy would take the word FALSE for true.
    if dataset.dtype.kind not in "biu":
        raise ValueError(f"{dataset.name[1:]} is of type {dataset.dtype}, not true or false")
    return dataset[:].astype(bool)


@contextmanager
def _opened(path: Path) -> Iterator[h5py.Group]:
    """Yield the group of a file that has the matrix."""
    try:
        with h5py.File(path) as file:
            groups = [name for name, group in file.items() if isinstance(group, h5py.Group)]
            genomes = [name for name in groups if UNTIL_2["name"] in file[name]]
            if "matrix" not in groups and len(genomes) > 1:
                raise InputError(
                    f"{path}: has genes of several genomes ({', '.join(genomes)}); name a matrix of"
                    " one"
                )
            yield file[genomes[0]] if genomes and "matrix" not in groups else file["matrix"]
    except UNREADABLE as error:
        check_system(error, path)
        raise InputError(
            f"{path}: damaged, or not a matrix of Space Ranger ({error}); download it again"
        ) from error


def _sum_probes(
    counts: sparse.csr_matrix, barcodes: list[str], probes: pd.DataFrame, included: np.ndarray
) -> Parts:
    """Counts by gene, as in Space Ranger's own matrix: excluded probes do not count."""
    gene, ids = pd.factorize(probes["id"][included])
    to_genes = sparse.csr_matrix(
        (np.ones(len(gene), counts.dtype), (np.arange(len(gene)), gene)), (len(gene), len(ids))
    )
    remark = f"{len(gene)} probes added up to {len(ids)} genes, {(~included).sum()} excluded"
    genes = probes[included].drop_duplicates("id", ignore_index=True)
    return counts[:, included] @ to_genes, barcodes, genes, remark


def _read_triplet(files: dict[str, Path]) -> Parts:
    path, names = files["matrix.mtx"], next(files[name] for name in FEATURES if name in files)
    values = _read_matrix_market(path)
    barcodes = [cells[0] for _, cells in read_rows(files["barcodes.tsv"], "\t")]
    rows = [cells for _, cells in read_rows(names, "\t")]
    sides = (len(rows), len(barcodes))
    if values.shape != sides:
        raise InputError(
            f"{path}: has {values.shape[0]} features x {values.shape[1]} barcodes, but"
            f" {names.name} has {sides[0]} and {files['barcodes.tsv'].name} has {sides[1]}; name"
            " three files of one matrix, as Space Ranger wrote them"
        )
    width = min(map(len, rows))
    features = pd.DataFrame({"id": [cells[0] for cells in rows]})
    features["name"] = [cells[1] for cells in rows] if width > 1 else features["id"]
    features["feature_type"] = [cells[2] for cells in rows] if width > 2 else GENE
    _check_counts(path, values.data)
    counts = values.T.tocsr()
    if counts.nnz < values.nnz:
        raise InputError(f"{path}: several counts of a gene for one barcode; download it again")
    return counts, barcodes, features.assign(genome=""), ""


def _read_matrix_market(path: Path) -> sparse.coo_matrix:
    """The matrix as in the file, features x barcodes. SciPy drops decimals of an integer matrix."""
    try:
        with open_unpacked(path) as content:
            banner = content.readline(1000)
            if not BANNER.fullmatch(banner):
                raise ValueError(f"its first line is {banner[:60].decode(errors='replace')!r}")
            as_real = re.sub(rb"integer", b"real", banner, flags=re.IGNORECASE)
            return mmread(_Joined(as_real, content), spmatrix=True)
    except (MemoryError, *UNREADABLE) as error:
        check_system(error, path)
        raise InputError(
            f"{path}: damaged, or not a matrix of counts in Matrix Market format ({error});"
            " download it again"
        ) from error


class _Joined(io.RawIOBase):
    """A first line, and the rest of a file. A file that ends within a line was cut."""

    def __init__(self, line: bytes, rest: BinaryIO):
        self.line, self.rest, self.last = line, rest, b"\n"

    def read(self, size: int = -1) -> bytes:
        """The first line alone, then what is left. Raises ValueError at the end of a cut file."""
        if self.line:
            line, self.line = self.line, b""
            return line
        content = self.rest.read(size)
        if not content and self.last != b"\n":
            raise ValueError("it ends within a line")
        self.last = content[-1:] or self.last
        return content


def _check_counts(path: str | Path, values: np.ndarray) -> None:
    if not are_counts(values):
        raise InputError(
            f"{path}: has values that are not counts; use raw counts (non-negative integers)"
        )


def check_genes(path: str | Path, genes: pd.DataFrame) -> None:
    """Raise InputError if `genes` (id, genome) are none, or not each of its own of one genome."""
    if genes.empty:
        raise InputError(f"{path}: has no feature of type {GENE}; name the section's matrix")
    genomes = sorted(set(genes["genome"]))
    if len(genomes) > 1:
        raise InputError(
            f"{path}: has genes of several genomes ({', '.join(genomes)}); name a matrix of one"
        )
    nameless = (genes["id"] == "").to_numpy()
    if nameless.any():
        raise InputError(
            f"{path}: {nameless.sum()} genes have no id, the first is feature"
            f" {nameless.argmax() + 1}; give each its own"
        )
    repeated = genes["id"][genes["id"].duplicated()]
    if len(repeated):
        raise InputError(f"{path}: gene {repeated.iloc[0]!r} is repeated; give each its own id")
