"""The work that is left: pending jobs, spots to train on and images to predict."""

import csv
import json
import re
import subprocess
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from stnet.config.split import inner_folds
from stnet.core.errors import InputError
from stnet.expression.spots import read_used_centres
from stnet.networks.symmetries import N_SYMMETRIES
from stnet.slides.patches import read_index
from stnet.training.checkpoints import checkpoints

WORK = ["runs", "saved", "spot_epochs", "predictions", "in_memory"]


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
    memory_mb: int | None  # that a training job gets; None where an option has an expression
    # `sections`, `model` and `predictions` of each held-out group; the last is "" for the network
    # of all patients, which predicts no held-out spot.
    groups: dict[str, dict]


def pending_jobs(
    summary: Sequence[str],
    config: dict,
    n_outputs: Mapping[str, int],
    targets: Sequence[str] = ("all",),
) -> dict[str, str]:
    """The jobs that the targets still need: the first output of each, and its rule.

    `summary` is the command of `snakemake --summary`, `config` the resolved configuration, and
    `n_outputs` the number of outputs of a job by rule. Raises InputError if the command fails.
    """
    with TemporaryDirectory() as folder:
        file = Path(folder) / "config.json"
        file.write_text(json.dumps(config))
        command = [*summary, "--configfile", str(file), "--", *targets]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        if said := re.findall(r"^error: (.*)$", done.stderr, re.MULTILINE):
            raise InputError(said[-1])
        printed = " ".join((done.stdout + done.stderr).split())
        raise InputError(f"snakemake --summary failed: {printed[-500:]}")
    table = pd.read_csv(StringIO(done.stdout), sep="\t", dtype=str, quoting=csv.QUOTE_NONE)
    table = table[table["plan"] == "update pending"]
    # The outputs of a job are consecutive rows.
    is_first = table.groupby("rule").cumcount() % table["rule"].map(n_outputs) == 0
    return table[is_first].set_index("output_file")["rule"].to_dict()


def count_spots(
    cohort: Cohort, pending: Collection[str], published: int
) -> tuple[pd.DataFrame, str]:
    """Table `patient section spots` of used spots (NaN if unknown), and the source of the numbers.

    The sources are, in this order: the index of a view, the section files and, for the paper's
    cohort, the `published` number of spots.
    """
    table, stale = pd.DataFrame(cohort.rows), ", to be made again"
    for index in sorted(map(str, Path(cohort.views).glob("*/index.tsv"))):
        spots = {section: row["rows"] for section, row in read_index(Path(index)).items()}
        if table["section"].isin(spots).all():
            source = index + stale * (index in pending)
            return table.assign(spots=table["section"].map(spots)), source
    if all(Path(path).is_file() for path in cohort.section_files):
        spots = [len(read_used_centres(path)) for path in cohort.section_files]
        source = "its section files" + stale * any(path in pending for path in cohort.section_files)
    elif cohort.paper:
        spots = [len(part) for part in np.array_split(np.arange(published), len(table))]
        source = "the paper (claim cohort.spots), spread evenly over the sections"
    else:
        spots = np.nan
        source = "not known until its sections are made (--until section)"
    return table.assign(spots=spots), source


def remaining_work(
    experiments: Mapping[str, Experiment],
    spots: Mapping[str, pd.DataFrame],
    pending: Collection[str],
    known: Mapping[str, object],
) -> pd.DataFrame:
    """Table `cohort experiment model trained predicted …`, a row per held-out group.

    `model` is the file of its network; `trained` and `predicted` tell whether that is done. The
    other columns are those of `training_work`; `predictions` has the images of the held-out spots
    too. `spots` has the table of `count_spots` by cohort. `known` are the inputs of all training
    jobs that are known beforehand, such as code and device.
    """
    rows = []
    for name, each in experiments.items():
        sections, inputs = spots[each.cohort], {**known, "view": each.view, **each.recipe}
        for group in each.groups.values():
            held_out = sections["section"].isin(group["sections"])
            row = {"cohort": each.cohort, "experiment": name, **dict.fromkeys(WORK, 0)}
            row["model"] = group["model"]
            row["trained"] = group["model"] not in pending
            row["predicted"] = group["predictions"] not in {"", *pending}
            if not row["trained"]:
                saved = saved_epochs(group["model"], inputs)
                row |= training_work(sections[~held_out], each.recipe, saved)
            if group["predictions"] in pending:
                n_spots = sections.loc[held_out, "spots"].sum(skipna=False)
                row["predictions"] += N_SYMMETRIES * n_spots
            rows.append(row)
    return pd.DataFrame(rows)


def training_work(sections: pd.DataFrame, recipe: Mapping, saved: int) -> dict[str, float]:
    """What a training job on `sections` (`patient section spots`) has left after `saved` epochs.

    `runs`, inner and final; `saved`; `spot_epochs`, spots times epochs of training; `predictions`,
    images that inner runs predict after each epoch, eight symmetries per spot; `in_memory`, spots
    that the job holds. The final run counts with all the epochs it may have, because the inner
    runs choose their number.
    """
    _, folds = inner_folds(sections.to_dict("records"), recipe["inner_folds"])
    spots, epochs = sections.set_index("section")["spots"], recipe["epochs"]
    left_out = np.array([spots[fold].sum(skipna=False) for fold in [*folds, []]])
    left = epochs - np.clip(saved - epochs * np.arange(len(left_out)), 0, epochs)
    total = spots.sum(skipna=False)
    spot_epochs, predictions = left @ (total - left_out), N_SYMMETRIES * (left @ left_out)
    numbers = [(left > 0).sum(), saved, spot_epochs, predictions, total]
    return dict(zip(WORK, numbers, strict=True))


def saved_epochs(model: str, known: Mapping[str, object]) -> int:
    """Epochs of all runs in the checkpoints of the training job that writes `model`.

    A checkpoint counts only if its inputs agree with the `known` ones.
    """
    saved = [0]
    for epochs, inputs in checkpoints(Path(model).parent):
        inputs |= inputs["recipe"]
        if all(inputs.get(key) == value for key, value in known.items()):
            saved.append(epochs)
    return max(saved)
