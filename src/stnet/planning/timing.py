"""How long the networks of several experiments take here, each kind of network timed once."""

import json
import sys
from collections.abc import Mapping, Sequence

import torch

from stnet.config.recipe import Recipe
from stnet.core.errors import InputError
from stnet.core.gpu import lease_gpu
from stnet.planning.work import Work
from stnet.planning.workload import Experiment
from stnet.slides.patches import parse_view
from stnet.training.calibrate import Rates, calibrate

# What an epoch's duration does not depend on. A key that is not here is thought to matter.
INDIFFERENT = {
    *["loss", "learning_rate", "momentum", "weight_decay", "epochs", "inner_folds"],
    *["statistics_batches", "seed"],
}


def side(view: str) -> int:
    """Side of a view's patches in pixels."""
    window, downsampling = parse_view(view)
    return window // downsampling


def time_networks(
    experiments: Mapping[str, Experiment], *, device: str, threads: int, seconds: float
) -> tuple[dict[str, Rates], str]:
    """Rates of each experiment's network, and why there are none where there are none.

    Networks that differ in nothing that matters are timed once, and `seconds` are shared. A device
    that is not here, or is in use, is a reason and no error: the rest of a plan needs none.
    """
    kinds: dict[str, list[str]] = {}
    for name, experiment in experiments.items():
        recipe = {k: v for k, v in experiment.recipe_on(device).items() if k not in INDIFFERENT}
        kind = json.dumps([recipe, side(experiment.view), experiment.outputs], sort_keys=True)
        kinds.setdefault(kind, []).append(name)
    if not seconds:
        return {}, "calibration: 0 is configured"
    rates = {}
    try:
        used = lease_gpu() if device == "cuda" and kinds else device
        for names in kinds.values():
            experiment = experiments[names[0]]
            print(f"timing {names[0]}, {seconds / len(kinds):.0f} s …", file=sys.stderr)
            timed = calibrate(
                Recipe(weights=None, **experiment.recipe_on(device)),
                side(experiment.view),
                experiment.outputs,
                device=used,
                threads=threads,
                seconds=seconds / len(kinds),
            )
            rates |= dict.fromkeys(names, timed)
    except InputError as error:
        return {}, str(error)
    return rates, ""


def gpu_memory() -> int:
    """Bytes of the GPU in use."""
    return torch.cuda.get_device_properties(0).total_memory


def hours(work: Work, rates: Rates) -> float:
    """Hours that one GPU, or one process on the CPU, takes for `work`."""
    return (work.trained / rates.training + work.predicted / rates.prediction) / 3600


def elapsed(jobs: Sequence[float], at_once: int) -> float:
    """Least hours until jobs of so many hours are done, `at_once` of them at a time."""
    return max([sum(jobs) / at_once, *jobs])
