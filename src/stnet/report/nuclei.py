"""Pages of how expression goes with the nuclei: of one gene, and Supp. Tables 2, 3."""

from pathlib import Path

import pandas as pd

from stnet.core.tables import gene_name, gene_names, read_table
from stnet.evaluation.consistency import BH_LEVEL
from stnet.report.page import page_table, write_page

# Features of a patch in words; what is not here is the mean of a measure of its nuclei.
WORDS = {"count": "number of nuclei", "axis_ratio_mean": "elongation (axis ratio)"}
COLUMNS = {
    "symbol": "Gene",
    "feature": "Feature",
    "n_patients": "Patients",
    "mean_r": "Mean r",
    "mean_r_low": "from",
    "mean_r_high": "to (95%)",
    "p": "p",
    "p_bh": "p, adjusted",
    "mean_partial": "Mean r given depth",
    "p_partial": "p given depth",
}


def write_supplementary_tables(
    measured: str | Path,
    predicted: str | Path,
    over_genes: str | Path,
    table_2: str | Path,
    table_3: str | Path,
) -> None:
    """Write the tables of `write_top_relations` as the pages Supp. Table 2 and Supp. Table 3."""
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
                f"Pearson's r of {expression} expression with features of the nuclei of a patch, "
                "over the spots of a patient, then averaged over patients. Features but the number "
                "are means over the nuclei of the patch. p: two-sided one-sample t of Fisher's z "
                "over patients; adjusted: by Benjamini and Hochberg over genes and features. "
                "Intervals are 95%, over patients. Given depth: r given the logarithm of the "
                "spot's total counts.",
            ],
            [
                page_table(_matrix(table, of_all), f"Mean r (* adjusted p of at most {BH_LEVEL})"),
                page_table(_listed(table), "Each gene"),
                page_table(_listed(of_all).drop(columns="p, adjusted"), "Mean r of these genes"),
            ],
        )


def write_gene_page(relations: str | Path, html: str | Path, *, gene: str) -> None:
    """Write how a gene goes with size and number of the nuclei, made by `write_gene_relations`."""
    table = _in_words(read_table(relations))
    shown = _listed(table).drop(columns="p, adjusted")
    shown.insert(1, "Spots", table["stratum"])
    shown["Direction"] = table["direction"]
    write_page(
        html,
        f"{gene} against size and number of the nuclei",
        [
            "Pearson's r of measured expression with the mean area of the nuclei of a patch, and "
            "with their number, over the spots of a patient, then averaged over patients. p: "
            "two-sided one-sample t of Fisher's z over patients. Intervals are 95%, over patients. "
            "Given depth: r given the logarithm of the spot's total counts.",
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
    """A row a gene and one of their mean, a column a feature, starred where significant."""
    rows = {}
    for row in pd.concat([table, means]).itertuples():
        star = "*" if row.p_bh <= BH_LEVEL else ""
        text = f"{row.mean_r:z.2f}{star}".replace("-", "−")
        name = gene_name(row)
        rows.setdefault(name, {"Gene": name})[row.feature] = "" if pd.isna(row.mean_r) else text
    return pd.DataFrame(list(rows.values()))
