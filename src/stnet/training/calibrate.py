"""Training and prediction speed of a network on this device, for the plan."""

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from stnet.config.recipe import Recipe
from stnet.networks.data import Data
from stnet.networks.engine import start
from stnet.networks.symmetries import N_SYMMETRIES
from stnet.training.run import Run


@dataclass(frozen=True)
class Rates:
    """Images per second in training and in prediction, and peak memory.

    In prediction each symmetry counts as an image. `memory` is in bytes: of the GPU, or of this
    process since it started.
    """

    training: float
    prediction: float
    memory: int


def calibrate(
    recipe: Recipe, side: int, n_genes: int, *, device: str, threads: int, seconds: float
) -> Rates:
    """Time a network on random patches.

    Whole batches are timed, after one that is not. A slow device can take longer than asked.

    Args:
        recipe: how the network is trained.
        side: of the patches, in pixels.
        n_genes: outputs of the network.
        device: `cpu` or `cuda`.
        threads: CPU threads.
        seconds: to spend on timing, half of them on training.

    Returns:
        Rates and peak memory.

    Raises:
        InputError: the device is not available.
    """
    start(device, threads)
    if device == "cuda":
        # Forget the memory that an earlier network took.
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    # A GPU computes asynchronously: only many batches show its speed.
    n_batches, n_predicted = (16, 4096) if device == "cuda" else (1, 8)
    generator = torch.Generator().manual_seed(0)
    shape = (max(recipe.batch_size, recipe.engine.prediction_batch), side, side, 3)
    patches = torch.randint(256, shape, dtype=torch.uint8, generator=generator)
    targets = torch.randn(len(patches), n_genes, generator=generator)
    data = Data(patches.to(device), targets.to(device))
    rows = torch.arange(recipe.batch_size).repeat(n_batches)
    run = Run(data, rows, recipe, "calibration")
    training = _rate(lambda: run.train_epoch(1), len(rows), seconds / 2)
    rows = torch.arange(n_predicted) % len(patches)
    prediction = _rate(lambda: run.predict(rows).cpu(), N_SYMMETRIES * n_predicted, seconds / 2)
    if device == "cuda":
        memory = torch.cuda.max_memory_reserved()
    else:
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Rates(training, prediction, memory)


def _rate(work: Callable[[], object], images: int, seconds: float) -> float:
    work()
    done, started = 0, time.monotonic()
    while not done or time.monotonic() - started < seconds:
        work()
        done += images
    return done / (time.monotonic() - started)
