"""Memory and disk that the jobs left to do need, beside what there is (ours)."""

import math
import os
import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pandas as pd

from stnet.config.memory import SIDE, TRAINED_MB
from stnet.core.places import existing
from stnet.planning.machine import MISSING, OK, WARNING, Finding, memory
from stnet.planning.plan import as_bytes, patch_bytes, side_of
from stnet.planning.work import Cohort, Experiment

# Bytes: Python and torch in a training job; a model (DenseNet-121); a predicted and measured value.
PROGRAM, MODEL, VALUES = 1.5e9, 30e6, 8


class Work(NamedTuple):
    """What is left to do: the parameters of `remaining_work`, and the cohorts."""

    cohorts: Mapping[str, Cohort]
    experiments: Mapping[str, Experiment]
    spots: Mapping[str, pd.DataFrame]
    pending: Mapping[str, str]


def check_memory(work: Work, device: str, jobs: int) -> Finding:
    """Compare the largest training jobs, so many at once, with the machine's memory."""
    there, needed = memory(), {}
    for name, each in work.experiments.items():
        if any(group["model"] in work.pending for group in each.groups.values()):
            pixels = side_of(each.view) ** 2
            step = TRAINED_MB * 1e6 * each.recipe["batch_size"] * pixels / SIDE**2
            patches = 3 * pixels * work.spots[each.cohort]["spots"].sum()
            needed[name] = PROGRAM + patches + (step if device == "cpu" else 0)
    if not needed:
        return Finding("memory", OK, f"{as_bytes(there)}; no network is left to train")
    name = max(needed, key=needed.get)
    counted = [work.spots[work.experiments[each].cohort]["spots"].notna().all() for each in needed]
    about = "about" if all(counted) else "more than"
    found = f"{as_bytes(there)}; to train {name} takes {about} {as_bytes(needed[name])}"
    found += f", {jobs} at once" if jobs > 1 else ""
    if needed[name] > there:
        return Finding("memory", MISSING, found, "lower batch_size, or use a larger machine")
    if jobs * needed[name] > there:
        option = "--cores " if device == "cpu" else "--resources gpu="
        return Finding("memory", WARNING, found, f"use {option}{there // needed[name]:.0f}")
    if not all(counted):
        found += "; the number of spots is not known yet"
        return Finding("memory", WARNING, found, "snakemake … --until section, then ask again")
    return Finding("memory", OK, found)


def check_disk(work: Work, downloads: Mapping[str, float]) -> Iterator[Finding]:
    """Compare what is left to write with the free space of each file system.

    `downloads` has bytes by folder, NaN if unknown.
    """
    patches = patch_bytes(*work)["to write"]
    wanted = [(path, "patches", n_bytes) for path, n_bytes in patches.items()]
    wanted += [(folder, "downloads", n_bytes) for folder, n_bytes in downloads.items()]
    for each in work.experiments.values():
        of_section = work.spots[each.cohort].set_index("section")["spots"]
        for group in each.groups.values():
            n_bytes = MODEL * (group["model"] in work.pending)
            if group["predictions"] in work.pending:
                n_bytes += VALUES * each.outputs * of_section[group["sections"]].sum(skipna=False)
            wanted.append(("results", "models and predictions", n_bytes))
    disks: dict[int, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    places = {}
    for path, what, n_bytes in wanted:
        place = existing(path)
        device = os.stat(place).st_dev
        # The shortest tells which disk it is.
        places[device] = min(places.get(device, place), place, key=lambda each: len(each.parts))
        disks[device][what] += n_bytes
    for device, parts in disks.items():
        free = shutil.disk_usage(places[device]).free
        known = {what: each for what, each in parts.items() if each > 0}
        unknown = [what for what, each in parts.items() if math.isnan(each)]
        sizes = ", ".join(f"{as_bytes(each)} of {what}" for what, each in known.items())
        found = f"{places[device]}: {as_bytes(free)} free; to write: {sizes or 'little'}"
        found += f"; not known yet: {', '.join(unknown)}" if unknown else ""
        if sum(known.values()) > free:
            remedy = "make room, or run with --directory on a larger disk"
            yield Finding("disk", MISSING, found, remedy)
        else:
            yield Finding("disk", OK, found)
