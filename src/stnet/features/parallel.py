"""Nuclear features of patches, computed by several processes."""

import numpy as np
from joblib import Parallel, delayed

from stnet.config.segmentation import Segmentation
from stnet.features.measures import measure
from stnet.features.patch_statistics import Histograms, summarise, summary_names
from stnet.features.segmentation import segment

# Patches per task of a process; a patch takes a few hundredths of a second.
CHUNK = 16


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
