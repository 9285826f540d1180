"""Predictions for patches, averaged over the eight symmetries."""

import sys

import torch
from tqdm import tqdm

from stnet.core.errors import InputError
from stnet.core.memory import within_memory
from stnet.networks.engine import Forward
from stnet.networks.standardisation import Standardisation
from stnet.networks.symmetries import N_SYMMETRIES, apply_symmetry

PREDICTION_KEY = "prediction_batch of the experiment's engine"


@torch.inference_mode()
def predict(
    forward: Forward,
    standardise: Standardisation,
    patches: torch.Tensor,
    rows: torch.Tensor,
    batch_size: int,
    label: str,
) -> torch.Tensor:
    """Predictions float32 (rows, genes): the mean over the eight symmetries of each patch.

    Args:
        forward: forward function of a network in evaluation mode.
        standardise: standardisation of the training patches, on the network's device.
        patches: uint8 (spots, side, side, 3), there or on the CPU.
        rows: integers, the rows of `patches` to predict.
        batch_size: patches per batch.
        label: text of the progress bar.

    Returns:
        Predictions in the order of `rows`, on the network's device.

    Raises:
        InputError: a batch does not fit in memory.

    Source: Methods, "During the test time, we averaged the eight symmetries".
    """
    parts = []
    work = f"a batch of {batch_size} patches of {patches.shape[1]} px to predict"
    with progress_bar(len(rows), label) as progress, within_memory(work, PREDICTION_KEY):
        for some in rows.to(patches.device).split(batch_size):
            batch = patches[some].to(standardise.device)
            parts.append(over_symmetries(forward, standardise, batch))
            progress.update(len(some))
    return torch.cat(parts)


def check_finite(predicted: torch.Tensor, model: object) -> None:
    """Raise InputError, naming the `model`, if a prediction is infinite or not a number."""
    if not torch.isfinite(predicted).all():
        raise InputError(
            f"{model}: predicts values that are infinite or not numbers; train it again, with a"
            " lower learning_rate"
        )


def over_symmetries(
    forward: Forward, standardise: Standardisation, patches: torch.Tensor
) -> torch.Tensor:
    """Outputs (n, outputs), the mean over the eight symmetries of patches (n, side, side, 3)."""
    turned = (apply_symmetry(patches, symmetry) for symmetry in range(N_SYMMETRIES))
    return torch.stack([forward(standardise(each)) for each in turned]).mean(dim=0)


def progress_bar(n_spots: int, label: str) -> tqdm:
    """Progress over spots: a bar on a terminal, one line per minute in a log."""
    on_terminal = sys.stderr.isatty()
    # Bypass the copy of standard error in the log, which would contain every state of the bar.
    stream = sys.__stderr__ if on_terminal else sys.stderr
    interval = 2 if on_terminal else 60
    keys = {"mininterval": interval, "delay": interval, "leave": False, "file": stream}
    return tqdm(total=n_spots, desc=label, unit="spot", **keys)
