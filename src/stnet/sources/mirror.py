"""Files of a distribution, from a folder of this machine where they are there already."""

import shutil
from collections.abc import Callable
from pathlib import Path

from stnet.core.atomic import atomic_path
from stnet.core.errors import InputError
from stnet.core.hashing import Hash, file_hash
from stnet.sources.download import download
from stnet.sources.http import DEFAULT_PATIENCE, Patience


def obtain(
    name: str,
    url: str,
    path: str | Path,
    *,
    expected: Hash | None,
    size: int | None,
    mirror: str | Path | None,
    check: Callable[[Path], object] | None = None,
    patience: Patience = DEFAULT_PATIENCE,
) -> None:
    """Copy a file from a mirror if it is there, and download it if not.

    Args:
        name: of the file in the mirror.
        url: where it is otherwise.
        path: where it goes.
        expected: its hash, or None.
        size: its length in bytes, or None.
        mirror: folder with files of the distribution under their own names, or None.
        check: as of `download`.
        patience: how often and how long to try.

    Raises:
        InputError: naming the folder that is not there, the file in it that is another one, or the
            address that does not answer. `path` is as it was then.

    Source: ours.
    """
    if mirror is not None and not Path(mirror).is_dir():
        raise InputError(f"mirror {mirror}: no such folder; correct it or remove it")
    local = Path(mirror, name) if mirror is not None else None
    if local is None or not local.is_file():
        download(url, path, expected=expected, size=size, check=check, patience=patience)
        return
    with atomic_path(path) as temporary:
        shutil.copyfile(local, temporary)
        if expected and file_hash(temporary, expected.algorithm) != expected:
            raise InputError(
                f"{local}: {expected.algorithm} is not {expected.hexdigest}, so it is not the"
                " dataset's file; remove it from the mirror to have it downloaded"
            )
        if check:
            check(local)
