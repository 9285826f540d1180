"""Do attributions fall on nuclei? (Fig. 3: "highlighted regions capture enlarged nuclei")"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from stnet.config.segmentation import Segmentation
from stnet.core.h5ad import read_h5ad
from stnet.core.tables import read_arrays, read_table, write_table
from stnet.features.segmentation import segment
from stnet.slides.patches import parse_view, read_chosen


def write_on_nuclei(
    arrays: str | Path,
    attributions: str | Path,
    targets: str | Path,
    index: str | Path,
    outputs: Mapping[str, str | Path],
    *,
    view: str,
    nuclear_view: str,
    segmentation: Segmentation,
) -> None:
    """Write how the attributions of patches are divided between nuclei and the rest.

    Args:
        arrays, attributions: outputs of `write_attributions`.
        targets: a file of `write_targets` with all spots.
        index: index of `nuclear_view`.
        outputs: `patches`, a row per patch: `spot patient` and what `divide` returns; and
            `summary`, a table `quantity value`.
        view: of the network's patches.
        nuclear_view: view in which nuclei are segmented.
        segmentation: settings of the segmentation.

    Raises:
        InputError: the index is not of the spots of `targets`.
    """
    chosen, values = read_table(attributions), read_arrays(arrays)["attributions"]
    seen = read_chosen(index, read_h5ad(targets).obs["section"], chosen["spot"])
    window = min(parse_view(each)[0] for each in (view, nuclear_view))
    rows = [
        divide(
            centre(of_patch, view, window),
            centre(segment(patch, segmentation) > 0, nuclear_view, window),
        )
        for of_patch, patch in zip(values, seen, strict=True)
    ]
    table = chosen[["spot", "patient"]].join(pd.DataFrame(rows))
    write_table(table, outputs["patches"])
    write_table(summarise(table), outputs["summary"])


def centre(values: np.ndarray, view: str, window: int) -> np.ndarray:
    """The central `window` x `window` image pixels of a patch (side, side) of a view."""
    whole, downsampling = parse_view(view)
    first = whole // 2 - window // 2
    grown = values.repeat(downsampling, axis=0).repeat(downsampling, axis=1)
    return grown[first : first + window, first : first + window]


def divide(values: np.ndarray, nuclei: np.ndarray) -> dict[str, float]:
    """Attributions `values` (h, w) of a patch on `nuclei` (boolean, h, w) and off them.

    `on` and `off` are the mean positive attribution per pixel (which the figure shows), `ratio` is
    on / off. Edges and dark pixels get attributions of both signs for any gene. So there are also
    `ratio_negative`, the same for negative attributions, and `attributed_share`, the share of the
    total attribution on nuclei, to compare with `nuclear_share`, their share of the pixels. Means
    over no pixel and divisions by zero are NaN. Source: ours.
    """
    positive, negative = values.clip(min=0), -values.clip(max=0)
    return {
        "nuclear_share": float(nuclei.mean()),
        "on": _mean(positive[nuclei]),
        "off": _mean(positive[~nuclei]),
        "ratio": _ratio(_mean(positive[nuclei]), _mean(positive[~nuclei])),
        "ratio_negative": _ratio(_mean(negative[nuclei]), _mean(negative[~nuclei])),
        "attributed_share": _ratio(values[nuclei].sum(dtype=float), values.sum(dtype=float)),
    }


def _mean(values: np.ndarray) -> float:
    return values.mean(dtype=float) if values.size else np.nan


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else np.nan


def summarise(patches: pd.DataFrame) -> pd.DataFrame:
    """Table `quantity value` of the rows of `divide` with their `patient`.

    `patches_with_ratio`: patches with a defined ratio; `patches_above_1`: those with a ratio above
    1. The other quantities are medians over patches; the ratio also has its lowest and highest.
    """
    ratio = patches["ratio"].dropna()
    medians = ["nuclear_share", "attributed_share", "ratio", "ratio_negative"]
    found = {
        "patches": len(patches),
        "patients": patches["patient"].nunique(),
        "patches_with_ratio": len(ratio),
        "patches_above_1": (ratio > 1).sum(),
        **patches[medians].median(),
        "ratio_lowest": ratio.min(),
        "ratio_highest": ratio.max(),
    }
    return pd.DataFrame({"quantity": list(found), "value": [float(v) for v in found.values()]})
