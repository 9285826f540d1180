"""Speed of prediction on the CPU, by how it is computed: prints a table.

    PYTHONPATH=src .venv/bin/python benchmarks/predict.py [--threads 2] [--patches 16]

A DenseNet-121 of random weights predicts the same patches under eight symmetries in each way, in
turn within a round, so that other load affects all. Trust the ratios. Processor seconds count what
all threads use, also while they wait for each other.
"""

import argparse
import copy
import os
from collections.abc import Callable
from statistics import median
from time import perf_counter, process_time

import torch
from torch.utils.flop_counter import FlopCounterMode

from stnet.config.engine import CpuEngine
from stnet.core.processor import has_bfloat16
from stnet.networks.architectures import build_network
from stnet.networks.engine import place, start
from stnet.networks.folding import fold
from stnet.networks.prediction import over_symmetries, predict
from stnet.networks.standardisation import Standardisation
from stnet.networks.symmetries import N_SYMMETRIES

SIDE, N_GENES, PEAK_SIDE = 224, 250, 1024
STANDARDISE = Standardisation([180.0, 130.0, 170.0], [40.0] * 3, "cpu")


def ways(patches: torch.Tensor) -> dict[str, Callable[[], torch.Tensor]]:
    """The ways to predict the patches, by name; the first is what others are compared with."""
    torch.manual_seed(0)
    network = build_network("densenet121", {}, N_GENES).eval()
    folded = fold(copy.deepcopy(network))
    batch, rows = CpuEngine().prediction_batch, torch.arange(len(patches))

    @torch.inference_mode()
    def sharing(forward) -> torch.Tensor:
        parts = patches.split(batch)
        return torch.cat([over_symmetries(forward, STANDARDISE, part) for part in parts])

    whole, shorter = (place(each, CpuEngine(), "cpu") for each in (network, folded))
    found = {
        "all threads share a layer": lambda: sharing(whole),
        "folded": lambda: sharing(shorter),
        "folded, a symmetry per thread": lambda: predict(
            shorter, STANDARDISE, patches, rows, batch, ""
        ),
    }
    if has_bfloat16():
        short = place(folded, CpuEngine(precision="bfloat16"), "cpu")
        found["the same in bfloat16"] = lambda: predict(
            short, STANDARDISE, patches, rows, batch, ""
        )
    return found


def peak() -> float:
    """Floating-point operations per processor second of a large float32 matrix product."""
    factor, rates = torch.randn(PEAK_SIDE, PEAK_SIDE), []
    for _ in range(5):
        began = process_time()
        factor @ factor
        rates.append(2 * PEAK_SIDE**3 / (process_time() - began))
    return max(rates)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--patches", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    start("cpu", options.threads)
    shape = (options.patches, SIDE, SIDE, 3)
    patches = torch.randint(256, shape, dtype=torch.uint8)
    images = options.patches * N_SYMMETRIES
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        build_network("densenet121", {}, N_GENES).eval()(torch.zeros(1, 3, SIDE, SIDE))
    operations, most = counter.get_total_flops(), peak()
    seconds: dict[str, list[tuple[float, float]]] = {}
    for number in range(options.rounds + 1):
        for name, way in ways(patches).items():
            began = perf_counter(), process_time()
            way()
            spent = perf_counter() - began[0], process_time() - began[1]
            # The first round allocates memory.
            if number:
                seconds.setdefault(name, []).append(spent)
    print(f"{options.threads} threads, {images} images, {most / 1e9:.0f} GFLOP per processor s")
    print("| | images/s | ratio | images per processor second | ratio | of the peak |")
    print("|---|---|---|---|---|---|")
    first = next(iter(seconds.values()))
    for name, found in seconds.items():
        cells = []
        for clock in (0, 1):
            rate = images / median(each[clock] for each in found)
            pairs = zip(first, found, strict=True)
            cells += [f"{rate:.3g}", f"**{median(a[clock] / b[clock] for a, b in pairs):.2f}**"]
        print(f"| {name} | {' | '.join(cells)} | {rate * operations / most:.0%} |")


if __name__ == "__main__":
    main()
