"""Speed of the engine against a plain loop on this machine: prints a table and writes it to a file.

    PYTHONPATH=src .venv/bin/python benchmarks/suite.py [--device cuda]

Both do the same work on the same spots of real sections, alternately and each in its own process,
so that other load affects both. Trust the ratios; the rates depend on the machine. The plain loop
reads regions of lossless tiled TIFFs; the time to make these is not counted. It has the same number
of threads and loading processes, and the default allocator.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import yaml
from tiled import to_tiled_tiff

from stnet.cohorts.section import write_section
from stnet.config.section_sheet import read_sheet
from stnet.expression.spots import read_used_centres, read_used_spots, spot_names
from stnet.slides.patches import write_index, write_patches

ROOT = Path(__file__).parents[1]
ROWS = {
    "extract": "patches cut from the images and written, spots/s",
    "load": "patches to the device (engine: once per job, plain loop: every epoch), spots/s",
    "train": "training steps, images/s",
    "predict": "prediction under eight symmetries, images/s",
    "fold": "one fold: channel statistics, one epoch, prediction, images/s",
}
BOUNDS = ("train", "predict", "peak")
# Forward passes that a step is worth: the backward pass costs two.
PASSES = {"train": 3, "predict": 1}


def prepare(config: Path, cohort_name: str, folder: Path) -> int:
    """Write sections, views and TIFFs of a cohort to `folder`; return the number of spots."""
    cohort = yaml.safe_load(config.read_text())["cohorts"][cohort_name]
    window = cohort["spot_window"]
    made, files, patches = [], [], []
    for row in read_sheet(ROOT / cohort["sheet"], ROOT / cohort["root"], check_files=True):
        name = row["section"]
        file, tiff, npy = folder / f"{name}.h5ad", folder / f"{name}.tif", folder / f"{name}.npy"
        write_section(
            row,
            file,
            folder / f"{name}.drops.tsv",
            label_classes=cohort["label_classes"],
            require_label=False,
            spot_window=window,
            spot_pitch_um=cohort["spot_pitch_um"],
            genes=None,
        )
        write_patches(file, row["image"], npy, view=f"{window}x1")
        to_tiled_tiff(row["image"], tiff)
        made.append(
            {
                "section": name,
                "file": str(file),
                "image": str(row["image"]),
                "tiff": str(tiff),
                "names": spot_names(read_used_spots(file)),
                "centres": read_used_centres(file).tolist(),
            }
        )
        files.append(file)
        patches.append(npy)
    write_index(files, patches, folder / "index.tsv", view=f"{window}x1")
    (folder / "made.json").write_text(json.dumps({"window": window, "sections": made}))
    return sum(len(each["names"]) for each in made)


def measure(what: str, how: str, folder: Path, device: str, threads: int) -> dict:
    """Run one measurement of `measure.py` in its own process.

    Args:
        what: a key of `ROWS` or `BOUNDS`, or "operations".
        how: "fast", "reference" or "bound".
        folder: written by `prepare`.
        device: "cpu" or "cuda".
        threads: number of threads.

    Returns:
        `rate` and peak `memory` in bytes.
    """
    command = [sys.executable, str(ROOT / "benchmarks/measure.py"), what, how, str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [*command, device, str(threads)], env=environment, stdout=subprocess.PIPE, check=True
    )
    return json.loads(done.stdout)


def table(folder: Path, device: str, threads: int, rounds: int) -> list[str]:
    """Rows of the table: medians of rates, and ratios within a round with their range."""
    bounds = {what: measure(what, "bound", folder, device, threads)["rate"] for what in BOUNDS}
    operations = measure("operations", "", folder, device, threads)["rate"]
    rows = [
        "| | plain loop | engine | ratio within a round (min–max) | memory, GB"
        " | share of the rate of the convolutions alone | share of the measured peak |",
        "|---|---|---|---|---|---|---|",
    ]
    for what, title in ROWS.items():
        pairs = [
            [measure(what, how, folder, device, threads) for how in ("reference", "fast")]
            for _ in range(rounds)
        ]
        rates = np.array([[each["rate"] for each in pair] for pair in pairs])
        ratios = rates[:, 1] / rates[:, 0]
        plain, fast = np.median(rates, axis=0)
        memory = [max(pair[i]["memory"] for pair in pairs) / 1e9 for i in (0, 1)]
        shares = ["", ""]
        if what in bounds:
            peak = PASSES[what] * operations * fast / bounds["peak"]
            shares = [f"{fast / bounds[what]:.0%}", f"{peak:.0%}"]
        rows.append(
            f"| {title} | {_rounded(plain)} | {_rounded(fast)} |"
            f" **{median(ratios):.2f}** ({ratios.min():.2f}–{ratios.max():.2f}) |"
            f" {memory[0]:.1f} → {memory[1]:.1f} | {' | '.join(shares)} |"
        )
        print(rows[-1], flush=True)
    return rows


def _rounded(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"


def processor() -> str:
    """Name of the processor."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def main() -> None:
    """Prepare, measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, default=ROOT / "config/her2st.yaml")
    parser.add_argument("--cohort", default="her2st")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=ROOT / "results/benchmarks.md")
    options = parser.parse_args()
    with TemporaryDirectory() as name:
        n_spots = prepare(options.config, options.cohort, Path(name))
        device = processor()
        if options.device == "cuda":
            import torch

            device = torch.cuda.get_device_name()
        versions = ", ".join(f"{p} {version(p)}" for p in ("torch", "torchvision", "numpy"))
        head = [
            f"{device}, {options.threads} threads, Python {platform.python_version()}, {versions};"
            f" {n_spots} spots of cohort {options.cohort}, DenseNet-121, batches of 32,"
            f" {options.rounds} rounds.",
            "",
        ]
        print(*head, sep="\n", flush=True)
        rows = table(Path(name), options.device, options.threads, options.rounds)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text("\n".join([*head, *rows, ""]))


if __name__ == "__main__":
    main()
