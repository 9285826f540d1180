"""Read the project's h5ad files; a damaged or outdated one gives one line that says what to do."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import anndata as ad
import h5py

from stnet.core.errors import InputError


def read_h5ad(path: str | Path, needs: Collection[str] = (), *, backed: bool = False) -> ad.AnnData:
    """Read a file that the workflow wrote; `needs` and errors are those of `open_h5ad`.

    With `backed`, X stays on disk.
    """
    with open_h5ad(path, needs):
        return ad.read_h5ad(path, backed="r" if backed else None)


@contextmanager
def open_h5ad(path: str | Path, needs: Collection[str] = ()) -> Iterator[h5py.File]:
    """Open a file that the workflow wrote, to read parts of it.

    `needs` names what must be in it, such as `obs/used`. Raises InputError if one is missing,
    because an older version wrote the file, or if the file is damaged.
    """
    try:
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
        # Errors of the file system, such as a missing file, have a number; those of HDF5 have none.
        if getattr(error, "errno", None):
            raise
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: damaged ({reason}); delete it and rerun") from error
