"""Nuclear features of a section's spots."""

from pathlib import Path

import numpy as np
from joblib import Parallel, delayed

from stnet.config.segmentation import Segmentation
from stnet.core.versions import versions
from stnet.expression.spots import read_used_spots, spot_names
from stnet.features.files import write_features
from stnet.features.measures import measure
from stnet.features.patch_statistics import Histograms, summarise, summary_names
from stnet.features.segmentation import segment
from stnet.slides.patches import read_patches

# Patches per task of a process; a patch takes a few hundredths of a second.
CHUNK = 16


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


def nuclear_features(
    patches: np.ndarray,
    segmentation: Segmentation,
    histograms: Histograms,
    threads: int,
) -> np.ndarray:
    """Features (patches, features) of `patches` uint8 (patches, side, side, 3).

    `threads` is the number of processes.
    """
    chunks = (patches[start : start + CHUNK] for start in range(0, len(patches), CHUNK))
    done = Parallel(n_jobs=threads)(
        delayed(_of_chunk)(chunk, segmentation, histograms) for chunk in chunks
    )
    return np.concatenate([np.empty((0, len(summary_names(histograms.bins)))), *done])


def _of_chunk(
    patches: np.ndarray,
    segmentation: Segmentation,
    histograms: Histograms,
) -> np.ndarray:
    measured = (measure(patch, segment(patch, segmentation)) for patch in patches)
    return np.stack([summarise(each, histograms) for each in measured])
