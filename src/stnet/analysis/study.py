"""Compare experiments that differ in a few configuration keys with a reference."""

from collections.abc import Mapping

import pandas as pd

from stnet.core.errors import InputError
from stnet.evaluation.methods import summary_row
from stnet.evaluation.paired import differences, paired

METRICS = [
    "median_pearson",
    "median_partial",
    "median_pearson_smooth",
    "median_spearman",
    "mean_auroc",
    "rmse",
]


def study(
    summaries: Mapping[str, pd.DataFrame],
    patients: Mapping[str, pd.DataFrame],
    changed: Mapping[str, Mapping[str, object]],
    reference: str,
) -> pd.DataFrame:
    """A row per experiment: its performance, and the difference from the `reference`.

    `changed` has the keys in which the experiments differ, by experiment; each is a column. Column
    `reference` marks the reference. Each of `METRICS` is a column with its interval, `…_low` and
    `…_high`. `…_difference`, also with an interval, is the experiment minus the reference over the
    genes and patients in both; `n_shared` is the number of these patients. `note` says if they are
    not all, or if the splits or spots differ. Raises InputError if an experiment has no gene and
    patient in common with the reference. Source: Supplementary Tables 1, 4 and 5; their metrics are
    not in the text, so these are ours.
    """
    rows = []
    for name, summary in summaries.items():
        row = {"experiment": name}
        row |= {key: _text(value) for key, value in changed[name].items()}
        row["reference"] = name == reference
        row |= summary_row(summary, ["n_patients", "n_genes", "consistent_genes"], METRICS)
        ours, theirs = paired(patients[name], patients[reference])
        if ours.empty:
            raise InputError(
                f"{name}: no gene and patient in common with {reference}; "
                "a study is of the same targets and patients"
            )
        row["n_shared"] = ours["patient"].nunique()
        if name != reference:
            for metric, found in differences(patients[name], patients[reference], METRICS).items():
                columns = [f"{metric}_difference{end}" for end in ("", "_low", "_high")]
                row |= dict(zip(columns, found, strict=True))
            notes = [*_scope(ours, theirs, summary, summaries[reference], reference)]
            if changed[name].get("split") != changed[reference].get("split"):
                notes.append(f"held out by {changed[name]['split']}")
            row["note"] = "; ".join(notes)
        rows.append(row)
    table = pd.DataFrame(rows)
    counts = ["n_patients", "n_genes", "consistent_genes", "n_shared"]
    first = ["experiment", *next(iter(changed.values())), "reference", "n_patients", "n_shared"]
    table = table.astype(dict.fromkeys(counts, "Int64"))
    return table[[*first, *table.columns.difference([*first, "note"], sort=False), "note"]]


def _scope(
    ours: pd.DataFrame,
    theirs: pd.DataFrame,
    summary: pd.DataFrame,
    of_reference: pd.DataFrame,
    reference: str,
) -> list[str]:
    """Notes on genes, patients and spots that only one of two experiments was evaluated on."""
    notes = []
    for column, quantity, what in (
        ("patient", "n_patients", "patients"),
        ("gene", "n_genes", "genes"),
    ):
        shared = ours[column].nunique()
        own, other = (
            int(float(table.set_index("quantity").loc[quantity, "value"]))
            for table in (summary, of_reference)
        )
        if not shared == own == other:
            notes.append(
                f"difference over {shared} shared {what} of {own}, {reference} has {other}"
            )
    if (ours["n_spots"] != theirs["n_spots"]).any():
        notes.append("not the same spots")
    return notes


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(each)}" for key, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value)) or "none"
    return "" if value is None else str(value)
