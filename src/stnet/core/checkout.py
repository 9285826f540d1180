"""Find the project's own files from a run in another folder."""

import os
from pathlib import Path

CHECKOUT = Path(__file__).absolute().parents[3]


def find(path: str | os.PathLike[str]) -> str:
    """Find an input file in the working directory, or else in the project's folder.

    The working directory has precedence. If the file is in neither, `path` is returned unchanged,
    and whoever reads it reports the missing file.

    Source: ours.
    """
    shipped = CHECKOUT / path
    return str(shipped if not Path(path).exists() and shipped.exists() else path)
