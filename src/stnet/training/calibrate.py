"""How fast this device trains and predicts, measured in a minute: what a plan is reckoned by."""

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
    """Images a second in training and in prediction (each symmetry counts), and peak memory.

    `memory` is in bytes: of the GPU, or of this process since it began.
    """

    training: float
    prediction: float
    memory: int


def calibrate(
    recipe: Recipe, side: int, n_genes: int, *, device: str, threads: int, seconds: float
) -> Rates:
    """Measure an experiment's network on noise, for some `seconds` in all.

    `side` is the patches' in pixels. Whole batches are timed after a first one that is not, so a
    slow device takes longer than asked. Raises InputError without the device.
    """
    start(device, threads)
    if device == "cuda":
        # What an earlier network took is not this one's.
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    # A GPU is fed ahead of what it computes: only many batches show its speed.
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
