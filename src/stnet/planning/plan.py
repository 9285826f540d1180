"""The plan: what is left to do and what it will take, in a page of text."""

import json
import logging
import shutil
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch

from stnet.config.recipe import Recipe
from stnet.core.errors import InputError
from stnet.core.gpu import lease_gpu
from stnet.planning.networks import Cohort, Experiment, count_spots, network_jobs
from stnet.planning.pending import Job
from stnet.planning.views import in_words, needing_views, patch_bytes, patch_files, side, size
from stnet.training.calibrate import Rates, calibrate

logger = logging.getLogger(__name__)

WIDTH = 100  # columns of a terminal
# What the duration of an epoch depends on, beside the view and the number of outputs.
TIMED = ["architecture", "architecture_options", "trained", "batch_size", "engine"]
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
    rules = ", ".join(f"{rule} {n}" for rule, n in Counter(job.rule for job in pending).items())
    lines = [f"To do: {len(pending)} jobs ({rules})" if pending else "Nothing is to do."]
    files = {path for job in pending for path in job.outputs}
    counted = {name: count_spots(cohort, files, published) for name, cohort in cohorts.items()}
    spots = {name: counts for name, (counts, _) in counted.items()}
    if experiments:
        known = {"device": machine.device, "code": machine.code}
        if machine.device == "cpu":
            known["threads"] = machine.threads
        jobs = network_jobs(experiments, cohorts, spots, files, known)
        is_left = ~jobs["trained"] | (jobs["predictions"] != 0)
        left = {name: experiments[name] for name in jobs["experiment"][is_left].unique()}
        rates, reason = time_networks(left, machine, seconds)
        jobs["hours"] = [_hours(row, rates.get(row.experiment)) for row in jobs.itertuples()]
        lines += ["", "NETWORKS", *_networks(jobs), LEGEND]
        lines += ["", "PATCHES", *_patches(cohorts, experiments, spots, pending)]
        if left:
            lines += ["", "TIME", *_time(left, jobs["hours"][is_left], rates, reason, machine)]
            in_memory = jobs.groupby("experiment", sort=False)["in_memory"].agg(_largest)
            lines += ["", "MEMORY", *_memory(left, in_memory, rates, machine)]
    lines += ["", "SPOTS"]
    for name, (counts, source) in counted.items():
        total = sum(counts.values())
        known = f"{total:,} in {len(counts)} sections: " if total == total else ""
        lines.append(f"{name}: {known}{source}")
    return "".join(f"{line}\n" for text in lines for line in textwrap.wrap(text, WIDTH) or [""])


def time_networks(
    experiments: Mapping[str, Experiment], machine: Machine, seconds: float
) -> tuple[dict[str, Rates], str]:
    """Rates of each experiment's network, and why there are none where there are none.

    Networks that differ in nothing that matters are timed once, and `seconds` are shared. A device
    that is not here, or is in use, is a reason and no error: the rest of a plan needs none.
    """
    alike: dict[str, list[str]] = {}
    for name, each in experiments.items():
        key = json.dumps([*map(each.recipe.get, TIMED), side(each.view), each.outputs])
        alike.setdefault(key, []).append(name)
    if not seconds:
        return {}, "calibration: 0 is configured"
    rates: dict[str, Rates] = {}
    try:
        device = lease_gpu() if machine.device == "cuda" and alike else machine.device
        for names in alike.values():
            each, share = experiments[names[0]], seconds / len(alike)
            logger.info(f"timing {names[0]}, {share:.0f} s …")
            keys = {"device": device, "threads": machine.threads, "seconds": share}
            recipe = Recipe(weights=None, **each.recipe)
            rates |= dict.fromkeys(names, calibrate(recipe, side(each.view), each.outputs, **keys))
    except InputError as error:
        return {}, str(error)
    return rates, ""


def _hours(job: tuple, rates: Rates | None) -> float:
    if rates is None:
        return float("nan") if job.spot_epochs or job.predictions else 0.0
    return (job.spot_epochs / rates.training + job.predictions / rates.prediction) / 3600


def _networks(jobs: pd.DataFrame) -> list[str]:
    """A row for each experiment, and their sum."""
    jobs = jobs.assign(groups=1)
    names = ["groups", "trained", "predicted", "runs", "saved", "spot_epochs", "predictions"]
    rows = jobs.groupby(["cohort", "experiment"], sort=False)[[*names, "hours"]]
    table = rows.agg(lambda column: column.sum(skipna=False)).reset_index()
    if len(table) > 1:
        table.loc[len(table)] = ["all", "", *table.iloc[:, 2:].sum(skipna=False)]
    for name in names:
        table[name] = [f"{value:,.0f}" if value == value else "?" for value in table[name]]
    table["hours"] = [f"{value:,.2f}" if value == value else "?" for value in table["hours"]]
    return _lines(table.rename(columns={"spot_epochs": "spot-epochs"}), 2)


