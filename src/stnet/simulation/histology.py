"""Draw an image of tissue stained with haematoxylin and eosin from a section's fields."""

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree
from scipy.special import ndtr

from stnet.simulation import nuclei
from stnet.simulation.fields import CELL, Tissue, smooth_field, stream

# Optical density per unit of stain in red, green and blue (ImageJ's H&E vectors).
HAEMATOXYLIN = (0.644, 0.717, 0.267)
EOSIN = (0.093, 0.954, 0.283)
FAT_CELL = 17.0
# Of controls: log change of eosin between a field of 0 and of 1, s.d. of the log thickness, and
# scale and relative density of the two sizes of nuclei. They cover the same share of the nests, and
# their densities give patches of 128 px the same mean and s.d. of each colour.
EOSIN_CHANGE, THICKNESS_SD = 0.8, 0.2
SMALL, LARGE = (0.6, 1.0), (1.0, 0.97)


def draw(seed: int, patient: str, section: str, tissue: Tissue) -> np.ndarray:
    """Draw a section: uint8 (height, width, 3).

    Nests of tumour cells, fibrous stroma and fat cover their fields' shares of the area; the immune
    field gives the density of lymphocytes. A patient's sections share stain and scanner.

    Source: ours.
    """
    rng = stream(seed, "histology", section)
    within = _grow(tissue.inside_edge, tissue.shape)
    within = np.clip(within / 3 + 6 * _noise(rng, tissue.shape, 12.0), 0, 1)
    fat, membrane, lumen = _fat(rng, tissue)
    # Fat has the rest of the area, which may be all of it, so avoid a division by zero.
    nests = tissue.tumour / np.maximum(tissue.tumour + tissue.stroma, 1e-6)
    above = _grow(nests, tissue.shape) - ndtr(_noise(rng, tissue.shape, 14.0))
    nest = np.clip(8 * above + 0.5, 0, 1) * (1 - fat)
    stroma = (1 - nest) * (1 - fat)
    fibres, direction = _fibres(rng, tissue.shape)

    cytoplasm = 0.42 + 0.06 * _noise(rng, tissue.shape, 3.0)
    eosin = within * (nest * cytoplasm + stroma * fibres + fat * (0.03 + 0.45 * membrane))
    haematoxylin = within * (nest * 0.16 + stroma * 0.03)
    inked = _nuclei(rng, tissue, within * nest, within * stroma, lumen, direction)
    haematoxylin = np.maximum(haematoxylin, inked)
    if tissue.eosin is not None:
        eosin *= np.exp(EOSIN_CHANGE * (_grow(tissue.eosin, tissue.shape) - 0.5))
        thickness = np.exp(THICKNESS_SD * _grow(tissue.depth, tissue.shape))
        haematoxylin, eosin = haematoxylin * thickness, eosin * thickness
    return _scan(stream(seed, "stain", patient), rng, haematoxylin, eosin)


def _grow(field: np.ndarray, shape: tuple[int, int], cell: float = CELL) -> np.ndarray:
    """Interpolate a field of cells linearly to pixels (float32)."""
    rows, columns = (side / cell for side in shape)
    image = Image.fromarray(np.ascontiguousarray(field, dtype=np.float32))
    grown = image.resize(shape[::-1], Image.Resampling.BILINEAR, box=(0, 0, columns, rows))
    return np.asarray(grown)


def _noise(rng: np.random.Generator, shape: tuple[int, int], scale: float) -> np.ndarray:
    """Gaussian random field of pixels; `scale` is the kernel's s.d. in pixels."""
    cell = max(scale / 3, 1.0)
    coarse = tuple(int(np.ceil(side / cell)) for side in shape)
    return _grow(smooth_field(rng, coarse, scale / cell), shape, cell)


