"""HistomicsTK has wheels for each Python under another version; all have the code of 1.4.0."""

import hashlib
from pathlib import Path

import histomicstk
import numpy as np
from skimage.draw import ellipse

from stnet.features.segmentation import Segmentation, segment

# Of what it is used for, and of what that uses: sources of Python and of Cython, from the wheel of
# 1.4.0 for Python 3.11.
FOLDERS = ("filters", "preprocessing", "segmentation", "utils", "features")
SOURCES = "4979af4d24852f59004cab1deefc9fe627d5b5c74f0aebeb16ecdf3d5a7bbb9f"
# Pixels of each nucleus below, by 1.4.0 under Python 3.11.
AREAS = [
    70,
    105,
    68,
    87,
    55,
    134,
    43,
    147,
    86,
    164,
    149,
    71,
    110,
    115,
    95,
    68,
    100,
    233,
    54,
    137,
    201,
    114,
    142,
    138,
    78,
    144,
    137,
    227,
    77,
    131,
    145,
    54,
]


def test_the_sources_are_those_of_the_release():
    root = Path(histomicstk.__file__).parent
    digest = hashlib.sha256()
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.py*")):
            if path.suffix in (".py", ".pyx") and "tests" not in path.parts:
                digest.update(str(path.relative_to(root)).encode())
                digest.update(path.read_bytes())
    assert digest.hexdigest() == SOURCES


def test_the_compiled_code_gives_what_the_release_gives():
    density = np.zeros((160, 160))
    random = np.random.default_rng(0)
    for y, x in random.uniform(10, 150, (40, 2)):
        a, b, turn = random.uniform(4, 9), random.uniform(3, 6), random.uniform(0, np.pi)
        density[ellipse(y, x, a, b, shape=density.shape, rotation=turn)] = 1.5
    haematoxylin, eosin = np.array([0.650, 0.704, 0.286]), np.array([0.072, 0.990, 0.105])
    patch = np.rint(240 * np.exp(-density[..., None] * haematoxylin - 0.3 * eosin)).astype(np.uint8)
    settings = Segmentation(
        haematoxylin=haematoxylin.tolist(),
        eosin=eosin.tolist(),
        foreground=90,
        radii=[3, 4.5],
        search_radius=5,
        smallest=20,
    )
    labels = segment(patch, settings)
    assert np.bincount(labels.ravel())[1:].tolist() == AREAS
