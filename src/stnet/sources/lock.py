"""Lock files record the hashes of downloads, so that later runs detect changed files.

A lock file is a TSV tracked beside the configuration, with columns `file size sha256` and one row
per file. The first run writes it.
"""

import csv
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from stnet.core.atomic import atomic_path
from stnet.core.checkout import find
from stnet.core.errors import InputError
from stnet.core.locks import held
from stnet.core.tsv import rows_of

HEADER = ["file", "size", "sha256"]


class Fingerprint(NamedTuple):
    """Length in bytes and SHA-256 (hexadecimal) of a file."""

    size: int
    sha256: str


def read_lock(path: str | Path) -> dict[str, Fingerprint]:
    """Files in the lock file at `path` by name; empty if there is no lock file yet.

    If the working directory has no lock file, the project's own is read.

    Raises InputError naming the lock file if it is malformed.
    """
    path = Path(find(path))
    if not path.exists():
        return {}
    try:
        with open(path, encoding="utf-8-sig") as file:
            rows = [cells for _, cells in rows_of(file, path, "\t")]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a lock file ({error}); restore it or remove it") from error
    if rows[:1] != [HEADER] or not all(map(_is_entry, rows[1:])):
        raise InputError(f"{path}: not a lock file with columns {' '.join(HEADER)}; restore it")
    return {name: Fingerprint(int(size), sha256) for name, size, sha256 in rows[1:]}


def _is_entry(row: list[str]) -> bool:
    return len(row) == 3 and row[1].isdecimal() and bool(re.fullmatch("[0-9a-f]+", row[2]))


def check_lock(path: str | Path, files: Mapping[str, Fingerprint]) -> None:
    """Raise InputError naming the first of `files` that differs from the lock file at `path`."""
    locked = read_lock(path)
    for name, found in files.items():
        expected = locked.get(name, found)
        if found != expected:
            raise InputError(
                f"{path}: {name} was {expected.size} bytes of sha256 {expected.sha256}, but is now"
                f" {found.size} of {found.sha256}; to accept the new file, delete its row"
            )


def hold_to_lock(path: str | Path, files: Mapping[str, Fingerprint]) -> None:
    """Check `files` against the lock file at `path`, and add those that are not in it yet.

    Raises InputError as `check_lock`; the lock file then stays as it is.
    """
    folder = Path(path).parent
    folder.mkdir(parents=True, exist_ok=True)
    # Parallel downloads of sections write to the same lock file.
    with held(folder, wait=True):
        check_lock(path, files)
        locked = read_lock(path)
        if files.keys() <= locked.keys():
            return
        with atomic_path(path) as temporary, open(temporary, "w", newline="") as file:
            writer = csv.writer(file, delimiter="\t", lineterminator="\n")
            writer.writerow(HEADER)
            writer.writerows([name, *found] for name, found in sorted({**locked, **files}.items()))
