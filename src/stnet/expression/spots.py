"""Which of a section's spots are used, and what they are called in a cohort."""

from pathlib import Path

import anndata as ad


def read_used_spots(path: str | Path, spot_window: int) -> ad.AnnData:
    """The section's spots whose window of `spot_window` pixels lies inside the image.

    These are the rows of every view and of the targets, in the section's order.
    """
    section = ad.read_h5ad(path)
    return section[(section.obs["margin"] >= spot_window / 2).to_numpy()]


def spot_names(section: ad.AnnData) -> list[str]:
    """Names of spots that are unique over a cohort: `section:XxY`."""
    return [
        f"{s}:{spot}" for s, spot in zip(section.obs["section"], section.obs_names, strict=True)
    ]
