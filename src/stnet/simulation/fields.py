"""Simulated tissue: its outline, its composition, and the array of spots on it."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter, map_coordinates, uniform_filter
from scipy.special import ndtr

# Pixels between neighbouring spots, which are 200 µm apart: 1.33 µm per pixel.
PITCH = 150
# Side in pixels of a cell of the grid of the fields.
CELL = 10
ARRAY_SIDE = 16
SPOTS_UNDER_TISSUE = 144
MOST_OFF_IMAGE = 3
# Regions span a few spots; within them, tumour varies from spot to spot.
FIELD_SCALE, NEST_SCALE = 1.2 * PITCH / CELL, 0.5 * PITCH / CELL
# A spot is 100 µm wide; a pathologist outlines regions of a few spots.
SPOT, OUTLINED = 0.5 * PITCH, 3 * PITCH
# Shift of the probits of tumour and immune in sections of controls: nests show the nuclei's size.
CONTROLS_SHIFT = (1.2, -1.2)
# Half the side of the tissue on an array, in pixels.
RADIUS = 6.2 * PITCH


@dataclass(frozen=True)
class Tissue:
    """A section's content, on a grid of cells of `CELL` pixels; arrays are (rows, columns).

    Attributes:
        shape: height and width of the image in pixels.
        inside_edge: distance from the tissue's edge in pixels, positive inside.
        tumour: share of the area; tumour, stroma and fat sum to 1.
        stroma: likewise.
        fat: likewise.
        immune: density of lymphocytes in any tissue, from 0 to 1.
        depth: a smooth field of mean 0 and s.d. 1. The image does not depend on it, but in sections
            of controls, where it is the section's thickness.
        size: in sections of controls, the share of the nests whose nuclei are few and large; they
            are many and small in the rest.
        eosin: in sections of controls, how much eosin the tissue took up, from 0 to 1.
    """

    shape: tuple[int, int]
    inside_edge: np.ndarray
    tumour: np.ndarray
    stroma: np.ndarray
    fat: np.ndarray
    immune: np.ndarray
    depth: np.ndarray
    size: np.ndarray | None = None
    eosin: np.ndarray | None = None


def stream(seed: int, *names: str) -> np.random.Generator:
    """An independent random generator for each combination of `names`."""
    digest = hashlib.sha256("\0".join(names).encode()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest)])


def smooth_field(rng: np.random.Generator, shape: tuple[int, int], scale: float) -> np.ndarray:
    """Gaussian random field (float32), mean 0, s.d. 1; `scale` is the kernel's s.d. in cells."""
    field = gaussian_filter(rng.standard_normal(shape, dtype=np.float32), scale, truncate=3)
    return (field - field.mean()) / field.std()


