"""The last line of a terminal, kept free for one that changes (ours).

What all other processes write scrolls above it, so jobs need not know of it.
"""

import os
import signal
from typing import TextIO

SAVE, RESTORE, ERASE = "\x1b7", "\x1b8", "\x1b[2K"


class LastLine:
    """The last line of the terminal `stream`."""

    def __init__(self, stream: TextIO):
        self._stream, self._rows = stream, 0

    def show(self, text: str) -> None:
        """Write `text` there, cut to the terminal's width; it may have changed its size."""
        columns, rows = os.get_terminal_size(self._stream.fileno())
        if rows < 2:
            return
        start = ""
        if rows != self._rows:
            # A new line scrolls what stands on the last one; then lines above it scroll alone.
            start = f"\n{SAVE}\x1b[1;{rows - 1}r{RESTORE}\x1b[1A"
            self._rows = rows
        self._write(f"{start}{SAVE}\x1b[{rows};1H{ERASE}{text[: columns - 1]}{RESTORE}")

    def close(self) -> None:
        """Give the line back."""
        if self._rows:
            self._write(f"{SAVE}\x1b[r\x1b[{self._rows};1H{ERASE}{RESTORE}")
            self._rows = 0

    def stop(self, *_: object) -> None:
        """Give the line back and stop, as a handler of Ctrl-Z (SIGTSTP); `show` takes it again."""
        self.close()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, self.stop)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def has_last_line(stream: TextIO) -> bool:
    """Whether the stream is a terminal that can place text."""
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
