"""Segmentation of nuclei in patches stained with haematoxylin and eosin, by HistomicsTK."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from histomicstk.filters.shape import cdog
from histomicstk.preprocessing.color_deconvolution import color_deconvolution
from histomicstk.segmentation.label import area_open
from histomicstk.segmentation.nuclear import max_clustering
from scipy.ndimage import binary_fill_holes


@dataclass(frozen=True)
class Segmentation:
    """Settings of the segmentation; lengths are in pixels of the patch.

    Attributes:
        haematoxylin, eosin: optical density of each stain in red, green and blue; any length.
        foreground: a pixel is of a nucleus where its haematoxylin, from 0 (dark) to 255, is below.
        radii: least and largest radius, of whose √2-fold the differences of Gaussians are taken;
            where the largest is 1.58 times the least or more, HistomicsTK takes some of them at
            half the resolution, which frays outlines.
        search_radius: a pixel belongs to the highest of the filter's values within this radius.
        smallest: area below which an object is dropped.
    """

    haematoxylin: Sequence[float]
    eosin: Sequence[float]
    foreground: float
    radii: Sequence[float]
    search_radius: float
    smallest: int


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
