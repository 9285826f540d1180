"""The arena: methods scored by patient, and compared in pairs, under one protocol."""

from collections.abc import Callable, Mapping
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.special import nctdtrinc

from stnet.core.errors import InputError
from stnet.evaluation.bootstrap import mean_interval, quantile
from stnet.evaluation.paired import KEYS

# With this probability the smallest resolvable difference is found (ours, as is usual).
POWER = 0.8
# No two r differ by more, and tables round what differs by less.
MOST, ROUNDING = 2, 1e-6
# Of each patient: the score, its summary over genes, and the column of the patient table.
SCORES = {
    "mean_r": ("pearson", "mean"),
    "median_r": ("pearson", "median"),
    "mean_partial": ("partial", "mean"),
}


def score(
    patients: Mapping[str, pd.DataFrame], ceilings: Callable[[str], pd.DataFrame]
) -> tuple[pd.DataFrame, dict[str, str]]:
    """The scores of methods in each patient, and in words why other methods have none.

    Each patient counts once, with all of its genes. A prediction that is constant in a patient has
    no r, but says nothing of the spots, so it counts as r = 0. A gene is left out of a patient in
    whom no method has an r, such as one without counts. A method that does not predict all spots
    that another one does is left out, because it would choose what it is scored on. Source: ours.

    Args:
        patients: `patient_performance` by method.
        ceilings: gives the highest r that the counts allow, `gene patient ceiling`, over the spots
            of a method's predictions; it is asked for one that is scored.

    Returns:
        A row per method and patient: `experiment`, `patient`, `n_genes`; `mean_r` and `median_r`
        over genes; `mean_partial`, of r given depth; `ceiling`, mean over the same genes as
        `mean_r`. And the reasons by method.

    Raises:
        InputError: no method has an r.
    """
    tables = pd.concat(patients, names=["experiment"]).reset_index("experiment")
    n_spots = tables.pivot(index=KEYS, columns="experiment", values="n_spots").fillna(0)
    lacking = n_spots.lt(n_spots.max(axis=1), axis=0).sum()
    refused = {
        name: f"lacks spots of {n} of the {len(n_spots)} pairs of a gene and a patient"
        for name, n in lacking[lacking > 0].items()
    }
    tables = tables[~tables["experiment"].isin(refused)]
    found = {}
    for name, (column, over) in SCORES.items():
        r = tables.pivot(index=KEYS, columns="experiment", values=column)
        r = r[r.notna().any(axis=1)].fillna(0.0)
        found[name] = r.groupby(level="patient").agg(over).stack()
        if name == "mean_r":
            found["n_genes"] = r.groupby(level="patient").count().stack()
            genes = r.index
    if found["mean_r"].empty:
        raise InputError(
            f"arena: none of {', '.join(patients)} has an r in any patient; add a method whose"
            " predictions differ between spots"
        )
    table = pd.DataFrame(found).reset_index()
    highest = ceilings(table["experiment"].iloc[0]).set_index(KEYS)["ceiling"].reindex(genes)
    table["ceiling"] = table["patient"].map(highest.groupby(level="patient").mean())
    order = ["experiment", "patient", "n_genes", *SCORES, "ceiling"]
    return table[order].sort_values(order[:2], ignore_index=True), refused


def compare_pairs(scores: pd.DataFrame) -> pd.DataFrame:
    """A row per pair of methods: the difference of their means over patients, `one` minus `other`.

    `scores` has a row per patient and a column per method, without missing values. Of each pair:

    - `difference`, with `…_low` and `…_high`: 95% t intervals that hold for all pairs together, by
      Bonferroni, so that any two methods may be compared, also the best two;
    - `resolved`: whether the interval leaves zero out. Of equal methods a pair is resolved in at
      most 5% of arenas;
    - `resolvable`: the smallest true difference that as many patients resolve with the probability
      `POWER`, if they differ as much as these.

    NaN with fewer than two patients. Source: ours; the t interval is what the bootstrap over
    patients of `stnet.evaluation.bootstrap.interval` gives for a mean.
    """
    n_patients, pairs = len(scores), list(combinations(scores, 2))
    one, other = np.triu_indices(scores.shape[1], 1)
    values = scores.to_numpy(dtype=float)
    differences = values[:, one] - values[:, other]
    differences[np.abs(differences) < ROUNDING] = 0
    low, high = mean_interval(differences, len(pairs)).clip(-MOST, MOST)
    noncentrality = nctdtrinc(n_patients - 1, 1 - POWER, quantile(n_patients, len(pairs)))
    variance = differences.var(axis=0) * n_patients / max(1, n_patients - 1)
    return pd.DataFrame(
        {
            "one": [pair[0] for pair in pairs],
            "other": [pair[1] for pair in pairs],
            "difference": differences.mean(axis=0),
            "difference_low": low,
            "difference_high": high,
            "resolved": (low > 0) | (high < 0),
            "resolvable": noncentrality * np.sqrt(variance / n_patients),
        }
    )
