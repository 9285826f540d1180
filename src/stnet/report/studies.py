"""Tables and pages of the ablation studies."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from stnet.analysis.study import METRICS, study
from stnet.core.tables import TOO_FEW, gene_names, read_table, write_table
from stnet.report.comparison import estimates
from stnet.report.page import page_table, quantities, write_page
from stnet.report.words import INTERVALS

ALONE = [
    *("gene", "n_patients", "median_pearson_together", "median_pearson_alone"),
    *("together_minus_alone", "split_together", "split_alone"),
]


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
    differences = _differences(table, reference, titles)
    gains = "; ".join(
        f"{row.experiment} {row.median_pearson_difference}" for row in differences.itertuples()
    )
    write_page(
        html,
        title,
        [
            f"Median r against {titles[reference]}: {gains or 'nothing to compare'}.",
            f"Differences are to {titles[reference]}, over the genes and patients on which both "
            f"were evaluated. {INTERVALS} For a difference, each sample draws the same patients "
            "for both.",
        ],
        [
            page_table(
                _performance(table, titles),
                "Performance",
                explained=dict.fromkeys(_changed(table), "In which the experiments differ."),
            ),
            page_table(differences, f"Difference to {titles[reference]}"),
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


def write_single_genes_page(
    table: str | Path, summary: str | Path, html: str | Path, *, main: str
) -> None:
    """Write the page on genes that are predicted alone, from `write_single_genes`.

    `main` is the title of the experiment that predicts all genes together.
    """
    genes, totals = read_table(table), read_table(summary)
    shown = genes.assign(
        gene=gene_names(genes), together_minus_alone=estimates(genes, "difference")
    )
    _, _, difference = quantities(totals, ["n_genes", "mean_together", "mean_difference"])[
        "estimate"
    ]
    write_page(
        html,
        "Genes predicted alone and together",
        [
            f"Together with all genes, r is higher than alone by {difference or 'undefined'} on "
            "average.",
            f"Together: {main}. Alone: a network for each gene. Medians are over the patients "
            f"whom both hold out. {INTERVALS}",
        ],
        [
            page_table(quantities(totals), "In total"),
            page_table(shown[[name for name in ALONE if name in shown]], "Genes"),
        ],
        tsv=[table, summary],
    )
