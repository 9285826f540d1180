"""Segmentation of nuclei in patches stained with haematoxylin and eosin, by HistomicsTK."""

import warnings

import numpy as np
from histomicstk.filters.shape import cdog
from histomicstk.preprocessing.color_deconvolution import color_deconvolution
from histomicstk.segmentation.label import area_open
from histomicstk.segmentation.nuclear import max_clustering
from scipy.ndimage import binary_fill_holes

from stnet.config.segmentation import Segmentation


def segment(patch: np.ndarray, settings: Segmentation) -> np.ndarray:
    """Nuclei of a patch uint8 (h, w, 3): int32 (h, w), 1 to n in each of n nuclei, 0 elsewhere.

    The stains are told apart by colour deconvolution, holes of the foreground are filled, and its
    pixels are shared out among the local maxima of a multi-scale difference of Gaussians. Nuclei
    that the patch's border cuts are kept, with the part that is seen. An object need not be in one
    piece: pixels beyond a gap may belong to the same maximum.

    Source: the steps and their order are those of HistomicsTK's documented example of nuclear
    segmentation, and so are the released code's settings. The example takes radius · √2 as the
    s.d. of a Gaussian, where `cdog` asks for radius / √2 of a blob: `radii` of 10 to 15 seek blobs
    with twice these radii.
    """
    stains = np.column_stack([settings.haematoxylin, settings.eosin])
    haematoxylin = color_deconvolution(patch, stains).Stains[:, :, 0]
    foreground = binary_fill_holes(haematoxylin < settings.foreground)
    nothing = np.zeros(foreground.shape, dtype=np.int32)
    if not foreground.any():
        return nothing
    least, largest = np.sqrt(2) * np.asarray(settings.radii)
    response, _ = cdog(haematoxylin, foreground, sigma_min=least, sigma_max=largest)
    with warnings.catch_warnings():
        # It asks scikit-image for a property by the name that it had.
        warnings.simplefilter("ignore", FutureWarning)
        labels, seeds, _ = max_clustering(response, foreground, settings.search_radius)
    if seeds is None:
        return nothing
    return area_open(labels, settings.smallest).astype(np.int32)
