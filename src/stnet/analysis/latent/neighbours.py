"""How well does the neighbour that is nearest in latent space predict a spot?"""

from collections.abc import Sequence
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from stnet.analysis.latent.space import read_latent
from stnet.core.tables import write_table
from stnet.evaluation.averages import mean, median
from stnet.evaluation.bootstrap import SEED
from stnet.evaluation.correlation import FEWEST_SPOTS, pearson
from stnet.evaluation.performance import performance_by
from stnet.expression.smoothing import ADJACENT, neighbourhoods
from stnet.expression.transforms import invert, normalise

# Fewest neighbours of a spot, by form of the analysis.
FORMS = {"ours": 2, "released": 1}
SIDES = ["nearest", "farthest"]
# Draws of the null; each costs as much as an evaluation of all spots and genes.
DRAWS = 200
# Pairs of spots whose latents are in memory at once.
BATCH_PAIRS = 10_000


def write_neighbours(
    predictions: Sequence[str | Path], output: str | Path, null: str | Path
) -> None:
    """Write `neighbour_performance` and `neighbour_null` of the predictions of all groups."""
    spots = read_latent(predictions)
    write_table(neighbour_performance(spots), output)
    write_table(neighbour_null(spots), null)


def neighbour_performance(spots: ad.AnnData) -> pd.DataFrame:
    """r of the nearest and the farthest neighbour's measurement as prediction of a spot.

    Among the spots adjacent to a spot (`ADJACENT`), the nearest and the farthest in the latent
    space each predict it ("we used the most similar and most distinct neighbours as predictions",
    Results). r is per gene and patient, sections pooled, as for a network. `spots` are those of
    `read_latent`. Two forms:

    - `ours`: the neighbour's y, for spots with at least two neighbours;
    - `released`: the neighbour's counts divided by the total counts of the predicted spot, for
      spots with at least one neighbour (released code's `bin/cluster.py`). This leaks the depth of
      the predicted spot.

    Returns a row per form, gene and patient: `form gene patient n_spots nearest farthest
    nearest_partial farthest_partial`; partial r is given depth.
    """
    adjacent = neighbourhoods(spots.obs, spots.uns["grid"], ADJACENT)
    n_neighbours, *by_side = nearest_and_farthest(spots.obsm["latent"], adjacent)
    parts = []
    for form, fewest in FORMS.items():
        centres = np.flatnonzero(n_neighbours >= fewest)
        sides = [_performance(spots, centres, of_side[centres], form) for of_side in by_side]
        table = sides[0][["gene", "patient", "n_spots"]].copy()
        table.insert(0, "form", form)
        for column, suffix in (("pearson", ""), ("partial", "_partial")):
            for name, side in zip(SIDES, sides, strict=True):
                table[f"{name}{suffix}"] = side[column]
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


def neighbour_null(spots: ad.AnnData, draws: int = DRAWS) -> pd.DataFrame:
    """Gain of the nearest over the farthest neighbour if latents are exchanged among neighbours.

    Of each spot's neighbours a random one is the nearest and another one the farthest. A row per
    draw: `neighbour_gain` and `neighbour_gain_median`, as in `summarise`, in the form `ours`.
    """
    adjacent = neighbourhoods(spots.obs, spots.uns["grid"], ADJACENT)
    rows, columns = adjacent.nonzero()
    centres = np.bincount(rows, minlength=spots.n_obs) >= FORMS["ours"]
    patients = spots.obs["patient"].astype(str).to_numpy()
    of_patients = [np.flatnonzero(centres & (patients == name)) for name in pd.unique(patients)]
    of_patients = [some for some in of_patients if len(some) >= FEWEST_SPOTS]
    measured = np.asarray(spots.layers["observed"], dtype=np.float64)
    random = np.random.default_rng(SEED)
    found = []
    for _ in range(draws if of_patients else 0):
        _, *ends = _ends(rows, columns, random.random(len(rows)), spots.n_obs)
        r = [
            [pearson(measured[end[some]].T, measured[some].T) for some in of_patients]
            for end in ends
        ]
        nearest, farthest = median(np.array(r), axis=1)
        found.append(
            [average(nearest, axis=0) - average(farthest, axis=0) for average in (mean, median)]
        )
    return pd.DataFrame(found, columns=["neighbour_gain", "neighbour_gain_median"])


def nearest_and_farthest(
    latent: np.ndarray, adjacent: sparse.csr_array
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Number of neighbours of each spot, and rows of the nearest and the farthest in `latent`.

    `latent` is (spots, width), `adjacent` a 0/1 matrix (spots, spots). All three results are
    integers (spots,); rows are -1 for a spot without neighbours. Ties go by row.
    """
    rows, columns = adjacent.nonzero()
    apart = np.empty(len(rows))
    for start in range(0, len(rows), BATCH_PAIRS):
        some = slice(start, start + BATCH_PAIRS)
        apart[some] = np.linalg.norm(latent[rows[some]] - latent[columns[some]], axis=1)
    return _ends(rows, columns, apart, len(latent))


def _ends(
    rows: np.ndarray, columns: np.ndarray, apart: np.ndarray, n_spots: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`nearest_and_farthest` of pairs of neighbours that are `apart`."""
    order = np.lexsort((columns, apart, rows))
    rows, columns = rows[order], columns[order]
    n_neighbours = np.bincount(rows, minlength=n_spots)
    nearest, farthest = np.full((2, n_spots), -1)
    last = n_neighbours.cumsum() - 1
    some = n_neighbours > 0
    nearest[some] = columns[(last - n_neighbours + 1)[some]]
    farthest[some] = columns[last[some]]
    return n_neighbours, nearest, farthest


def _performance(
    spots: ad.AnnData, centres: np.ndarray, neighbours: np.ndarray, form: str
) -> pd.DataFrame:
    """Performance of measurements of the spots `neighbours` as predictions of `centres`."""
    measured = np.asarray(spots.layers["observed"], dtype=np.float64)
    predicted = measured[neighbours]
    if form == "released":
        totals, units = spots.obs["total_counts"].to_numpy(), spots.uns["targets"]
        universe, transform = units["universe"], units["transform"]
        counts = invert(predicted, totals[neighbours], universe, transform)
        predicted = normalise(counts, totals[centres], universe, transform)
    # The statistics of smoothed measurements are not used.
    layers = dict.fromkeys(["observed", "smooth"], measured[centres])
    uns = {"targets": spots.uns["targets"]}
    found = ad.AnnData(predicted, spots.obs.iloc[centres], spots.var, uns, layers=layers)
    return performance_by(found, "patient")
