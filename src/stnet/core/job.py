"""What every job does around its one library call."""

import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import TextIO

from stnet.core.errors import InputError


class Tee:
    """A text stream that writes to the terminal and to a log file."""

    def __init__(self, terminal: TextIO, log: TextIO):
        self.terminal, self.log = terminal, log

    def write(self, text: str) -> int:
        """Write `text` to both, the log line by line so that it can be followed."""
        written = self.terminal.write(text)
        # On a full disk what is said of it must come through.
        with suppress(OSError):
            self.log.write(text)
        return written

    def flush(self) -> None:
        """Flush both."""
        self.terminal.flush()
        with suppress(OSError):
            self.log.flush()

    def isatty(self) -> bool:
        """Whether the terminal is one: progress bars ask."""
        return self.terminal.isatty()


@contextmanager
def job(log: str) -> Iterator[None]:
    """Copy what is printed to the file `log`; end bad input with one line and no traceback.

    A signal to end, as of a cluster whose time is up, ends it as an exit does, so that what it has
    in hand is put away.
    """
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    with (
        open(log, "w", buffering=1) as file,
        redirect_stdout(Tee(sys.stdout, file)),
        redirect_stderr(Tee(sys.stderr, file)),
    ):
        try:
            yield
        except InputError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(1)
        except Exception:
            traceback.print_exc(file=file)
            raise
