"""Errors that the user can fix, and parts of their messages."""

from collections.abc import Iterable
from os import strerror

# Names in a message.
MOST_NAMES = 5


class InputError(Exception):
    """Bad input. The message is one line that names the file, row or key, and what to do.

    Names in it may have any character; one that does not print is shown by its code.
    """

    def __str__(self) -> str:
        """The message."""
        message = super().__str__()
        return "".join(each if each.isprintable() else repr(each)[1:-1] for each in message)


class SystemFailure(InputError):
    """A failure of the system that may pass, such as a lost disk or connection. Try again."""


def check_system(error: Exception, path: object) -> None:
    """Raise SystemFailure if a file cannot be read for a reason that is not in the file.

    Decoders raise OSError too, for damaged files, but without a number; that of a folder where a
    file should be is the user's.
    """
    if isinstance(error, OSError) and error.errno and not isinstance(error, IsADirectoryError):
        raise SystemFailure(
            f"{path}: cannot be read now ({strerror(error.errno)}); rerun"
        ) from error


def reason_of(error: object) -> str:
    """The first line of an error's message, or its type if it has no message."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def first_of(names: Iterable[object]) -> str:
    """The first of several names, and whether there are more."""
    names = [str(name) for name in names]
    return ", ".join(names[:MOST_NAMES] + ["…"] * (len(names) > MOST_NAMES))
