"""Speed of the nuclear features against HistomicsTK's documented use: prints a table.

    PYTHONPATH=src .venv/bin/python benchmarks/nuclei.py

All variants take the same patches of HER2ST with the paper's settings, one after the other and each
in its own process, and must give the same features. The plain loop calls HistomicsTK's functions
for segmentation, morphometry and intensity patch by patch, and goes through the triangulation
nucleus by nucleus. Time is from patches in memory to features, including the start of worker
processes. Memory is the sum of the peaks of all processes.
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

import numpy as np
import yaml
from histomicstk.features import compute_intensity_features, compute_morphometry_features
from scipy.spatial import Delaunay, QhullError
from scipy.stats import kurtosis, skew
from skimage.measure import regionprops
from suite import processor

from stnet.cohorts.section import write_section
from stnet.config.features import NuclearFeatures
from stnet.config.section_sheet import read_sheet
from stnet.config.segmentation import Segmentation
from stnet.features.measures import MEASURES
from stnet.features.nuclear import nuclear_features
from stnet.features.patch_statistics import Histograms
from stnet.features.segmentation import segment
from stnet.slides.patches import write_patches

ROOT = Path(__file__).parents[1]
KEYS = NuclearFeatures().model_dump()
SEGMENTATION = Segmentation()
HOW = {"plain": "plain loop", "1": "here, 1 process", "2": "here, 2 processes"}
SIZES = ["Size.Area", "Size.MajorAxisLength", "Size.MinorAxisLength"]


def cut(folder: Path, number: int) -> np.ndarray:
    """Cut `number` patches, evenly spaced over all spots of cohort her2st."""
    cohort = yaml.safe_load((ROOT / "config/her2st.yaml").read_text())["cohorts"]["her2st"]
    keys = {key: cohort[key] for key in ("label_classes", "require_label", "spot_pitch_um")}
    window, patches = cohort["spot_window"], []
    for row in read_sheet(ROOT / cohort["sheet"], ROOT / cohort["root"], check_files=True):
        file, npy = folder / f"{row['section']}.h5ad", folder / f"{row['section']}.npy"
        write_section(row, file, folder / "drops.tsv", spot_window=window, genes=None, **keys)
        write_patches(file, row["image"], npy, view=KEYS["view"])
        patches.append(np.load(npy))
    together = np.concatenate(patches)
    return together[np.linspace(0, len(together) - 1, number).round().astype(int)]


def plain(patches: np.ndarray) -> np.ndarray:
    """Compute what `nuclear_features` returns, with a plain loop."""
    return np.stack([summarise_plain(measure_plain(patch)) for patch in patches])


def measure_plain(patch: np.ndarray) -> np.ndarray:
    """Measure the nuclei of a patch with HistomicsTK's functions: (nuclei, 10)."""
    labels = segment(patch, SEGMENTATION)
    nuclei = regionprops(labels)
    if not nuclei:
        return np.empty((0, len(MEASURES)))
    area, major, minor = compute_morphometry_features(labels, nuclei)[SIZES].to_numpy().T
    mean = {"feature_list": ["Intensity.Mean"], "rprops": nuclei}
    colours = [
        compute_intensity_features(labels, patch[..., channel], **mean).to_numpy().ravel()
        for channel in range(3)
    ]
    centroids = np.array([nucleus.centroid for nucleus in nuclei])
    distances = np.array([distances_plain(centroids, row) for row in range(len(centroids))])
    return np.column_stack([area, major, minor, major / minor, *colours, distances])


def distances_plain(centroids: np.ndarray, row: int) -> list[float]:
    """Minimum, mean and maximum distance of a nucleus to its neighbours."""
    try:
        starts, neighbours = Delaunay(centroids).vertex_neighbor_vertices
        beside = neighbours[starts[row] : starts[row + 1]]
    except (QhullError, ValueError):
        beside = [other for other in range(len(centroids)) if other != row]
    if not len(beside):
        return [np.nan] * 3
    distances = [np.linalg.norm(centroids[other] - centroids[row]) for other in beside]
    return [min(distances), np.mean(distances), max(distances)]


