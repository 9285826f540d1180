"""Hashes by which files and lists are known again."""

import hashlib
from collections.abc import Sequence
from pathlib import Path


def file_sha256(path: str | Path) -> str:
    """SHA-256 of a file, as hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def names_sha256(names: Sequence[str]) -> str:
    """SHA-256 of an ordered list of names (of genes, of spots)."""
    return hashlib.sha256("\n".join(names).encode()).hexdigest()
