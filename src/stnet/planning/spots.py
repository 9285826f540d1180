"""How many spots the sections of a cohort have, from whatever there is, before and after reading.

Every number has a source, and without one there is none.
"""

import csv
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from stnet.expression.spots import read_used_spots


class Spots(NamedTuple):
    """Used spots of each section, or None where they are not known, and the source in words."""

    counts: dict[str, int] | None
    source: str


def count_spots(
    sections: Sequence[str],
    indices: Sequence[str],
    section_files: Sequence[str],
    *,
    published: int | None,
    pending: Collection[str],
) -> Spots:
    """The used spots of `sections`: of a view's index, of the section files, or as published.

    `published` is the whole cohort's number where it is the paper's own. The first index that
    names all sections is taken, else `section_files` if all are there. `pending` are files that
    will be made again; a source among them says so.
    """
    for index in filter(Path.is_file, map(Path, indices)):
        with open(index, newline="") as file:
            rows = {
                row["section"]: int(row["rows"]) for row in csv.DictReader(file, delimiter="\t")
            }
        if rows.keys() >= set(sections):
            again = ", to be made again" if str(index) in pending else ""
            return Spots({name: rows[name] for name in sections}, f"{index}{again}")
    if all(Path(path).is_file() for path in section_files):
        files = zip(sections, section_files, strict=True)
        counts = {name: read_used_spots(path).n_obs for name, path in files}
        again = ", to be made again" if set(section_files) & set(pending) else ""
        return Spots(counts, f"its section files{again}")
    if published is not None:
        each, more = divmod(published, len(sections))
        counts = {name: each + (place < more) for place, name in enumerate(sections)}
        return Spots(counts, "the paper (claim cohort.spots), spread evenly over the sections")
    return Spots(None, "not known until its sections are made: snakemake … --until section")
