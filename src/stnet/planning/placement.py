"""The sheets of the reported cohorts, and whether each section's spots are on its tissue (ours)."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from stnet.cohorts.suspicion import collect_warnings
from stnet.config.configuration import Configuration
from stnet.config.section_sheet import FILE_COLUMNS
from stnet.core.errors import InputError
from stnet.planning.machine import MISSING, OK, WARNING, Finding

# What a section's job is told of its cohort.
KEYS = ("label_classes", "require_label", "spot_window", "spot_pitch_um")


def check_sheets(configuration: Configuration) -> Iterator[Finding]:
    """Read the section sheet of each reported cohort."""
    for name in configuration.resolved["report"]:
        try:
            with collect_warnings() as odd:
                rows = configuration.sections(name)
        except InputError as error:
            yield Finding("sheet", MISSING, str(error))
            continue
        yield from (Finding("sheet", WARNING, each) for each in odd)
        n_patients = len({row["patient"] for row in rows})
        found = f"{name}: {len(rows)} sections of {n_patients} patients"
        yield Finding("sheet", OK, found)


def check_sections(configuration: Configuration, end: float) -> Iterator[Finding]:
    """What the checks of sections find, of those with files, until the time `end` (monotonic).

    Sections that were made have it in their file. Others are read, as their job would do it.
    """
    for name in configuration.resolved["report"]:
        keys = configuration.resolved["cohorts"][name]
        n_fine, absent, left, seconds = 0, 0, 0, []
        for row in configuration.sections(name):
            path = Path(f"results/{name}/sections/{row['section']}.h5ad")
            files = list(filter(None, map(row.get, FILE_COLUMNS)))
            begin = time.monotonic()
            try:
                if path.is_file():
                    said = _recorded(path)
                elif not all(Path(each).exists() for each in files):
                    absent += 1
                    continue
                elif begin > end:
                    raise TimeoutError
                else:
                    with _until(end):
                        said = _read({**row, "misaligned": keys["misaligned"]}, keys)
                    seconds.append(time.monotonic() - begin)
            except TimeoutError:
                left += 1
                continue
            except InputError as error:
                yield Finding("section", MISSING, f"{row['section']}: {error}")
                continue
            n_fine += not said
            yield from (Finding("section", WARNING, f"{row['section']}: {one}") for one in said)
        if left:
            each = sum(seconds) / len(seconds) if seconds else 60
            found = f"{name}: {left} not looked at, some {max(1, left * each / 60):.0f} minutes"
            yield Finding("sections", WARNING, found, "snakemake --cores N --until section")
        fine = f"{n_fine} whose spots fit their tissue" if n_fine else ""
        later = f"{absent} whose files are still to be made" if absent else ""
        if fine or later:
            yield Finding("sections", OK, f"{name}: {', '.join(filter(None, [fine, later]))}")


def _recorded(path: Path) -> list[str]:
    """Warnings in a section's file."""
    from stnet.core.h5ad import open_h5ad

    with open_h5ad(path, ["uns/checks"]) as file:
        return list(file["uns/checks/warnings"].asstr()[()])


def _read(row: dict[str, str], keys: dict) -> list[str]:
    """Make a section in a temporary folder; return what its checks warn of."""
    from stnet.cohorts.section import write_section

    genes = keys["genes"] if keys["genes"] and Path(keys["genes"]).is_file() else None
    of_cohort = {key: keys[key] for key in KEYS}
    with TemporaryDirectory() as folder, collect_warnings() as said:
        outputs = [f"{folder}/section.h5ad", f"{folder}/drops.tsv"]
        write_section(row, *outputs, **of_cohort, genes=genes)
    return said


@contextmanager
def _until(end: float) -> Iterator[None]:
    """Raise TimeoutError at the time `end`."""

    def stop(number: int, frame: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_REAL, max(0.001, end - time.monotonic()))
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
