"""Pages on expression and nuclei: of one gene, and Supp. Tables 2 and 3."""

from pathlib import Path

import pandas as pd

from stnet.core.printed import decimals
from stnet.core.tables import gene_name, gene_names, read_table
from stnet.evaluation.consistency import BH_LEVEL
from stnet.report.page import page_table, write_page

# Features of a patch in words. The others are means of a measure over the nuclei.
WORDS = {"count": "number of nuclei", "axis_ratio_mean": "elongation (axis ratio)"}
COLUMNS = {
    "symbol": "Gene",
    "feature": "Feature",
    "n_patients": "Patients",
    "mean_r": "Mean r",
    "mean_r_low": "from",
    "mean_r_high": "to (95%)",
    "p": "P",
    "p_bh": "P, adjusted",
    "mean_partial": "Mean r given depth",
    "p_partial": "P given depth",
}


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
    means = read_table(over_genes).assign(symbol="mean of these")
    for number, expression, relations, html in (
        (2, "measured", measured, table_2),
        (3, "predicted", predicted, table_3),
    ):
        table = _in_words(read_table(relations))
        of_all = _in_words(means[means["expression"] == expression])
        write_page(
            html,
            f"Supp. Table {number}: nuclei and {expression} expression of the top genes",
            [
                f"Pearson's r between {expression} expression and features of the nuclei in a "
                "patch, over the spots of each patient, then averaged over patients. All features "
                "except the number of nuclei are means over the nuclei of the patch. P: two-sided "
                "one-sample t-test of Fisher's z over patients. Adjusted: by Benjamini–Hochberg "
                "over genes and features. Intervals are 95%, over patients. Given depth: partial r "
                "given the logarithm of the spot's total counts and its square.",
            ],
            [
                page_table(_matrix(table, of_all), f"Mean r (* adjusted P of at most {BH_LEVEL})"),
                page_table(_listed(table), "Each gene"),
                page_table(_listed(of_all).drop(columns="P, adjusted"), "Mean over these genes"),
            ],
        )


def write_gene_page(relations: str | Path, html: str | Path, *, gene: str) -> None:
    """Write the page on a gene and the size and number of nuclei, from `write_gene_relations`."""
    table = _in_words(read_table(relations))
    shown = _listed(table).drop(columns="P, adjusted")
    shown.insert(1, "Spots", table["stratum"])
    shown["Direction"] = table["direction"]
    write_page(
        html,
        f"{gene} and the size and number of nuclei",
        [
            "Pearson's r of measured expression with the mean area and with the number of the "
            "nuclei in a patch, over the spots of each patient, then averaged over patients. P: "
            "two-sided one-sample t-test of Fisher's z over patients. Intervals are 95%, over "
            "patients. Given depth: partial r given the logarithm of the spot's total counts and "
            "its square.",
            *table["note"].dropna(),
        ],
        [page_table(shown)],
    )


def _in_words(table: pd.DataFrame) -> pd.DataFrame:
    named = {
        name: WORDS.get(name, name.removesuffix("_mean").replace("_", " "))
        for name in table["feature"].dropna()
    }
    return table.replace({"feature": named})


def _listed(table: pd.DataFrame) -> pd.DataFrame:
    shown = table.reindex(columns=[*COLUMNS])
    if "gene" in table:
        shown["symbol"] = gene_names(table)
    return shown.rename(columns=COLUMNS)


def _matrix(table: pd.DataFrame, means: pd.DataFrame) -> pd.DataFrame:
    """Mean r, one row per gene and one for their mean, one column per feature, with stars."""
    rows = {}
    for row in pd.concat([table, means]).itertuples():
        star = "*" if row.p_bh <= BH_LEVEL else ""
        text = "" if pd.isna(row.mean_r) else decimals(row.mean_r) + star
        name = gene_name(row)
        rows.setdefault(name, {"Gene": name})[row.feature] = text
    return pd.DataFrame(list(rows.values()))