def summarise_plain(measures: np.ndarray) -> np.ndarray:
    """Features of a patch from the measures of its nuclei."""
    row = [len(measures)]
    for name, column in zip(MEASURES, measures.T, strict=True):
        values = column[~np.isnan(column)]
        if not len(values):
            row += [np.nan] * (4 + KEYS["bins"])
            continue
        low, high = KEYS["ranges"][name]
        counts, _ = np.histogram(np.clip(values, low, high), KEYS["bins"], (low, high))
        row += [values.mean(), values.std(), skew(values), kurtosis(values)]
        row += (counts / len(values)).tolist()
    return np.array(row)


def here(patches: np.ndarray, threads: int) -> np.ndarray:
    """Compute the same with `stnet.features`."""
    histograms = Histograms(KEYS["ranges"], KEYS["bins"])
    return nuclear_features(patches, SEGMENTATION, histograms, threads)


def peak_memory() -> int:
    """Sum of the peak memory of this process and its children, in bytes."""
    children = Path("/proc/self/task").glob("*/children")
    ids = ["self", *(each for path in children for each in path.read_text().split())]
    texts = [Path(f"/proc/{each}/status").read_text() for each in ids]
    return sum(int(text.partition("VmHWM:")[2].split()[0]) * 1024 for text in texts)


def measure(path: Path, how: str) -> tuple[dict, np.ndarray]:
    """Run one variant in its own process: seconds, peak memory, and its features."""
    command = [sys.executable, "-W", "ignore", __file__, "--measure", how, "--patches", str(path)]
    # One core per process.
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    done = run(command, env=environment, stdout=PIPE, check=True)
    return json.loads(done.stdout), np.load(path.with_name(f"{how}.npy"))


def table(path: Path, number: int, rounds: int) -> list[str]:
    """Rows of the table: medians, and ratios within a round with their range."""
    done = []
    for _ in range(rounds):
        each = {how: measure(path, how) for how in HOW}
        for how, (_, values) in each.items():
            np.testing.assert_allclose(values, each["plain"][1], rtol=1e-6, atol=1e-6, err_msg=how)
        done.append({how: numbers for how, (numbers, _) in each.items()})
    rows = [
        "| | s | patches/s | ratio within a round (min–max) | peak memory, MB |",
        "|---|---|---|---|---|",
    ]
    for how, title in HOW.items():
        seconds = median(row[how]["seconds"] for row in done)
        ratios = [row["plain"]["seconds"] / row[how]["seconds"] for row in done]
        memory = max(row[how]["memory"] for row in done) / 1e6
        rows.append(
            f"| {title} | {seconds:.1f} | {number / seconds:.1f} | **{median(ratios):.2f}**"
            f" ({min(ratios):.2f}–{max(ratios):.2f}) | {memory:.0f} |"
        )
    return rows


def main() -> None:
    """Cut the patches, measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--number", type=int, default=500, help="number of patches")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--patches", type=Path, help="a .npy file, with --measure")
    parser.add_argument("--measure", choices=HOW, help="run one variant and print JSON")
    options = parser.parse_args()
    if options.measure:
        patches, how = np.load(options.patches), options.measure
        started = perf_counter()
        values = plain(patches) if how == "plain" else here(patches, int(how))
        seconds = perf_counter() - started
        np.save(options.patches.with_name(f"{how}.npy"), values)
        print(json.dumps({"seconds": seconds, "memory": peak_memory()}))
        return
    with TemporaryDirectory() as name:
        path = Path(name) / "patches.npy"
        np.save(path, cut(Path(name), options.number))
        print(f"{processor()}, {options.number} patches, {options.rounds} rounds.", "", sep="\n")
        print(*table(path, options.number, options.rounds), sep="\n")


if __name__ == "__main__":
    main()
