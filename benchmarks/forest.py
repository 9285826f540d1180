"""The forest on a cohort of simulated spots: prints a table of time and peak memory.

    PYTHONPATH=src .venv/bin/python benchmarks/forest.py

Each size is half the next, in a process of its own: what is quadratic in spots would take four
times as long. Processor time is that of all threads, and little moved by what else the machine
does; the last row grows all the trees of an experiment. Leaves are single spots, as they are by the
paper's settings, and a patch in fifty misses what is of nuclei.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from subprocess import PIPE, run
from time import perf_counter, process_time

import numpy as np

from stnet.baselines.forest import grow_and_predict

ROOT = Path(__file__).parents[1]
# Of a patient among 23.
HELD_OUT = 1 / 23
MISSING = 1 / 50
# Features of nuclei beside their count.
N_FEATURES = 141


def simulate(n_spots: int, n_genes: int) -> tuple[np.ndarray, np.ndarray]:
    """Features with missing ones, and expression that follows them as loosely as real ones."""
    random = np.random.default_rng(0)
    features = random.normal(size=(n_spots, N_FEATURES)).astype(np.float32)
    weights = random.normal(size=(N_FEATURES, n_genes)) / np.sqrt(N_FEATURES)
    expression = 0.3 * features @ weights + random.normal(size=(n_spots, n_genes))
    features[random.random(n_spots) < MISSING, 1:] = np.nan
    return features, expression


def measure(n_spots: int, n_genes: int, trees: int, threads: int) -> dict[str, float]:
    """Seconds, processor seconds and peak memory in bytes of one held-out patient's job."""
    features, expression = simulate(n_spots, n_genes)
    held_out = features[: int(HELD_OUT * n_spots)]
    began, busy = perf_counter(), process_time()
    keys = {"max_features": 1.0, "min_samples_leaf": 1, "seed": 0, "threads": threads}
    grow_and_predict(features, expression, held_out, trees=trees, **keys)
    found = {"seconds": perf_counter() - began, "busy": process_time() - busy}
    # Not getrusage: that of a child begins with its parent's.
    status = Path("/proc/self/status").read_text()
    return found | {"memory": int(status.partition("VmHWM:")[2].split()[0]) * 1024}


def measure_apart(*sizes: int) -> dict[str, float]:
    """The same in a process of its own."""
    command = [sys.executable, __file__, "--measure", *map(str, sizes)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    return json.loads(run(command, env=environment, stdout=PIPE, check=True).stdout)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--spots", type=int, default=30_000)
    parser.add_argument("--genes", type=int, default=250)
    parser.add_argument("--trees", type=int, default=100, help="of the last row")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--measure", type=int, nargs=4, help="one size alone, as JSON")
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(*options.measure)))
        return
    print("| spots | trees | seconds | processor seconds a tree | of half the spots | memory, MB |")
    print("|---|---|---|---|---|---|")
    few, before = options.threads, None
    sizes = [(options.spots >> halvings, few) for halvings in (3, 2, 1, 0)]
    for n_spots, trees in [*sizes, (options.spots, options.trees)]:
        found = measure_apart(n_spots, options.genes, trees, options.threads)
        each = found["busy"] / trees
        ratio = f"× {each / before:.2f}" if before and trees == few else ""
        before = each
        print(
            f"| {n_spots:,} | {trees} | {found['seconds']:.0f} | {each:.1f} | {ratio} |"
            f" {found['memory'] / 1e6:,.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
