"""What a section's image shows under its spots: tissue, and the stain of nuclei (ours)."""

import numpy as np
from PIL import Image
from scipy.ndimage import uniform_filter

from stnet.slides.colours import BRIGHTEST, STAINS, glass_limit

# A spot is on tissue if more than this share of it is. Of HER2ST's spots 99% and more are.
ON_TISSUE = 0.4


def tissue_share(picture: Image.Image, diameter: float) -> np.ndarray:
    """Share of tissue in the square of side `diameter` px around each pixel, (height, width)."""
    brightness = np.asarray(picture, dtype=np.float32).mean(axis=2)
    tissue = brightness <= glass_limit(brightness)
    return uniform_filter(tissue.astype(np.float32), max(1, round(diameter)))


def haematoxylin(picture: Image.Image, diameter: float) -> np.ndarray:
    """Mean haematoxylin in the same square, in optical density above glass, (height, width)."""
    pixels = np.asarray(picture, dtype=np.float32) + 1
    glass = np.percentile(pixels, BRIGHTEST, axis=(0, 1))
    amount = -np.log(pixels / glass) @ np.linalg.inv(STAINS)[:, 0]
    return uniform_filter(amount.clip(0).astype(np.float32), max(1, round(diameter)))


def sample(signal: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Values of a signal (height, width) at `places`, (n, 2) as x and y; 0 off the picture."""
    height, width = signal.shape
    x, y = np.floor(places).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    return np.where(inside, signal[y.clip(0, height - 1), x.clip(0, width - 1)], 0)
