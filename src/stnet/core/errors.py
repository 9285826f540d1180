"""Errors that the user can fix, and parts of their messages."""

from collections.abc import Iterable

# Names in a message.
MOST_NAMES = 5


class InputError(Exception):
    """Bad input. The message is one line that names the file, row or key, and what to do."""


class SystemFailure(InputError):
    """A failure of the system that may pass, such as a lost disk or connection. Try again."""


def reason_of(error: object) -> str:
    """The first line of an error's message, or its type if it has no message."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def first_of(names: Iterable[object]) -> str:
    """The first of several names, and whether there are more."""
    names = [str(name) for name in names]
    return ", ".join(names[:MOST_NAMES] + ["…"] * (len(names) > MOST_NAMES))
