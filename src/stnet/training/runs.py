"""The runs of a training job in sequence, with a checkpoint after every epoch."""

import logging
import math
from pathlib import Path
from typing import NamedTuple

import torch

from stnet.config.recipe import Recipe
from stnet.core.errors import InputError
from stnet.networks.data import Data
from stnet.training.checkpoints import Checkpoint, Checkpoints
from stnet.training.progress import Progress, passes
from stnet.training.run import Run

DIVERGED = "learning_rate: training diverged, the loss is not finite; lower it"

logger = logging.getLogger(__name__)


class Spots(NamedTuple):
    """Rows of the data that a run trains on, and those it predicts after every epoch."""

    training: torch.Tensor
    left_out: torch.Tensor

    @property
    def passes(self) -> int:
        """Cost of an epoch in forward passes."""
        return passes(len(self.training), len(self.left_out))


class Runs:
    """The runs of a held-out group, continued after the newest checkpoint.

    `history` has one dict per epoch, over all runs: `run`, `epoch`, `train_loss` and, if the run
    leaves spots out, `squared_error` (summed over these spots, averaged over genes) and
    `inner_loss` (its mean per spot).
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
        """Read the newest checkpoint.

        Args:
            data: all training spots.
            recipe: how networks are trained.
            held_out: name of the held-out group, for labels.
            spots: rows of each run, by its name, in order.
            checkpoints: of this job.
            tensorboard: folder for event files, or None.
        """
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
        """Number of epochs of a run in the history."""
        return sum(row["run"] == name for row in self.history)

    def train(self, name: str, n_epochs: int) -> Run:
        """Train a run up to epoch `n_epochs`, continuing from the checkpoint if it has one.

        Raises InputError if a run that leaves no spots out diverges.
        """
        training, left_out = self._spots[name]
        run = Run(self._data, training, self._recipe, f"{self._held_out} {name}")
        done = self.epochs_done(name)
        if done:
            run.restore(self._state)
        for epoch in range(done + 1, n_epochs + 1):
            row = {"run": name, "epoch": epoch, "train_loss": run.train_epoch(epoch)}
            # An inner run may diverge late: its earlier epochs are still compared.
            if not len(left_out) and not math.isfinite(row["train_loss"]):
                raise InputError(DIVERGED)
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
        """Squared error of an epoch, summed over the spots that the inner runs left out."""
        errors = [row.get("squared_error", 0.0) for row in self.history if row["epoch"] == epoch]
        return sum(errors)
