"""Downloads that retry and resume; a file appears only after it is verified."""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import requests
from tqdm import tqdm

from stnet.core.atomic import writing
from stnet.core.errors import InputError
from stnet.core.hashing import Hash, file_hash
from stnet.sources.http import (
    DEFAULT_PATIENCE,
    Client,
    Patience,
    TryAgain,
    check_status,
    persist,
    received,
    without_secrets,
)


def download(
    url: str,
    path: str | Path,
    *,
    expected: Hash | None,
    size: int | None,
    check: Callable[[Path], object] | None = None,
    patience: Patience = DEFAULT_PATIENCE,
) -> None:
    """Download `url` to `path`, which appears once length, hash and content are verified.

    Bytes are collected in a hidden part file beside `path`. If the hash is known, it is part of the
    part file's name, so that an interrupted download resumes in this or the next run. Without a
    hash the file may have changed in the meantime, so the download starts again. A file at `path`
    that already has the hash is kept.

    Args:
        url: address of the file.
        path: output.
        expected: hash of the file, or None if unknown.
        size: length of the file in bytes, or None. The length that the server states is always
            checked.
        check: called with the path of the complete file before it appears at `path`; raises
            InputError for wrong content, such as an error page.
        patience: limits of retries.

    Raises:
        InputError: the server refuses, no attempt gave the right bytes, or they cannot be written.
            `path` stays as it was; the part file stays only if the next run can resume it.

    Source: ours.
    """
    path = Path(path)
    if expected and path.is_file() and file_hash(path, expected.algorithm) == expected:
        return
    of = expected.hexdigest[:16] if expected else "unverified"
    part = path.with_name(f".{path.name}.{of}.part")

    def arrived() -> int:
        """Number of bytes to resume from."""
        return part.stat().st_size if expected and part.exists() else 0

    def attempt() -> None:
        offset, length = arrived(), size
        if not offset or size is None or offset < size:
            stated = _receive(url, part, offset, size, patience)
            length = stated if size is None else size
        _verify(part, expected, length, check)

    try:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            # Progress resets the count of attempts, so that a large file survives many
            # interruptions.
            persist(attempt, f"{url} for {path}", patience, progress=arrived)
            os.replace(part, path)
    except BaseException:
        if not arrived():
            with suppress(OSError):
                part.unlink()
        raise


def _receive(url: str, part: Path, offset: int, size: int | None, patience: Patience) -> int | None:
    """Append what the server sends from byte `offset` on, or start again if it sends everything.

    Returns the length of the whole file in bytes, or None if the server does not state it.
    """
    # Compression in transit would change the bytes, and so the hash.
    headers = {"Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    with (
        Client() as client,
        client.get(url, headers=headers, stream=True, timeout=patience.timeout) as response,
    ):
        if response.status_code == 416:
            part.unlink(missing_ok=True)
            raise TryAgain(f"the server has nothing after byte {offset}")
        check_status(response)
        start, length = _span(response)
        if start not in (0, offset):
            raise TryAgain(f"the server sent from byte {start} on instead of {offset}")
        # Check before writing: an error page must not replace a good beginning.
        if size is not None and length not in (None, size):
            raise TryAgain(f"the server offers {length} bytes instead of {size}")
        if (length or 0) > patience.largest:
            raise InputError(
                f"{without_secrets(url)}: the server offers {length} bytes, more than"
                f" {patience.largest}; check the host"
            )
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
            # One byte more than stated shows that there is more.
            whole = length if size is None else size
            most = patience.largest if whole is None else whole - start + 1
            for chunk in received(response, most, patience, decode=False):
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
    length = part.stat().st_size
    if size is not None and length < size:
        raise TryAgain(f"received only {length} of {size} bytes")
    wrong = ""
    if size is not None and length > size:
        wrong = f"received {length} bytes instead of {size}"
    elif expected and (found := file_hash(part, expected.algorithm)) != expected:
        wrong = (
            f"{expected.algorithm} of the {length} bytes is {found.hexdigest} instead of"
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
    """Offset of the answer's first byte, and length of the whole file if the server states it."""
    if response.status_code == 206:
        # "bytes 100-199/200", the length possibly "*"
        span, _, length = response.headers.get("Content-Range", "").partition("/")
        start = span.removeprefix("bytes ").partition("-")[0]
        if not start.isdecimal():
            raise TryAgain("a partial answer does not state its first byte")
        return int(start), int(length) if length.isdecimal() else None
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdecimal() else None
