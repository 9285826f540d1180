"""Smoothing: average each spot with its neighbours on the array."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import sparse

from stnet.core.errors import InputError
from stnet.expression.grids import GRIDS

NEIGHBOURHOODS = {name: grid.neighbourhood for name, grid in GRIDS.items()}
ADJACENT = {name: grid.adjacent for name, grid in GRIDS.items()}
LONGEST_STEP = 2


def neighbourhoods(
    spots: pd.DataFrame,
    grids: Mapping[str, str],
    steps: Mapping[str, Sequence[tuple[int, int]]] = NEIGHBOURHOODS,
) -> sparse.csr_array:
    """Neighbourhood of each spot as a 0/1 matrix (spots, spots).

    `spots` has `section`, `array_col` and `array_row`. `grids` maps each section to a name of
    `GRIDS`. `steps` may select another neighbourhood, such as `ADJACENT`. Neighbours are spots of
    the same section in `spots`. Raises InputError if a section's grid is unknown or two spots of a
    section share a position.
    """
    section, names = pd.factorize(spots["section"].astype(str))
    grid = np.array([_grid(name, grids) for name in names])[section]
    x = spots["array_col"].to_numpy(dtype=np.int64)
    y = spots["array_row"].to_numpy(dtype=np.int64)
    # Padding of rows and columns, so that a step beyond the edge of the array never hits a spot.
    x, y = x - x.min(), y - y.min()
    width, height = x.max() + 1 + LONGEST_STEP, y.max() + 1 + LONGEST_STEP
    position = (section * width + x) * height + y
    order = np.argsort(position)
    in_order = position[order]
    repeated = np.flatnonzero(in_order[1:] == in_order[:-1])
    if len(repeated):
        spot = spots.iloc[order[repeated[0]]]
        raise InputError(
            f"section {spot['section']}: two spots at array position "
            f"{spot['array_col']}x{spot['array_row']}; keep one of them"
        )
    rows, columns = [], []
    for kind, of_grid in steps.items():
        of_kind = np.flatnonzero(grid == kind)
        for dx, dy in of_grid:
            wanted = position[of_kind] + dx * height + dy
            at = np.searchsorted(in_order, wanted).clip(max=len(spots) - 1)
            present = in_order[at] == wanted
            rows.append(of_kind[present])
            columns.append(order[at[present]])
    rows, columns = np.concatenate(rows), np.concatenate(columns)
    return sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(spots),) * 2)


def smooth(values: np.ndarray, neighbours: sparse.csr_array) -> np.ndarray:
    """Mean of `values` (spots, genes) over each spot's neighbourhood: float64 of the same shape.

    `neighbours` is the matrix from `neighbourhoods`. A NaN in the neighbourhood gives NaN. Source:
    Methods, "taking the average expression of all of the adjacent neighbour spots", read as the
    mean of y.
    """
    total = neighbours @ np.asarray(values, dtype=np.float64)
    return total / neighbours.sum(axis=1)[:, None]


def _grid(section: str, grids: Mapping[str, str]) -> str:
    grid = grids.get(section)
    if grid not in GRIDS:
        raise InputError(
            f"section {section}: grid {grid!r} is not one of {', '.join(GRIDS)}; "
            "correct the section sheet"
        )
    return grid
