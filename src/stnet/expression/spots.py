"""The used spots of a section, and their names in a cohort."""

from pathlib import Path

import anndata as ad
import numpy as np

from stnet.core.errors import InputError
from stnet.core.h5ad import open_h5ad, read_h5ad
from stnet.core.hashing import file_sha256

# What every section's file has (`write_section`).
CONTRACT = [
    *("obs/section", "obs/used", "obsm/spatial"),
    *("uns/slide", "uns/spatial", "uns/grid", "uns/checks"),
]


def read_used_spots(path: str | Path) -> ad.AnnData:
    """The used spots of a section's file (`obs["used"]`), in the file's order.

    They are the rows of views, targets and features. Raises InputError if the file is damaged or of
    an older version.
    """
    return used_spots(read_h5ad(path, CONTRACT))


def used_spots(section: ad.AnnData) -> ad.AnnData:
    """The used spots of a section, a view."""
    return section[section.obs["used"].to_numpy(dtype=bool)]


def read_used_centres(path: str | Path) -> np.ndarray:
    """Centres (x, y) of the used spots in whole pixels of the image, integers (spots, 2).

    Counts, which are most of a section's file, are not read. Errors are those of `read_used_spots`.
    """
    with open_h5ad(path, CONTRACT) as file:
        used = file["obs/used"][:].astype(bool)
        return np.rint(file["obsm/spatial"][:][used]).astype(int)


def check_image(path: str | Path, image: str | Path) -> None:
    """Raise InputError if an image is not the one that a section's file says it was made of."""
    with open_h5ad(path) as file:
        known = file["uns/slide/sha256"].asstr()[()]
    if known and file_sha256(image) != known:
        raise InputError(
            f"{image}: has changed since {path} was made of it; restore it, or delete {path} and"
            " rerun"
        )


def spot_names(section: ad.AnnData) -> list[str]:
    """Names of spots that are unique in a cohort: `section:XxY`, for Visium `section:barcode`."""
    return [
        f"{s}:{spot}" for s, spot in zip(section.obs["section"], section.obs_names, strict=True)
    ]
