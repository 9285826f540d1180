"""Locks between processes; the kernel releases a lock when its process ends, also by a crash."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path


@contextmanager
def held(path: str | Path, *, wait: bool) -> Iterator[None]:
    """Hold an exclusive lock on a folder or a file. A missing file is created.

    With `wait`, wait until the lock is free; on a file system without locks, continue without one.
    Without `wait`, raise BlockingIOError if another process holds the lock, and OSError if the file
    system has no locks.
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
