"""Whether this machine can run what the configuration asks for: a table of small checks (ours)."""

import csv
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shutil import get_terminal_size
from textwrap import wrap

import platformdirs

from stnet.config.as_written import check_as_written
from stnet.config.configuration import Configuration
from stnet.config.memory import SPOTS
from stnet.core.atomic import atomic_path
from stnet.core.errors import InputError
from stnet.planning.machine import (
    INSTALL,
    MISSING,
    OK,
    WARNING,
    Finding,
    check_folders,
    check_gpu,
    check_openslide,
    check_packages,
    check_programs,
    check_python,
)
from stnet.planning.placement import check_sections, check_sheets
from stnet.planning.remote import check_hosts, check_weights, download_bytes

# It is to take a minute at most. The sections, which come last, have the rest of it.
SECONDS = 45.0
WIDTH = 100  # columns of a terminal
TABLE = "results/logs/doctor.tsv"


@dataclass(frozen=True)
class Run:
    """What is to be run, and how.

    Attributes:
        config: the configuration as written.
        files: its files.
        fault: why the workflow does not start, or "".
        conda: whether jobs have conda environments.
        executor: `local`, or what submits the jobs.
        at_once: how many jobs may run at once, by `jobs`, `gpu` and `slides`.
        memory_limited: whether Snakemake limits the memory that jobs ask for together.
        pending: parameters of `pending_jobs`; empty if the workflow does not start.
        cohorts, experiments: of `stnet.planning.work`, as their keys.
    """

    config: dict
    files: Sequence[str]
    fault: str
    conda: bool
    executor: str
    at_once: Mapping[str, int]
    memory_limited: bool
    pending: dict = field(default_factory=dict)
    cohorts: Mapping[str, dict] = field(default_factory=dict)
    experiments: Mapping[str, dict] = field(default_factory=dict)


def doctor(run: Run) -> int:
    """Print what this machine has and lacks, and write it to `TABLE`; 1 if anything is missing.

    Args:
        run: what is to be run.

    Returns:
        The exit status.

    Source: ours.
    """
    found = []
    for each in _look(run):
        print("\n".join(_lines(each)), flush=True)
        found.append(each)
    counts = Counter(each.state for each in found)
    numbers = [f"{counts[MISSING]} missing"] if counts[MISSING] else ["nothing is missing"]
    numbers += [f"{counts[WARNING]} warnings"[: None if counts[WARNING] > 1 else -1]]
    try:
        with atomic_path(TABLE) as temporary, open(temporary, "w", newline="") as file:
            csv.writer(file, delimiter="\t", lineterminator="\n").writerows(
                [Finding._fields, *found]
            )
        where = f"; as a table: {TABLE}"
    except (InputError, OSError):
        where = ""
    print(f"\n{', '.join(numbers[: 1 + bool(counts[WARNING])])}{where}")
    return int(counts[MISSING] > 0)


def _look(run: Run) -> Iterator[Finding]:
    end = time.monotonic() + SECONDS
    device = run.config.get("device", "cuda")
    configuration, told = None, []
    for each in _read(run):
        if isinstance(each, Configuration):
            configuration = each
            continue
        told.append(each)
        yield each
    nuclei = bool(configuration and configuration.features_of("nuclei"))
    yield check_python()
    yield check_packages(run.conda, nuclei)
    if not run.conda:
        yield check_openslide()
    yield from check_programs(run.conda, run.executor)
    yield check_gpu(device, run.executor, run.at_once["gpu"])
    caches = [platformdirs.user_cache_dir()]
    yield check_folders(["results", "resources", ".snakemake", *caches])
    if configuration is None:
        return
    yield from check_weights(configuration)
    pending = None
    if run.fault and not any(run.fault in each.found for each in told):
        yield Finding("workflow", MISSING, run.fault)
    elif run.pending and not any(each.state == MISSING for each in told):
        try:
            pending, finding = _pending(run)
            yield finding
        except InputError as error:
            yield Finding("workflow", MISSING, str(error))
    if pending is None:
        found = "memory, disk and hosts are not looked at before the workflow starts"
        yield Finding("workflow", WARNING, found, "correct what is missing, then ask again")
    else:
        yield from _needs(run, configuration, pending, device)
        yield from check_hosts(configuration, pending)
    if not any(each.state == MISSING for each in told):
        yield from check_sections(configuration, end)


def _read(run: Run) -> Iterator[Finding | Configuration]:
    """Read configuration and sheets; the configuration itself too, if it is valid."""
    try:
        check_as_written(run.files)
        configuration = Configuration(run.config)
    except InputError as error:
        yield Finding("configuration", MISSING, str(error))
        return
    report = ", ".join(configuration.resolved["report"])
    yield Finding("configuration", OK, f"{', '.join(run.files)}: reports {report}")
    yield configuration
    yield from check_sheets(configuration)


def _pending(run: Run) -> tuple[dict[str, str] | None, Finding]:
    """The jobs that are left."""
    try:
        from stnet.planning.work import pending_jobs
    except ImportError as error:
        return None, Finding("workflow", WARNING, f"jobs are not looked at: {error}", INSTALL)
    pending = pending_jobs(**run.pending)
    return pending, Finding("workflow", OK, f"starts; {len(pending)} jobs are left")


def _needs(
    run: Run, configuration: Configuration, pending: Mapping[str, str], device: str
) -> Iterator[Finding]:
    """Memory and disk."""
    from stnet.planning.needs import Needs
    from stnet.planning.work import Cohort, Experiment

    cohorts = {name: Cohort(**keys) for name, keys in run.cohorts.items()}
    experiments = {name: Experiment(**keys) for name, keys in run.experiments.items()}
    needs = Needs(cohorts, experiments, pending, published=SPOTS)
    if run.executor == "local":
        jobs = run.at_once["gpu" if device == "cuda" else "jobs"]
        yield needs.check_memory(device, jobs, run.memory_limited)
    yield from needs.check_disk(download_bytes(configuration, pending, run.at_once["slides"]))


def _lines(finding: Finding) -> list[str]:
    """The lines of a finding, as wide as the terminal, and at most `WIDTH`."""
    width = min(WIDTH, get_terminal_size((WIDTH, 0)).columns)
    head = f"{finding.state:<9}{finding.check:<15}"
    lines = wrap(finding.found, width - len(head), break_long_words=False, break_on_hyphens=False)
    if finding.remedy:
        lines += wrap(
            f"do: {finding.remedy}",
            width - len(head),
            subsequent_indent="    ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    return [f"{head if not number else ' ' * len(head)}{each}" for number, each in enumerate(lines)]
