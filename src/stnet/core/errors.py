"""The one error that is the user's to mend."""


class InputError(Exception):
    """Bad input. The message is one line naming the file, row or key, and what to do about it."""


class SystemFailure(InputError):
    """What the system could not do now, as read a file from a disk that went away: try again."""
