"""Where a file that does not exist yet will be."""

from pathlib import Path


def existing(path: str | Path) -> Path:
    """The path itself, or the nearest folder above it that exists."""
    path = Path(path).absolute()
    return next(each for each in (path, *path.parents) if each.exists())
