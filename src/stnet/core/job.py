"""What every job does around its one library call."""

import logging
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import TextIO

from stnet.core.errors import InputError

TIME = "%Y-%m-%d %H:%M:%S"


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
    """Log to the terminal and to the file `log`; end bad input with one line and no traceback.

    Messages of the library, with time and level, go to standard error, and so do warnings of
    Python; the file gets all that the job prints. SIGTERM, which a cluster sends when the time is
    up, ends the job as an exit does, so that temporary files are removed.
    """
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    with (
        open(log, "w", buffering=1) as file,
        redirect_stdout(Tee(sys.stdout, file)),
        redirect_stderr(Tee(sys.stderr, file)),
        _logging(),
    ):
        try:
            yield
        except InputError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(1)
        except Exception:
            traceback.print_exc(file=file)
            raise


@contextmanager
def _logging() -> Iterator[None]:
    """Write log messages to standard error: the library's from INFO on, others from WARNING on."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", TIME))
    root, library = logging.getLogger(), logging.getLogger("stnet")
    root.addHandler(handler)
    library.setLevel(logging.INFO)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        library.setLevel(logging.NOTSET)
        root.removeHandler(handler)
