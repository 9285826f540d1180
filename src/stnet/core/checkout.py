"""Files that come with the project: a run in another folder finds them in the project's own."""

import os
from pathlib import Path

CHECKOUT = Path(__file__).absolute().parents[3]


def find(path: str | os.PathLike[str]) -> str:
    """Return where a file is that a run reads: in its working directory, or else in the project's.

    A file of the working directory wins. What is in neither is returned as it is, for the reader
    to name it in an error.

    Source: ours.
    """
    shipped = CHECKOUT / path
    return str(shipped if not Path(path).exists() and shipped.exists() else path)
