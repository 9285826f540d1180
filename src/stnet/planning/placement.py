"""The sheets of the reported cohorts, and whether each section's spots are on its tissue (ours)."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from stnet.cohorts.section import write_section
from stnet.cohorts.suspicion import collect_warnings
from stnet.config.configuration import Configuration
from stnet.config.section_sheet import FILE_COLUMNS
from stnet.core.errors import InputError
from stnet.core.h5ad import open_h5ad
from stnet.planning.machine import MISSING, OK, WARNING, Finding

# What a section's job is told of its cohort.
KEYS = ("label_classes", "require_label", "spot_window", "spot_pitch_um")
# Seconds to read a section, where none was read.
GUESS = 10


class TimeIsUp(BaseException):
    """The time for sections is over; no error, which a reader would take for one of its file."""


def check_sections(configuration: Configuration, end: float) -> Iterator[Finding]:
    """What the checks of sections find, of those with files, until the time `end` (monotonic).

    Sections that were made have it in their file. Others are read, as their job would do it.
    """
    for name in configuration.resolved["report"]:
        keys = configuration.resolved["cohorts"][name]
        fine, absent, left, begin, read = 0, 0, 0, time.monotonic(), 0
        for row in configuration.sections(name):
            made = Path(f"results/{name}/sections/{row['section']}.h5ad")
            files = [Path(path) for path in map(row.get, FILE_COLUMNS) if path]
            try:
                if made.is_file():
                    with open_h5ad(made, ["uns/checks"]) as file:
                        said = list(file["uns/checks/warnings"].asstr()[()])
                elif not all(path.exists() for path in files):
                    absent += 1
                    continue
                else:
                    with _until(end):
                        said = _read(row, keys)
                    read += 1
            except TimeIsUp:
                left += 1
                continue
            except InputError as error:
                yield Finding("section", MISSING, _of(row, str(error)))
                continue
            fine += not said
            yield from (Finding("section", WARNING, _of(row, each)) for each in said)
        if left:
            each = (time.monotonic() - begin) / read if read else GUESS
            found = f"{name}: {left} not looked at (about {left * each / 60:.1f} minutes of a core)"
            yield Finding("sections", WARNING, found, "snakemake … --until section")
        for n, what in ((fine, "whose spots fit their tissue"), (absent, "still to be made")):
            if n:
                yield Finding("sections", OK, f"{name}: {n} {what}")


def _of(row: dict[str, str], said: str) -> str:
    """What was said of a section, with its name."""
    return said if row["section"] in said else f"{row['section']}: {said}"


def _read(row: dict[str, str], keys: dict) -> list[str]:
    """Make a section in a temporary folder; return what its checks warn of."""
    with TemporaryDirectory() as folder, collect_warnings() as said:
        write_section(
            {**row, "misaligned": keys["misaligned"]},
            f"{folder}/section.h5ad",
            f"{folder}/drops.tsv",
            genes=keys["genes"] if Path(keys["genes"] or "").is_file() else None,
            **{key: keys[key] for key in KEYS},
        )
    return said


@contextmanager
def _until(end: float) -> Iterator[None]:
    """Raise TimeIsUp at the time `end`."""

    def stop(number: int, frame: object) -> None:
        raise TimeIsUp

    before = signal.signal(signal.SIGALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_REAL, max(1e-6, end - time.monotonic()))
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
