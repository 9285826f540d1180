"""Downloads that repeat and resume, and appear only when their bytes are the right ones."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import requests
from tqdm import tqdm

from stnet.core.errors import InputError
from stnet.core.hashing import Hash, file_hash
from stnet.sources.http import DEFAULT_PATIENCE, Patience, TryAgain, check_status, persist

CHUNK = 1 << 16  # bytes


def download(
    url: str,
    path: str | Path,
    *,
    expected: Hash | None,
    size: int | None,
    check: Callable[[Path], object] | None = None,
    patience: Patience = DEFAULT_PATIENCE,
) -> None:
    """Download `url` to `path`, which appears once length, hash and content are right.

    Bytes are collected in a hidden part file beside `path`. The part of a file of known hash bears
    that hash, so that an interrupted download goes on where it stopped, in this run or in the
    next. A file of unknown hash, which may have changed since, is begun anew. A file at `path` that
    already has the hash is left alone.

    Args:
        url: where the file is.
        path: where it goes.
        expected: its hash, or None if nobody knows it.
        size: its length in bytes, or None; the length that the server states is checked anyway.
        check: called with the path of the whole file before it appears at `path`; raises
            InputError if this is not what was asked for, such as an error page.
        patience: how often and how long to try.

    Raises:
        InputError: the server refuses, or no attempt gave the right bytes. `path` is as it was;
            the part file stays only if it may be the beginning of the right file.

    Source: ours.
    """
    path = Path(path)
    if expected and path.is_file() and file_hash(path, expected.algorithm) == expected:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    of = expected.hexdigest[:16] if expected else "unverified"
    part = path.with_name(f".{path.name}.{of}.part")

    def received() -> int:
        """Bytes that can be built on."""
        return part.stat().st_size if expected and part.exists() else 0

    def attempt() -> None:
        offset, length = received(), size
        if not offset or size is None or offset < size:
            stated = _receive(url, part, offset, size, patience)
            length = stated if size is None else size
        _verify(part, expected, length, check)

    try:
        # With progress counted, a long file gets through a network that breaks often.
        persist(attempt, f"{url} for {path}", patience, progress=received)
    except BaseException:
        if not received():
            part.unlink(missing_ok=True)
        raise
    os.replace(part, path)


def _receive(url: str, part: Path, offset: int, size: int | None, patience: Patience) -> int | None:
    """Append what the server sends from byte `offset` on, or start anew if it sends everything.

    Returns the length of the whole file in bytes, as far as the server says it.
    """
    # Compression on the way would change the bytes that the hash is of.
    headers = {"Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    with requests.get(url, headers=headers, stream=True, timeout=patience.timeout) as response:
        if response.status_code == 416:
            part.unlink(missing_ok=True)
            raise TryAgain(f"the server has nothing after byte {offset}")
        check_status(response)
        start, length = _span(response)
        if start not in (0, offset):
            raise TryAgain(f"the server sent from byte {start} on instead of {offset}")
        # Before anything is written: an error page must not replace a good beginning.
        if size is not None and length not in (None, size):
            raise TryAgain(f"the server offers {length} bytes instead of {size}")
        if not start:
            part.unlink(missing_ok=True)
        with (
            open(part, "ab") as file,
            tqdm(
                desc=part.name[1:].rsplit(".", 2)[0],  # the file's own name
                total=length,
                initial=start,
                unit="B",
                unit_scale=True,
                mininterval=0.1 if sys.stderr.isatty() else 10,
            ) as bar,
        ):
            for chunk in response.raw.stream(CHUNK, decode_content=False):
                file.write(chunk)
                bar.update(len(chunk))
            file.flush()
            os.fsync(file.fileno())
    return length


def _verify(
    part: Path,
    expected: Hash | None,
    size: int | None,
    check: Callable[[Path], object] | None,
) -> None:
    received = part.stat().st_size
    if size is not None and received < size:
        raise TryAgain(f"only {received} of {size} bytes came")
    wrong = ""
    if size is not None and received > size:
        wrong = f"{received} bytes came instead of {size}"
    elif expected and (found := file_hash(part, expected.algorithm)) != expected:
        wrong = (
            f"{expected.algorithm} of the {received} bytes is {found.hexdigest} instead of"
            f" {expected.hexdigest}"
        )
    elif check:
        try:
            check(part)
        except InputError as failure:
            wrong = str(failure).removeprefix(str(part)).lstrip(": ")
    if wrong:
        part.unlink(missing_ok=True)
        raise TryAgain(wrong)


def _span(response: requests.Response) -> tuple[int, int | None]:
    """First byte of the answer's body, and length of the whole file if the server says it."""
    if response.status_code == 206:
        # "bytes 100-199/200", the length possibly "*"
        span, _, length = response.headers.get("Content-Range", "").partition("/")
        start = span.removeprefix("bytes ").partition("-")[0]
        if not start.isdigit():
            raise TryAgain("a partial answer does not say where it begins")
        return int(start), int(length) if length.isdigit() else None
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() else None
