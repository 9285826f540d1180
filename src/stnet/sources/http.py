"""HTTP requests with retries, and answers in JSON."""

import json
import logging
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from stnet.core.errors import InputError

logger = logging.getLogger(__name__)

CHUNK = 1 << 16  # bytes
# Of the network.
FAILURES = (requests.RequestException, urllib3.exceptions.HTTPError)
BUSY = {408, 425, 429}  # like every 5xx, worth a retry; other errors are final

# An address with what may be secret: whatever is before an @, unless the address begins with a
# plain host, and a query or fragment, which may have a signature.
SCHEME = r"\b\w{1,20}://"
HOST = r"(?:[\w.-]+|\[[\w:.]+\])(?::\d*)?(?:[\s/?#]|$)"
ADDRESS = re.compile(rf"({SCHEME})(?:(?!{HOST})\S*@)?((?:(?!{SCHEME})[^\s?#])*)([?#]\S*)?")

# Told with the first failure, long before the last attempt.
OFFLINE = "; without a network use a mirror (docs/running.md)"

T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """Limits of retries.

    Attributes:
        attempts: maximum number of attempts per file or answer.
        backoff: seconds before the second attempt, doubled for each further one.
        longest: maximum seconds between two attempts, even if the server asks for more.
        timeout: maximum seconds to connect, and maximum seconds without receiving a byte.
        slowest: bytes per second that must arrive on average in any `window` of seconds.
        window: seconds over which the speed is averaged.
        largest: maximum bytes of a file.
        longest_answer: maximum bytes of an answer in JSON, unpacked.
        total: maximum seconds for a file or answer, with all attempts.
    """

    attempts: int = 8
    backoff: float = 2.0
    longest: float = 300.0
    timeout: tuple[float, float] = (20.0, 60.0)
    slowest: float = 1000.0
    window: float = 300.0
    largest: int = 50 * 10**9
    longest_answer: int = 500 * 10**6
    total: float = 12 * 3600.0


# Of this process.
PATIENCE = Patience()


class TryAgain(Exception):
    """A failed attempt that may succeed after `wait` seconds."""

    def __init__(self, reason: str, wait: float = 0.0):
        super().__init__(reason)
        self.wait = wait


class Client(requests.Session):
    """Follows redirections only to web addresses, and from https only to https.

    requests sends names and passwords (`~/.netrc`) to their own host only.
    """

    def get_redirect_target(self, response: requests.Response) -> str | None:
        """Where an answer redirects to, or None."""
        target = super().get_redirect_target(response)
        if target is not None:
            schemes = [
                urlsplit(each).scheme for each in (response.url, urljoin(response.url, target))
            ]
            if schemes[1] != "https" and schemes != ["http", "http"]:
                raise InputError(
                    f"{without_secrets(response.url)}: redirects to {without_secrets(target)},"
                    f" away from {schemes[0]}; check the host in the configuration"
                )
        return target


def without_secrets(text: object) -> str:
    """A text whose addresses have no names, passwords, queries and fragments."""
    return ADDRESS.sub(lambda found: f"{found[1]}{found[2]}{'?…' * bool(found[3])}", str(text))


def ask_json(url: str, kind: type[T], body: object = None) -> T:
    """Request JSON from `url`: POST `body` as JSON, or GET without one.

    `kind` is the type of the answer, list or dict. An answer of another type is an undeclared error
    of the server, so the request is repeated. Raises InputError, with the URL and the last failure,
    if there is no valid answer.
    """
    method = "GET" if body is None else "POST"

    def attempt() -> T:
        with (
            Client() as client,
            client.request(
                method,
                url,
                json=body,
                timeout=PATIENCE.timeout,
                # A redirected POST becomes a GET and loses its body, which has the whole query.
                allow_redirects=method == "GET",
                stream=True,
            ) as response,
        ):
            check_status(response)
            content = b"".join(received(response, PATIENCE.longest_answer, decode=True))
        try:
            value = json.loads(content)
        except (ValueError, RecursionError):
            value = content.decode(errors="replace")
        if not isinstance(value, kind):
            raise TryAgain(f"the answer is not a {kind.__name__} but {str(value)[:100]!r}")
        return value

    return persist(attempt, url)


