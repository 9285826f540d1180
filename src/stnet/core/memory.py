"""Too little memory, of a GPU or of the machine, as one line that says what to lower."""

from collections.abc import Iterator
from contextlib import contextmanager

from stnet.core.errors import InputError, reason_of

# What torch says of a GPU, of its libraries and of the machine, and Python of a
# thread. torch is not imported here.
SIGNS = ("out of memory", "llocate memory", "ALLOC_FAILED", "bad_alloc", "can't start new thread")
# Sentences of torch's message that have numbers; the others are about its allocator.
SENTENCES = 3
FEWER = "run fewer jobs at once"


@contextmanager
def within_memory(work: str, lower: str) -> Iterator[None]:
    """Raise InputError if the block's `work` does not fit in memory; `lower` names a key."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise InputError(f"{memory_line(error, work)}; lower {lower}, or {FEWER}") from error


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error says that the memory of the machine or of a GPU does not suffice."""
    is_torch = isinstance(error, RuntimeError) and any(sign in str(error) for sign in SIGNS)
    return isinstance(error, MemoryError) or is_torch


def memory_line(error: Exception, work: str = "this job") -> str:
    """What did not fit, and the numbers of the error."""
    numbers = ". ".join(reason_of(error).rstrip(".").split(". ")[:SENTENCES])
    return f"out of memory: no room for {work} ({numbers})"
