"""Files in h5ad format: the project's own, and those of other programs.

A damaged or outdated one gives one line that says what to do. HDF5 has checksums for large arrays
only, and not for text, scalars and its own structure. So the checksum of the whole file is the last
line of the project's own, `sha256 ...`, which every HDF5 library ignores.
"""

import sys
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import anndata as ad
import h5py

from stnet.core.atomic import atomic_path
from stnet.core.checksums import Damaged, check_seal, seal
from stnet.core.errors import InputError, check_system, reason_of


def write_h5ad(
    content: ad.AnnData, path: str | Path, compression: Literal["gzip"] | None = "gzip"
) -> None:
    """Write a file with its checksum at the end, atomically."""
    with atomic_path(path) as temporary:
        with _silent_handles():
            content.write_h5ad(temporary, compression=compression)
        seal(temporary)


@contextmanager
def _silent_handles() -> Iterator[None]:
    """Of a full disk, h5py prints a traceback for each open handle, beside the error itself."""
    hooks = sys.excepthook, sys.unraisablehook
    sys.excepthook = sys.unraisablehook = lambda *_: None
    try:
        yield
    finally:
        sys.excepthook, sys.unraisablehook = hooks


def read_h5ad(path: str | Path, needs: Collection[str] = (), *, backed: bool = False) -> ad.AnnData:
    """Read a file that the workflow wrote; `needs` and errors are those of `open_h5ad`.

    With `backed`, X stays on disk.
    """
    with open_h5ad(path, needs):
        return ad.read_h5ad(path, backed="r" if backed else None)


def read_foreign(path: str | Path) -> ad.AnnData:
    """Read a file of any program. Raises InputError if it is missing, damaged or not AnnData."""
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file; correct its path or download it")
    try:
        # It warns of old files, and of names that are not unique, which its readers check.
        with warnings.catch_warnings(action="ignore"):
            return ad.read_h5ad(path)
    # The errors of h5py and anndata have no class in common.
    except Exception as error:
        check_system(error, path)
        raise InputError(
            f"{path}: damaged, or not an AnnData file ({reason_of(error)}); download or write it"
            " again"
        ) from error


@contextmanager
def open_h5ad(path: str | Path, needs: Collection[str] = ()) -> Iterator[h5py.File]:
    """Open a file that the workflow wrote, to read parts of it.

    `needs` names what must be in it, such as `obs/used`. Raises InputError if one is missing,
    because an older version wrote the file, or if a byte of the file is not as it was written.
    """
    try:
        check_seal(path)
        with h5py.File(path) as file:
            for need in needs:
                if need not in file:
                    group, name = need.split("/")
                    raise InputError(
                        f"{path}: no {group}[{name!r}]; it was written by an older version; delete"
                        " it and rerun"
                    )
            yield file
    except (OSError, KeyError, ValueError) as error:
        check_system(error, path)
        raise Damaged(path, error) from error
