"""Locks between processes, which the kernel frees however their holder ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path


@contextmanager
def held(path: str | Path, *, wait: bool) -> Iterator[None]:
    """Hold an exclusive lock on a folder, or on a file, which is created if it is missing.

    With `wait`, wait until others let go of it; a file system without locks is used without one.
    Otherwise raise BlockingIOError where another process holds it, OSError where there are no
    locks.
    """
    # Some shared file systems lock only files that are open for writing.
    flags = os.O_RDONLY if os.path.isdir(path) else os.O_RDWR | os.O_CREAT
    descriptor = os.open(path, flags)
    try:
        with suppress(OSError) if wait else nullcontext():
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)
