"""Time and peak memory of linter, leak lab and arena at the paper's size: prints a table.

    PYTHONPATH=src .venv/bin/python benchmarks/leakage.py

68 simulated sections of 23 patients, 30,612 spots, 250 genes to predict, 1,024 features, and six
methods. Each is measured from its files to its page, in its own process, one after the other. The
files take 2.5 GB; `--folder` keeps them for the next call.
"""

import argparse
import os
import sys
from pathlib import Path
from subprocess import run
from tempfile import TemporaryDirectory
from time import perf_counter

import anndata as ad
import numpy as np
import pandas as pd
from PIL import Image
from scipy import sparse

from stnet.config.split import held_out_groups
from stnet.core.h5ad import write_h5ad
from stnet.core.tables import write_table
from stnet.expression.predictions import write_predictions
from stnet.expression.spatial import spatial
from stnet.expression.targets import choose_genes, section_expression

PATIENTS, SECTIONS, SPOTS, FEATURES, TARGETS = 23, 68, 30_612, 1024, 250
# Genes of the tables, counts per spot, and sides of an image and of its picture in pixels.
GENES, COUNTS, IMAGE, PICTURE = 16_000, 5_000, 9_500, 1_500
METHODS = [f"method{number}" for number in range(6)]
ROWS = [
    {"section": f"S{number}", "patient": f"P{number % PATIENTS:02}"} for number in range(SECTIONS)
]
UNIT = {"universe": GENES, "transform": "log_fraction"}


def simulate(folder: Path) -> None:
    """Write the files that the three jobs read."""
    random = np.random.default_rng(0)
    base = random.normal(0, 2, GENES)
    own = base + random.normal(0, 0.5, (PATIENTS, GENES))
    var = pd.DataFrame({"symbol": "", "ensembl": ""}, [f"G{number}" for number in range(GENES)])
    parts, sums = [], 0
    for number, row in enumerate(ROWS):
        n = SPOTS // SECTIONS + (number < SPOTS % SECTIONS)
        rates = np.exp(own[number % PATIENTS] + random.normal(0, 0.15, GENES))
        counts = random.poisson(
            random.lognormal(np.log(COUNTS), 0.5, (n, 1)) * (rates / rates.sum())
        )
        obs = pd.DataFrame({**row, "in_tissue": 1, "used": True, "label": "tumour"}, range(n))
        obs["array_col"], obs["array_row"] = np.divmod(np.arange(n), 22)
        obs["total_counts"] = counts.sum(axis=1)
        obs.index = [f"{x}x{y}" for x, y in zip(obs["array_col"], obs["array_row"], strict=True)]
        section = ad.AnnData(sparse.csr_matrix(counts.astype(np.int32)), obs=obs, var=var)
        corner = random.integers(400, 900, 2)
        section.obsm["spatial"] = corner + 290.0 * obs[["array_col", "array_row"]].to_numpy()
        picture = Image.fromarray(random.integers(100, 255, (PICTURE, PICTURE, 3), np.uint8))
        about = {"width": IMAGE, "spot_diameter": 145, "metadata": {}}
        section.uns = {
            "slide": {"path": "", "sha256": row["section"], "um_per_px": 0.69},
            "grid": {row["section"]: "square"},
            "checks": {"warnings": np.array([], dtype=object)},
            "spatial": {row["section"]: spatial(picture, **about)},
        }
        write_h5ad(section, folder / f"{row['section']}.h5ad", compression=None)
        sums = sums + pd.Series(counts.sum(axis=0), var.index)
        del section.uns["spatial"], section.uns["slide"]
        parts.append(section)
    chosen = choose_genes(sums, TARGETS)
    obs = pd.concat([part.obs for part in parts])
    obs.index = obs["section"] + ":" + obs.index
    x = np.concatenate([section_expression(part, chosen, *UNIT.values()) for part in parts])
    targets = ad.AnnData(x.astype(np.float32), obs=obs, var=var.loc[chosen])
    targets.uns = {"targets": {**UNIT, "held_out_sections": []}, "grid": {}}
    for part in parts:
        targets.uns["grid"] |= part.uns["grid"]
    write_h5ad(targets, folder / "targets.h5ad")
    values = random.normal(size=(SPOTS, FEATURES)).astype(np.float32)
    features = ad.AnnData(values + 1, obs=obs[["section"]], uns={"features": {"features": ""}})
    write_h5ad(features, folder / "features.h5ad")
    for patient, rows in obs.groupby("patient").indices.items():
        measured = targets[rows].copy()
        path = folder / f"experiments/{METHODS[0]}/{patient}/predictions.h5ad"
        path.parent.mkdir(parents=True)
        noise = random.normal(size=measured.shape).astype(np.float32)
        about = {"experiment": METHODS[0], "held_out": patient}
        write_predictions(path, measured, measured.X + noise, about)
    for name in METHODS:
        index = pd.MultiIndex.from_product([chosen, obs["patient"].unique()])
        table = index.to_frame(index=False, name=["gene", "patient"]).assign(n_spots=1000)
        for column in ("pearson", "partial"):
            table[column] = random.normal(0.2, 0.1, len(table))
        write_table(table, folder / f"{name}.tsv")


