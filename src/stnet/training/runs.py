"""The runs of a training job, one after the other, with a checkpoint after every epoch."""

import logging
from pathlib import Path
from typing import NamedTuple

import torch

from stnet.config.recipe import Recipe
from stnet.networks.data import Data
from stnet.training.checkpoints import Checkpoint, Checkpoints
from stnet.training.progress import Progress, passes
from stnet.training.run import Run

logger = logging.getLogger(__name__)


class Spots(NamedTuple):
    """Rows of the data that a run trains on, and those it predicts after every epoch."""

    training: torch.Tensor
    left_out: torch.Tensor

    @property
    def passes(self) -> int:
        """What an epoch costs."""
        return passes(len(self.training), len(self.left_out))


class Runs:
    """The runs of a held-out group, by name and in order, from where the last attempt ended.

    `history` has a dict an epoch, of all runs: `run`, `epoch`, `train_loss`, and where spots are
    left out `squared_error`, summed over them and averaged over genes, and `inner_loss`, their
    mean. `tensorboard` is a folder for event files, or None.
    """

    def __init__(
        self,
        data: Data,
        recipe: Recipe,
        held_out: str,
        spots: dict[str, Spots],
        checkpoints: Checkpoints,
        tensorboard: Path | None,
    ):
        self._data, self._recipe, self._held_out, self._spots = data, recipe, held_out, spots
        self._checkpoints = checkpoints
        newest = checkpoints.newest()
        self.history = newest.history if newest else []
        self._state = newest.state if newest else {}
        if newest:
            last = self.history[-1]
            logger.info(f"continuing after {last['run']}, epoch {last['epoch']}")
        self._progress = Progress(
            sum(recipe.epochs * each.passes for each in spots.values()),
            sum(spots[row["run"]].passes for row in self.history),
            tensorboard,
            self.history,
        )

    def epochs_done(self, name: str) -> int:
        """Epochs of a run that are in the history."""
        return sum(row["run"] == name for row in self.history)

    def train(self, name: str, n_epochs: int) -> Run:
        """Train a run up to an epoch; of those before it, it goes on with the newest only."""
        training, left_out = self._spots[name]
        run = Run(self._data, training, self._recipe, f"{self._held_out} {name}")
        done = self.epochs_done(name)
        if done:
            run.restore(self._state)
        for epoch in range(done + 1, n_epochs + 1):
            row = {"run": name, "epoch": epoch, "train_loss": run.train_epoch(epoch)}
            if len(left_out):
                measured = self._data.targets[left_out.to(self._data.targets.device)]
                errors = (run.predict(left_out) - measured).double().square().mean(dim=1)
                row["squared_error"] = errors.sum().item()
                row["inner_loss"] = row["squared_error"] / len(left_out)
            self.history.append(row)
            self._checkpoints.write(Checkpoint(self.history, run.state()))
            self._progress.epoch(row, run.label, len(training), len(left_out))
        return run

    def squared_errors(self, epoch: int) -> float:
        """Squared errors of an epoch, summed over the spots that the inner runs left out."""
        errors = [row.get("squared_error", 0.0) for row in self.history if row["epoch"] == epoch]
        return sum(errors)
