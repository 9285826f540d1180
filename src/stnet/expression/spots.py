"""Which of a section's spots are used, and what they are called in a cohort."""

from pathlib import Path

import anndata as ad
import h5py
import numpy as np


def read_used_spots(path: str | Path, spot_window: int) -> ad.AnnData:
    """The section's spots whose window of `spot_window` pixels lies inside the image.

    These are the rows of every view and of the targets, in the section's order.
    """
    section = ad.read_h5ad(path)
    return section[_used(section.obs["margin"].to_numpy(), spot_window)]


def read_used_centres(path: str | Path, spot_window: int) -> np.ndarray:
    """Centres (x, y) of those spots in whole pixels of the image, (spots, 2), without their counts.

    Counts are most of a section's file, and patches need none.
    """
    with h5py.File(path) as file:
        used = _used(file["obs/margin"][:], spot_window)
        return np.rint(file["obsm/spatial"][:][used]).astype(int)


def _used(margins: np.ndarray, spot_window: int) -> np.ndarray:
    return margins >= spot_window / 2


def spot_names(section: ad.AnnData) -> list[str]:
    """Names of spots that are unique over a cohort: `section:XxY`, of Visium `section:barcode`."""
    return [
        f"{s}:{spot}" for s, spot in zip(section.obs["section"], section.obs_names, strict=True)
    ]
