"""Tables and pages of the ablation studies."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from stnet.analysis.study import METRICS, study
from stnet.core.tables import TOO_FEW, read_table, write_table
from stnet.report.comparison import estimates
from stnet.report.page import page_table, write_page

HEADINGS = dict(
    zip(
        METRICS,
        ["Median r", "Given depth", "Median r (smooth)", "Median Spearman", "Mean AUROC", "RMSE"],
        strict=True,
    )
)


def write_study(
    summaries: Mapping[str, str | Path],
    patients: Mapping[str, str | Path],
    tsv: str | Path,
    html: str | Path,
    *,
    changed: Mapping[str, Mapping[str, object]],
    reference: str,
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
            "The first columns are the keys in which the experiments differ. Medians are medians "
            "over genes of the median over patients. Mean AUROC is the mean over genes of the mean "
            "over patients. RMSE is over all spots and genes. Given depth: median r of what is "
            "left after regression on the ln of the total counts. Smooth: measurements averaged "
            "over the 3 × 3 neighbourhood.",
            f"Differences are to {reference}, over the genes and patients on which both were "
            "evaluated. Intervals are 95%, by bootstrap over patients; for a difference, each "
            "sample draws the same patients for both.",
        ],
        [
            page_table(_performance(table), "Performance"),
            page_table(_differences(table, reference), f"Difference to {reference}"),
        ],
    )


def _performance(table: pd.DataFrame) -> pd.DataFrame:
    about = table.columns[: table.columns.get_loc("reference")]
    shown = table[[*about]].rename(columns=lambda name: name.replace("_", " "))
    shown["patients"] = table["n_patients"].astype(int)
    few = table["consistency_rule"] == "few"
    shown["consistent genes"] = table["consistent_genes"].astype(object).mask(few, TOO_FEW)
    shown["rule"] = table["consistency_rule"]
    for metric, heading in HEADINGS.items():
        shown[heading] = estimates(table, metric)
    return shown


def _differences(table: pd.DataFrame, reference: str) -> pd.DataFrame:
    others = table[table["experiment"] != reference].reset_index(drop=True)
    shown = others[["experiment"]].copy()
    shown["shared patients"] = others["n_shared"].astype(int)
    for metric, heading in HEADINGS.items():
        shown[heading] = estimates(others, f"{metric}_difference", digits=4)
    shown["note"] = others["note"]
    return shown
