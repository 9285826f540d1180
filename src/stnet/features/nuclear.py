"""Nuclear features of a section's spots."""

from pathlib import Path

from stnet.config.segmentation import Segmentation
from stnet.core.versions import versions
from stnet.expression.spots import read_used_spots, spot_names
from stnet.features.files import write_features
from stnet.features.parallel import nuclear_features
from stnet.features.patch_statistics import Histograms, summary_names
from stnet.slides.patches import read_patches


def write_nuclear_features(
    section: str | Path,
    index: str | Path,
    output: str | Path,
    *,
    view: str,
    segmentation: Segmentation,
    histograms: Histograms,
    threads: int,
    code: str,
) -> None:
    """Write the nuclear features of a section's used spots, rows as in every view.

    Args:
        section: section file.
        index: of `view`.
        output: as `write_features` writes it; the settings and `code` go into its provenance.
        view: of the patches.
        segmentation: how nuclei are found.
        histograms: how they are summed up (`summarise`).
        threads: processes; the features do not depend on them.
        code: digest.

    Raises:
        InputError: the patches are not the section's.
    """
    spots = read_used_spots(section)
    sections = spots.obs["section"].astype(str).unique().tolist()
    patches = read_patches(index, spot_names(spots), sections)
    values = nuclear_features(patches, segmentation, histograms, threads)
    provenance = {
        "kind": "nuclei",
        "view": view,
        "segmentation": segmentation.model_dump(),
        "ranges": dict(histograms.ranges),
        "bins": histograms.bins,
        "code": code,
        "versions": versions("histomicstk", "numpy", "scikit-image", "scipy"),
    }
    write_features(output, spots, values, summary_names(histograms.bins), provenance)
