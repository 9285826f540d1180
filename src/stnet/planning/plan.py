"""The plan: what is left to do and what it will take, in a page of text."""

import shutil
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stnet.planning.columns import columns
from stnet.planning.estimate import Estimate, estimate
from stnet.planning.pending import Job, by_rule
from stnet.planning.spots import Spots, count_spots
from stnet.planning.timing import elapsed, gpu_memory, hours, side, time_networks
from stnet.planning.views import in_words, patch_bytes, patch_files, size
from stnet.planning.work import Work
from stnet.planning.workload import Cohort, Experiment, needing_views, view_folder
from stnet.training.calibrate import Rates

WIDTH = 100  # columns of a terminal
LEGEND = (
    "groups: held out; trained, predicted: those done. Then what is left: runs, inner and final;"
    " saved: their epochs in checkpoints of the same recipe, code and device, not counted again;"
    " spot-epochs: spots met in training; predictions: images, eight symmetries a spot. A final run"
    " is counted with all the epochs it may have; the inner runs choose as many or fewer."
)


@dataclass(frozen=True)
class Machine:
    """What training jobs get: `cuda` or `cpu`, threads, memory in MB, and how many run at once.

    `memory_mb` and `at_once` are None where a cluster decides. `code` is the training job's digest.
    """

    device: str
    threads: int
    memory_mb: int | None
    at_once: int | None
    code: str


def plan(
    cohorts: Mapping[str, Cohort],
    experiments: Mapping[str, Experiment],
    pending: Sequence[Job],
    machine: Machine,
    *,
    published: int,
    seconds: float,
) -> str:
    """The plan of `pending`, the jobs that are left to do for everything configured.

    `published` is the number of spots of the paper's cohort; networks are timed for `seconds`.
    """
    files = {path for job in pending for path in job.outputs}
    spots = {name: _spots(cohort, published, files) for name, cohort in cohorts.items()}
    estimates = {
        name: estimate(
            each,
            cohorts[each.cohort].rows,
            spots[each.cohort].counts,
            files,
            device=machine.device,
            threads=machine.threads,
            code=machine.code,
        )
        for name, each in experiments.items()
    }
    left = {name: each for name, each in experiments.items() if estimates[name].is_left}
    rates, reason = time_networks(
        left, device=machine.device, threads=machine.threads, seconds=seconds
    )
    lines = [f"To do: {len(pending)} jobs ({by_rule(pending)})" if pending else "Nothing is to do."]
    if experiments:
        lines += ["", "NETWORKS", *_networks(experiments, estimates, rates), LEGEND]
        lines += ["", "PATCHES", *_patches(cohorts, experiments, spots, pending)]
    if left:
        lines += ["", "TIME", *_time(left, estimates, rates, reason, machine)]
        lines += ["", "MEMORY", *_memory(left, estimates, rates, machine)]
    lines += ["", "SPOTS", *(_source(name, found) for name, found in spots.items())]
    return "".join(f"{line}\n" for text in lines for line in textwrap.wrap(text, WIDTH) or [""])


def _spots(cohort: Cohort, published: int, pending: set[str]) -> Spots:
    return count_spots(
        cohort.sections,
        sorted(map(str, Path(cohort.views).glob("*/index.tsv"))),
        cohort.section_files,
        published=published if cohort.paper else None,
        pending=pending,
    )


def _source(cohort: str, spots: Spots) -> str:
    if spots.counts is None:
        return f"{cohort}: {spots.source}"
    return (
        f"{cohort}: {sum(spots.counts.values()):,} in {len(spots.counts)} sections: {spots.source}"
    )


def _networks(
    experiments: Mapping[str, Experiment],
    estimates: Mapping[str, Estimate],
    rates: Mapping[str, Rates],
) -> list[str]:
    rows = []
    for name, found in estimates.items():
        jobs = _hours(found, rates.get(name))
        amount = [None, None] if found.works is None else [*vars(sum(found.works, Work())).values()]
        done = [found.groups, found.trained, found.predicted, found.runs, found.saved]
        total = None if jobs is None else float(sum(jobs))
        rows.append([experiments[name].cohort, name, *done, *amount, total])
    if len(rows) > 1:
        numbers = zip(*(row[2:] for row in rows), strict=True)
        sums = [None if None in cells else sum(cells) for cells in numbers]
        rows.append(["all", "", *sums])
    heading = ["cohort", "experiment", "groups", "trained", "predicted", "runs", "saved"]
    return columns([*heading, "spot-epochs", "predictions", "hours"], rows)


def _hours(found: Estimate, rates: Rates | None) -> list[float] | None:
    """Hours of each pending held-out group, None where they are not known."""
    if not found.is_left:
        return []
    if found.works is None or rates is None:
        return None
    return [hours(work, rates) for work in found.works]


