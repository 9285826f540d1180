"""Use files that were downloaded before, in a local folder, instead of the network."""

import shutil
from collections.abc import Callable
from pathlib import Path

from stnet.core.checksums import record, recorded_path
from stnet.core.errors import InputError
from stnet.core.hashing import Hash, file_hash, file_sha256
from stnet.sources.download import download
from stnet.sources.lock import Fingerprint, hold_to_lock, read_lock


def obtain(
    name: str,
    url: str,
    path: str | Path,
    *,
    expected: Hash | None,
    size: int | None,
    mirror: str | Path | None,
    check: Callable[[Path], object] | None = None,
) -> None:
    """Copy a file from a mirror, or download it if the mirror does not have it.

    Its checksum is recorded, so that later damage is noticed.

    Args:
        name: name of the file in the mirror.
        url: address of the file.
        path: output.
        expected: hash of the file, or None.
        size: length of the file in bytes, or None.
        mirror: folder with distributed files under their original names, or None.
        check: as in `download`.

    Raises:
        InputError: the mirror does not exist or has another file of this name, or the address does
            not answer. `path` stays as it was.

    Source: ours.
    """
    check_mirror(mirror)
    local = Path(mirror, name) if mirror is not None else None
    if local is None or not local.is_file():
        download(url, path, expected=expected, size=size, check=check)
        record(path, path)
        return
    with recorded_path(path) as temporary:
        shutil.copyfile(local, temporary)
        if expected and file_hash(temporary, expected.algorithm) != expected:
            raise InputError(
                f"{local}: {expected.algorithm} is not {expected.hexdigest}, so it is not the"
                " dataset's file; remove it from the mirror to have it downloaded"
            )
        if check:
            check(local)


def check_mirror(mirror: str | Path | None) -> None:
    """Refuse a folder that does not exist, with an InputError."""
    if mirror is not None and not Path(mirror).is_dir():
        raise InputError(f"mirror {mirror}: no such folder; correct it or remove it")


def obtain_locked(
    name: str,
    url: str,
    path: str | Path,
    *,
    lock: str | Path,
    mirror: str | Path | None,
    check: Callable[[Path], object],
) -> None:
    """Obtain a file whose source publishes no hash.

    The first download is recorded in the lock file; later downloads must match it.

    Args:
        name: name of the file in the mirror and in the lock file.
        url: address of the file.
        path: output.
        lock: lock file.
        mirror: as in `obtain`.
        check: as in `download`.

    Raises:
        InputError: as `obtain`, or the file is not the locked one.
    """
    locked = read_lock(lock).get(name)
    expected = Hash("sha256", locked.sha256) if locked else None
    size = locked.size if locked else None
    obtain(name, url, path, expected=expected, size=size, mirror=mirror, check=check)
    if locked is None:
        found = Fingerprint(Path(path).stat().st_size, file_sha256(path))
        hold_to_lock(lock, {name: found})
