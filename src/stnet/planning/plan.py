"""The plan: what is left to do and what it will take, as a page of text."""

import json
import logging
import os
import shutil
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import pandas as pd
import torch

from stnet.config.memory import SIDE, TRAINED_MB
from stnet.config.recipe import Recipe
from stnet.core.atomic import atomic_path
from stnet.core.errors import InputError
from stnet.core.gpu import lease_gpu
from stnet.core.places import existing
from stnet.planning.finding import MAKE_SECTIONS, MISSING, OK, WARNING, Finding
from stnet.planning.work import Cohort, Experiment, count_spots, remaining_work
from stnet.slides.patches import parse_view
from stnet.training.calibrate import calibrate

logger = logging.getLogger(__name__)

WIDTH = 100  # columns of a terminal
PROGRAM = 1.5e9  # bytes of Python and torch in a training job
# What the duration of an epoch depends on, besides the view and the number of outputs.
TIMED = ["architecture", "architecture_options", "trained", "batch_size", "engine"]
RATES = ["training", "prediction", "memory"]
COUNTS = ["groups", "trained", "predicted", "runs", "saved", "spot_epochs", "predictions"]
LEGEND = (
    "groups: held out; trained, predicted: those done. Work left: runs, inner and final; saved:"
    " their epochs in checkpoints of the same recipe, code and device, already subtracted;"
    " spot_epochs: spots times epochs; predictions: images, eight symmetries per spot. A final run"
    " is counted with all the epochs it may have; the inner runs choose as many or fewer."
)


@dataclass(frozen=True)
class Machine:
    """What training jobs get: `cuda` or `cpu`, threads, and how many run at once.

    `at_once` is None where a cluster decides. `code` is the training job's digest.
    """

    device: str
    threads: int
    at_once: int | None
    code: str


def plan(
    cohorts: Mapping[str, Cohort],
    experiments: Mapping[str, Experiment],
    pending: Mapping[str, str],
    machine: Machine,
    *,
    published: int,
    seconds: float,
    seconds_file: str | None = None,
) -> str:
    """What is left to do and what it will take.

    Args:
        cohorts: by name.
        experiments: those with a network, by name.
        pending: the jobs that are left.
        machine: what training jobs get.
        published: number of spots of the paper's cohort.
        seconds: time to spend on timing networks; 0 skips it.
        seconds_file: where to write `model seconds` of the training jobs that are left, for the
            progress of a run, or None.

    Returns:
        Text, in lines of at most 100 characters.
    """
    rules = ", ".join(f"{rule} {n}" for rule, n in Counter(pending.values()).items())
    lines = [f"To do: {len(pending)} jobs ({rules})" if pending else "Nothing to do."]
    counted = {name: count_spots(each, pending, published) for name, each in cohorts.items()}
    spots = {name: table for name, (table, _) in counted.items()}
    if experiments:
        known = {"device": machine.device, "code": machine.code}
        known |= {"threads": machine.threads} if machine.device == "cpu" else {}
        work = remaining_work(experiments, spots, pending, known)
        is_left = ~work["trained"] | (work["predictions"] != 0)
        left = {name: experiments[name] for name in work["experiment"][is_left].unique()}
        rates, reason = time_networks(left, machine, seconds)
        work = work.join(rates, on="experiment")
        hours = work["spot_epochs"] / work["training"] + work["predictions"] / work["prediction"]
        work["hours"] = (hours / 3600).where(is_left, 0.0)
        if seconds_file:
            left_to_train = work.assign(seconds=hours)[~work["trained"]].dropna(subset="seconds")
            with atomic_path(seconds_file) as path:
                left_to_train[["model", "seconds"]].to_csv(path, sep="\t", index=False)
        table = work.assign(groups=1).groupby(["cohort", "experiment"], sort=False)
        table = table[[*COUNTS, "hours"]].agg(lambda column: column.sum(skipna=False))
        if len(table) > 1:
            table.loc[("all", ""), :] = table.sum(skipna=False)
        lines += ["", "NETWORKS", *_lines(table, {"hours": partial(_number, digits=2)}), LEGEND]
        table = patch_bytes(cohorts, experiments, spots, pending)
        lines += ["", "PATCHES", *_lines(table, dict.fromkeys(table.columns[:3], as_bytes))]
        for disk in check_disk(table["to write"]):
            lines.append(f"{'WARNING: ' * (disk.state == MISSING)}{disk.found}")
        if left:
            hours = f"hours are not known: {reason}" if reason else _time(work["hours"], machine)
            lines += ["", "TIME", hours]
            lines += ["", "MEMORY", *_memory(work[is_left], experiments, machine)]
    lines += ["", "SPOTS"]
    for name, (table, source) in counted.items():
        total = _number(table["spots"].sum(skipna=False))
        lines.append(f"{name}: {total} in {len(table)} sections: {source}")
    return "".join(f"{line}\n" for text in lines for line in textwrap.wrap(text, WIDTH) or [""])


