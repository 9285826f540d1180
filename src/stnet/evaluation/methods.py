"""Compare several experiments: the performance of each, and the lead of the first."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from stnet.core.tables import TOO_FEW
from stnet.evaluation.paired import mean_gain

# Quantities of an experiment's summary: counts, and estimates with an interval.
COUNTS = [
    "n_patients",
    "n_patients_with_r",
    "n_genes",
    "consistent_genes",
    "consistent_genes_holm",
    "consistent_genes_bh",
    "consistent_genes_t",
    "consistent_genes_partial",
]
ESTIMATES = [
    *("median_pearson", "median_pearson_smooth", "median_partial"),
    *("mean_auroc", "mean_auroc_partial", "mean_auroc_depth", "rmse"),
]
ENDS = ["low", "high"]


def compare_methods(
    summaries: Mapping[str, pd.DataFrame],
    genes: Mapping[str, pd.DataFrame],
    patients: Mapping[str, pd.DataFrame],
    against: Mapping[str, pd.DataFrame],
) -> pd.DataFrame:
    """A row per experiment: its summary, and the lead of the first experiment over it.

    The tables are the performance tables by experiment. `against` has the comparison (`compare`)
    of the first experiment with every other. Columns besides those of the summary:

    - `transform`: of the targets, the unit of the RMSE;
    - `threshold`: the smallest number of patients among the first experiment's consistent genes,
      the paper's "20 or more of the 23"; `genes_at_threshold`: genes with r > 0 in at least that
      many patients;
    - `genes_compared`: genes with both medians of r; `genes_ahead`: those where the first
      experiment's median is higher, each over all its patients (Fig. 2d); `genes_ahead_shared`: the
      same over the patients in which the other's r is defined;
    - `mean_r_gain` with its interval: `mean_gain` of the first over the other.

    Undefined values, such as r of a constant prediction, are missing.
    """
    first = next(iter(summaries))
    threshold = _values(summaries[first], "value")["fewest_consistent_patients"]
    rows = []
    for name, summary in summaries.items():
        row = {"experiment": name, **summary_row(summary, COUNTS, ESTIMATES)}
        row["transform"] = _values(summary, "value")["transform"]
        row["threshold"] = threshold
        reached = genes[name]["n_consistent"] >= float(threshold)
        row["genes_at_threshold"] = np.nan if pd.isna(threshold) else reached.sum()
        if name != first:
            row |= _ahead(against[name])
            gain = mean_gain(patients[first], patients[name])
            row |= dict(zip(["mean_r_gain", *_ends("mean_r_gain")], gain, strict=True))
        rows.append(row)
    counts = [*COUNTS, "threshold", "genes_at_threshold"]
    counts += ["genes_compared", "genes_ahead", "genes_ahead_shared"]
    columns = [
        "experiment",
        "transform",
        "consistency_rule",
        *counts,
        "mean_r_gain",
        *_ends("mean_r_gain"),
    ]
    columns += [column for name in ESTIMATES for column in (name, *_ends(name))]
    table = pd.DataFrame(rows).reindex(columns=columns)
    # Int64 keeps whole numbers whole beside missing ones.
    return table.astype(dict.fromkeys(counts, "Int64"))


def summary_row(
    summary: pd.DataFrame, counts: Sequence[str], estimates: Sequence[str]
) -> dict[str, float | str]:
    """`counts`, `estimates` with `…_low` and `…_high`, and the consistency rule of a summary.

    Numbers of consistent genes are missing if patients are too few.
    """
    value = _values(summary, "value")
    row: dict[str, float | str] = {"consistency_rule": value["consistency_rule"]}
    row |= {name: float(value[name]) if value[name] != TOO_FEW else np.nan for name in counts}
    low, high = _values(summary, "ci_low"), _values(summary, "ci_high")
    for name in estimates:
        found = float(value[name]), low[name], high[name]
        row |= dict(zip([name, *_ends(name)], found, strict=True))
    return row


def _ahead(comparison: pd.DataFrame) -> dict[str, int]:
    both = comparison[["median_pearson", "median_pearson_other"]].notna().all(axis=1)
    return {
        "genes_compared": both.sum(),
        "genes_ahead": comparison["ahead"].sum(),
        "genes_ahead_shared": comparison["ahead_shared"].sum(),
    }


def _values(summary: pd.DataFrame, column: str) -> pd.Series:
    return summary.set_index("quantity")[column]


def _ends(name: str) -> list[str]:
    return [f"{name}_{end}" for end in ENDS]
