"""Downloads that repeat and resume, and appear only when their bytes are the right ones."""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TypeVar

import requests
import urllib3
from tqdm import tqdm

from stnet.core.errors import InputError
from stnet.core.hashing import file_sha256

CHUNK = 1 << 16  # bytes
BUSY = {408, 425, 429}  # with every 5xx, the answers that mean "later" rather than "never"

T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """How often and how long a download is tried.

    Attributes:
        attempts: requests a file.
        backoff: seconds before the second attempt, doubled for each further one.
        longest: most seconds between two attempts, also where the server asks for more.
        timeout: seconds to connect, and seconds without a byte.
    """

    attempts: int = 8
    backoff: float = 2.0
    longest: float = 300.0
    timeout: tuple[float, float] = (20.0, 60.0)


DEFAULT_PATIENCE = Patience()


class _TryAgain(Exception):
    """A failed attempt that may succeed `wait` seconds later."""

    def __init__(self, reason: str, wait: float = 0.0):
        super().__init__(reason)
        self.wait = wait


def download(
    url: str,
    path: str | Path,
    *,
    sha256: str | None,
    size: int | None,
    patience: Patience = DEFAULT_PATIENCE,
) -> None:
    """Download `url` to `path`, which appears once length and hash are right.

    Bytes are collected in a hidden part file beside `path` that bears the expected hash, so that
    an interrupted download goes on where it stopped, in this run or in the next. A file at `path`
    that already has the hash is left alone.

    Args:
        url: where the file is.
        path: where it goes.
        sha256: its hash, as hexadecimal digits. None if nobody knows it: then nothing is resumed,
            since the two parts might be of different files.
        size: its length in bytes, or None; the length that the server states is checked anyway.
        patience: how often and how long to try.

    Raises:
        InputError: the server refuses, or no attempt gave the right bytes. `path` is as it was;
            the part file stays only if it may be the beginning of the right file.

    Source: ours.
    """
    path = Path(path)
    if sha256 and path.is_file() and file_sha256(path) == sha256:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{sha256[:16] if sha256 else 'unverified'}.part")

    def attempt() -> None:
        offset = part.stat().st_size if sha256 and part.exists() else 0
        if size is None or offset < size:
            _receive(url, part, offset, size, path.name, patience)
        _verify(part, sha256, size)

    try:
        _persist(attempt, f"{url} for {path}", patience)
    except BaseException:
        if not sha256:
            part.unlink(missing_ok=True)
        raise
    os.replace(part, path)


def get_json(url: str, kind: type[T], patience: Patience = DEFAULT_PATIENCE) -> T:
    """Answer of `url` as JSON of the given kind (list or dict).

    An answer of another kind is an error that the server did not call one, and is asked for again.
    Raises InputError naming the URL and, in short, the last answer.
    """

    def attempt() -> T:
        with requests.get(url, timeout=patience.timeout) as response:
            _check_status(response)
            try:
                value = response.json()
            except ValueError:
                value = response.text
        if not isinstance(value, kind):
            raise _TryAgain(f"the answer is not a {kind.__name__} but {str(value)[:100]!r}")
        return value

    return _persist(attempt, url, patience)


def _persist(attempt: Callable[[], T], what: str, patience: Patience) -> T:
    for number in range(1, patience.attempts + 1):
        wait = patience.backoff * 2 ** (number - 1)
        try:
            return attempt()
        except _TryAgain as failure:
            reason, wait = str(failure), max(wait, failure.wait)
        except ValueError as failure:  # requests: the URL itself is wrong
            raise InputError(f"{what}: {failure}; correct the host in the configuration") from None
        except (requests.RequestException, urllib3.exceptions.HTTPError) as failure:
            reason = " ".join(str(failure).split())[:200]
        if number < patience.attempts:
            wait = min(wait, patience.longest)
            print(f"{what}: {reason}; again in {wait:.0f} s", file=sys.stderr)
            time.sleep(wait)
    raise InputError(
        f"{what}: {reason} (attempt {number} of {patience.attempts});"
        " check the network and the host, then run again"
    )


def _receive(
    url: str, part: Path, offset: int, size: int | None, name: str, patience: Patience
) -> None:
    """Append what the server sends from byte `offset` on, or start anew if it sends everything."""
    # Compression on the way would change the bytes that the hash is of.
    headers = {"Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    with requests.get(url, headers=headers, stream=True, timeout=patience.timeout) as response:
        if response.status_code == 416:
            part.unlink(missing_ok=True)
            raise _TryAgain(f"the server has nothing after byte {offset}")
        _check_status(response)
        start, length = _span(response)
        if start not in (0, offset):
            raise _TryAgain(f"the server sent from byte {start} on instead of {offset}")
        # Before anything is written: an error page must not replace a good beginning.
        if size is not None and length not in (None, size):
            raise _TryAgain(f"the server offers {length} bytes instead of {size}")
        with (
            open(part, "ab" if start else "wb") as file,
            tqdm(
                desc=name,
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


def _verify(part: Path, sha256: str | None, size: int | None) -> None:
    received = part.stat().st_size
    if size is not None and received < size:
        raise _TryAgain(f"only {received} of {size} bytes came")
    found = file_sha256(part)
    if found != (sha256 or found) or received != (size or received):
        part.unlink()
        raise _TryAgain(f"sha256 of the {received} bytes is {found} instead of {sha256}")


def _span(response: requests.Response) -> tuple[int, int | None]:
    """First byte of the answer's body, and length of the whole file if the server says it."""
    if response.status_code == 206:
        # "bytes 100-199/200", the length possibly "*"
        span, _, length = response.headers.get("Content-Range", "").partition("/")
        start = span.removeprefix("bytes ").partition("-")[0]
        if not start.isdigit():
            raise _TryAgain("a partial answer does not say where it begins")
        return int(start), int(length) if length.isdigit() else None
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() else None


def _check_status(response: requests.Response) -> None:
    status = response.status_code
    if status in (200, 206):
        return
    reason = f"the server answered {status} {response.reason}"
    if status in BUSY or status >= 500:
        raise _TryAgain(reason, _retry_after(response.headers.get("Retry-After", "")))
    raise InputError(f"{response.url}: {reason}; check the host and dataset in the configuration")


def _retry_after(value: str) -> float:
    """Seconds of a Retry-After header, given in seconds or as a date; 0 if neither."""
    if value.isdigit():
        return float(value)
    try:
        return (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return 0.0