def time_networks(
    experiments: Mapping[str, Experiment], machine: Machine, seconds: float
) -> tuple[pd.DataFrame, str]:
    """Table of `Rates` by experiment, or an empty one and the reason.

    Networks of the same speed are timed once and share the `seconds`. A missing or busy device is
    a reason and no error, because the rest of the plan does without it.
    """
    alike: dict[str, list[str]] = {}
    for name, each in experiments.items():
        key = json.dumps([*map(each.recipe.get, TIMED), side_of(each.view), each.outputs])
        alike.setdefault(key, []).append(name)
    rates, reason = {}, ""
    try:
        if not seconds:
            raise InputError("calibration: 0 is configured")
        device = lease_gpu() if machine.device == "cuda" and alike else machine.device
        for names in alike.values():
            each, share = experiments[names[0]], seconds / len(alike)
            logger.info(f"timing {names[0]}, {share:.0f} s …")
            keys = {"device": device, "threads": machine.threads, "seconds": share}
            recipe = Recipe(weights=None, **each.recipe)
            found = calibrate(recipe, side_of(each.view), each.outputs, **keys)
            rates |= dict.fromkeys(names, asdict(found))
    except InputError as error:
        rates, reason = {}, str(error)
    return pd.DataFrame.from_dict(rates, "index", dtype=float).reindex(columns=RATES), reason


def patch_bytes(
    cohorts: Mapping[str, Cohort],
    experiments: Mapping[str, Experiment],
    spots: Mapping[str, pd.DataFrame],
    pending: Mapping[str, str],
) -> pd.DataFrame:
    """Table `on disk`, `whole`, `to write` (bytes), `jobs that need it`; a row per view's folder.

    Bytes are missing where the number of spots is not known. The parameters are those of `plan` and
    of `remaining_work`.
    """
    rows = {}
    for cohort, view in dict.fromkeys((each.cohort, each.view) for each in experiments.values()):
        folder = Path(cohorts[cohort].views) / view
        alike = [
            each for each in experiments.values() if (each.cohort, each.view) == (cohort, view)
        ]
        groups = [group for each in alike for group in each.groups.values()]
        files = {group[file] for group in groups for file in ("model", "predictions")}
        jobs = [path for path in pending if path in files or Path(path).parent == folder]
        there = {path.stem: path.stat().st_size for path in folder.glob("*.npy")}
        sizes = spots[cohort]["spots"] * side_of(view) ** 2 * 3
        absent = sizes[~spots[cohort]["section"].isin(there)] if jobs else sizes[:0]
        totals = [sum(there.values()), sizes.sum(skipna=False), absent.sum(skipna=False)]
        rows[str(folder)] = [*totals, len(jobs)]
    columns = ["on disk", "whole", "to write", "jobs that need it"]
    return pd.DataFrame.from_dict(rows, "index", columns=columns)


def check_disk(patches: pd.Series) -> Iterator[Finding]:
    """Compare bytes of patches to write, by folder, with each disk's free space; NaN is unknown."""
    patches = patches if len(patches) else pd.Series({"results": 0.0})
    for _, of_disk in patches.groupby(lambda path: os.stat(existing(path)).st_dev):
        place, n_bytes, unknown = existing(of_disk.index[0]), of_disk.sum(), of_disk.isna().any()
        free, least = shutil.disk_usage(place).free, "at least " if unknown else ""
        size = f"{least}{as_bytes(n_bytes)}" if n_bytes or not unknown else "of unknown size"
        found = f"patches of networks to write: {size}; free in {place}: {as_bytes(free)};"
        found += " downloads, models and results come on top"
        if n_bytes > free:
            remedy = "make room, or run with --directory on a larger disk"
            yield Finding("disk", MISSING, found, remedy)
        elif unknown:
            found += "; the number of spots is not known yet"
            yield Finding("disk", WARNING, found, MAKE_SECTIONS)
        else:
            yield Finding("disk", OK, found)


