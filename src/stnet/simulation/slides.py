"""Whole slides of simulated patients: pieces of tissue on glass, as pyramidal TIFF."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile
from PIL import Image
from scipy.ndimage import uniform_filter

from stnet.core.atomic import atomic_path
from stnet.simulation.counts import FIELDS
from stnet.simulation.fields import CELL, PITCH, SPOT, Tissue, composition, outline, stream

# Images are drawn at the scale of the simulated sections; x10 is 1 µm per pixel.
UM_PER_PX = 200 / PITCH
# Sides of a slide in pixels of the coarsest level, so 1,312 to 1,696 px at full resolution.
SIDES, LEVELS = (82, 106), (1, 4, 16)
# Half the tissue's side divided by the slide's shorter side: almost half of the slide is glass.
COVERED = 0.4
TILE = 256

# Shift of a subtype's probits of tumour and immune: nests of ductal tumour are large, lobular
# tumour grows in files through the stroma.
SHIFTS = {"8500/3": (0.6, -0.2), "8520/3": (-0.9, 0.3)}


@dataclass(frozen=True)
class Scan:
    """Properties of a simulated scan.

    Attributes:
        enlarged: resolution relative to the drawn image.
        properties: which of "AppMag" (objective power) and "MPP" (µm per pixel) the file states;
            with none, the scanner is unknown.
        levels: downsampling of each level.
        truncated: whether the second half of the file is missing.
    """

    enlarged: int = 1
    properties: Sequence[str] = ("AppMag", "MPP")
    levels: Sequence[int] = LEVELS
    truncated: bool = False


def simulate_slide(seed: int, patient: str, slide: str, histology: str) -> Tissue:
    """Draw the tissue of a slide, surrounded by glass, with the patient's composition.

    Args:
        seed: seed of the cohort whose genes and stains are shared.
        patient: as in `simulate_tissue`.
        slide: id of the slide.
        histology: morphology code of the tumour, which changes the composition by `SHIFTS`.

    Source: ours.
    """
    rng = stream(seed, "slide", slide)
    height, width = (16 * rng.integers(*SIDES, size=2, endpoint=True)).tolist()
    reach = outline(rng, COVERED * min(height, width))
    y, x = np.mgrid[: -(-height // CELL), : -(-width // CELL)] * CELL + CELL / 2
    inside_edge = reach(x - width / 2, y - height / 2).astype(np.float32)
    fields = composition(
        rng,
        stream(seed, "composition", patient),
        inside_edge.shape,
        shift=SHIFTS.get(histology, (0.0, 0.0)),
    )
    return Tissue((height, width), inside_edge, **fields)


def places(tissue: Tissue) -> pd.DataFrame:
    """Tumour, immune and stroma in the tissue, averaged over adjacent squares as wide as a spot."""
    side = round(SPOT / CELL)
    centres = np.s_[side // 2 :: side, side // 2 :: side]
    inside = tissue.inside_edge[centres] > 0
    means = {name: uniform_filter(getattr(tissue, name), side)[centres][inside] for name in FIELDS}
    return pd.DataFrame(means)


def write_slide(path: str | Path, image: np.ndarray, scan: Scan) -> None:
    """Write a slide of `image`, uint8 (height, width, 3) at `UM_PER_PX`, without loss.

    The file is a TIFF with deflated tiles. Each level is the box average of the first. Properties
    of the scan have Aperio's format. Height and width must be multiples of the coarsest level's
    factor. The same arguments give the same bytes.

    Source: ours.
    """
    if scan.enlarged > 1:
        height, width = (side * scan.enlarged for side in image.shape[:2])
        image = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))
    um_per_px = UM_PER_PX / scan.enlarged
    values = {"AppMag": f"{10 / um_per_px:g}", "MPP": f"{um_per_px:.4f}"}
    properties = [f"{name} = {values[name]}" for name in scan.properties]
    with atomic_path(path) as temporary:
        _write_tiff(temporary, [_averaged(image, factor) for factor in scan.levels], properties)
        if scan.truncated:
            os.truncate(temporary, temporary.stat().st_size // 2)


def _write_tiff(path: Path, levels: list[np.ndarray], properties: list[str]) -> None:
    with tifffile.TiffWriter(path) as tiff:
        for number, level in enumerate(levels):
            size = f"{level.shape[1]}x{level.shape[0]}"
            scanner = f"Aperio Image Library\r\n{size} ({TILE}x{TILE})"
            tiff.write(
                level,
                tile=(TILE, TILE),
                compression="adobe_deflate",
                # Noise does not compress, so a higher level would only cost time.
                compressionargs={"level": 1},
                predictor=True,
                photometric="rgb",
                subfiletype=int(number > 0),
                description="|".join([scanner, *properties]) if properties else None,
                # No shape, writer or time, so that the bytes depend on the arguments alone.
                metadata=None,
                software=False,
            )


def _averaged(image: np.ndarray, factor: int) -> np.ndarray:
    """Means of squares of `factor` x `factor` pixels, rounded."""
    if factor == 1:
        return image
    height, width = (side // factor for side in image.shape[:2])
    squares = image.reshape(height, factor, width, factor, 3)
    return np.rint(squares.mean(axis=(1, 3))).astype(np.uint8)
