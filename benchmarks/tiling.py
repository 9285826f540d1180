"""Speed of the tiling of whole slides against reading every window: prints a table.

    PYTHONPATH=src .venv/bin/python benchmarks/tiling.py

Both choose the tiles of the same simulated slide, one after the other and each in its own process,
and must keep the same tiles. The plain loop reads every window at full resolution through OpenSlide
and applies the rule literally: the mean of red, green and blue. A quarter of the slide is tissue;
tissue and glass have noise. The gain is smaller on slides with more tissue.
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
from openslide import OpenSlide
from tiled import write_tissue_slide

from stnet.slides.image import open_image
from stnet.slides.scale import Configured, resolve_scale
from stnet.slides.tiling import Tiling, TilingRecord, tiles

ROOT = Path(__file__).parents[1]
RULE = {"background": 220, "most_background": 0.5}
HOW = {"plain": "plain loop", "1": "here, 1 thread", "2": "here, 2 threads"}


def plain(path: str, side: int) -> tuple[list[list[int]], int]:
    """Corners of the tiles kept from a slide at ×20, and the number of windows."""
    kept, windows = [], 0
    with OpenSlide(path) as slide:
        width, height = slide.dimensions
        for y in range(0, height - side + 1, side):
            for x in range(0, width - side + 1, side):
                pixels = np.asarray(slide.read_region((x, y), 0, (side, side)).convert("RGB"))
                background = (pixels.mean(axis=2) > RULE["background"]).mean()
                windows += 1
                if background <= RULE["most_background"]:
                    kept.append([x, y])
    return kept, windows


def here(path: str, side: int, threads: int) -> tuple[list[list[int]], int]:
    """Compute the same with `stnet.slides.tiling`."""
    record = TilingRecord()
    with open_image(path) as image:
        scale = resolve_scale(image, magnification=20, configured=Configured(0.5))
        cut = tiles(image, scale, Tiling(side, **RULE), record, threads=threads)
        kept = [[tile.x, tile.y] for tile in cut]
    return kept, record.candidates


def measure(path: Path, side: int, how: str) -> dict:
    """Run one variant in its own process: tiles kept, windows per second, peak memory."""
    command = [sys.executable, __file__, "--measure", how, "--slide", str(path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = run([*command, "--tile", str(side)], env=environment, stdout=PIPE, check=True)
    return json.loads(done.stdout)


def table(path: Path, side: int, rounds: int) -> list[str]:
    """Rows of the table: medians of rates, and ratios within a round with their range."""
    done = [{how: measure(path, side, how) for how in HOW} for _ in range(rounds)]
    kept = done[0]["plain"]["kept"]
    if any(each["kept"] != kept for row in done for each in row.values()):
        raise SystemExit("the variants kept different tiles")
    rows = [
        f"{len(kept)} of {done[0]['plain']['windows']} tiles kept.",
        "",
        "| | tiles decided/s | ratio within a round (min–max) | peak memory, MB |",
        "|---|---|---|---|",
    ]
    for how, title in HOW.items():
        rates = [row[how]["rate"] for row in done]
        ratios = [row[how]["rate"] / row["plain"]["rate"] for row in done]
        memory = max(row[how]["memory"] for row in done) / 1e6
        rows.append(
            f"| {title} | {median(rates):.0f} | **{median(ratios):.2f}**"
            f" ({min(ratios):.2f}–{max(ratios):.2f}) | {memory:.0f} |"
        )
    return rows


def main() -> None:
    """Write the slide, measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=20_000, help="of the slide, in pixels")
    parser.add_argument("--tile", type=int, default=512, help="side of a tile, in pixels")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--slide", type=Path, help="your own, at ×20; otherwise one is simulated")
    parser.add_argument("--measure", choices=HOW, help="run one variant and print JSON")
    options = parser.parse_args()
    if options.measure:
        arguments = (str(options.slide), options.tile)
        started = perf_counter()
        how = options.measure
        kept, windows = plain(*arguments) if how == "plain" else here(*arguments, int(how))
        rate = windows / (perf_counter() - started)
        # Not getrusage: a child inherits the peak of its parent.
        status = Path("/proc/self/status").read_text()
        memory = int(status.partition("VmHWM:")[2].split()[0]) * 1024
        print(json.dumps({"kept": kept, "windows": windows, "rate": rate, "memory": memory}))
        return
    with TemporaryDirectory() as name:
        path = options.slide or Path(name) / "slide.tif"
        if not options.slide:
            write_tissue_slide(path, options.side)
        print(*table(path, options.tile, options.rounds), sep="\n")


if __name__ == "__main__":
    main()
