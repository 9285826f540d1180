"""Whether this machine can run what the configuration asks for: a table of small checks (ours)."""

import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from shutil import get_terminal_size
from textwrap import TextWrapper

import platformdirs

from stnet.cohorts.suspicion import collect_warnings
from stnet.config.as_written import check_as_written
from stnet.config.configuration import Configuration
from stnet.config.memory import SPOTS
from stnet.core.checkout import CHECKOUT
from stnet.core.errors import InputError
from stnet.planning.finding import MISSING, OK, WARNING, Finding
from stnet.planning.machine import (
    check_deployment,
    check_folders,
    check_gpu,
    check_packages,
)

# It is to take a minute at most. The sections, which come last, have these seconds.
SECONDS = 20.0
WIDTH = 100  # columns of a terminal
MOST_ROWS = 10  # of a sheet that are named


@dataclass(frozen=True)
class Run:
    """What is to be run, and how.

    Attributes:
        config: the configuration as written.
        files: its files.
        fault: why the workflow does not start, or "".
        deployed: what gives jobs packages of their own: `conda`, `apptainer`.
        executor: `local`, or what submits the jobs.
        device: what networks compute on.
        at_once: how many of their jobs may run at once.
        pending: parameters of `pending_jobs`; empty if the workflow does not start.
        cohorts, experiments: of `stnet.planning.work`, as their keys.
    """

    config: dict
    files: Sequence[str]
    fault: str
    deployed: Collection[str]
    executor: str
    device: str
    at_once: int
    pending: dict = field(default_factory=dict)
    cohorts: Mapping[str, dict] = field(default_factory=dict)
    experiments: Mapping[str, dict] = field(default_factory=dict)


def doctor(run: Run) -> int:
    """Print what a run has and lacks here; 1 if anything is missing."""
    counts, below = Counter(), " " * 24
    lines = TextWrapper(min(WIDTH, get_terminal_size((WIDTH, 0)).columns), subsequent_indent=below)
    lines.break_on_hyphens = lines.break_long_words = False
    for each in _look(run):
        print(lines.fill(f"{each.state:<9}{each.check:<15}{each.found}"), flush=True)
        if each.remedy:
            print(lines.fill(f"{below}do: {each.remedy}"))
        counts[each.state] += 1
    print(f"\nMissing: {counts[MISSING]}. Warnings: {counts[WARNING]}.")
    return int(counts[MISSING] > 0)


def _look(run: Run) -> Iterator[Finding]:
    configuration, told = _read(run)
    yield from told
    nuclei = bool(configuration and configuration.features_of("nuclei"))
    yield check_packages(run.deployed, nuclei, run.device)
    yield from map(check_deployment, run.deployed)
    yield check_gpu(run.device, run.executor)
    yield check_folders(["results", "resources", ".snakemake", platformdirs.user_cache_dir()])
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
        yield Finding("workflow", WARNING, found, "install the packages")
        return
    yield from check_weights(configuration)
    is_readable = not any(each.state == MISSING for each in told)
    if run.pending and is_readable:
        try:
            yield from _jobs(run, configuration)
        except InputError as error:
            yield Finding("workflow", MISSING, str(error))
    else:
        found = "memory, disk and hosts are looked at when the workflow starts"
        yield Finding("workflow", WARNING, found, "correct what is missing, and ask again")
    if is_readable:
        yield from check_sections(configuration, time.monotonic() + SECONDS)


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
            faults = getattr(error, "faults", [str(error)])
            shown = [*faults[:MOST_ROWS], f"{name}: {len(faults) - MOST_ROWS} rows more"]
            found += [Finding("sheet", MISSING, each) for each in shown[: len(faults)]]
            continue
        found += [Finding("sheet", WARNING, each) for each in odd]
        n_patients = len({row["patient"] for row in rows})
        found.append(Finding("sheet", OK, f"{name}: {len(rows)} sections, {n_patients} patients"))
    return configuration, found


def _jobs(run: Run, configuration: Configuration) -> Iterator[Finding]:
    """What the jobs that are left need: memory, disk and hosts.

    Raises InputError if they cannot be listed, or if a file that tells it is damaged.
    """
    from stnet.planning.plan import check_disk, check_memory, patch_bytes
    from stnet.planning.remote import check_hosts
    from stnet.planning.work import Cohort, Experiment, count_spots, pending_jobs

    pending = pending_jobs(**run.pending)
    yield Finding("workflow", OK, f"starts; {len(pending)} jobs that write files are left")
    cohorts = {name: Cohort(**keys) for name, keys in run.cohorts.items()}
    experiments = {name: Experiment(**keys) for name, keys in run.experiments.items()}
    spots = {name: count_spots(each, pending, SPOTS)[0] for name, each in cohorts.items()}
    if run.executor == "local":
        models = {
            name: {g["model"] for g in each.groups.values()} for name, each in experiments.items()
        }
        left = {name: experiments[name] for name in models if models[name] & pending.keys()}
        yield check_memory(left, spots, run.device, run.at_once)
    yield from check_disk(patch_bytes(cohorts, experiments, spots, pending)["to write"])
    yield from check_hosts(configuration, pending)
