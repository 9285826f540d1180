"""Measures of each nucleus: size, colour, and distances to its neighbours."""

import numpy as np
from scipy.spatial import Delaunay, QhullError
from scipy.spatial.distance import cdist

SIZES = ["area", "major_axis", "minor_axis", "axis_ratio"]
COLOURS = ["red", "green", "blue"]
DISTANCES = ["nearest", "mean_distance", "farthest"]
MEASURES = [*SIZES, *COLOURS, *DISTANCES]


def measure(patch: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Measures of the nuclei of a patch, float64 (nuclei, 10), columns as in `MEASURES`.

    `patch` is uint8 (h, w, 3); `labels` (h, w) is 1 to n in the n nuclei and 0 elsewhere. Measures
    are the area in px²; major and minor axis in px of the ellipse with the same second moments, and
    their ratio (NaN for a line); mean red, green and blue, 0 to 255; minimum, mean and maximum
    distance in px from the centroid to those of its `neighbours` (NaN without neighbours).

    Source: Results, "ten commonly used features for each nucleus". The axes are those of
    scikit-image's regionprops, on which HistomicsTK's features are based. Computing them for all
    nuclei at once is much faster.
    """
    y, x = np.nonzero(labels)
    of = labels[y, x] - 1
    area = np.bincount(of).astype(float)

    def means(values: np.ndarray) -> np.ndarray:
        return np.bincount(of, weights=values) / area

    centroids = np.column_stack([means(y), means(x)])
    dy, dx = y - centroids[of, 0], x - centroids[of, 1]
    # Eigenvalues half ± apart of the covariance of a nucleus' pixels.
    half = (means(dy * dy) + means(dx * dx)) / 2
    apart = np.hypot((means(dy * dy) - means(dx * dx)) / 2, means(dy * dx))
    major, minor = 4 * np.sqrt(half + apart), 4 * np.sqrt(np.clip(half - apart, 0, None))
    ratio = np.divide(major, minor, out=np.full_like(major, np.nan), where=minor > 0)
    colours = [means(patch[y, x, channel]) for channel in range(3)]
    return np.column_stack([area, major, minor, ratio, *colours, neighbour_distances(centroids)])


def neighbour_distances(points: np.ndarray) -> np.ndarray:
    """Minimum, mean and maximum distance from each of `points` (n, 2) to its neighbours, (n, 3).

    NaN for a point without neighbours. Source: Results, "the maximum, mean and minimum distance to
    adjacent nuclei in the Delaunay triangulation".
    """
    first, second = neighbours(points).T
    adjacent = np.zeros((len(points), len(points)), dtype=bool)
    adjacent[first, second] = adjacent[second, first] = True
    number = adjacent.sum(axis=1)
    distances = np.where(adjacent, cdist(points, points), 0)
    least = distances.min(axis=1, where=adjacent, initial=np.inf)
    mean = distances.sum(axis=1) / np.maximum(number, 1)
    found = np.column_stack([least, mean, distances.max(axis=1, initial=0)])
    return np.where(number[:, None] > 0, found, np.nan)


def neighbours(points: np.ndarray) -> np.ndarray:
    """Edges (edges, 2) of the Delaunay triangulation of `points` (n, 2), as pairs of rows.

    If there is no triangulation (fewer than three points, or points on a line), all pairs are
    neighbours (ours).
    """
    try:
        triangles = Delaunay(points).simplices if len(points) > 2 else None
    except QhullError:
        triangles = None
    if triangles is None:
        return np.column_stack(np.triu_indices(len(points), k=1))
    sides = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [0, 2]]])
    return np.unique(np.sort(sides, axis=1), axis=0)
