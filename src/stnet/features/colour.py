"""Colour of patches: the least that an image shows, as features for ridge regression."""

from collections.abc import Sequence
from pathlib import Path

import anndata as ad
import numpy as np

from stnet.core.h5ad import write_h5ad
from stnet.core.versions import versions
from stnet.expression.names import name_in
from stnet.expression.spots import read_used_spots, spot_names
from stnet.features.files import features_of
from stnet.slides.patches import check_view, read_patches

NAMES = [f"{channel}_{part}" for part in ("mean", "sd") for channel in ("red", "green", "blue")]


def write_colour_features(
    sections: Sequence[str | Path], index: str | Path, output: str | Path, *, view: str, code: str
) -> None:
    """Write the `colours` of the used spots of all sections, as `collect_features` would.

    One job does all sections, because reading them takes less than starting a job for each.

    Args:
        sections: section files, in the order of the targets.
        index: index of the view.
        output: the cohort's features.
        view: view of the patches.
        code: code digest, for the provenance.

    Raises:
        InputError: the patches do not belong to the sections.

    Source: ours.
    """
    check_view(index, view)
    provenance = {"kind": "colour", "view": view, "code": code, "versions": versions("numpy")}
    provenance["features"] = name_in(output, "features")
    parts = []
    for path in sections:
        spots = read_used_spots(path)
        patches = read_patches(index, spot_names(spots), [*spots.uns["grid"]])
        parts.append(features_of(spots, colours(patches), NAMES, provenance))
    features = ad.concat([part for part in parts if part.n_obs], merge="same", uns_merge="first")
    write_h5ad(features, output, compression=None)


def colours(patches: np.ndarray) -> np.ndarray:
    """Mean and s.d. (over n) of red, green and blue, from 0 to 255, over the pixels of each patch.

    `patches` is (n, height, width, 3); the result is (n, 6), in the order of `NAMES`.
    """
    found = np.empty((len(patches), len(NAMES)))
    # Patch by patch, because numpy turns what it averages into eight bytes per value.
    for row, patch in zip(found, patches, strict=True):
        row[:] = *patch.mean(axis=(0, 1)), *patch.std(axis=(0, 1))
    return found
