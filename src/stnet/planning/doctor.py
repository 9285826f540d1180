"""Whether this machine can run what the configuration asks for: a table of small checks (ours)."""

import csv
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from shutil import get_terminal_size
from textwrap import wrap

import platformdirs

from stnet.cohorts.suspicion import collect_warnings
from stnet.config.as_written import check_as_written
from stnet.config.configuration import Configuration
from stnet.config.memory import SPOTS
from stnet.core.atomic import atomic_path
from stnet.core.checkout import CHECKOUT
from stnet.core.errors import InputError
from stnet.planning.machine import (
    INSTALL,
    MISSING,
    OK,
    WARNING,
    Finding,
    check_folders,
    check_gpu,
    check_packages,
    check_programs,
)

# It is to take a minute at most. The sections, which come last, have the rest of these seconds, or
# a few where a busy machine has taken longer for the others.
SECONDS, LEAST = 45.0, 10.0
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
        at_once: how many jobs may run at once: all (`jobs`), on GPUs (`gpu`), with `slides`.
        pending: parameters of `pending_jobs`; empty if the workflow does not start.
        cohorts, experiments: of `stnet.planning.work`, as their keys.
    """

    config: dict
    files: Sequence[str]
    fault: str
    conda: bool
    executor: str
    at_once: Mapping[str, int]
    pending: dict = field(default_factory=dict)
    cohorts: Mapping[str, dict] = field(default_factory=dict)
    experiments: Mapping[str, dict] = field(default_factory=dict)


def doctor(run: Run) -> int:
    """Print what a run has and lacks here, and write it to `TABLE`; 1 if anything is missing."""
    found = []
    for each in _look(run):
        print("\n".join(_lines(each)), flush=True)
        found.append(each)
    counts = Counter(each.state for each in found)
    said = f"Missing: {counts[MISSING]}. Warnings: {counts[WARNING]}."
    try:
        with atomic_path(TABLE) as temporary, open(temporary, "w", newline="") as file:
            writer = csv.writer(file, delimiter="\t", lineterminator="\n")
            writer.writerows([Finding._fields, *found])
        print(f"\n{said} The same for programs: {TABLE}")
    except InputError:
        print(f"\n{said}")
    return int(counts[MISSING] > 0)


def _look(run: Run) -> Iterator[Finding]:
    end = time.monotonic() + SECONDS
    configuration, told = _read(run)
    yield from told
    nuclei = bool(configuration and configuration.features_of("nuclei"))
    yield from check_packages(run.conda, nuclei)
    yield from check_programs(run.conda, run.executor)
    yield check_gpu(run.config.get("device", "cuda"), run.executor, run.at_once["gpu"])
    yield check_folders(["results", "resources", ".snakemake", platformdirs.user_cache_dir()])
    is_readable = not any(each.state == MISSING for each in told)
    if run.fault and not any(run.fault.endswith(each.found) for each in told):
        yield Finding("workflow", MISSING, run.fault)
    if configuration is None:
        return
    try:
        # They need more than Snakemake does.
        from stnet.planning.placement import check_sections
        from stnet.planning.remote import check_weights
    except ImportError as error:
        found = f"weights, disk, hosts and sections are not looked at: {error}"
        yield Finding("workflow", WARNING, found, INSTALL)
        return
    yield from check_weights(configuration)
    if run.pending and is_readable:
        try:
            yield from _jobs(run, configuration)
        except InputError as error:
            yield Finding("workflow", MISSING, str(error))
    else:
        found = "memory, disk and hosts are looked at when the workflow starts"
        yield Finding("workflow", WARNING, found, "correct what is missing, and ask again")
    if is_readable:
        yield from check_sections(configuration, max(end, time.monotonic() + LEAST))


def _read(run: Run) -> tuple[Configuration | None, list[Finding]]:
    """The configuration, if it is valid, and what is found of it and of the section sheets."""
    try:
        check_as_written(run.files)
        configuration = Configuration(run.config)
    except InputError as error:
        return None, [Finding("configuration", MISSING, str(error))]
    files = ", ".join(each.removeprefix(f"{CHECKOUT}/") for each in run.files)
    reports = configuration.resolved["report"]
    found = [Finding("configuration", OK, f"{files}: reports {', '.join(reports)}")]
    for name in reports:
        try:
            with collect_warnings() as odd:
                rows = configuration.sections(name)
        except InputError as error:
            found.append(Finding("sheet", MISSING, str(error)))
            continue
        found += [Finding("sheet", WARNING, each) for each in odd]
        n_patients = len({row["patient"] for row in rows})
        found.append(Finding("sheet", OK, f"{name}: {len(rows)} sections, {n_patients} patients"))
    return configuration, found


def _jobs(run: Run, configuration: Configuration) -> Iterator[Finding]:
    """What the jobs that are left need: memory, disk and hosts.

    Raises InputError if they cannot be listed, or if a file that tells it is damaged.
    """
    from stnet.planning.needs import Work, check_disk, check_memory
    from stnet.planning.remote import check_hosts, download_bytes
    from stnet.planning.work import Cohort, Experiment, count_spots, pending_jobs

    pending = pending_jobs(**run.pending)
    yield Finding("workflow", OK, f"starts; {len(pending)} jobs are left")
    cohorts = {name: Cohort(**keys) for name, keys in run.cohorts.items()}
    experiments = {name: Experiment(**keys) for name, keys in run.experiments.items()}
    spots = {name: count_spots(each, pending, SPOTS)[0] for name, each in cohorts.items()}
    work = Work(cohorts, experiments, spots, pending)
    if run.executor == "local":
        device = run.config.get("device", "cuda")
        jobs = run.at_once["gpu" if device == "cuda" else "jobs"]
        yield check_memory(work, device, jobs)
    downloads = download_bytes(configuration, pending, run.at_once["slides"])
    yield from check_disk(work, downloads)
    yield from check_hosts(configuration, pending)


def _lines(finding: Finding) -> list[str]:
    """The lines of a finding, as wide as the terminal, and at most `WIDTH`."""
    width = min(WIDTH, get_terminal_size((WIDTH, 0)).columns)
    head = f"{finding.state:<9}{finding.check:<15}"
    below = " " * len(head)
    plain = {"width": width, "subsequent_indent": below}
    plain |= {"break_on_hyphens": False, "break_long_words": False}
    lines = wrap(finding.found, initial_indent=head, **plain)
    remedy = f"do: {finding.remedy}" if finding.remedy else ""
    return lines + wrap(remedy, initial_indent=below, **plain)