def memory() -> int:
    """Bytes of memory of this machine, or those that its container may use."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    of_container = Path("/sys/fs/cgroup/memory.max")
    if of_container.is_file():
        limits += map(int, of_container.read_text().replace("max", "").split())
    return min(limits)


def check_memory(
    left: Mapping[str, Experiment], spots: Mapping[str, pd.DataFrame], device: str, jobs: int
) -> Finding:
    """Compare the largest of the networks `left` to train, `jobs` at once, with the memory.

    `spots` is that of `remaining_work`; what is not known is left out.
    """
    there, needed = memory(), {}
    for name, each in left.items():
        pixels = side_of(each.view) ** 2
        step = TRAINED_MB * 1e6 * each.recipe["batch_size"] * pixels / SIDE**2
        patches = 3 * pixels * spots[each.cohort]["spots"].sum()
        needed[name] = PROGRAM + patches + step * (device == "cpu")
    if not needed:
        return Finding("memory", OK, f"{as_bytes(there)}; no network is left to train")
    name, most = max(needed.items(), key=lambda item: item[1])
    least = "at least" if spots[left[name].cohort]["spots"].isna().any() else "about"
    found = f"{as_bytes(there)}; to train {name} takes {least} {as_bytes(most)}, {jobs} at once"
    if most > there:
        return Finding("memory", MISSING, found, "lower batch_size, or use a larger machine")
    if jobs * most > there:
        option = "--cores " if device == "cpu" else "--resources gpu="
        return Finding("memory", WARNING, found, f"use {option}{there // most:.0f}")
    return Finding("memory", OK, found)


def _time(hours: pd.Series, machine: Machine) -> str:
    total, longest = hours.sum(skipna=False), hours.max(skipna=False)
    threads = f"{machine.threads} thread" + "s" * (machine.threads > 1)
    unit = "GPU-hours" if machine.device == "cuda" else f"hours of {threads}"
    line = (
        f"timed on this machine ({machine.device}, {threads} per job): in the networks at most"
        f" {_number(total, 2)} {unit}, the longest held-out group {_number(longest, 2)} (reading"
        " patches and writing checkpoints come on top)"
    )
    if machine.at_once:
        least = _number(max(total / machine.at_once, longest), 2)
        line += f"; {least} hours with {machine.at_once} at a time, if none slows another down"
        there = os.cpu_count() or 1
        if machine.device == "cpu" and machine.at_once * machine.threads > there:
            line += f". WARNING: this machine has {there} cores, so they will"
    return line


def _memory(
    work: pd.DataFrame, experiments: Mapping[str, Experiment], machine: Machine
) -> Iterator[str]:
    """A row per experiment: the rates of its network, and the memory of its largest training job.

    Patches are counted once, as one array of all training spots.
    """
    on_gpu = machine.device == "cuda"
    table = work.groupby("experiment", sort=False)[[*RATES, "in_memory"]]
    table = table.agg(lambda column: column.max(skipna=False))
    sides = pd.Series({name: side_of(experiments[name].view) for name in table.index})
    patches = sides**2 * 3 * table["in_memory"]
    shown = {
        "images/s in training": table["training"],
        "in prediction": table["prediction"],
        "patches": patches,
        "network on the GPU" if on_gpu else "network": table["memory"],
    }
    formats = [partial(_number, digits=1)] * 2 + [as_bytes] * 2
    yield from _lines(pd.DataFrame(shown), dict(zip(shown, formats, strict=True)))
    both = patches + table["memory"].fillna(0)
    limits = []
    asked = pd.Series({name: experiments[name].memory_mb for name in table.index}, dtype=float)
    option = ": set more with --set-resources train:mem_mb=…"
    limits.append((patches if on_gpu else both, asked * 1e6, "the rule train asks for", option))
    if on_gpu and table["memory"].any():
        gpu = torch.cuda.get_device_properties(0).total_memory
        limits.append((both, pd.Series(gpu, table.index), "the GPU has", ""))
    for needed, limit, what, option in limits:
        # Without patches nothing is left to train.
        for name, n_bytes in needed[(needed > limit) & (patches != 0)].items():
            sizes = f"{as_bytes(n_bytes)}, and {what} {as_bytes(limit[name])}"
            yield f"WARNING: {name} needs {sizes}{option}"


def side_of(view: str) -> int:
    """Side of a view's patches in pixels."""
    window, downsampling = parse_view(view)
    return window // downsampling


def _number(value: float, digits: int = 0) -> str:
    return "?" if pd.isna(value) else f"{value:,.{digits}f}"


def as_bytes(value: float) -> str:
    """Bytes as MB or GB (10^9, as Snakemake counts memory)."""
    if pd.isna(value):
        return "?"
    return f"{value / 1e9:,.2f} GB" if value >= 1e9 else f"{value / 1e6:,.2f} MB"


def _lines(table: pd.DataFrame, formats: Mapping[str, Callable]) -> list[str]:
    formats = {**dict.fromkeys(table, _number), **formats}
    # A formatter does not see missing values.
    return table.to_string(sparsify=False, formatters=formats, na_rep="?").splitlines()
