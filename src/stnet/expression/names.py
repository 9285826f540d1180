"""The name of targets or features, in the path of their file and in the file."""

from collections.abc import Mapping
from pathlib import Path

from stnet.core.errors import InputError


def name_in(path: str | Path, table: str) -> str:
    """The name in a path `{table}/{name}.h5ad` or `{table}/{name}/….h5ad`; empty for others.

    `table` is `targets` or `features`.
    """
    above, folder, file = ("", "", *Path(path).absolute().parts)[-3:]
    if above == table:
        return folder
    return Path(file).stem if folder == table else ""


def check_name(path: str | Path, uns: Mapping, table: str) -> None:
    """Raise InputError if a file with this `uns` lies in the place of one of another name."""
    expected, found = name_in(path, table), uns[table].get(table, "")
    if expected and found != expected:
        raise InputError(
            f"{path}: the {table} in it are {found or 'of an older version'}, not {expected};"
            " delete it and rerun"
        )
