"""Time and peak memory of the random forest on simulated spots: prints a table.

    PYTHONPATH=src .venv/bin/python benchmarks/forest.py

Each size has twice the spots of the one before and runs in its own process. An algorithm quadratic
in the number of spots would take four times as long. Processor time is summed over threads and
depends little on the load of the machine. The last row grows all the trees of an experiment. Leaves
are single spots, as with the paper's settings. One patch in fifty has no nuclei, so its features
are missing.
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
HELD_OUT = 1 / 23  # share of the spots: one patient of 23
MISSING = 1 / 50  # share of the patches without nuclei
N_FEATURES = 141  # the count of nuclei and the statistics of ten measures


def simulate(n_spots: int, n_genes: int) -> tuple[np.ndarray, np.ndarray]:
    """Simulate features, some missing, and expression that depends on them only weakly."""
    random = np.random.default_rng(0)
    features = random.normal(size=(n_spots, N_FEATURES)).astype(np.float32)
    weights = random.normal(size=(N_FEATURES, n_genes)) / np.sqrt(N_FEATURES)
    expression = 0.3 * features @ weights + random.normal(size=(n_spots, n_genes))
    features[random.random(n_spots) < MISSING, 1:] = np.nan
    return features, expression


def measure(n_spots: int, n_genes: int, trees: int, threads: int) -> dict[str, float]:
    """Measure seconds, processor seconds and peak memory (bytes) of one held-out patient's job."""
    features, expression = simulate(n_spots, n_genes)
    held_out = features[: int(HELD_OUT * n_spots)]
    began, busy = perf_counter(), process_time()
    keys = {"max_features": 1.0, "min_samples_leaf": 1, "seed": 0, "threads": threads}
    grow_and_predict(features, expression, held_out, trees=trees, **keys)
    found = {"seconds": perf_counter() - began, "busy": process_time() - busy}
    # Not getrusage: a child inherits the peak of its parent.
    status = Path("/proc/self/status").read_text()
    return found | {"memory": int(status.partition("VmHWM:")[2].split()[0]) * 1024}


def measure_apart(*sizes: int) -> dict[str, float]:
    """Run `measure` in its own process."""
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
    parser.add_argument("--measure", type=int, nargs=4, help="measure one size and print JSON")
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(*options.measure)))
        return
    heads = "processor seconds per tree | ratio to half the spots | memory, MB"
    print(f"| spots | trees | seconds | {heads} |")
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
