"""Hashes that identify files and ordered lists."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

# Size in bytes up to which `file_identity` hashes a file: a thousand take a second.
SMALL = 1 << 20
# Bytes read at once: few enough to be hashed while still in the processor's cache.
CHUNK = 1 << 20


class Hash(NamedTuple):
    """A hash as lower-case hexadecimal digits, and its algorithm."""

    algorithm: Literal["sha256", "md5"]
    hexdigest: str


def file_hash(path: str | Path, algorithm: Literal["sha256", "md5"]) -> Hash:
    """Hash a file with the algorithm that its source publishes."""

    def new():
        # MD5 only detects accidental damage here. FIPS systems refuse it for security.
        return hashlib.new(algorithm, usedforsecurity=False)

    with open(path, "rb") as file:
        return Hash(algorithm, hashlib.file_digest(file, new).hexdigest())


def file_sha256(path: str | Path) -> str:
    """SHA-256 of a file, as hexadecimal digits; of a folder, of the names and hashes within."""
    if Path(path).is_dir():
        return names_sha256(
            [part for name in _files(path) for part in (name, file_sha256(Path(path, name)))]
        )
    return file_hash(path, "sha256").hexdigest


def _files(folder: str | Path) -> list[str]:
    """Files in a folder and the folders within, by their names relative to it, in order."""
    found = [Path(within, name) for within, _, names in os.walk(folder) for name in names]
    return sorted(path.relative_to(folder).as_posix() for path in found)


def read_sha256(path: str | Path, begin: int, content: memoryview) -> str:
    """SHA-256 of a file; its bytes from `begin` on are copied into `content` until that is full.

    A file that is both verified and used is thus read only once.
    """
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        digest.update(file.read(begin))
        while count := file.readinto(content[:CHUNK]):
            digest.update(content[:count])
            content = content[count:]
        while rest := file.read(CHUNK):
            digest.update(rest)
    return digest.hexdigest()


def head_sha256(path: str | Path, length: int) -> str:
    """SHA-256 of the first `length` bytes of a file."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while length > 0 and (part := file.read(min(length, CHUNK))):
            digest.update(part)
            length -= len(part)
    return digest.hexdigest()


def file_identity(path: str | Path) -> str:
    """What changes when a user replaces a file, also by an older one; cheap in every dry run.

    The hash of a small file, so that a copy is the same file. Of a large one its size and the
    second of its date, which `cp -p`, rsync, tar and a move keep. Of a folder, such as a Zarr,
    those of all files in it. Empty if there is no file.
    """
    try:
        if Path(path).is_dir():
            return names_sha256(
                [f"{name} {_size_and_date(Path(path, name))}" for name in _files(path)]
            )
        if Path(path).stat().st_size <= SMALL:
            return file_sha256(path)
        return _size_and_date(path)
    except OSError:
        return ""


def _size_and_date(path: str | Path) -> str:
    about = Path(path).stat()
    return f"{about.st_size} bytes, {int(about.st_mtime)}"


def names_sha256(names: Sequence[str]) -> str:
    """SHA-256 of an ordered list of names of genes or spots."""
    return hashlib.sha256("\n".join(names).encode()).hexdigest()