def leaks(folder: Path) -> None:
    """The linter, with a file of targets per patient and a file of another program's features."""
    from stnet.report.leaks import write_leaks

    experiment = {"kind": "ridge", "split": "patient", "targets": "top", "sees_held_out": False}
    groups = dict.fromkeys(["all", *held_out_groups(ROWS, "patient")], folder / "targets.h5ad")
    targets = {"genes": TARGETS, "choice": "cohort", "split": "patient", "files": groups}
    write_leaks(
        *([folder / f"{row['section']}.h5ad" for row in ROWS], folder / "leaks.tsv"),
        folder / "leaks.html",
        experiments={"ridge": experiment},
        targets={"top": targets},
        features=[folder / "features.h5ad"],
        weights={},
    )


def leak_lab(folder: Path) -> None:
    """All leaks, planted in ridge regression on 256 components."""
    from stnet.report.leak_lab import write_leak_lab

    files = [folder / f"{row['section']}.h5ad" for row in ROWS], folder / "features.h5ad"
    pages = folder / "lab.tsv", folder / "lab.html"
    transform = UNIT["transform"]
    write_leak_lab(*files, *pages, genes=TARGETS, transform=transform, components=256)


def arena(folder: Path) -> None:
    """Six methods from their patient tables."""
    from stnet.report.arena import write_arena

    kind = {"role": "", "kind": "mean", "of": ""}
    predictions = sorted(folder.glob("experiments/*/*/predictions.h5ad"))
    write_arena(
        {name: folder / f"{name}.tsv" for name in METHODS},
        dict.fromkeys(METHODS, predictions),
        {name: folder / f"arena.{name}" for name in ("tsv", "pairs", "patients", "html")},
        [folder / "arena.png"],
        methods={name: {"title": name, **kind} for name in METHODS},
        refused={},
        reference=None,
        genes="250",
    )


JOBS = {job.__name__: job for job in (leaks, leak_lab, arena)}


def main() -> None:
    """Simulate, measure each job in its own process, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where the files are kept")
    parser.add_argument("--jobs", nargs="+", default=[*JOBS], choices=JOBS)
    parser.add_argument("--measure", choices=JOBS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        started = os.times()
        wall = perf_counter()
        JOBS[given.measure](given.folder)
        ended, wall = os.times(), perf_counter() - wall
        seconds = ended.user + ended.system - started.user - started.system
        # Not getrusage: a child inherits the peak of its parent.
        memory = int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
        print(f"| {given.measure} | {seconds:.0f} | {wall:.0f} | {memory / 1e6:.2f} |", flush=True)
        return
    print("| job | processor s | wall s | peak memory, GB |\n|---|---|---|---|", flush=True)
    with TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(exist_ok=True)
        if not (folder / f"{METHODS[-1]}.tsv").exists():
            simulate(folder)
        for job in given.jobs:
            run([sys.executable, __file__, "--folder", folder, "--measure", job], check=True)


if __name__ == "__main__":
    main()
