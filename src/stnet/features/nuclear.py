"""Nuclear features of a section's spots."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from stnet.config.segmentation import Segmentation
from stnet.core.versions import versions
from stnet.expression.spots import read_used_spots, spot_names
from stnet.features.files import write_features
from stnet.features.parallel import nuclear_features
from stnet.features.patch_statistics import summary_names
from stnet.slides.patches import read_patches


def write_nuclear_features(
    section: str | Path,
    index: str | Path,
    output: str | Path,
    *,
    view: str,
    spot_window: int,
    segmentation: Segmentation,
    ranges: Mapping[str, Sequence[float]],
    bins: int,
    threads: int,
    code: str,
) -> None:
    """Write the nuclear features of a section's used spots, rows as in every view.

    `index` is that of `view`; `ranges` and `bins` are those of `summarise`. Whatever `threads`, the
    features are the same. Settings and `code` go into the file (`write_features`).
    """
    spots = read_used_spots(section, spot_window)
    sections = spots.obs["section"].astype(str).unique().tolist()
    patches = read_patches(index, spot_names(spots), sections)
    values = nuclear_features(patches, segmentation, ranges, bins, threads)
    provenance = {
        "kind": "nuclei",
        "view": view,
        "segmentation": segmentation.model_dump(),
        "ranges": dict(ranges),
        "bins": bins,
        "code": code,
        "versions": versions("histomicstk", "numpy", "scikit-image", "scipy"),
    }
    write_features(output, spots, values, summary_names(bins), provenance)
