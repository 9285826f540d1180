"""Hashes by which files and lists are known again."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

# In bytes: what is hashed right after it was read should still be in the processor's cache.
CHUNK = 1 << 20


def file_sha256(path: str | Path) -> str:
    """SHA-256 of a file, as hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
