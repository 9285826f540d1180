"""The section sheet: a TSV with one row per section defines a cohort."""

import logging
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stnet.config.space_ranger import matrix_files, spatial_files
from stnet.core.checkout import find
from stnet.core.errors import InputError
from stnet.core.tsv import DECIMAL_COMMA, number, read_tsv

logger = logging.getLogger(__name__)

COLUMNS = [
    *["patient", "section", "format", "image", "counts", "spots", "labels"],
    *["grid", "um_per_px", "pixel_scale", "confirmed"],
]
# A sheet may lack the others; their cells are then empty.
REQUIRED = ["patient", "section", "format", "counts"]
FILE_COLUMNS = ["image", "counts", "spots", "labels"]
GRIDS = ["square", "hexagonal"]
# Ids of models that are not of a single held-out group.
RESERVED = ["all", "ensemble"]
# Ids are parts of file names. Unlike ids of rows, these may have an underscore.
GROUP_ID = r"[A-Za-z0-9][A-Za-z0-9._-]*"
# Parameters and labels stand in a script element of Snakemake's report, which tags would end or
# change. A tag may come to be where two texts are joined, as a folder and a file are.
MARKUP = re.compile(r"<([a-z/!?]|\Z)", re.IGNORECASE)
# File systems allow 255 bytes in a name, and ours add prefixes, suffixes and temporary parts.
LONGEST_ID = 150
# Two statements of one length agree within this factor.
MOST_APART = 1.1
# No scale is.
TOO_LARGE = 1_000_000
GROUP_ID_RULE = f"at most {LONGEST_ID} letters, digits, '.', '_' and '-'"


@dataclass(frozen=True)
class Format:
    """What a row of the section sheet says in a format.

    Attributes:
        required: columns that must not be empty, besides those of every format.
        unused: columns that must be empty.
        find: columns that stand for several files, each with the function that finds them.
        folders: columns that may name a folder, which is one input, in place of a file.
        shared: columns in which several rows may name the same, because it has several sections.
        grid: the only grid, or None for any.
        pitch_um: the only distance of neighbouring spots, or None for any.
        whole_image: whether images are usually of a kind that is decoded as a whole.
        memory_mb: what it takes to read a section, if that is more than its image.
    """

    required: tuple[str, ...] = ("counts", "spots")
    unused: tuple[str, ...] = ()
    find: Mapping[str, Callable[[str], dict[str, Path]]] = field(default_factory=dict)
    folders: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    grid: str | None = None
    pitch_um: float | None = None
    whole_image: bool = False
    memory_mb: int = 0


SPACE_RANGER = {"counts": matrix_files, "spots": spatial_files}
FORMATS = {
    **dict.fromkeys(["st-v5", "st-original", "her2st"], Format()),
    "visium": Format(
        unused=("labels",), find=SPACE_RANGER, grid="hexagonal", pitch_um=100, whole_image=True
    ),
    # Bins of 2 µm take 7 GB.
    "visium-hd": Format(
        unused=("labels",),
        find=SPACE_RANGER,
        grid="square",
        whole_image=True,
        memory_mb=10_000,
    ),
    "anndata": Format(
        required=("counts",), unused=("spots", "labels"), whole_image=True, memory_mb=4000
    ),
    "hest": Format(unused=("labels",), memory_mb=4000),
    "spatialdata": Format(
        required=("counts",),
        unused=("labels",),
        folders=("counts", "spots", "image"),
        shared=("counts",),
        whole_image=True,
        memory_mb=4000,
    ),
}


def is_group_id(name: str) -> bool:
    """Whether `name` can be the id of a patient, section, sample or slide."""
    return bool(re.fullmatch(GROUP_ID, name)) and len(name) <= LONGEST_ID


class BadRows(InputError):
    """Wrong rows of a sheet: the message is that of the first, `faults` has all of them."""

    def __init__(self, faults: Sequence[str]):
        super().__init__(faults[0])
        self.faults = faults


def read_sheet(path: str | Path, root: str | Path, *, check_files: bool) -> list[dict[str, str]]:
    """Rows of the section sheet at `path` as dictionaries of its columns, all text.

    File columns are joined to `root`; empty ones stay "". An empty `grid` is the format's only one.
    With `check_files` every named file must exist; leave it off if a rule makes the files. Raises
    InputError naming the sheet and what to do, and BadRows naming the row too; also if two rows
    name the same file, or ids differ only in capitals.
    """
    seen: dict[str, int] = {}
    spelled: dict[tuple[str, str], str] = {}
    used: dict[tuple[str, Path], int] = {}

    def checked(line: int, cells: dict[str, str]) -> dict[str, str]:
        where = f"{path} line {line}"
        row = {name: cells[name] for name in COLUMNS}
        if not row["grid"] and row["format"] in FORMATS:
            row["grid"] = FORMATS[row["format"]].grid or ""
        check_row(row, where)
        if row["section"] in seen:
            first = seen[row["section"]]
            raise InputError(
                f"{where}: section {row['section']} is also on line {first}; remove one"
            )
        seen[row["section"]] = line
        for name in ("patient", "section"):
            first = spelled.setdefault((name, row[name].lower()), row[name])
            if first != row[name]:
                raise InputError(
                    f"{where}: {name} {row[name]} differs only in capitals from {first}; write one"
                    f" {name} always alike, and two differently"
                )
        for name in FILE_COLUMNS:
            if row[name]:
                row[name] = str(Path(root) / row[name])
                for file in _existing(row, name, where) if check_files else [row[name]]:
                    first = used.setdefault((name, Path(file).resolve()), line)
                    if first != line and name not in FORMATS[row["format"]].shared:
                        raise InputError(
                            f"{where} ({row['section']}): {name} {file} is also on line {first};"
                            " name each section's own files"
                        )
        return row

    optional = [name for name in COLUMNS if name not in REQUIRED]
    # A cohort that a rule makes has a sheet of ours.
    lines = read_tsv(find(path), REQUIRED, "sections", optional, name_unread=check_files)
    sections, faults = [], []
    for line, cells in lines.items():
        try:
            sections.append(checked(line, cells))
        except InputError as error:
            faults.append(str(error))
    if faults:
        raise BadRows(faults)
    for name in ("patient", "section"):
        _warn_of_alike(name, {row[name] for row in sections}, path)
    return sections


