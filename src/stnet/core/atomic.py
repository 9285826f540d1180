"""Atomic writes: an output appears whole or not at all."""

import errno
import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

from stnet.core.errors import InputError
from stnet.core.locks import held

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
# Not permitted, or something else is there, such as a folder or a link to nowhere.
FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ELOOP}


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path on the same disk; rename it to `path` at the end.

    The temporary file is in a hidden folder beside `path`. It has the same name, because writers
    choose compression and format by the name. It may become a folder, which takes the place of an
    older one. On an exception it is removed and `path` stays as it was. Leftovers of a killed
    process are removed by the next process that writes `path`.

    Raises InputError if the disk is full or read-only, or if writing is not permitted.
    """
    path = Path(path)
    if path.exists() and not (path.is_file() or path.is_dir()):
        # A rename would replace it.
        raise InputError(f"{path}: is a device or a pipe; name a file to write")
    prefix = f".{path.name}."
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # mkdtemp adds eight characters.
        for leftover in path.parent.glob(f"{glob.escape(prefix)}{'[a-z0-9_]' * 8}"):
            with suppress(OSError), held(leftover, wait=False):
                shutil.rmtree(leftover)
        folder = Path(mkdtemp(prefix=prefix, dir=path.parent))
    temporary = folder / path.name
    try:
        # Without file locks, no other process can lock the folder either, so none removes it.
        with writing(path, FULL), ExitStack() as lock:
            with suppress(OSError):
                lock.enter_context(held(folder, wait=False))
            yield temporary
            written = os.open(temporary, os.O_RDONLY)
            try:
                os.fsync(written)
            finally:
                os.close(written)
            with writing(path):
                if temporary.is_dir() and path.is_dir():
                    # A folder takes the place of an empty one only.
                    os.replace(path, folder / "replaced")
                os.replace(temporary, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def writing(path: str | Path, errors: set[int] = FULL | FORBIDDEN) -> Iterator[None]:
    """Turn an OSError with one of these `errno` values into a one-line error that names `path`.

    Raises InputError if the disk is full or read-only, or if writing is not permitted.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in errors:
            raise
        raise InputError(
            f"{path}: cannot be written ({os.strerror(error.errno)}); fix this and rerun;"
            " nothing half-written is left"
        ) from error
