"""Memory and disk that the jobs left to do need, beside what there is (ours)."""

import os
import shutil
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from stnet.config.memory import SIDE, TRAINED_MB
from stnet.planning.machine import MISSING, OK, WARNING, Finding, existing, memory
from stnet.planning.plan import as_bytes, patch_bytes, side_of
from stnet.planning.work import Cohort, Experiment, count_spots

# Python, torch and files of a training job, in bytes.
PROGRAM = 1.5e9
# A model: DenseNet-121, the paper's.
MODEL = 30e6
# Predicted and measured, float32.
PER_PREDICTION = 8


class Needs:
    """What the `pending` jobs (first output: rule) of cohorts and experiments need, in bytes."""

    def __init__(
        self,
        cohorts: Mapping[str, Cohort],
        experiments: Mapping[str, Experiment],
        pending: Mapping[str, str],
        published: int,
    ):
        self._spots = {
            name: count_spots(each, pending, published)[0] for name, each in cohorts.items()
        }
        self._cohorts, self._experiments, self._pending = cohorts, experiments, pending

    def check_memory(self, device: str, jobs: int, limited: bool) -> Finding:
        """Compare the largest training jobs, so many at once, with the machine's memory.

        `limited` says that Snakemake keeps the sum of what jobs ask for below a limit.
        """
        there, needed = memory(), {}
        for name, each in self._experiments.items():
            if any(group["model"] in self._pending for group in each.groups.values()):
                pixels = side_of(each.view) ** 2
                spots = self._spots[each.cohort]["spots"].sum()
                step = TRAINED_MB * 1e6 * each.recipe["batch_size"] * pixels / SIDE**2
                needed[name] = 3 * pixels * spots + PROGRAM + (step if device == "cpu" else 0)
        if not needed:
            return Finding("memory", OK, f"{as_bytes(there)}; no network is left to train")
        name = max(needed, key=needed.get)
        found = f"{as_bytes(there)}; training {name} takes some {as_bytes(needed[name])}"
        if needed[name] > there:
            return Finding("memory", MISSING, found, "lower its batch_size, or use another machine")
        if jobs * needed[name] > there and not limited:
            most = int(there // needed[name])
            return Finding("memory", WARNING, f"{found}, {jobs} at once", f"use --cores {most}")
        return Finding("memory", OK, f"{found}, {jobs} at once" if jobs > 1 else found)

    def check_disk(self, downloads: Mapping[str, float]) -> list[Finding]:
        """Compare what is left to write with the free space of each file system.

        `downloads` has bytes by folder; NaN is not known. Results are models and predictions.
        """
        table = patch_bytes(self._cohorts, self._experiments, self._spots, self._pending)
        wanted = [(path, "patches", each) for path, each in table["to write"].items()]
        wanted += [(folder, "downloads", each) for folder, each in downloads.items()]
        for each in self._experiments.values():
            spots = self._spots[each.cohort].set_index("section")["spots"]
            for group in each.groups.values():
                n_bytes = MODEL if group["model"] in self._pending else 0.0
                if group["predictions"] in self._pending:
                    n_bytes += spots[group["sections"]].sum() * each.outputs * PER_PREDICTION
                wanted.append((Path("results"), "models and predictions", n_bytes))
        disks: dict[int, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        places = {}
        for path, what, n_bytes in wanted:
            place = existing(path)
            device = os.stat(place).st_dev
            places.setdefault(device, place)
            disks[device][what] += n_bytes
        return [_disk(places[each], parts) for each, parts in disks.items()]


def _disk(place: Path, parts: Mapping[str, float]) -> Finding:
    """Compare the bytes to write with the free space of the file system of `place`."""
    free = shutil.disk_usage(place).free
    needed = sum(n_bytes for n_bytes in parts.values() if not pd.isna(n_bytes))
    known = [f"{as_bytes(each)} of {what}" for what, each in parts.items() if each > 0]
    unknown = [what for what, each in parts.items() if pd.isna(each)]
    found = f"{place}: {as_bytes(free)} free; to write: {', '.join(known) or 'little'}"
    found += f"; not known yet: {', '.join(unknown)}" * bool(unknown)
    if needed > free:
        remedy = "make room, or run with --directory on a larger disk"
        return Finding("disk", MISSING, found, remedy)
    return Finding("disk", OK, found)
