"""HDF5 files of patch embeddings, as TRIDENT and HEST's benchmark write them."""

from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from stnet.core.errors import InputError, check_system, reason_of

# Names of the datasets, in HEST's embeddings, TRIDENT's features and HEST's patches.
VALUES, BARCODES, CORNERS = ("embeddings", "features"), ("barcodes", "barcode"), ("coords",)
# Corners are in pixels of an image, which has fewer.
MOST_PX = 2**31


class Embeddings(NamedTuple):
    """Features of tiles, and what a file says of the tiles.

    Attributes:
        path: the file, for messages.
        values: floats (tiles, features), in the file's precision.
        corners: x and y of each tile's top left corner in pixels of the whole image, or None.
        barcodes: name of each tile's spot, or None.
        attributes: attributes of each dataset as text.
    """

    path: str
    values: np.ndarray
    corners: np.ndarray | None
    barcodes: list[str] | None
    attributes: dict[str, dict[str, str]]

    def stated(self, name: str) -> str:
        """An attribute of the datasets, empty if there is none. Raises InputError if two differ."""
        # TRIDENT writes None as text.
        found = {each.get(name, "None"): None for each in self.attributes.values()}
        found.pop("None", None)
        if len(found) > 1:
            raise InputError(
                f"{self.path}: its datasets have different attributes {name} ({', '.join(found)});"
                " compute it again"
            )
        return next(iter(found), "")

    def number(self, name: str) -> float | None:
        """The same as a number of pixels, or None. Raises InputError if it is none."""
        text = self.stated(name)
        try:
            if text and not 0 < float(text) < MOST_PX:
                raise ValueError
        except ValueError:
            raise InputError(
                f"{self.path}: {name} is {text!r}, not a number of pixels; correct it"
            ) from None
        return float(text) if text else None


def read_embeddings(path: str | Path) -> Embeddings:
    """Read a file of embeddings.

    Datasets are `embeddings` or `features` (tiles, features), `coords` (tiles, 2) and `barcodes`
    (tiles, 1) or (tiles,). All but the last may have a leading axis of 1; one of the last two must
    be there.

    Raises InputError if the file is missing, damaged or no HDF5, lacks a dataset or has two that
    may be meant, or has one of another shape, length or type.

    Source: `save_h5` of TRIDENT 0.3 in `trident/IO.py`; `embed_tiles` of HEST in
    `hest/bench/benchmark.py`, whose tiles `hestcore/datasets.py` reads.
    """
    try:
        with h5py.File(path) as file:
            values, barcodes, corners = (
                _dataset(path, file, names) for names in (VALUES, BARCODES, CORNERS)
            )
            if values is None:
                raise InputError(
                    f"{path}: has no embeddings or features, but {', '.join(file) or 'nothing'};"
                    " name a file of patch embeddings"
                )
            if corners is None and barcodes is None:
                raise InputError(
                    f"{path}: has neither coords nor barcodes to tell its tiles apart; add one"
                )
            found = Embeddings(
                str(path),
                _array(path, values, "f"),
                None if corners is None else _array(path, corners, "iuf").astype(float),
                None if barcodes is None else barcodes.asstr()[:].ravel().tolist(),
                {
                    each.name[1:]: {key: str(value) for key, value in each.attrs.items()}
                    for each in (values, barcodes, corners)
                    if each is not None
                },
            )
    except (OSError, LookupError, RuntimeError, TypeError, ValueError, MemoryError) as error:
        check_system(error, path)
        raise InputError(
            f"{path}: damaged, or not embeddings in HDF5 ({reason_of(error)}); copy or compute it"
            " again"
        ) from error
    for name, part in (("coords", found.corners), ("barcodes", found.barcodes)):
        if part is not None and len(part) != len(found.values):
            raise InputError(
                f"{path}: {len(part)} {name} for {len(found.values)} rows of features; compute it"
                " again"
            )
    if found.corners is not None and not (
        found.corners.shape[1] == 2 and (np.abs(found.corners) < MOST_PX).all()
    ):
        raise InputError(f"{path}: coords are not x and y of each tile in pixels; correct them")
    return found


def _dataset(path: str | Path, file: h5py.File, names: tuple[str, ...]) -> h5py.Dataset | None:
    there = [name for name in names if isinstance(file.get(name), h5py.Dataset)]
    if len(there) > 1:
        raise InputError(f"{path}: has both {' and '.join(there)}; remove one")
    return file[there[0]] if there else None


def _array(path: str | Path, dataset: h5py.Dataset, kinds: str) -> np.ndarray:
    """A dataset of two axes, whose type is of one of NumPy's `kinds`.

    h5py reads bfloat16 as float32.
    """
    name, shape = dataset.name[1:], dataset.shape or ()
    if dataset.dtype.kind not in kinds:
        raise InputError(f"{path}: {name} has type {dataset.dtype}; write it as float32")
    if len(shape) == 3 and shape[0] == 1:
        return dataset[0]
    if len(shape) != 2 or not shape[1]:
        raise InputError(
            f"{path}: {name} has shape {shape}, not a row for each tile; name a file of patch"
            " embeddings, not of slide embeddings"
        )
    return dataset[:]
