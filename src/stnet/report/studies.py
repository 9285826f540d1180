"""Tables and pages of the ablation studies."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from stnet.analysis.study import METRICS, study
from stnet.core.tables import TOO_FEW, read_table, write_table
from stnet.report.comparison import estimates
from stnet.report.page import page_table, write_page


def write_study(
    summaries: Mapping[str, str | Path],
    patients: Mapping[str, str | Path],
    tsv: str | Path,
    html: str | Path,
    *,
    changed: Mapping[str, Mapping[str, object]],
    reference: str,
    titles: Mapping[str, str],
    title: str,
) -> None:
    """Write a study as a table and as a page.

    Args:
        summaries: paths of `summary.tsv` by experiment.
        patients: paths of the patient performance by experiment.
        tsv: table to write.
        html: page to write.
        changed: for each experiment the keys that the study varies, with their values.
        reference: experiment that the others are compared with.
        titles: of the experiments, on the page.
        title: of the page.

    Raises:
        InputError: an experiment has no gene and patient in common with the reference.
    """
    table = study(
        {name: read_table(path) for name, path in summaries.items()},
        {name: read_table(path) for name, path in patients.items()},
        changed,
        reference,
    )
    write_table(table, tsv)
    write_page(
        html,
        title,
        [
            f"Differences are to {titles[reference]}, over the genes and patients on which both "
            "were evaluated. Intervals are 95%, by bootstrap over patients; for a difference, each "
            "sample draws the same patients for both.",
        ],
        [
            page_table(
                _performance(table, titles),
                "Performance",
                explained=dict.fromkeys(_changed(table), "In which the experiments differ."),
            ),
            page_table(
                _differences(table, reference, titles), f"Difference to {titles[reference]}"
            ),
        ],
        tsv=[tsv],
    )


def _changed(table: pd.DataFrame) -> list[str]:
    """Headings of the keys in which the experiments differ."""
    keys = table.columns[1 : table.columns.get_loc("reference")]
    return [name.replace("_", " ") for name in keys]


def _performance(table: pd.DataFrame, titles: Mapping[str, str]) -> pd.DataFrame:
    about = table.columns[1 : table.columns.get_loc("reference")]
    shown = table[[*about]].set_axis(_changed(table), axis=1)
    shown.insert(0, "experiment", table["experiment"].map(titles))
    for metric in METRICS:
        shown[metric] = estimates(table, metric)
    counts = table["consistent_genes"]
    shown["consistent_genes"] = counts.astype(object).where(counts.notna(), TOO_FEW)
    shown["n_patients"] = table["n_patients"].astype(int)
    return shown.assign(consistency_rule=table["consistency_rule"])


def _differences(table: pd.DataFrame, reference: str, titles: Mapping[str, str]) -> pd.DataFrame:
    others = table[table["experiment"] != reference].reset_index(drop=True)
    shown = pd.DataFrame({"experiment": others["experiment"].map(titles)})
    for metric in METRICS:
        shown[f"{metric}_difference"] = estimates(others, f"{metric}_difference", digits=4)
    return shown.assign(n_shared=others["n_shared"].astype(int), note=others["note"])
