"""Distance between neighbouring spots."""

import numpy as np
from scipy.spatial import cKDTree


def spot_pitch(places: np.ndarray) -> float:
    """Distance between neighbouring spots at `places`, (n, 2), in the same unit.

    It is the median over spots of the distance to the nearest other spot, and 1 for a single spot.
    """
    if len(places) < 2:
        return 1.0
    return float(np.median(cKDTree(places).query(places, k=2)[0][:, 1]))
