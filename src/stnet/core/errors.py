"""Errors that the user can fix."""


class InputError(Exception):
    """Bad input. The message is one line that names the file, row or key, and what to do."""


class SystemFailure(InputError):
    """A failure of the system that may pass, such as a lost disk or connection. Try again."""
