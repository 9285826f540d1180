"""The work left for the networks: spots to train on and images to predict."""

from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from stnet.config.split import inner_folds
from stnet.expression.spots import read_used_centres
from stnet.networks.symmetries import N_SYMMETRIES
from stnet.planning.pending import Cohort, Experiment
from stnet.training.checkpoints import checkpoints

WORK = ["runs", "saved", "spot_epochs", "predictions", "in_memory"]


def count_spots(
    cohort: Cohort, pending: Collection[str], published: int
) -> tuple[pd.DataFrame, str]:
    """Table `patient section spots` of used spots (NaN if unknown), and the source of the numbers.

    The sources are, in this order: the index of a view, the section files and, for the paper's
    cohort, the `published` number of spots.
    """
    table, stale = pd.DataFrame(cohort.rows), ", to be made again"
    for index in sorted(map(str, Path(cohort.views).glob("*/index.tsv"))):
        spots = pd.read_csv(index, sep="\t", dtype={"section": str}).set_index("section")["rows"]
        if table["section"].isin(spots.index).all():
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
        source = "not known until its sections are made: snakemake … --until section"
    return table.assign(spots=spots), source


def remaining_work(
    experiments: Mapping[str, Experiment],
    spots: Mapping[str, pd.DataFrame],
    pending: Collection[str],
    known: Mapping[str, object],
) -> pd.DataFrame:
    """Table `cohort experiment trained predicted …`, a row per held-out group.

    `trained` and `predicted` tell whether that is done. The other columns are those of
    `training_work`; `predictions` has the images of the held-out spots too. `spots` has the table
    of `count_spots` by cohort. `known` are the inputs of all training jobs that are known
    beforehand, such as code and device.
    """
    rows = []
    for name, each in experiments.items():
        sections, inputs = spots[each.cohort], {**known, "view": each.view, **each.recipe}
        for group in each.groups.values():
            held_out = sections["section"].isin(group["sections"])
            row = {"cohort": each.cohort, "experiment": name, **dict.fromkeys(WORK, 0)}
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
