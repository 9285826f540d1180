"""What a summary and a map say of the predictions of a slide or section, in the same words."""

from collections.abc import Mapping
from typing import NamedTuple

import anndata as ad
import numpy as np
import pandas as pd

from stnet.config.levels import LEVELS, patients_needed
from stnet.evaluation.conformal import column
from stnet.inference.flags import WARNINGS
from stnet.slides.blank import describe_blank

# Ranges of expression are from the 2nd to the 98th percentile.
PERCENTILES = (2, 98)
# A range of less than this share of the one that was measured in training hardly varies (ours). The
# best prediction with an r of 0.05 spans about 5% of the measurement.
LEAST_SHARE = 0.05

UNKNOWN = "unknown: the model has fewer than three training patients"
NOTHING = "unknown: no tile has enough tissue"


def measured_range(values: np.ndarray) -> dict[str, list[float]]:
    """`trained_low` and `trained_high` of each gene: the range of `values`, (spots, genes)."""
    low, high = np.percentile(values, PERCENTILES, axis=0).astype(float)
    return {"trained_low": low.tolist(), "trained_high": high.tolist()}


def range_share(predicted: np.ndarray, genes: pd.DataFrame) -> np.ndarray:
    """Range of the predictions by gene as a share of the one measured in training, (genes,).

    `predicted` is (patches, genes), `genes` has the columns of `measured_range`. NaN with fewer
    than two patches, or if the measurement is constant.
    """
    trained = (genes["trained_high"] - genes["trained_low"]).to_numpy(dtype=float)
    if len(predicted) < 2:
        return np.full(len(trained), np.nan)
    low, high = np.percentile(predicted, PERCENTILES, axis=0).astype(float)
    return np.divide(high - low, trained, out=np.full(len(trained), np.nan), where=trained > 0)


def hardly_varies(genes: pd.DataFrame) -> pd.Series:
    """Whether predictions span hardly any of the range measured in training, by row of `var`.

    Of a single row, a Series, it is a single answer.
    """
    return genes["range_share"] < LEAST_SHARE


class Account(NamedTuple):
    """What is said of the predictions.

    Attributes:
        predicted: how many tiles or spots, and why not more.
        far: distances from training by name, as text.
        warnings: sentences; none if the image is like those of training.
        abstained: of how many tiles or spots nothing is said, as text.
    """

    predicted: str
    far: dict[str, str]
    warnings: list[str]
    abstained: str


def account_of(table: ad.AnnData) -> Account:
    """What is said of predictions of `predict_slide` or `predict_section`."""
    is_slide = "tiling" in table.uns
    of_image = table.uns if is_slide else table.uns["provenance"]
    distance = of_image["training_distance"]
    unknown = UNKNOWN if table.n_obs else NOTHING
    n_abstained = int(table.obs["abstained"].sum())
    predicted = _tiles(table.n_obs, table.uns["tiling"]) if is_slide else f"{table.n_obs:,} spots"
    far = [f"{WARNINGS[flag]} ({_how_far(flag, distance)})" for flag in of_image["flags"]]
    blank = describe_blank(of_image["blank_patches"], table.n_obs)
    nothing = "" if table.n_obs else "nothing is predicted: all is mostly glass"
    return Account(
        predicted + (f"; {n_abstained:,} abstained from" if n_abstained else ""),
        {name: unknown if np.isnan(d) else f"{d:.2f}" for name, d in distance.items()},
        [*table.uns["slide"]["checks"], *far, *filter(None, [nothing, blank])],
        unknown if np.isnan([distance["stain"], distance["latent"]]).all() else f"{n_abstained:,}",
    )


def intervals_of(table: ad.AnnData) -> str:
    """How wide the intervals of predictions are, or how many patients are missing for them."""
    level, n_patients = table.uns["provenance"]["level"], table.var["n_calibration"].max()
    of_image = table.uns if "tiling" in table.uns else table.uns["provenance"]
    if len(of_image["flags"]):
        return "none: the image is unlike the training images, as the warnings say"
    if n_patients == 0:
        return "none: no patient was held out whole in the training of the model"
    if (half := table.var[column(level)]).notna().any():
        return (
            f"{level:.0%} of a new patient's spots are measured within ±{half.median():.2f} of the"
            f" prediction (log expression, median gene; by errors in {n_patients} patients)"
        )
    said = f"none at {level:.0%}: {patients_needed(level)} held-out patients are needed"
    lower = [each for each in LEVELS if patients_needed(each) <= n_patients]
    remedy = f"; predict.level: {lower[-1]} is possible" if lower else ""
    return f"{said}, the model has {n_patients}{remedy}"


def _how_far(flag: str, distance: Mapping[str, float]) -> str:
    if flag == "um_per_px":
        return f"{distance[flag]:.2f} times"
    return f"distance {distance[flag]:.2f}, theirs up to 1"


def _tiles(n: int, tiling: Mapping) -> str:
    most = tiling["most_background"]
    rest = "mostly glass" if most == 0.5 else f"more than {most:.0%} glass"
    rest = "" if n == tiling["candidates"] else f", the rest {rest}"
    overlap = tiling["overlap"]
    return f"{n:,} of {tiling['candidates']:,} tiles{rest}" + (
        f"; tiles overlap by {overlap:.0%}" if overlap else ""
    )
