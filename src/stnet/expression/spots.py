"""Which of a section's spots are used, and what they are called in a cohort."""

from pathlib import Path

import anndata as ad
import h5py
import numpy as np


def read_used_spots(path: str | Path) -> ad.AnnData:
    """The spots that the section's file says are used (`obs["used"]`), in the file's order.

    These are the rows of every view, of the targets and of the features.
    """
    section = ad.read_h5ad(path)
    return section[section.obs["used"].to_numpy(dtype=bool)]


def read_used_centres(path: str | Path) -> np.ndarray:
    """Centres (x, y) of those spots in whole pixels of the image, (spots, 2), without their counts.

    Counts are most of a section's file, and patches need none.
    """
    with h5py.File(path) as file:
        used = file["obs/used"][:].astype(bool)
        return np.rint(file["obsm/spatial"][:][used]).astype(int)


def spot_names(section: ad.AnnData) -> list[str]:
    """Names of spots that are unique over a cohort: `section:XxY`, of Visium `section:barcode`."""
    return [
        f"{s}:{spot}" for s, spot in zip(section.obs["section"], section.obs_names, strict=True)
    ]