def simulate_tissue(
    seed: int, patient: str, section: str, *, all_tumour: bool, controls: bool = False
) -> tuple[Tissue, pd.DataFrame]:
    """Draw a section's tissue and its array.

    Args:
        seed: seed of the cohort.
        patient: id of the patient; patients differ in their amount of tumour and immune cells.
        section: id of the section.
        all_tumour: draw so much tumour that every spot is labelled tumour.
        controls: draw a section of controls, most of which is nests.

    Returns:
        The tissue, and a table of the array's spots, indexed by `XxY`: array_col, array_row; x, y
        (pixels, float); under_tissue; tumour, stroma, fat, immune, depth, and of controls size and
        eosin (means over the spot); tumour_around (mean over 3 × 3 spots).

    Source: ours.
    """
    rng = stream(seed, "tissue", section)
    spots = _array(rng)
    depth_inside = outline(rng)
    inside = depth_inside(spots["x"].to_numpy(), spots["y"].to_numpy())
    spots["under_tissue"] = inside >= np.partition(inside, -SPOTS_UNDER_TISSUE)[-SPOTS_UNDER_TISSUE]
    edge = inside[spots["under_tissue"]].min() - 0.4 * PITCH

    left, top, width, height = _frame(rng, spots[spots["under_tissue"]])
    rows, columns = np.mgrid[: -(-height // CELL), : -(-width // CELL)] * CELL + CELL / 2
    inside_edge = (depth_inside(columns + left, rows + top) - edge).astype(np.float32)
    spots["x"] -= left
    spots["y"] -= top

    patient_rng = stream(seed, "composition", patient)
    shift = CONTROLS_SHIFT if controls else (0.0, 0.0)
    fields = composition(rng, patient_rng, rows.shape, all_tumour=all_tumour, shift=shift)
    if controls:
        fields |= _control_fields(rng, fields, inside_edge > 0)
    tissue = Tissue((height, width), inside_edge, **fields)
    for name, field in fields.items():
        spots[name] = square_mean(field, spots, SPOT)
    spots["tumour_around"] = square_mean(tissue.tumour, spots, OUTLINED)
    return tissue, spots


def _array(rng: np.random.Generator) -> pd.DataFrame:
    """The array's spots around (0, 0)."""
    x, y = np.meshgrid(np.arange(ARRAY_SIDE), np.arange(ARRAY_SIDE))
    x, y = x.ravel(), y.ravel()
    centred = [(axis - (ARRAY_SIDE - 1) / 2) * PITCH for axis in (x, y)]
    turned_x, turned_y = turned(rng, *centred)
    first_x, first_y = rng.integers(2, 12, size=2)
    table = pd.DataFrame(
        {
            "array_col": x + first_x,
            "array_row": y + first_y,
            "x": turned_x,
            "y": turned_y,
        }
    )
    table.index = [f"{x}x{y}" for x, y in zip(table["array_col"], table["array_row"], strict=True)]
    return table


def turned(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotate x, y around (0, 0) by up to one degree, like an array on a slide."""
    angle = np.deg2rad(rng.uniform(-1, 1))
    return x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)


def outline(
    rng: np.random.Generator, radius: float = RADIUS
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Outline of a tissue around (0, 0): a function from x, y to the depth inside it, in pixels.

    `radius` is half the side of the rounded square that is deformed into the outline.
    """
    waves = np.arange(2, 7)
    sizes = rng.normal(0, 0.05, waves.size) / np.sqrt(waves / 2)
    phases = rng.uniform(0, 2 * np.pi, waves.size)

    def inside(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        angle = np.arctan2(y, x)[..., None]
        wavy = radius * (1 + (sizes * np.cos(waves * angle + phases)).sum(axis=-1))
        return wavy - (np.abs(x) ** 3 + np.abs(y) ** 3) ** (1 / 3)

    return inside


def _frame(rng: np.random.Generator, covered: pd.DataFrame) -> tuple[int, int, int, int]:
    """Left, top, width and height of the image around the spots under tissue, in pixels.

    The left margin is so narrow that a few spots lie off the image or too near its edge.
    """
    off_image = rng.integers(MOST_OFF_IMAGE + 1)
    left = round(covered["x"].sort_values().iloc[off_image] - rng.uniform(0.02, 0.35) * PITCH)
    margins = rng.uniform(0.7, 0.9, size=3) * PITCH
    top = round(covered["y"].min() - margins[0])
    width = round(covered["x"].max() + margins[1]) - left
    height = round(covered["y"].max() + margins[2]) - top
    return left, top, width, height


def composition(
    rng: np.random.Generator,
    patient: np.random.Generator,
    shape: tuple[int, int],
    *,
    all_tumour: bool = False,
    shift: tuple[float, float] = (0.0, 0.0),
) -> dict[str, np.ndarray]:
    """Draw the composition of tissue: the fields tumour, stroma, fat, immune and depth of `Tissue`.

    Args:
        rng: generator of the section.
        patient: generator of the patient, with the same state for all its sections.
        shape: shape of the grid of cells.
        all_tumour: draw so much tumour that every spot is labelled tumour.
        shift: shift of the patient's probits of tumour and immune.

    Returns:
        Arrays of `shape` by name.
    """
    more_tumour, more_immune = patient.normal(0, 0.3, size=2) + shift
    tumour, fat, immune, depth = (smooth_field(rng, shape, FIELD_SCALE) for _ in range(4))
    tumour = 0.8 * tumour + 0.6 * smooth_field(rng, shape, NEST_SCALE)
    fat = ndtr((fat - 1.4) / 0.5)
    tumour = ndtr(1.2 * tumour + more_tumour)
    if all_tumour:
        fat = 0.2 * fat
        tumour = 0.55 + 0.45 * tumour
    return {
        "tumour": (1 - fat) * tumour,
        "stroma": (1 - fat) * (1 - tumour),
        "fat": fat,
        "immune": (1 - fat) * ndtr(1.2 * immune - 0.6 + more_immune),
        "depth": depth,
    }


def _control_fields(
    rng: np.random.Generator, fields: dict[str, np.ndarray], inside: np.ndarray
) -> dict[str, np.ndarray]:
    """Draw size and eosin of `Tissue`, which in the tissue correlate with no other of its fields.

    Otherwise chance correlations between smooth fields would let colour tell the size of nuclei.
    """
    known = [
        np.ones(inside.shape),
        *(fields[name] for name in ("tumour", "fat", "immune", "depth")),
    ]
    drawn = {}
    for name in ("size", "eosin"):
        known.append(unexplained([*known, smooth_field(rng, inside.shape, FIELD_SCALE)], inside))
        drawn[name] = ndtr(1.5 * known[-1] / known[-1][inside].std())
    return drawn


def unexplained(columns: Sequence[np.ndarray], among: np.ndarray | float = 1.0) -> np.ndarray:
    """The last of some arrays, without what a regression on the others explains.

    `among` are weights of the elements, of the same shape; 0 leaves an element out of the fit.
    """
    basis: list[np.ndarray] = []
    for column in columns:
        column = column.astype(float)
        # Sums, not BLAS: its results depend on the number of threads.
        for known in basis:
            column = column - known * (known * column * among).sum() / (known * known * among).sum()
        basis.append(column)
    return basis[-1]


def square_mean(field: np.ndarray, spots: pd.DataFrame, side: float) -> np.ndarray:
    """Mean of a field of cells over a square of `side` pixels around each spot."""
    places = [spots["y"] / CELL - 0.5, spots["x"] / CELL - 0.5]
    means = uniform_filter(field, round(side / CELL))
    return map_coordinates(means, places, order=1, mode="nearest")
