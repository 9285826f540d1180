"""Checksums of the files that jobs write, so that a damaged file is noticed when it is read.

Where a format has room, the checksum is in the file: `seal` puts it at the end of an h5ad file,
`sealed_json` into a JSON object. A table or a download must stay plain, so its checksum is beside
it, in the folder `.sha256` (`record`).
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stnet.core.atomic import atomic_path
from stnet.core.errors import InputError, reason_of
from stnet.core.hashing import file_sha256, head_sha256

# Last bytes of a sealed file. HDF5 ignores what is behind its own end.
MARK = b"\nsha256 "
SEAL_LENGTH = len(MARK) + 64 + 1
# Key of the checksum of a JSON object, and folder of the checksums of tables.
KEY = "sha256"
FOLDER = ".sha256"


class Damaged(InputError):
    """A file of ours that is not as it was written."""

    def __init__(self, path: str | Path, reason: object):
        super().__init__(f"{path}: damaged ({reason_of(reason)}); delete it and rerun")


def seal(path: str | Path) -> None:
    """Append a file's checksum to it."""
    with open(path, "r+b") as file:
        line = MARK + file_sha256(path).encode() + b"\n"
        file.seek(0, 2)
        file.write(line)


def check_seal(path: str | Path) -> None:
    """Raise Damaged if a file differs in any byte from what was sealed."""
    length = Path(path).stat().st_size - SEAL_LENGTH
    with open(path, "rb") as file:
        file.seek(max(0, length))
        line = file.read()
    if length < 0 or not line.startswith(MARK):
        raise Damaged(path, "no checksum at its end, as after a crash or a change by hand")
    if line != MARK + head_sha256(path, length).encode() + b"\n":
        raise Damaged(path, "its checksum does not match its content")


def json_sha256(value: object) -> str:
    """SHA-256 of a value as JSON, regardless of layout and the order of keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def sealed_json(value: dict, indent: int | None = None) -> str:
    """A JSON object as text, with its checksum as a further key."""
    return json.dumps({**value, KEY: json_sha256(value)}, indent=indent, sort_keys=True)


def open_sealed_json(text: str | bytes, path: str | Path) -> dict:
    """The object of `sealed_json`. Raises Damaged, naming the file `path`."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Damaged(path, error) from error
    checksum = value.pop(KEY, None) if isinstance(value, dict) else None
    if checksum != json_sha256(value):
        raise Damaged(path, "its checksum does not match its content")
    return value


def write_json(path: str | Path, value: dict) -> None:
    """Write a JSON object with its checksum, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(sealed_json(value, indent=2) + "\n", encoding="utf-8")


def read_json(path: str | Path) -> dict:
    """Read a file of `write_json`. Raises Damaged."""
    return open_sealed_json(Path(path).read_bytes(), path)


def record(path: str | Path, written: str | Path) -> None:
    """Record the checksum of the file `path`, whose content is in `written`.

    The record is `.sha256/{name}` beside the file, one line in the format of `sha256sum`.
    """
    path = Path(path)
    with atomic_path(path.parent / FOLDER / path.name) as temporary:
        temporary.write_text(f"{file_sha256(written)}  {path.name}\n", encoding="utf-8")


@contextmanager
def recorded_path(path: str | Path) -> Iterator[Path]:
    """`atomic_path` of a file whose checksum is recorded."""
    with atomic_path(path) as temporary:
        yield temporary
        record(path, temporary)


def check_record(path: str | Path) -> None:
    """Raise Damaged if a file, or one in a folder, is not as recorded.

    A file without a record is not checked.
    """
    path = Path(path)
    records = (path / FOLDER).glob("*") if path.is_dir() else [path.parent / FOLDER / path.name]
    for kept in records:
        file = kept.parents[1] / kept.name
        there = kept.is_file() and file.is_file()
        if there and not kept.read_bytes().startswith(file_sha256(file).encode()):
            raise Damaged(
                file, "it differs from what was written, recorded in its folder's .sha256"
            )