def _fat(rng: np.random.Generator, tissue: Tissue) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shares of each pixel: fat, its membranes, and the empty inside of fat cells."""
    height, width = tissue.shape
    fat = _grow(tissue.fat, tissue.shape) > ndtr(_noise(rng, tissue.shape, 40.0))
    y, x = nuclei.scatter(rng, fat, 1.9 * FAT_CELL)
    shares = np.zeros((3, -(-height // 2), -(-width // 2)), dtype=np.float32)
    if len(y) > 1:
        near = np.zeros(shares.shape[1:], dtype=bool)
        near[y // 2, x // 2] = True
        near = gaussian_filter(near.astype(np.float32), FAT_CELL / 4) > 1e-4
        points = np.argwhere(near)
        tree = cKDTree(np.column_stack([y, x]))
        first, second = tree.query(points * 2 + 1, k=2)[0].T
        wall = np.minimum((second - first) / 2, FAT_CELL - first)
        shares[0][near] = np.clip(wall + 1.5, 0, 1)
        shares[1][near] = np.clip(1.8 - np.abs(wall), 0, 1)
        shares[2][near] = wall > 0
    return tuple(_grow(share, tissue.shape, 2) for share in shares)


def _fibres(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Eosin density of wavy collagen, and the fibres' angle to the x axis."""
    turn = rng.uniform(0, np.pi)
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    across = y * np.float32(np.cos(turn)) - x * np.float32(np.sin(turn))
    across += 45 * _noise(rng, shape, 70.0) + 5 * _noise(rng, shape, 14.0)
    bundles = 0.5 + 0.5 * np.sin(across * np.float32(2 * np.pi / 23))
    strands = 0.5 + 0.5 * np.sin(across * np.float32(2 * np.pi / 7) + 3 * _noise(rng, shape, 10.0))
    patchy = np.clip(0.5 + 0.35 * _noise(rng, shape, 9.0), 0, 1)
    clefts = np.clip(9 * (bundles * patchy - 0.72), 0, 1)
    eosin = (0.30 + 0.32 * strands * patchy + 0.22 * (1 - bundles)) * (1 - 0.75 * clefts)
    down, right = np.gradient(across[::CELL, ::CELL])
    return eosin, np.arctan2(-right, down)


def _nuclei(
    rng: np.random.Generator,
    tissue: Tissue,
    nest: np.ndarray,
    stroma: np.ndarray,
    lumen: np.ndarray,
    direction: np.ndarray,
) -> np.ndarray:
    """Haematoxylin density of all nuclei (height, width)."""
    height, width = tissue.shape
    canvas = np.zeros((height + 2 * nuclei.REACH, width + 2 * nuclei.REACH), dtype=np.float32)

    y, x = nuclei.scatter(rng, (stroma - 0.3) / 1.3, 22.0)
    stamps = nuclei.stroma_stamps(rng, 48)
    turn = direction[y // CELL, x // CELL] + rng.normal(0, 0.15, y.size)
    which = np.floor(turn / np.pi * len(stamps)).astype(int) % len(stamps)
    nuclei.stamp(canvas, stamps, which, y, x, rng.uniform(0.8, 1.2, y.size))

    chance = (nest - 0.4) / 0.65
    if tissue.size is None:
        sizes = [(chance, 1.0, 1.0)]
    else:
        large = ndtr(_noise(rng, tissue.shape, 25.0)) < _grow(tissue.size, tissue.shape)
        sizes = [(chance * ~large, *SMALL), (chance * large, *LARGE)]
    for among, scale, darker in sizes:
        y, x = nuclei.scatter(rng, among, 15.5 * scale)
        stamps = nuclei.tumour_stamps(rng, 64, scale)
        which = rng.integers(len(stamps), size=y.size)
        nuclei.stamp(canvas, stamps, which, y, x, darker * rng.uniform(0.8, 1.3, y.size))

    crowds = ndtr(1.5 * _noise(rng, tissue.shape, 16.0))
    chance = _grow(tissue.immune, tissue.shape) * crowds * (nest + stroma) * (lumen < 0.5)
    y, x = nuclei.scatter(rng, chance, 8.5)
    stamps = nuclei.immune_stamps(rng, 32)
    which = rng.integers(len(stamps), size=y.size)
    nuclei.stamp(canvas, stamps, which, y, x, rng.uniform(1.5, 1.9, y.size))
    return canvas[nuclei.REACH : -nuclei.REACH, nuclei.REACH : -nuclei.REACH]


def _scan(
    patient: np.random.Generator,
    rng: np.random.Generator,
    haematoxylin: np.ndarray,
    eosin: np.ndarray,
) -> np.ndarray:
    """Mix the patient's dyes by the Beer-Lambert law, and add its scanner's blur and noise."""
    dyes = np.array([HAEMATOXYLIN, EOSIN]) + patient.normal(0, 0.03, (2, 3))
    dyes = np.clip(dyes, 0.03, None)
    dyes /= np.sqrt((dyes**2).sum(axis=1, keepdims=True))
    dyes *= patient.uniform(0.8, 1.25, (2, 1)) * [[1.0], [0.8]]
    white = patient.uniform(232, 248) * (1 + patient.normal(0, 0.012, 3))
    blur, grain = patient.uniform(0.5, 0.9), patient.uniform(1.5, 3.5)
    image = np.empty((*eosin.shape, 3), dtype=np.uint8)
    for channel in range(3):
        absorbed = haematoxylin * dyes[0, channel] + eosin * dyes[1, channel]
        light = gaussian_filter(np.exp(-absorbed, dtype=np.float32), blur, truncate=2.5)
        light *= white[channel]
        light += grain * rng.standard_normal(light.shape, dtype=np.float32)
        image[..., channel] = np.clip(np.rint(light), 0, 255)
    return image
