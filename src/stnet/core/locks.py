"""Locks between processes; the kernel releases a lock when its process ends, also by a crash."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path


@contextmanager
def held(path: str | Path, *, wait: bool, by_all: bool = False) -> Iterator[None]:
    """Hold an exclusive lock on a folder or a file. A missing file is created.

    With `wait`, wait until the lock is free; on a file system without locks, continue without one.
    Without `wait`, raise BlockingIOError if another process holds the lock, and OSError if the file
    system has no locks. With `by_all`, every user of this machine can lock the file, which must be
    on a local disk.
    """
    # Some shared file systems lock only files that are open for writing.
    flags = os.O_RDONLY if os.path.isdir(path) else os.O_RDWR | os.O_CREAT
    descriptor = _open_for_all(path) if by_all else os.open(path, flags)
    try:
        with suppress(OSError) if wait else nullcontext():
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)


def _open_for_all(path: str | Path) -> int:
    # Others may read the file, which is enough to lock it. Where all users may write, as in /tmp,
    # the kernel forbids O_CREAT for a file of another user, and a link or a pipe may be a trap.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    with suppress(FileNotFoundError):
        return os.open(path, flags)
    mask = os.umask(0)
    try:
        with suppress(FileExistsError):
            return os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o444)
    finally:
        os.umask(mask)
    return os.open(path, flags)