def received(response: requests.Response, most: int, *, decode: bool) -> Iterator[bytes]:
    """Parts of the body of a streamed answer as they arrive, `most` bytes at the most.

    `decode` undoes a compression in transit. Raises InputError if the server sends too slowly or
    without end. Trying again would not help.
    """
    url = without_secrets(response.url)
    total, in_window, began = 0, 0, time.monotonic()
    # Unlike `read`, `read1` returns what there is: a slow server must not hold it for hours.
    while part := response.raw.read1(CHUNK, decode_content=decode):
        total, in_window = total + len(part), in_window + len(part)
        if total > most:
            raise InputError(f"{url}: the server sends more than {most} bytes; check the host")
        passed = time.monotonic() - began
        if passed > PATIENCE.window:
            if in_window < PATIENCE.slowest * passed:
                raise InputError(
                    f"{url}: {in_window} bytes in {passed:.0f} s are too slow; rerun later"
                )
            in_window, began = 0, time.monotonic()
        yield part


def persist(attempt: Callable[[], T], what: str, progress: Callable[[], int] = lambda: 0) -> T:
    """Repeat `attempt` while it raises `TryAgain` or the network fails, and return its value.

    The count of attempts starts again whenever `progress` has grown. Raises a one-line InputError
    beginning with `what` if the last attempt failed, the time is up, or the URL is invalid.
    """
    what = without_secrets(what)
    with _within(PATIENCE.total, what):
        return _persist(attempt, what, progress)


def _persist(attempt: Callable[[], T], what: str, progress: Callable[[], int]) -> T:
    number, furthest = 0, progress()
    while number < PATIENCE.attempts:
        number += 1
        wait = PATIENCE.backoff * 2 ** (number - 1)
        try:
            return attempt()
        except TryAgain as failure:
            reason, wait = str(failure), max(wait, failure.wait)
        except ValueError as failure:  # requests: the URL itself is wrong
            # What cannot be parsed may be a password.
            said = without_secrets(failure).partition("Failed to parse")
            reason = "cannot parse the address, or that of the proxy" if said[1] else said[0]
            raise InputError(f"{what}: {reason}; correct the host in the configuration") from None
        except FAILURES as failure:
            reason = network_reason(failure)
            if isinstance(failure, requests.ConnectionError | requests.Timeout):
                reason = f"no connection ({reason}){OFFLINE if number == 1 else ''}"
        if (reached := progress()) > furthest:
            number, furthest, wait = 1, reached, PATIENCE.backoff
        if number < PATIENCE.attempts:
            wait = min(wait, PATIENCE.longest)
            logger.warning(f"{what}: {reason}; retrying in {wait:.0f} s")
            time.sleep(wait)
    raise InputError(
        f"{what}: {reason} (attempt {number} of {PATIENCE.attempts});"
        " check the network and the host, or use a mirror (docs/running.md), then rerun"
    )


def network_reason(failure: Exception) -> str:
    """What a failure of the network is, without secrets."""
    # requests wraps the reason into the whole address.
    cause = getattr(next(iter(failure.args), None), "reason", failure)
    return " ".join(without_secrets(cause).split())[:200]


def check_status(response: requests.Response) -> None:
    """Raise `TryAgain` if the server is busy, or InputError naming the URL if it refuses."""
    status = response.status_code
    if status in (200, 206):
        return
    # What a server says may have control characters, which a terminal obeys.
    said = "".join(each for each in str(response.reason) if each.isprintable())
    reason = f"the server answered {status} {said}"
    if status in BUSY or status >= 500:
        raise TryAgain(reason, _retry_after(response.headers.get("Retry-After", "")))
    url = without_secrets(response.url)
    raise InputError(f"{url}: {reason}; check the host and dataset in the configuration")


@contextmanager
def _within(seconds: float, what: str) -> Iterator[None]:
    """Raise InputError when the time is up, wherever a server holds the process.

    The limits of the network libraries start again with each byte, also of a header that never
    ends. Within another limit only that one counts. Without effect beside the main thread.
    """
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getitimer(signal.ITIMER_REAL)[0]
    ):
        yield
        return

    def stop(number: int, frame: object) -> None:
        raise InputError(
            f"{what}: not complete after {seconds:.4g} s; rerun to go on, or use a mirror"
            " (docs/running.md)"
        )

    before = signal.signal(signal.SIGALRM, stop)
    try:
        # Again each second: Python drops what is raised within a callback of a weak reference, as
        # when a connection is closed.
        signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _retry_after(value: str) -> float:
    """Seconds from a Retry-After header, which has seconds or a date; 0 if it has neither."""
    if value.isdecimal():
        return float(value)
    try:
        return (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return 0.0
