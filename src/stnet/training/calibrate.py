"""How fast a network trains and predicts here, and what memory it takes."""

import resource
import time
from dataclasses import dataclass

import torch

from stnet.core.errors import InputError
from stnet.training.run import Data, Recipe, Run, predict
from stnet.training.symmetries import N_SYMMETRIES


@dataclass(frozen=True)
class Rates:
    """Images a second in training and prediction, and the peak of memory in bytes.

    Each of the eight symmetries is an image. Memory is the card's, or the process's on the CPU.
    """

    training: float
    prediction: float
    memory: int


def calibrate(
    recipe: Recipe, side: int, n_genes: int, *, device: str, threads: int, seconds: float
) -> Rates:
    """Train and predict random patches of `side` pixels for about `seconds` in all.

    Raises InputError if `device` is cuda and none is here.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("device: cuda is configured and no CUDA device is here; set device: cpu")
    torch.set_num_threads(threads)
    n_spots = 2 * recipe.batch_size
    patches = torch.randint(256, (n_spots, side, side, 3), dtype=torch.uint8)
    run = Run(Data(patches.to(device), torch.zeros(n_spots, n_genes).to(device)), recipe, "timing")
    training = _rate(lambda: next(run.epochs(1)), n_spots, seconds / 2)
    few = run.data.patches[: recipe.batch_size // 2]
    prediction = _rate(
        lambda: predict(run.network, run.standardise, few, "timing"),
        len(few) * N_SYMMETRIES,
        seconds / 2,
    )
    if device == "cuda":
        memory = torch.cuda.max_memory_allocated()
    else:
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Rates(training, prediction, memory)


def _rate(work, n_images: int, seconds: float) -> float:
    started, done = time.monotonic(), 0
    while not done or time.monotonic() - started < seconds:
        work()
        done += n_images
    return done / (time.monotonic() - started)
