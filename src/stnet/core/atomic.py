"""Outputs that appear whole or not at all."""

import errno
import glob
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

from stnet.core.errors import InputError
from stnet.core.locks import held

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
FORBIDDEN = {errno.EACCES, errno.EPERM}


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path of the same name on the same disk, renamed to `path` at the end.

    The temporary file keeps the name, since writers choose compression and format by it, and lies
    in a hidden folder beside `path`. On an exception it is removed and `path` is left as it was;
    what a killed process left there is removed by the next that writes `path`.

    Raises InputError if the disk is full, as far as the writer says so, or must not be written to.
    """
    path = Path(path)
    prefix = f".{path.name}."
    with _named(path, {*FULL, *FORBIDDEN}):
        path.parent.mkdir(parents=True, exist_ok=True)
        # As many letters as mkdtemp adds.
        for left in path.parent.glob(f"{glob.escape(prefix)}{'[a-z0-9_]' * 8}"):
            with suppress(OSError), held(left, wait=False):
                shutil.rmtree(left)
        folder = Path(mkdtemp(prefix=prefix, dir=path.parent))
    temporary = folder / path.name
    try:
        # Where there are no locks nobody gets this one, and nobody removes the folder.
        with _named(path, FULL), ExitStack() as lock:
            with suppress(OSError):
                lock.enter_context(held(folder, wait=False))
            yield temporary
            with open(temporary, "rb") as written:
                os.fsync(written.fileno())
            os.replace(temporary, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _named(path: Path, errors: set[int]) -> Iterator[None]:
    """Name `path` in errors that few writers name it in, and in one line."""
    try:
        yield
    except OSError as error:
        if error.errno not in errors:
            raise
        raise InputError(
            f"{path}: cannot be written ({os.strerror(error.errno)}); fix this and rerun;"
            " nothing half-written is left"
        ) from error


def write_json(path: str | Path, value: object) -> None:
    """Write `value` as indented JSON, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n")
