"""Shapes and positions of nuclei: the haematoxylin of a simulated section."""

import numpy as np

# Half the side of a stamp, in pixels; the largest nucleus is smaller.
REACH = 12


def tumour_stamps(rng: np.random.Generator, count: int, scale: float = 1.0) -> np.ndarray:
    """Large pleomorphic nuclei with irregular outlines and coarse chromatin.

    `scale` multiplies their radius.
    """
    return _stamps(
        rng,
        radius=scale * rng.uniform(4.6, 8.2, count),
        elongation=rng.uniform(1.0, 1.6, count),
        angle=rng.uniform(0, np.pi, count),
        irregularity=0.08,
        chromatin=0.35,
    )


def immune_stamps(rng: np.random.Generator, count: int) -> np.ndarray:
    """Lymphocytes: small, round and uniformly dark."""
    return _stamps(
        rng,
        radius=rng.uniform(2.9, 3.7, count),
        elongation=rng.uniform(1.0, 1.15, count),
        angle=rng.uniform(0, np.pi, count),
        irregularity=0.03,
        chromatin=0.10,
    )


def stroma_stamps(rng: np.random.Generator, count: int) -> np.ndarray:
    """Spindle nuclei; the axis of stamp k is at k/count of a half turn from the x axis."""
    return _stamps(
        rng,
        radius=rng.uniform(3.2, 4.2, count),
        elongation=rng.uniform(3.0, 4.5, count),
        angle=np.arange(count) * np.pi / count,
        irregularity=0.04,
        chromatin=0.15,
    )


def _stamps(
    rng: np.random.Generator,
    radius: np.ndarray,
    elongation: np.ndarray,
    angle: np.ndarray,
    irregularity: float,
    chromatin: float,
) -> np.ndarray:
    """Optical densities of nuclei, float32 (count, side, side); 1 is the density without texture.

    `radius` is that of the circle of equal area, in pixels, `elongation` the ratio of the axes,
    `irregularity` the relative s.d. of the outline, `chromatin` that of the density inside.
    """
    count = len(radius)
    y, x = np.mgrid[-REACH : REACH + 1, -REACH : REACH + 1].astype(np.float32)
    turn = angle[:, None, None]
    along = (x * np.cos(turn) + y * np.sin(turn)) / np.sqrt(elongation)[:, None, None]
    across = (y * np.cos(turn) - x * np.sin(turn)) * np.sqrt(elongation)[:, None, None]
    around = np.arctan2(across, along)
    outline = np.ones_like(along)
    for waves in (2, 3, 4):
        size = rng.normal(0, irregularity / np.sqrt(1.5), (count, 1, 1))
        outline += size * np.cos(waves * around + rng.uniform(0, 2 * np.pi, (count, 1, 1)))
    # Distance to the outline in pixels along the radius, for a soft edge one pixel wide.
    inside = (outline - np.hypot(along, across) / radius[:, None, None]) * radius[:, None, None]
    grain = rng.standard_normal(along.shape)
    grain = (grain + np.roll(grain, 1, axis=1) + np.roll(grain, 1, axis=2)) / np.sqrt(3)
    membrane = np.exp(-(((inside - 1.0) / 1.0) ** 2))
    density = 1 + chromatin * (grain * 0.6 + membrane - 0.4)
    return (np.clip(inside + 0.5, 0, 1) * np.clip(density, 0.3, 1.8)).astype(np.float32)


def scatter(
    rng: np.random.Generator, chance: np.ndarray, spacing: float
) -> tuple[np.ndarray, np.ndarray]:
    """Points (y, x) of a jittered hexagonal grid, each kept with the probability at its pixel.

    `chance` (height, width) is the probability at each pixel; `spacing` is in pixels.
    """
    height, width = chance.shape
    rows = np.arange(0, height + spacing, spacing * 0.87)
    columns = np.arange(0, width + spacing, spacing)
    y, x = np.meshgrid(rows, columns, indexing="ij")
    x = x + (np.arange(rows.size) % 2)[:, None] * spacing / 2
    y = (y + rng.normal(0, 0.17 * spacing, y.shape)).ravel().astype(int)
    x = (x + rng.normal(0, 0.17 * spacing, x.shape)).ravel().astype(int)
    on = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    y, x = y[on], x[on]
    kept = rng.random(y.size) < chance[y, x]
    return y[kept], x[kept]


def stamp(
    canvas: np.ndarray,
    stamps: np.ndarray,
    which: np.ndarray,
    y: np.ndarray,
    x: np.ndarray,
    density: np.ndarray,
) -> None:
    """Draw stamps on a canvas in place; overlapping stamps take the darker value.

    Args:
        canvas: optical density (height, width), with a border of `REACH` pixels.
        stamps: shapes (count, side, side).
        which: index of the stamp of each nucleus, (n,).
        y: row of each centre in the image without border, (n,).
        x: column of each centre, likewise.
        density: factor of each nucleus' optical density, (n,).
    """
    side = 2 * REACH + 1
    for k, top, left, dark in zip(
        which.tolist(), y.tolist(), x.tolist(), density.tolist(), strict=True
    ):
        window = canvas[top : top + side, left : left + side]
        np.maximum(window, stamps[k] * np.float32(dark), out=window)