def _time(
    left: Mapping[str, Experiment],
    estimates: Mapping[str, Estimate],
    rates: Mapping[str, Rates],
    reason: str,
    machine: Machine,
) -> list[str]:
    if reason:
        return [f"hours are not known: {reason}"]
    lines = [
        f"{name}: {found.training:,.1f} images/s in training, {found.prediction:,.1f} in prediction"
        f" ({left[name].recipe['architecture']}, {side(left[name].view)} px)"
        for name, found in rates.items()
    ]
    threads = f"{machine.threads} thread" + "s" * (machine.threads > 1)
    lines.append(f"timed on this machine: {machine.device}, {threads} a job")
    jobs = [_hours(estimates[name], rates[name]) for name in left]
    if None in jobs:
        return [*lines, "hours in all are not known: see SPOTS"]
    each = [job for found in jobs for job in found]
    unit = "GPU-hours" if machine.device == "cuda" else f"hours of {threads}"
    lines.append(
        f"in the networks at most {sum(each):,.2f} {unit}, the longest held-out group"
        f" {max(each):,.2f} (beside that, every job reads its patches, and every epoch ends with"
        " a checkpoint)"
    )
    if machine.at_once:
        lines[-1] += (
            f"; {elapsed(each, machine.at_once):,.2f} hours with {machine.at_once} at a time, if"
            " they don't slow one another"
        )
    return lines


def _patches(
    cohorts: Mapping[str, Cohort],
    experiments: Mapping[str, Experiment],
    spots: Mapping[str, Spots],
    pending: Sequence[Job],
) -> list[str]:
    needing = needing_views(cohorts, experiments.values(), pending)
    rows, missing = [], 0
    views = {view_folder(cohorts, each): each for each in experiments.values()}
    for folder, each in views.items():
        counts, there = spots[each.cohort].counts, patch_files(folder)
        whole = to_write = None
        if counts is not None:
            whole = patch_bytes(sum(counts.values()), side(each.view))
            absent = counts.keys() - {path.stem for path in there}
            to_write = patch_bytes(sum(counts[section] for section in absent), side(each.view))
            missing += to_write if folder in needing else 0
        jobs = len(needing.get(folder, []))
        to_write = to_write if jobs else 0
        sizes = [None if value is None else in_words(value) for value in (whole, to_write)]
        rows.append([str(folder), in_words(size(there)), *(text or "?" for text in sizes), jobs])
    lines = columns(["view", "on disk", "whole", "to write", "jobs that need it"], rows)
    free = shutil.disk_usage(_there(next(iter(cohorts.values())).views)).free
    unknown = ", and what is not known" if any("?" in row for row in rows) else ""
    lines.append(f"to write: {in_words(missing)}{unknown}; free on this disk: {in_words(free)}")
    if missing > free:
        lines.append("WARNING: the disk is too small for the patches that are left to write")
    return lines


def _there(folder: str) -> Path:
    """The folder, or the nearest above that exists."""
    path = Path(folder).absolute()
    return next(each for each in (path, *path.parents) if each.exists())


def _memory(
    left: Mapping[str, Experiment],
    estimates: Mapping[str, Estimate],
    rates: Mapping[str, Rates],
    machine: Machine,
) -> list[str]:
    """What the largest training job of each experiment holds, beside what its rule asks for.

    Patches are counted once, as one array of all training spots.
    """
    lines = []
    for name, experiment in left.items():
        spots = estimates[name].spots
        if not spots:
            lines.append(
                f"{name}: not known: see SPOTS" if spots is None else f"{name}: all trained"
            )
            continue
        patches = patch_bytes(spots, side(experiment.view))
        line = f"{name}: patches {in_words(patches)}"
        in_memory = patches
        if name in rates:
            where = "on the card" if machine.device == "cuda" else "in memory"
            line += f", the network in training {in_words(rates[name].memory)} {where}"
            in_memory += 0 if machine.device == "cuda" else rates[name].memory
        lines.append(line)
        if machine.device == "cuda" and name in rates:
            on_gpu = patches + rates[name].memory
            if on_gpu > gpu_memory():
                lines.append(
                    f"WARNING: {name} needs {in_words(on_gpu)} on the GPU, which has"
                    f" {in_words(gpu_memory())}"
                )
        if machine.memory_mb is not None and in_memory > machine.memory_mb * 1e6:
            lines.append(
                f"WARNING: {name} needs {in_words(in_memory)}, and the rule train asks for"
                f" {in_words(machine.memory_mb * 1e6)}: --set-resources"
                f" train:mem_mb={int(in_memory / 1e6 * 1.25)}"
            )
    return lines
