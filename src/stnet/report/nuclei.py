"""Pages on expression and nuclei: of one gene, and Supp. Tables 2 and 3."""

from pathlib import Path

import pandas as pd

from stnet.core.printed import decimals
from stnet.core.tables import gene_name, gene_names, read_table
from stnet.evaluation.consistency import BH_LEVEL
from stnet.report.comparison import estimates
from stnet.report.page import italic_genes, page_table, write_page

# Features of a patch in words. The others are means of a measure over the nuclei.
WORDS = {
    "count": "number of nuclei",
    "axis_ratio_mean": "elongation (axis ratio)",
    **{f"{colour}_mean": f"{colour} of the nuclei" for colour in ("red", "green", "blue")},
    "nearest_mean": "distance to the nearest nucleus",
    "mean_distance_mean": "mean distance to the others",
    "farthest_mean": "distance to the farthest nucleus",
}
COLUMNS = [
    *("gene", "stratum", "feature", "n_patients", "mean_r", "p", "p_bh", "mean_partial"),
    *("p_partial", "direction"),
]


def write_supplementary_tables(
    measured: str | Path,
    predicted: str | Path,
    over_genes: str | Path,
    table_2: str | Path,
    table_3: str | Path,
) -> None:
    """Write the pages Supp. Table 2 and Supp. Table 3 from the tables of `write_top_relations`.

    Args:
        measured: relations of measured expression, one row per gene and feature.
        predicted: relations of predicted expression.
        over_genes: means over these genes, of both.
        table_2: page to write, measured.
        table_3: page to write, predicted.
    """
    means = read_table(over_genes).assign(gene="mean of these", symbol=None)
    for number, expression, relations, html in (
        (2, "measured", measured, table_2),
        (3, "predicted", predicted, table_3),
    ):
        table = _in_words(read_table(relations))
        sure = f"{table['p_bh'].le(BH_LEVEL).sum()} of {table['p_bh'].notna().sum()}"
        of_all = _in_words(means[means["expression"] == expression])
        write_page(
            html,
            f"Supp. Table {number}: nuclei and {expression} expression of the top genes",
            [
                f"{sure} correlations of a gene with a feature of the nuclei are significant "
                f"(adjusted P of at most {BH_LEVEL}).",
                f"Pearson's r between {expression} expression and features of the nuclei in a "
                "patch, over the spots of each patient, then averaged over patients. All features "
                "except the number of nuclei are means over the nuclei of the patch. P: two-sided "
                "one-sample t-test of Fisher's z over patients. Adjusted: by Benjamini–Hochberg "
                "over genes and features. Intervals are 95%, over patients. Given depth: partial r "
                "given the logarithm of the spot's total counts and its square.",
            ],
            [
                page_table(
                    _matrix(table, of_all),
                    f"Mean r (* adjusted P of at most {BH_LEVEL})",
                    explained=dict.fromkeys(table["feature"].dropna(), "Mean r with this feature."),
                ),
                page_table(_listed(table), "Each gene"),
                page_table(_listed(of_all), "Mean over these genes"),
            ],
            tsv=[relations, over_genes],
        )


def write_gene_page(relations: str | Path, html: str | Path, *, gene: str) -> None:
    """Write the page on a gene and the size and number of nuclei, from `write_gene_relations`."""
    table = _in_words(read_table(relations))
    first = table.iloc[0]
    write_page(
        html,
        italic_genes(gene) + " and the size and number of nuclei",
        [
            f"r with the {first.feature}, over {first.stratum} spots: "
            f"{estimates(table, 'mean_r')[0]}.",
            "Pearson's r of measured expression with the mean area and with the number of the "
            "nuclei in a patch, over the spots of each patient, then averaged over patients. P: "
            "two-sided one-sample t-test of Fisher's z over patients. Intervals are 95%, over "
            "patients. Given depth: partial r given the logarithm of the spot's total counts and "
            "its square.",
            *table["note"].dropna(),
        ],
        [page_table(_listed(table))],
        tsv=[relations],
    )


def _in_words(table: pd.DataFrame) -> pd.DataFrame:
    named = {
        name: WORDS.get(name, name.removesuffix("_mean").replace("_", " "))
        for name in table["feature"].dropna()
    }
    return table.replace({"feature": named})


def _listed(table: pd.DataFrame) -> pd.DataFrame:
    shown = table.assign(gene=gene_names(table), mean_r=estimates(table, "mean_r"))
    return shown[[name for name in COLUMNS if name in table]]


def _matrix(table: pd.DataFrame, means: pd.DataFrame) -> pd.DataFrame:
    """Mean r, one row per gene and one for their mean, one column per feature, with stars."""
    rows = {}
    for row in pd.concat([table, means]).itertuples():
        star = "*" if row.p_bh <= BH_LEVEL else ""
        text = "" if pd.isna(row.mean_r) else decimals(row.mean_r) + star
        name = gene_name(row)
        rows.setdefault(name, {"gene": name})[row.feature] = text
    return pd.DataFrame(list(rows.values()))
