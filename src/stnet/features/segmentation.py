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
    """Segment the nuclei of a patch uint8 (h, w, 3): int32 (h, w), 1 to n in n nuclei, 0 elsewhere.

    Colour deconvolution separates the stains. Holes of the foreground are filled. Each foreground
    pixel is assigned to a local maximum of a multi-scale difference of Gaussians. Nuclei cut by the
    patch's border are kept. An object may have several pieces, because pixels beyond a gap may
    belong to the same maximum.

    Source: HistomicsTK's documented example of nuclear segmentation, whose steps and settings the
    released code uses. The example sets the s.d. of the Gaussian to radius · √2, although the s.d.
    of a blob for `cdog` is radius / √2. So `radii` of 10 to 15 find blobs of twice these radii.
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
        # HistomicsTK uses a deprecated property name of scikit-image.
        warnings.simplefilter("ignore", FutureWarning)
        labels, seeds, _ = max_clustering(response, foreground, settings.search_radius)
    if seeds is None:
        return nothing
    return area_open(labels, settings.smallest).astype(np.int32)
