"""Hashes by which files and lists are known again."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

# In bytes: what is hashed right after it was read should still be in the processor's cache.
CHUNK = 1 << 20


class Hash(NamedTuple):
    """A hash as lower-case hexadecimal digits, and the algorithm that gives it."""

    algorithm: Literal["sha256", "md5"]
    hexdigest: str


def file_hash(path: str | Path, algorithm: Literal["sha256", "md5"]) -> Hash:
    """Hash of a file by an algorithm of the caller's choice: others publish what they publish."""

    def new():
        # MD5 guards against accidents here, and is refused for security where FIPS is in force.
        return hashlib.new(algorithm, usedforsecurity=False)

    with open(path, "rb") as file:
        return Hash(algorithm, hashlib.file_digest(file, new).hexdigest())


def file_sha256(path: str | Path) -> str:
    """SHA-256 of a file, as hexadecimal digits."""
    return file_hash(path, "sha256").hexdigest


def read_sha256(path: str | Path, begin: int, content: memoryview) -> str:
    """SHA-256 of a file whose bytes from `begin` on are left in `content`, as many as it holds.

    A file to be both verified and used is read once, and its memory passes the processor once.
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


def names_sha256(names: Sequence[str]) -> str:
    """SHA-256 of an ordered list of names (of genes, of spots)."""
    return hashlib.sha256("\n".join(names).encode()).hexdigest()
