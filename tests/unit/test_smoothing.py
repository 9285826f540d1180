"""The smoothed measurement against a plain loop over spots."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from stnet.config import section_sheet
from stnet.core.errors import InputError
from stnet.evaluation.measurements import measured
from stnet.expression.grids import GRIDS
from stnet.expression.smoothing import neighbourhoods, smooth
from stnet.expression.transforms import normalise


def scattered_spots(seed: int, hexagonal: bool = False) -> pd.DataFrame:
    """Two sections that lack some positions of their arrays, rows in random order."""
    random = np.random.default_rng(seed)
    x, y = np.meshgrid(np.arange(7), np.arange(6))
    if hexagonal:
        x = 2 * x + y % 2
    parts = []
    for section in ("S1", "S2"):
        kept = random.permutation(x.size)[:30]
        parts.append(
            pd.DataFrame(
                {"section": section, "array_col": x.ravel()[kept], "array_row": y.ravel()[kept]}
            )
        )
    return pd.concat(parts, ignore_index=True).sample(frac=1, random_state=seed)


def plain_mean(spots: pd.DataFrame, values: np.ndarray, is_near) -> np.ndarray:
    means = []
    for _, spot in spots.iterrows():
        near = [
            values[row]
            for row, (_, other) in enumerate(spots.iterrows())
            if other["section"] == spot["section"]
            and is_near(
                other["array_col"] - spot["array_col"], other["array_row"] - spot["array_row"]
            )
        ]
        means.append(np.mean(near, axis=0))
    return np.array(means)


def near_on_square(dx: int, dy: int) -> bool:
    return max(abs(dx), abs(dy)) <= 1


def near_on_hexagonal(dx: int, dy: int) -> bool:
    # On Visium's lattice neighbours are 100 um apart: half a column is 50 um, a row 86.6 um.
    return np.hypot(50 * dx, 86.6 * dy) < 110


@pytest.mark.parametrize(
    ("grid", "is_near"), [("square", near_on_square), ("hexagonal", near_on_hexagonal)]
)
def test_smooth_is_the_mean_over_present_neighbours_of_the_same_section(grid, is_near):
    spots = scattered_spots(1, hexagonal=grid == "hexagonal")
    values = np.random.default_rng(2).normal(size=(len(spots), 3)).astype(np.float32)
    neighbours = neighbourhoods(spots, {"S1": grid, "S2": grid})
    expected = plain_mean(spots, values.astype(float), is_near)
    np.testing.assert_allclose(smooth(values, neighbours), expected, rtol=1e-12)


def test_a_whole_neighbourhood_has_nine_or_seven_spots():
    x, y = np.meshgrid(np.arange(5), np.arange(5))
    square = pd.DataFrame({"section": "S", "array_col": x.ravel(), "array_row": y.ravel()})
    hexagonal = square.assign(array_col=2 * square["array_col"] + square["array_row"] % 2)
    centre = 12
    assert neighbourhoods(square, {"S": "square"}).sum(axis=1)[centre] == 9
    assert neighbourhoods(hexagonal, {"S": "hexagonal"}).sum(axis=1)[centre] == 7
    assert neighbourhoods(square, {"S": "square"}).sum(axis=1)[0] == 4


def test_sections_of_different_grids_each_keep_their_own():
    spots = pd.DataFrame(
        {"section": ["A", "A", "B", "B"], "array_col": [0, 2, 0, 2], "array_row": [0, 0, 0, 0]}
    )
    neighbours = neighbourhoods(spots, {"A": "square", "B": "hexagonal"})
    expected = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]]
    np.testing.assert_array_equal(neighbours.toarray(), expected)


@pytest.mark.parametrize("kind", ["log_fraction", "log_cp10k"])
def test_smoothing_counts_averages_counts_and_totals_before_the_transform(kind):
    random = np.random.default_rng(3)
    spots = scattered_spots(3)
    counts = random.poisson(4, size=(len(spots), 5))
    totals = counts.sum(axis=1) + random.integers(50, 500, size=len(spots))
    values = normalise(counts, totals, 900, kind).astype(np.float32)
    mean_counts = plain_mean(spots, counts.astype(float), near_on_square)
    mean_totals = plain_mean(spots, totals.astype(float), near_on_square)
    expected = normalise(mean_counts, mean_totals, 900, kind)
    targets = ad.AnnData(
        obs=spots.assign(total_counts=totals).set_index(spots.index.astype(str)),
        layers={"observed": values},
        uns={
            "targets": {"universe": 900, "transform": kind},
            "grid": {"S1": "square", "S2": "square"},
        },
    )
    found = measured(targets, "targets", "counts")
    np.testing.assert_allclose(found, expected, atol=1e-5)
    of_values = measured(targets, "targets", "values")
    np.testing.assert_allclose(of_values, plain_mean(spots, values, near_on_square), atol=1e-5)
    assert not np.allclose(found, of_values, atol=1e-3)
    with pytest.raises(InputError, match="smoothing: 'spots' is not values or counts"):
        measured(targets, "targets", "spots")


def test_bad_grids_and_positions_name_the_section():
    spots = pd.DataFrame({"section": ["S1", "S1"], "array_col": [3, 3], "array_row": [4, 4]})
    with pytest.raises(InputError, match="section S1: two spots at array position 3x4"):
        neighbourhoods(spots, {"S1": "square"})
    with pytest.raises(InputError, match="section S1: grid None is not one of square, hexagonal"):
        neighbourhoods(spots, {})


def test_the_section_sheet_knows_these_grids():
    assert list(GRIDS) == section_sheet.GRIDS


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_steps_of_a_grid_have_the_length_of_its_pitch(grid):
    lengths = np.linalg.norm(np.multiply(grid.adjacent, grid.pitches), axis=1)
    np.testing.assert_allclose(lengths, 1)
    assert set(grid.adjacent) < set(grid.neighbourhood)
    assert (0, 0) in grid.neighbourhood
