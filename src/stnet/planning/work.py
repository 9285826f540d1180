"""How much a held-out group's training and prediction is, in spots met and images predicted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stnet.config.split import inner_folds
from stnet.networks.symmetries import N_SYMMETRIES
from stnet.training.checkpoints import checkpoints


@dataclass(frozen=True)
class Work:
    """Spots met in training, each as often as it is met, and images predicted.

    A spot whose prediction is averaged over the eight symmetries is eight images.
    """

    trained: int = 0
    predicted: int = 0

    def __add__(self, other: "Work") -> "Work":
        """Both together."""
        return Work(self.trained + other.trained, self.predicted + other.predicted)


@dataclass(frozen=True)
class PlannedRun:
    """One run of a training job: its epochs, and the work of each."""

    epochs: int
    per_epoch: Work


def training_runs(
    rows: Sequence[Mapping[str, str]],
    spots: Mapping[str, int],
    held_out_sections: Sequence[str],
    *,
    epochs: int,
    n_folds: int,
) -> list[PlannedRun]:
    """The runs of the training job that leaves out `held_out_sections`, in their order.

    `rows` (`patient section`) are the cohort's, `spots` the used spots of each section. An inner
    run trains for all epochs and predicts its fold after each; the final run is counted with as
    many epochs as it can have, since they are chosen by the inner ones.
    """
    rows = [row for row in rows if row["section"] not in held_out_sections]
    total = sum(spots[row["section"]] for row in rows)
    runs = []
    for fold in inner_folds(rows, n_folds)[1]:
        inside = sum(spots[section] for section in fold)
        runs.append(PlannedRun(epochs, Work(total - inside, inside * N_SYMMETRIES)))
    return [*runs, PlannedRun(epochs, Work(total))]


def without(runs: Sequence[PlannedRun], epochs_done: int) -> list[PlannedRun]:
    """What is left of `runs` after the first `epochs_done` epochs of all, one run after another."""
    left = []
    for run in runs:
        skipped = min(epochs_done, run.epochs)
        epochs_done -= skipped
        if skipped < run.epochs:
            left.append(PlannedRun(run.epochs - skipped, run.per_epoch))
    return left


def training(runs: Sequence[PlannedRun]) -> Work:
    """The work of all epochs of `runs`."""
    return Work(
        sum(run.epochs * run.per_epoch.trained for run in runs),
        sum(run.epochs * run.per_epoch.predicted for run in runs),
    )


def prediction(spots: Mapping[str, int], held_out_sections: Sequence[str]) -> Work:
    """The work of predicting the held-out sections."""
    return Work(predicted=N_SYMMETRIES * sum(spots[section] for section in held_out_sections))


def saved_epochs(model: str | Path, known: Mapping[str, object]) -> int:
    """Epochs that a training job has behind it by its checkpoints, counted over its runs.

    `known` are inputs of the job as far as they are known beforehand, those of its recipe
    included. A checkpoint of others will not be used, and does not count.
    """
    saved = [0]
    for number, inputs in checkpoints(Path(model).parent):
        said = {**inputs, **inputs["recipe"]}
        if all(said.get(key) == value for key, value in known.items()):
            saved.append(number)
    return max(saved)
