"""What is left to do of the networks of a configuration, in spots met and images predicted."""

import csv
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from stnet.config.split import inner_folds
from stnet.expression.spots import read_used_centres
from stnet.networks.symmetries import N_SYMMETRIES
from stnet.training.checkpoints import checkpoints


@dataclass(frozen=True)
class Cohort:
    """A cohort: rows of its sheet (`patient section`), its section files in that order, and more.

    `views` is the folder that has a folder for each view, `paper` whether it is the paper's cohort.
    """

    rows: list[dict[str, str]]
    section_files: list[str]
    views: str
    paper: bool


@dataclass(frozen=True)
class Experiment:
    """A network: its view, the number of values of a spot, and its recipe on the device used.

    `groups` are the held-out groups: their `sections`, and the files of their two jobs, `model`
    and `predictions` ("" for the network of all patients, which predicts no held-out spot).
    """

    cohort: str
    view: str
    outputs: int
    recipe: dict
    groups: dict[str, dict]


def count_spots(
    cohort: Cohort, pending: Collection[str], published: int
) -> tuple[dict[str, float], str]:
    """Used spots of each section, NaN where nothing tells them, and where the numbers are from.

    They are of a view's index, else of the section files, else, for the paper's cohort, as many as
    are `published`. `pending` are files that will be made again; a source among them says so.
    """
    sections, again = [row["section"] for row in cohort.rows], ", to be made again"
    for index in sorted(Path(cohort.views).glob("*/index.tsv")):
        with open(index, newline="") as file:
            rows = {row["section"]: row["rows"] for row in csv.DictReader(file, delimiter="\t")}
        if rows.keys() >= set(sections):
            counts = {name: int(rows[name]) for name in sections}
            return counts, f"{index}{again if str(index) in pending else ''}"
    if all(Path(path).is_file() for path in cohort.section_files):
        files = zip(sections, cohort.section_files, strict=True)
        counts = {name: len(read_used_centres(path)) for name, path in files}
        return counts, f"its section files{again if set(cohort.section_files) & {*pending} else ''}"
    if not cohort.paper:
        unknown = "not known until its sections are made: snakemake … --until section"
        return dict.fromkeys(sections, float("nan")), unknown
    each, more = divmod(published, len(sections))
    counts = {name: each + (place < more) for place, name in enumerate(sections)}
    return counts, "the paper (claim cohort.spots), spread evenly over the sections"


def network_jobs(
    experiments: Mapping[str, Experiment],
    cohorts: Mapping[str, Cohort],
    spots: Mapping[str, Mapping[str, float]],
    pending: Collection[str],
    known: Mapping[str, object],
) -> pd.DataFrame:
    """What is left of each held-out group: a row each, which one GPU does.

    `spots` are those of sections by cohort, `pending` the files that pending jobs write, `known`
    inputs of the training jobs, such as code and device. Columns: `cohort experiment`; whether the
    group is `trained`, and `predicted` if it has predictions; `runs` left, and epochs `saved` in
    checkpoints; `spot_epochs`, spots met in training, each as often as it is met; `predictions`,
    images predicted, eight symmetries a spot; `in_memory`, spots that training holds.
    """
    rows = []
    for name, each in experiments.items():
        inputs = {**known, "view": each.view, **each.recipe}
        of_section = spots[each.cohort]
        for group in each.groups.values():
            row = {"cohort": each.cohort, "experiment": name, "trained": True}
            row |= dict.fromkeys(["runs", "saved", "spot_epochs", "predictions", "in_memory"], 0)
            row["predicted"] = group["predictions"] != "" and group["predictions"] not in pending
            if group["model"] in pending:
                saved = saved_epochs(group["model"], inputs)
                row |= training(cohorts[each.cohort].rows, of_section, group, each.recipe, saved)
            if group["predictions"] in pending:
                held_out = sum(of_section[section] for section in group["sections"])
                row["predictions"] += N_SYMMETRIES * held_out
            rows.append(row)
    return pd.DataFrame(rows)


def training(
    rows: Sequence[Mapping[str, str]],
    spots: Mapping[str, float],
    group: Mapping,
    recipe: Mapping,
    saved: int,
) -> dict[str, object]:
    """What a training job has left after the first `saved` epochs of its runs.

    An inner run predicts its fold after each epoch. The final run is counted with as many epochs
    as it can have, since they are chosen by the inner ones.
    """
    rows = [row for row in rows if row["section"] not in group["sections"]]
    total = sum(spots[row["section"]] for row in rows)
    found = {"trained": False, "runs": 0, "saved": saved, "in_memory": total}
    found |= {"spot_epochs": 0, "predictions": 0}
    for fold in [*inner_folds(rows, recipe["inner_folds"])[1], []]:
        left = recipe["epochs"] - min(saved, recipe["epochs"])
        saved -= recipe["epochs"] - left
        inside = sum(spots[section] for section in fold)
        found["runs"] += left > 0
        found["spot_epochs"] += left * (total - inside)
        found["predictions"] += left * inside * N_SYMMETRIES
    return found


def saved_epochs(model: str | Path, known: Mapping[str, object]) -> int:
    """Epochs of a training job that its checkpoints have, counted over its runs.

    `known` are inputs of the job as far as they are known beforehand, those of its recipe
    included. A checkpoint of others will not be used, and does not count.
    """
    saved = [0]
    for number, inputs in checkpoints(Path(model).parent):
        stated = {**inputs, **inputs["recipe"]}
        if all(stated.get(key) == value for key, value in known.items()):
            saved.append(number)
    return max(saved)
