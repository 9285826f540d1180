"""Predictions for patches, averaged over the eight symmetries."""

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import torch
from tqdm import tqdm

from stnet.config.memory import prediction_batch
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

    On the CPU each thread computes a symmetry of its own, because threads that share a layer wait
    for each other after each: where other programs take turns on the cores, they mostly wait.

    Args:
        forward: forward function of a network in evaluation mode.
        standardise: standardisation of the training patches, on the network's device.
        patches: uint8 (spots, side, side, 3), there or on the CPU.
        rows: integers, the rows of `patches` to predict.
        batch_size: patches per batch, which the CPU's threads share; fewer if they are large
            (`prediction_batch`).
        label: text of the progress bar.

    Returns:
        Predictions in the order of `rows`, on the network's device.

    Raises:
        InputError: a batch does not fit in memory.

    Source: Methods, "During the test time, we averaged the eight symmetries".
    """
    parts = []
    side = patches.shape[1]
    batch_size = prediction_batch(batch_size, side)
    work = f"a batch of {batch_size} patches of {side} px to predict"
    threads = torch.get_num_threads() if standardise.device == "cpu" else 1
    with (
        progress_bar(len(rows), label) as progress,
        within_memory(work, PREDICTION_KEY),
        _each_on_a_thread(threads) as apply,
    ):
        for some in rows.to(patches.device).split(max(1, batch_size // threads)):
            batch = patches[some].to(standardise.device)
            parts.append(over_symmetries(forward, standardise, batch, apply))
            progress.update(len(some))
    return torch.cat(parts)


@contextmanager
def _each_on_a_thread(threads: int) -> Iterator[Callable]:
    """`map`, or one like it that calls the function on `threads` threads of one core each."""
    if threads == 1:
        yield map
        return
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        # Whether gradients are kept is a state of each thread.
        yield lambda call, values: pool.map(torch.inference_mode()(call), values)
    # The number is also that of threads that start later.
    torch.set_num_threads(threads)


def check_finite(predicted: torch.Tensor, model: object) -> None:
    """Raise InputError, naming the `model`, if a prediction is infinite or not a number."""
    if not torch.isfinite(predicted).all():
        raise InputError(
            f"{model}: predicts values that are infinite or not numbers; train it again, with a"
            " lower learning_rate"
        )


def over_symmetries(
    forward: Forward, standardise: Standardisation, patches: torch.Tensor, apply: Callable = map
) -> torch.Tensor:
    """Outputs (n, outputs), the mean over the eight symmetries of patches (n, side, side, 3).

    `apply` calls a function with each of several values, as `map` does.
    """

    def outputs(symmetry: int) -> torch.Tensor:
        return forward(standardise(apply_symmetry(patches, symmetry)))

    return torch.stack(list(apply(outputs, range(N_SYMMETRIES)))).mean(dim=0)


def progress_bar(n_spots: int, label: str) -> tqdm:
    """Progress over spots: a bar on a terminal, one line per minute in a log."""
    on_terminal = sys.stderr.isatty()
    # Bypass the copy of standard error in the log, which would contain every state of the bar.
    stream = sys.__stderr__ if on_terminal else sys.stderr
    interval = 2 if on_terminal else 60
    keys = {"mininterval": interval, "delay": interval, "leave": False, "file": stream}
    return tqdm(total=n_spots, desc=label, unit="spot", **keys)
