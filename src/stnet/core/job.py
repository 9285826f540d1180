"""Logging and error handling around the library call of every job."""

import gc
import logging
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from os import strerror
from pathlib import Path
from tempfile import gettempdir
from typing import TextIO

from stnet.core.atomic import FULL, writing
from stnet.core.errors import InputError
from stnet.core.memory import FEWER, is_out_of_memory, memory_line
from stnet.core.processor import machine

TIME = "%Y-%m-%d %H:%M:%S"


class Tee:
    """A text stream that writes to the terminal and to a log file."""

    def __init__(self, terminal: TextIO, log: TextIO):
        self.terminal, self.log = terminal, log

    def write(self, text: str) -> int:
        """Write `text` to both."""
        written = self.terminal.write(text)
        # If the disk is full, the message that says so must still reach the terminal.
        with suppress(OSError):
            self.log.write(text)
        return written

    def flush(self) -> None:
        """Flush both."""
        self.terminal.flush()
        with suppress(OSError):
            self.log.flush()

    def isatty(self) -> bool:
        """Whether the terminal is interactive; progress bars depend on it."""
        return self.terminal.isatty()


@contextmanager
def job(log: str) -> Iterator[None]:
    """Log to the terminal and to the file `log`; report bad input in one line without a traceback.

    Log messages, with time and level, and Python's warnings go to standard error. The file gets
    everything that the job prints. A cluster sends SIGTERM when a job's time is up; the job then
    exits normally, so that temporary files are removed.
    """
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    # What was imported stays, so no search for garbage need look through it. The searches when
    # Python ends took a fifth of what a job spends before and after it computes.
    gc.freeze()
    with (
        _log_file(log) as file,
        redirect_stdout(Tee(sys.stdout, file)),
        redirect_stderr(Tee(sys.stderr, file)),
        _logging(),
    ):
        try:
            yield
        except InputError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(1)
        except Exception as error:
            if is_out_of_memory(error):
                line = f"{memory_line(error)}; {FEWER}, or on a machine with more memory"
            elif isinstance(error, OSError) and error.errno in FULL:
                # Outputs are named by `atomic_path`.
                place = error.filename or f"a file, perhaps a temporary one in {gettempdir()}"
                line = f"{place}: cannot be written ({strerror(error.errno)}); fix this and rerun"
            else:
                traceback.print_exc(file=file)
                raise
            print(f"error: {line}", file=sys.stderr)
            sys.exit(1)


@contextmanager
def _log_file(log: str) -> Iterator[TextIO]:
    try:
        with writing(log):
            Path(log).parent.mkdir(parents=True, exist_ok=True)
            file = open(log, "w", buffering=1)  # noqa: SIM115
            # For the record of the run; on a cluster, each job may be on another machine.
            with suppress(OSError):
                file.write(f"{machine()}\n")
    except InputError as error:
        sys.exit(f"error: {error}")
    try:
        yield file
    finally:
        # What a full disk did not take is written again here. The message is on the terminal.
        with suppress(OSError):
            file.close()


@contextmanager
def _logging() -> Iterator[None]:
    """Send log messages to standard error: the library's from INFO up, others from WARNING up."""
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