def _patches(
    cohorts: Mapping[str, Cohort],
    experiments: Mapping[str, Experiment],
    spots: Mapping[str, Mapping[str, float]],
    pending: Sequence[Job],
) -> list[str]:
    """A row for each view, and what is to be written beside the free space."""
    needing = needing_views(cohorts, experiments.values(), pending)
    rows, to_write = [], []
    for cohort, view in {(each.cohort, each.view): None for each in experiments.values()}:
        folder, counts = Path(cohorts[cohort].views) / view, spots[cohort]
        there, jobs = patch_files(folder), len(needing.get(folder, []))
        absent = counts.keys() - {path.stem for path in there} if jobs else []
        to_write.append(patch_bytes(sum(counts[section] for section in absent), view))
        sizes = size(there), patch_bytes(sum(counts.values()), view), to_write[-1]
        rows.append([str(folder), *map(in_words, sizes), str(jobs)])
    place = Path(next(iter(cohorts.values())).views).absolute()
    free = shutil.disk_usage(next(each for each in (place, *place.parents) if each.exists())).free
    columns = ["view", "on disk", "whole", "to write", "jobs that need it"]
    lines = _lines(pd.DataFrame(rows, columns=columns), 1)
    total = sum(each for each in to_write if each == each)
    unknown = ", and what is not known" if len(pd.Series(to_write).dropna()) < len(to_write) else ""
    lines.append(f"to write: {in_words(total)}{unknown}; free on this disk: {in_words(free)}")
    if total > free:
        lines.append("WARNING: the disk is too small for the patches that are left to write")
    return lines


def _time(
    left: Mapping[str, Experiment],
    hours: pd.Series,
    rates: Mapping[str, Rates],
    reason: str,
    machine: Machine,
) -> Iterator[str]:
    """The rates of the networks, and the hours they give."""
    if reason:
        yield f"hours are not known: {reason}"
        return
    for name, found in rates.items():
        yield (
            f"{name}: {found.training:,.1f} images/s in training, {found.prediction:,.1f} in"
            f" prediction ({left[name].recipe['architecture']}, {side(left[name].view)} px)"
        )
    threads = f"{machine.threads} thread" + "s" * (machine.threads > 1)
    yield f"timed on this machine: {machine.device}, {threads} a job"
    if hours.isna().any():
        yield "hours in all are not known: see SPOTS"
        return
    unit = "GPU-hours" if machine.device == "cuda" else f"hours of {threads}"
    line = (
        f"in the networks at most {hours.sum():,.2f} {unit}, the longest held-out group"
        f" {hours.max():,.2f} (beside that, every job reads its patches, and every epoch ends"
        " with a checkpoint)"
    )
    if machine.at_once:
        least = max(hours.sum() / machine.at_once, hours.max())
        line += f"; {least:,.2f} hours with {machine.at_once} at a time"
        line += ", if they don't slow one another"
    yield line


def _memory(
    left: Mapping[str, Experiment],
    in_memory: pd.Series,
    rates: Mapping[str, Rates],
    machine: Machine,
) -> Iterator[str]:
    """What the largest training job of each experiment holds, beside what its rule asks for.

    Patches are counted once, as one array of all training spots.
    """
    on_gpu = machine.device == "cuda"
    for name, each in left.items():
        patches = patch_bytes(in_memory[name], each.view)
        if not patches > 0:
            yield f"{name}: {'all trained' if patches == 0 else 'not known: see SPOTS'}"
            continue
        network = rates[name].memory if name in rates else 0
        where = "on the GPU" if on_gpu else "in memory"
        of_network = f", the network in training {in_words(network)} {where}" if network else ""
        yield f"{name}: patches {in_words(patches)}{of_network}"
        asked = None if machine.memory_mb is None else machine.memory_mb * 1e6
        needed = patches if on_gpu else patches + network
        if asked is not None and needed > asked:
            yield (
                f"WARNING: {name} needs {in_words(needed)}, and the rule train asks for"
                f" {in_words(asked)}: --set-resources train:mem_mb={int(needed / 1e6 * 1.25)}"
            )
        if on_gpu and network:
            of_gpu = torch.cuda.get_device_properties(0).total_memory
            if patches + network > of_gpu:
                needed = f"{in_words(patches + network)} on the GPU, which has {in_words(of_gpu)}"
                yield f"WARNING: {name} needs {needed}"


def _largest(spots: pd.Series) -> float:
    return spots.max(skipna=False)


def _lines(table: pd.DataFrame, words: int) -> list[str]:
    """The table for a terminal: so many columns of words to the left, the others to the right."""
    texts = [[*table.columns], *table.to_numpy(dtype=str).tolist()]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    cells = [f"{{:{'<' if i < words else '>'}{width}}}" for i, width in enumerate(widths)]
    return ["  ".join(cells).format(*row).rstrip() for row in texts]
