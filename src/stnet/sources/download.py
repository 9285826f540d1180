"""Downloads that repeat and resume, and appear only when their bytes are the right ones."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import requests
from tqdm import tqdm

from stnet.core.atomic import write_json
from stnet.core.errors import InputError
from stnet.core.hashing import Hash, file_hash
from stnet.sources.http import DEFAULT_PATIENCE, Patience, TryAgain, check_status, persist

CHUNK = 1 << 16  # bytes
# RFC 9110 (8.8.2.2) asks for one second; a minute also covers a server of several clocks.
SETTLED = timedelta(minutes=1)


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

    Bytes are collected in a hidden part file beside `path`, so that an interrupted download goes
    on where it stopped, in this run or in the next. The part of a file of known hash bears that
    hash. That of another is continued only if the server says by the ETag or date of modification
    that it is still the same file (`If-Range`), and begun anew otherwise, or where the server
    gives neither. A file at `path` that already has the hash is left alone.

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
    part = _Part(path, url, expected)

    def attempt() -> None:
        offset, headers = part.resume()
        length = size
        if not offset or size is None or offset < size:
            stated = _receive(part, offset, headers, size, patience)
            length = stated if size is None else size
        _verify(part, expected, length, check)

    try:
        # A long file on a network that breaks often comes in the end.
        persist(attempt, f"{url} for {path}", patience, progress=lambda: part.resume()[0])
    except BaseException:
        if not part.resume()[0]:
            part.discard()
        raise
    os.replace(part.path, path)
    part.discard()


class _Part:
    """The first bytes of a file, and what must hold for more to be appended to them."""

    def __init__(self, target: Path, url: str, expected: Hash | None):
        self.name, self.url, self.hashed = target.name, url, expected is not None
        stem = f".{target.name}.{expected.hexdigest[:16] if expected else 'unverified'}"
        self.path = target.with_name(f"{stem}.part")
        self.origin = target.with_name(f"{stem}.origin")

    def resume(self) -> tuple[int, dict[str, str]]:
        """Bytes that can be built on, and the headers of a request for those that follow."""
        offset = self.path.stat().st_size if self.path.exists() else 0
        span = {"Range": f"bytes={offset}-"}
        if not offset:
            return 0, {}
        if self.hashed:
            return offset, span
        validator = self._validator()
        return (offset, span | {"If-Range": validator}) if validator else (0, {})

    def restart(self, headers: Mapping[str, str]) -> None:
        """Forget the bytes; those that come now belong to an answer with these headers."""
        self.discard()
        validator = _validator(headers)
        if validator and not self.hashed:
            write_json(self.origin, {"url": self.url, "validator": validator})

    def continued_by(self, headers: Mapping[str, str]) -> bool:
        """Whether the bytes after an answer's headers are of the same file as those here."""
        return self.hashed or _validator(headers) == self._validator()

    def discard(self) -> None:
        """Remove the bytes, and only then whose they were."""
        self.path.unlink(missing_ok=True)
        self.origin.unlink(missing_ok=True)

    def _validator(self) -> str:
        try:
            origin = json.loads(self.origin.read_text())
        except (OSError, ValueError):
            return ""
        return origin["validator"] if origin["url"] == self.url else ""


def _receive(
    part: _Part, offset: int, headers: dict[str, str], size: int | None, patience: Patience
) -> int | None:
    """Append what the server sends from byte `offset` on, or start anew if it sends everything.

    Returns the length of the whole file in bytes, as far as the server says it.
    """
    # Compression on the way would change the bytes that the hash is of.
    headers = headers | {"Accept-Encoding": "identity"}
    with requests.get(part.url, headers=headers, stream=True, timeout=patience.timeout) as response:
        if response.status_code == 416:
            part.discard()
            raise TryAgain(f"the server has nothing after byte {offset}")
        check_status(response)
        start, length = _span(response)
        if start not in (0, offset):
            raise TryAgain(f"the server sent from byte {start} on instead of {offset}")
        # Before anything is written: an error page must not replace a good beginning.
        if size is not None and length not in (None, size):
            raise TryAgain(f"the server offers {length} bytes instead of {size}")
        if not start:
            part.restart(response.headers)
        elif not part.continued_by(response.headers):
            part.discard()
            raise TryAgain(f"the server sent the bytes after {start} of another file")
        with (
            open(part.path, "ab") as file,
            tqdm(
                desc=part.name,
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
    part: _Part,
    expected: Hash | None,
    size: int | None,
    check: Callable[[Path], object] | None,
) -> None:
    received = part.path.stat().st_size
    if size is not None and received < size:
        raise TryAgain(f"only {received} of {size} bytes came")
    wrong = ""
    if size is not None and received > size:
        wrong = f"{received} bytes came instead of {size}"
    elif expected and (found := file_hash(part.path, expected.algorithm)) != expected:
        wrong = (
            f"{expected.algorithm} of the {received} bytes is {found.hexdigest} instead of"
            f" {expected.hexdigest}"
        )
    elif check:
        try:
            check(part.path)
        except InputError as failure:
            wrong = str(failure).removeprefix(str(part.path)).lstrip(": ")
    if wrong:
        part.discard()
        raise TryAgain(wrong)


def _validator(headers: Mapping[str, str]) -> str:
    """What tells this version of a file from any other, byte for byte; "" if nothing does."""
    etag = headers.get("ETag", "")
    if etag.startswith('"'):  # a weak one, W/"…", may stand for other bytes of the same meaning
        return etag
    modified = headers.get("Last-Modified", "")
    try:
        age = parsedate_to_datetime(headers.get("Date", "")) - parsedate_to_datetime(modified)
    except (ValueError, TypeError):
        return ""
    # A file just written may be written again within the second that its date names.
    return modified if age >= SETTLED else ""


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
