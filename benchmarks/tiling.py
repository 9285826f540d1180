"""Speed of the tiling of whole slides against reading every window: prints a table.

    PYTHONPATH=src .venv/bin/python benchmarks/tiling.py

Both choose the tiles of the same simulated slides, one after the other and each in its own process,
and must keep the same tiles. The plain loop reads every window at full resolution through OpenSlide
and applies the rule literally: the mean of red, green and blue. A quarter of each slide is tissue;
the rest is glass of several grey levels; both have noise. The slides are in JPEG tiles. Rates are
per second of a processor, so other programs on the machine hardly change them.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from statistics import median
from subprocess import PIPE, run
from tempfile import TemporaryDirectory
from time import process_time

import numpy as np
from openslide import OpenSlide
from tiled import write_tissue_slide

from stnet.slides.image import open_image
from stnet.slides.scale import Configured, resolve_scale
from stnet.slides.tiling import Tiling, TilingRecord, tiles

ROOT = Path(__file__).parents[1]
RULE = {"background": 220, "most_background": 0.5}
HOW = ("plain", "1", "2")  # the plain loop, and here with so many threads
# Grey levels of glass: what the pre-pass proves to be background, and what it cannot.
GLASS = (245, 240, 232, 225)


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
    """Run one variant in its own process: tiles kept, windows per processor's second, memory."""
    command = [sys.executable, __file__, "--measure", how, "--slide", str(path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = run([*command, "--tile", str(side)], env=environment, stdout=PIPE, check=True)
    return json.loads(done.stdout)


def row(path: Path, name: str, side: int, rounds: int) -> str:
    """A row of the table: medians of rates, and ratios within a round with their range."""
    done = [{how: measure(path, side, how) for how in HOW} for _ in range(rounds)]
    plain_loop = done[0]["plain"]
    if any(each["kept"] != plain_loop["kept"] for turn in done for each in turn.values()):
        raise SystemExit(f"{name}: the variants kept different tiles")
    cells = [name, f"{len(plain_loop['kept'])} of {plain_loop['windows']}"]
    for how in HOW:
        cells.append(f"{median(turn[how]['rate'] for turn in done):.0f}")
        if how != "plain":
            ratios = [turn[how]["rate"] / turn["plain"]["rate"] for turn in done]
            cells[-1] += f", **{median(ratios):.1f}** ({min(ratios):.1f}–{max(ratios):.1f})"
    memory = (max(turn[how]["memory"] for turn in done) / 1e6 for how in HOW)
    return f"| {' | '.join(cells)} | {', '.join(f'{each:.0f}' for each in memory)} |"


def main() -> None:
    """Write the slide, measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=10_000, help="of the slide, in pixels")
    parser.add_argument("--tile", type=int, default=512, help="side of a tile, in pixels")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--slide", type=Path, help="your own, at ×20; otherwise one is simulated")
    parser.add_argument("--measure", choices=HOW, help="run one variant and print JSON")
    options = parser.parse_args()
    if options.measure:
        arguments = (str(options.slide), options.tile)
        started = process_time()
        how = options.measure
        kept, windows = plain(*arguments) if how == "plain" else here(*arguments, int(how))
        rate = windows / (process_time() - started)
        # Not getrusage: a child inherits the peak of its parent.
        status = Path("/proc/self/status").read_text()
        memory = int(status.partition("VmHWM:")[2].split()[0]) * 1024
        print(json.dumps({"kept": kept, "windows": windows, "rate": rate, "memory": memory}))
        return
    print(
        "| glass | tiles kept | plain loop, tiles per processor-second |"
        " here, one thread, and its ratio (least–greatest) | two threads |"
        " peak memory of the three, MB |\n|---|---|---|---|---|---|"
    )
    if options.slide:
        print(row(options.slide, options.slide.name, options.tile, options.rounds))
        return
    with TemporaryDirectory() as name:
        for glass in GLASS:
            path = Path(name) / f"{glass}.tif"
            write_tissue_slide(path, options.side, glass)
            print(row(path, str(glass), options.tile, options.rounds), flush=True)
            path.unlink()


if __name__ == "__main__":
    main()
