"""Where spatialdata is installed."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stnet.core.errors import InputError


@contextmanager
def with_spatialdata(purpose: str) -> Iterator[None]:
    """Import spatialdata within; InputError, which begins with `purpose`, if it is not installed.

    `make spatialdata` installs it in a folder of its own, because anndata imports some of what it
    requires, if it is on the path, in every job. In a conda environment it is beside the others.
    """
    sys.path.append(str(Path(sys.prefix) / "spatialdata"))
    try:
        yield
    except ModuleNotFoundError as error:
        raise InputError(
            f"{purpose} SpatialData, install it: make spatialdata ({error})"
        ) from error
