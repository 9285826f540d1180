"""Pending jobs, as Snakemake reports them, and the removal of patches that none of them needs.

Nothing here imports torch: `remove_views` runs in an environment without it. Pending jobs are a
dict: the first output of each job, and its rule.
"""

import csv
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from stnet.core.errors import InputError


@dataclass(frozen=True)
class Cohort:
    """A cohort that is reported."""

    rows: list[dict[str, str]]  # of the section sheet: `patient section`
    section_files: list[str]  # in the same order
    views: str  # the folder with one folder per view
    paper: bool  # whether it is the paper's cohort


@dataclass(frozen=True)
class Experiment:
    """An experiment with a network."""

    cohort: str
    view: str
    outputs: int  # per spot
    recipe: dict  # on the device that is used
    # `sections`, `model` and `predictions` of each held-out group; the last is "" for the network
    # of all patients, which predicts no held-out spot.
    groups: dict[str, dict]


def pending_jobs(
    summary: Sequence[str], config: dict, n_outputs: Mapping[str, int]
) -> dict[str, str]:
    """The jobs that `all` still needs; those without outputs are left out.

    `summary` is the command of `snakemake --summary`, `config` the resolved configuration, and
    `n_outputs` the number of outputs of a job by rule. Raises InputError if the command fails.
    """
    with TemporaryDirectory() as folder:
        file = Path(folder) / "config.json"
        file.write_text(json.dumps(config))
        command = [*summary, "--configfile", str(file), "--", "all"]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        printed = " ".join((done.stdout + done.stderr).split())
        raise InputError(f"snakemake --summary failed: {printed[-500:]}")
    table = pd.read_csv(StringIO(done.stdout), sep="\t", dtype=str, quoting=csv.QUOTE_NONE)
    table = table[table["plan"] == "update pending"]
    # The outputs of a job are consecutive rows.
    is_first = table.groupby("rule").cumcount() % table["rule"].map(n_outputs) == 0
    return table[is_first].set_index("output_file")["rule"].to_dict()


def jobs_of_views(
    cohorts: Mapping[str, Cohort],
    experiments: Mapping[str, Experiment],
    pending: Mapping[str, str],
) -> dict[Path, list[str]]:
    """First outputs of the pending jobs that read or write a view, by the view's folder."""
    views = {Path(cohort.views) for cohort in cohorts.values()}
    found = {path: Path(path).parent for path in pending if Path(path).parent.parent in views}
    for each in experiments.values():
        for group in each.groups.values():
            for path in (group["model"], group["predictions"]):
                if path in pending:
                    found[path] = Path(cohorts[each.cohort].views) / each.view
    return {view: [path for path in found if found[path] == view] for view in found.values()}


def remove_views(
    cohorts: Mapping[str, Cohort],
    experiments: Mapping[str, Experiment],
    pending: Mapping[str, str],
) -> list[str]:
    """Delete the patches of all views that no pending job needs: a line per view, and the total.

    The index of a view stays. It keeps finished networks from being trained again, and
    `stnet.slides.patches.read_patches` uses it to make removed patches again.
    """
    needed = jobs_of_views(cohorts, experiments, pending)
    lines, total = [], 0
    for view in sorted(view for each in cohorts.values() for view in Path(each.views).glob("*")):
        files = sorted(view.glob("*.npy"))
        if files and view in needed:
            first, *more = needed[view]
            others = f" and {len(more)} more jobs" if more else ""
            lines.append(f"kept     {view}: needed by {pending[first]} of {first}{others}")
        elif files:
            freed = sum(path.stat().st_size for path in files)
            total += freed
            lines.append(f"removed  {view}: {len(files)} patch files, {format_bytes(freed)}")
            for path in files:
                path.unlink()
    return [*lines, f"{format_bytes(total)} freed" if lines else "no view has patches"]


def format_bytes(n_bytes: float) -> str:
    """Bytes as MB or GB (10^9, as Snakemake counts memory); `?` for NaN."""
    if pd.isna(n_bytes):
        return "?"
    return f"{n_bytes / 1e9:,.2f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:,.2f} MB"