def _warn_of_alike(column: str, ids: Collection[str], path: str | Path) -> None:
    """Warn of ids that are one but for leading zeros or separators, as P1, P01 and P-1 are."""
    alike: dict[str, list[str]] = {}
    for name in sorted(ids):
        # Between digits a separator has a meaning: 1-1 is not 11.
        bare = re.sub(r"(?<=\D)[._-]+|[._-]+(?=\D|$)", "", name.lower())
        alike.setdefault(re.sub(r"[._-]+", "-", re.sub(r"(?<!\d)0+(?=\d)", "", bare)), []).append(
            name
        )
    for names in alike.values():
        if len(names) > 1:
            logger.warning(
                f"{path}: {column}s {' and '.join(names)} differ only in zeros or separators; if"
                f" they are one {column}, write it alike"
            )


def _existing(row: dict[str, str], name: str, where: str) -> list[str]:
    try:
        files = files_of(row, name)
    except InputError as error:
        raise InputError(f"{where} ({row['section']}): {name} {error}") from error
    folders = name in FORMATS[row["format"]].folders
    for file in files:
        if not (Path(file).is_file() or (folders and Path(file).is_dir())):
            raise InputError(
                f"{where} ({row['section']}): no {name} file {'or folder ' * folders}{file};"
                " correct the path or the cohort's root"
            )
    return files


def files_of(row: dict[str, str], column: str) -> list[str]:
    """The files that a column of a row stands for; empty if the cell is.

    Raises InputError if a format that has several files in a column has none there, or too many.
    """
    find = FORMATS[row["format"]].find.get(column)
    if find and row[column]:
        return [str(file) for file in find(row[column]).values()]
    return [row[column]] if row[column] else []


def wrong_pitch(file_format: str, spot_pitch_um: float) -> str:
    """What is wrong with the distance of spots in a format that has one, or ""."""
    known = FORMATS[file_format].pitch_um
    if not known or 1 / MOST_APART <= spot_pitch_um / known <= MOST_APART:
        return ""
    return f"{spot_pitch_um:g}, but spots of format {file_format} are {known:g} µm apart"


def check_row(row: dict[str, str], where: str) -> None:
    """Raise InputError, naming the place of the row, if a row of the sheet has a wrong value."""
    for name in ("patient", "section"):
        if not is_group_id(row[name]) or row[name] in RESERVED:
            raise InputError(
                f"{where}: {name} {row[name]!r} is not an id of {GROUP_ID_RULE}"
                f" (and {' and '.join(map(repr, RESERVED))} are reserved)"
            )
    for name in FILE_COLUMNS:
        if MARKUP.search(row[name]):
            raise InputError(f"{where}: {name} {row[name]!r} has markup of a web page; rename it")
    for name, known in (("format", FORMATS), ("grid", GRIDS)):
        if row[name] not in known:
            raise InputError(
                f"{where} ({row['section']}): {name} {row[name]!r} is not one of {', '.join(known)}"
            )
    needs = FORMATS[row["format"]]
    for name in needs.required:
        if not row[name]:
            raise InputError(f"{where} ({row['section']}): {name} is empty")
    only = {**dict.fromkeys(needs.unused, ""), "grid": needs.grid or row["grid"]}
    for name, value in only.items():
        if row[name] != value:
            raise InputError(
                f"{where} ({row['section']}): {name} {row[name]!r} must be {value or 'empty'} for"
                f" format {row['format']}"
            )
    if row["confirmed"] not in ("", "yes"):
        raise InputError(
            f"{where} ({row['section']}): confirmed {row['confirmed']!r} is not yes or empty"
        )
    for name in ("um_per_px", "pixel_scale"):
        try:
            positive = not row[name] or 0 < number(row[name]) < TOO_LARGE
        except ValueError:
            positive = False
        if not positive:
            raise InputError(
                f"{where} ({row['section']}): {name} {row[name]!r} is not a positive number below"
                f" {TOO_LARGE:,}"
                f"{'; write a decimal point' if DECIMAL_COMMA.fullmatch(row[name]) else ''}"
            )
