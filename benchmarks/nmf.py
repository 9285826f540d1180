"""Time and peak memory of the factorisation on simulated cohorts of growing size: prints a table.

    PYTHONPATH=src .venv/bin/python benchmarks/nmf.py

Each size is factorised from a targets file to a file of factors, as in the workflow, one after the
other and in its own process. Twice as many spots should take twice as long, not four times. Trust
the ratios within a round; the seconds depend on the machine.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from statistics import median
from subprocess import PIPE, run
from tempfile import TemporaryDirectory
from time import perf_counter

import anndata as ad
import numpy as np
import pandas as pd

from stnet.expression.composition import write_composition
from stnet.expression.transforms import normalise

ROOT = Path(__file__).parents[1]
GENES, FACTORS, ITERATIONS, PATIENTS = 250, 10, 200, 23
# As in the paper's cohort: number of all genes, counts per spot, and the targets' share of them.
UNIVERSE, COUNTS, PART = 26_949, 7_000, 0.3


def write_simulated(path: Path, n_spots: int) -> None:
    """Write targets of spots that mix ten cell types, with counting noise."""
    random = np.random.default_rng(0)
    profiles = random.gamma(0.3, size=(FACTORS, GENES))
    shares = random.gamma(0.5, size=(n_spots, FACTORS)) @ profiles
    shares *= PART / shares.sum(axis=1, keepdims=True)
    totals = np.rint(random.lognormal(np.log(COUNTS), 0.5, n_spots)) + 1
    counts = random.poisson(shares * totals[:, None])
    patients = [f"P{number % PATIENTS}" for number in range(n_spots)]
    targets = ad.AnnData(
        normalise(counts, totals, UNIVERSE, "log_fraction").astype(np.float32),
        obs=pd.DataFrame(
            {"section": patients, "total_counts": totals}, index=[str(i) for i in range(n_spots)]
        ),
        uns={"targets": {"transform": "log_fraction", "universe": UNIVERSE}},
    )
    targets.write_h5ad(path)


def measure(path: Path, threads: int) -> dict:
    """Run `factorise` in its own process."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = os.environ | dict.fromkeys(names, str(threads))
    command = [sys.executable, __file__, "--measure", str(path)]
    environment["PYTHONPATH"] = str(ROOT / "src")
    return json.loads(run(command, env=environment, stdout=PIPE, check=True).stdout)


def factorise(path: Path) -> dict:
    """Factorise one file and measure seconds and peak memory (bytes)."""
    keys = {"of": "simulated", "factors": FACTORS, "iterations": ITERATIONS, "seed": 0}
    started = perf_counter()
    write_composition(path, path.with_suffix(".factors.h5ad"), held_out_sections=["P0"], **keys)
    seconds = perf_counter() - started
    # Not getrusage: a child inherits the peak of its parent.
    status = Path("/proc/self/status").read_text()
    memory = int(status.partition("VmHWM:")[2].split()[0]) * 1024
    return {"seconds": seconds, "memory": memory}


def table(files: dict[int, Path], threads: int, rounds: int) -> list[str]:
    """Rows of the table: medians, and ratios to the size before within a round."""
    done = [{size: measure(path, threads) for size, path in files.items()} for _ in range(rounds)]
    rows = [
        "| spots | seconds | ratio to the row above (min–max) | peak memory, MB |",
        "|---|---|---|---|",
    ]
    before = None
    for size in files:
        ratios = [row[size]["seconds"] / row[before]["seconds"] for row in done if before]
        times = f"**{median(ratios):.2f}** ({min(ratios):.2f}–{max(ratios):.2f})" if ratios else ""
        seconds = median(row[size]["seconds"] for row in done)
        memory = max(row[size]["memory"] for row in done) / 1e6
        rows.append(f"| {size:,} | {seconds:.2f} | {times} | {memory:.0f} |")
        before = size
    return rows


def main() -> None:
    """Simulate, measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sizes = [3_750, 7_500, 15_000, 30_000]
    parser.add_argument("--spots", type=int, nargs="+", default=sizes)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", type=Path, help="factorise one targets file and print JSON")
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(factorise(options.measure)))
        return
    with TemporaryDirectory() as name:
        files = {size: Path(name) / f"{size}.h5ad" for size in options.spots}
        for size, path in files.items():
            write_simulated(path, size)
        print(*table(files, options.threads, options.rounds), sep="\n")


if __name__ == "__main__":
    main()
