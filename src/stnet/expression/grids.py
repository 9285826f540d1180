"""The arrays of spots: what sets a square (ST) and a hexagonal (Visium) array apart."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

Steps = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Grid:
    """An array of spots.

    Attributes:
        pitches: distance of a step of 1 in `array_col` and in `array_row`, in spot pitches.
        neighbourhood: steps in (`array_col`, `array_row`) to a spot and its neighbours.
        adjacent: steps to the nearest spots only.
        spot_um: diameter of a spot.
    """

    pitches: tuple[float, float]
    neighbourhood: Steps
    adjacent: Steps
    spot_um: float

    @property
    def reach(self) -> float:
        """Distance of the farthest spot of a neighbourhood, in spot pitches."""
        return float(np.linalg.norm(np.multiply(self.neighbourhood, self.pitches), axis=1).max())


# Columns increase by two within a row, and by one from row to row.
_AROUND = ((-2, 0), (2, 0), (-1, -1), (-1, 1), (1, -1), (1, 1))

# Square: a three-by-three neighbourhood (Methods), "the four adjacent spots" (Results, on the
# latent space) and "spots with a diameter of 100 µm" (Results). Hexagonal: a spot and all its six
# neighbours (ours), and Visium's spots.
GRIDS = {
    "square": Grid(
        pitches=(1.0, 1.0),
        neighbourhood=tuple((dx, dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)),
        adjacent=((-1, 0), (0, -1), (0, 1), (1, 0)),
        spot_um=100.0,
    ),
    "hexagonal": Grid(
        pitches=(0.5, float(np.sqrt(3) / 2)),
        neighbourhood=((0, 0), *_AROUND),
        adjacent=_AROUND,
        spot_um=55.0,
    ),
}


def places(spots: pd.DataFrame, grids: Mapping[str, str]) -> np.ndarray:
    """Positions of spots on their section's array, (spots, 2), in spot pitches.

    `spots` has `section`, `array_col` and `array_row`; `grids` maps each section to `square` or
    `hexagonal`.
    """
    pitch = spots["section"].astype(str).map(lambda section: GRIDS[grids[section]].pitches)
    return spots[["array_col", "array_row"]].to_numpy(dtype=float) * np.array(pitch.tolist())
