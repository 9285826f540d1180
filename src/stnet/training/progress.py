"""Progress of a training job: a log line per epoch, and TensorBoard event files."""

import logging
import shutil
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from stnet.networks.symmetries import N_SYMMETRIES

logger = logging.getLogger(__name__)

# A forward pass, and a backward pass at twice its cost.
PASSES_PER_TRAINED_SPOT = 3
CURVES = ["train_loss", "inner_loss"]


class Progress:
    """Progress of a job of `n_passes` forward passes (see `passes`); `n_past` are already done.

    `history` has the epochs so far. `tensorboard` is a folder for event files, which is replaced,
    or None.
    """

    def __init__(
        self, n_passes: int, n_past: int, tensorboard: Path | None, history: Sequence[dict]
    ):
        self._left, self._past = n_passes - n_past, 0
        self._started = self._last = time.monotonic()
        self._writer = None
        if tensorboard is not None:
            # Imported here because it takes a second.
            from torch.utils.tensorboard import SummaryWriter

            shutil.rmtree(tensorboard, ignore_errors=True)
            self._writer = SummaryWriter(tensorboard)
        for row in history:
            self._draw(row)

    def epoch(self, row: dict, label: str, n_trained: int, n_predicted: int) -> None:
        """Log an epoch: losses, speed, and the longest time left.

        A training spot counts as one image, and so does a prediction under one symmetry.
        """
        now = time.monotonic()
        self._past += passes(n_trained, n_predicted)
        self._left -= passes(n_trained, n_predicted)
        left = timedelta(seconds=round(self._left * (now - self._started) / self._past))
        speed = (n_trained + N_SYMMETRIES * n_predicted) / (now - self._last)
        losses = ", ".join(f"{curve} {row[curve]:.6g}" for curve in CURVES if curve in row)
        logger.info(
            f"{label}: epoch {row['epoch']}: {losses}; {speed:.1f} images/s, at most {left} left"
        )
        self._last = now
        self._draw(row)

    def _draw(self, row: dict) -> None:
        if self._writer is not None:
            for curve in CURVES:
                if curve in row:
                    self._writer.add_scalar(f"{row['run']}/{curve}", row[curve], row["epoch"])
            self._writer.flush()


def passes(n_trained: int, n_predicted: int) -> int:
    """Cost of an epoch in forward passes, from the numbers of spots trained on and predicted."""
    return PASSES_PER_TRAINED_SPOT * n_trained + N_SYMMETRIES * n_predicted
