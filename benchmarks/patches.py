"""Patches per second: the rule `patches` against region reads of a tiled TIFF, on real sections.

PYTHONPATH=src .venv/bin/python benchmarks/patches.py

Both run on one thread with their files in the page cache, in turn, so that what else the machine
does falls on both. The reference leaves its patches in memory; the rule's are on disk, synced.
Prints a row a section, and compression of the TIFF: medians over the rounds, and the ratio's
median, least and greatest.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import yaml
from openslide import OpenSlide
from tiled import read_patch_plain, to_tiled_tiff

from stnet.cohorts.section import write_section
from stnet.core.sheet import read_sheet
from stnet.expression.spots import read_used_centres
from stnet.slides.patches import write_patches

ROOT = Path(__file__).parents[1]


def seconds(call: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = perf_counter()
    call()
    return perf_counter() - start


def compare(row: dict[str, str], cohort: dict, compression: str | None, rounds: int) -> str:
    """A row of the table: the section of the sheet's `row` extracted in both ways `rounds` times.

    Raises AssertionError if the patches differ.
    """
    window = cohort["spot_window"]
    with TemporaryDirectory() as name:
        folder = Path(name)
        section, tiff, output = folder / "section.h5ad", folder / "image.tif", folder / "out.npy"
        write_section(
            row,
            section,
            folder / "drops.tsv",
            label_classes=cohort["label_classes"],
            require_label=False,
            spot_window=window,
            spot_pitch_um=cohort["spot_pitch_um"],
            genes=None,
        )
        to_tiled_tiff(row["image"], tiff, compression=compression)
        centres = read_used_centres(section, window).tolist()

        def reference() -> list:
            with OpenSlide(tiff) as slide:
                return [read_patch_plain(slide, x, y, window) for x, y in centres]

        def fast() -> None:
            write_patches(section, row["image"], output, view=f"{window}x1", spot_window=window)

        fast()
        assert np.array_equal(np.load(output), [np.asarray(patch) for patch in reference()])
        times = np.array([(seconds(reference), seconds(fast)) for _ in range(rounds)])
    ratios = times[:, 0] / times[:, 1]
    speeds = [f"{len(centres) / t:.0f}" for t in np.median(times, axis=0)]
    spread = [f"{f(ratios):.2f}" for f in (np.median, np.min, np.max)]
    return "\t".join([row["section"], str(len(centres)), str(compression), *speeds, *spread])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, default=ROOT / "config/her2st.yaml")
    parser.add_argument("--cohort", default="her2st")
    parser.add_argument("--compression", nargs="+", default=["deflate"])
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    cohort = yaml.safe_load(options.config.read_text())["cohorts"][options.cohort]
    print("section\tspots\ttiff\treference_per_s\tfast_per_s\tratio\tleast\tgreatest")
    for row in read_sheet(ROOT / cohort["sheet"], ROOT / cohort["root"], check_files=True):
        for name in options.compression:
            compression = None if name == "none" else name
            print(compare(row, cohort, compression, options.rounds), flush=True)


if __name__ == "__main__":
    main()
