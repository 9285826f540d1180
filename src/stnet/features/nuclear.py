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
    """Write the nuclear features of a section's used spots.

    Args:
        section: section file.
        index: index of the view.
        output: a file of `write_features`.
        view: view of the patches.
        segmentation: settings of the segmentation of nuclei.
        histograms: settings of the histograms (`summarise`).
        threads: number of processes; the features do not depend on it.
        code: code digest, for the provenance.

    Raises:
        InputError: the patches do not belong to the section.
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
