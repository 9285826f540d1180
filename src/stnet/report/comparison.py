"""The table of ways of predicting, beside what the paper says of them, and its page."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from stnet.core.tables import read_table, write_table
from stnet.evaluation.consistency import BH_LEVEL, HOLM_LEVEL
from stnet.evaluation.methods import compare_methods
from stnet.report.claims import read_claims
from stnet.report.page import page_table, write_page

# Kinds of experiments in words.
KINDS = {
    "network": "network on patches",
    "label": "pathologist's labels",
    "forest": "random forest on features",
    "ridge": "ridge regression on features",
    "mean": "mean of the training spots",
    "coordinates": "position in the section",
}
# Columns of the comparison by the last part of the claims' ids.
CLAIMS = {
    "consistent_genes": "consistent_genes",
    "beaten": "genes_ahead",
    "mean_r_gain": "mean_r_gain",
}


def write_methods(
    summaries: Mapping[str, str | Path],
    genes: Mapping[str, str | Path],
    patients: Mapping[str, str | Path],
    against: Mapping[str, str | Path],
    claims: str | Path,
    tsv: str | Path,
    html: str | Path,
    *,
    methods: Mapping[str, Mapping[str, str]],
) -> None:
    """Write the comparison of experiments, the main one first, as a table and as a page.

    `summaries`, `genes`, `patients` and `against` are the paths, by experiment, of the tables that
    `compare_methods` takes. `methods` says what each experiment is: `role` (`main`, `label`,
    `features`, `composition` or `other`), `kind`, what it is a kind `of`, and `targets`.
    """
    tables = [
        {name: read_table(path) for name, path in paths.items()}
        for paths in (summaries, genes, patients, against)
    ]
    table = beside_paper(compare_methods(*tables), read_claims(claims), methods)
    write_table(table, tsv)
    main = table.iloc[0]
    values = tables[0][main["experiment"]].set_index("quantity")["value"]
    write_page(
        html,
        f"{main['experiment']} against other ways of predicting",
        [
            "The same held-out patients, and targets unless others are named. Consistent genes of "
            f"{main['experiment']} are by {values['consistency_reason']}; of the "
            "others by the rule named. Holm and BH count the genes whose binomial count of "
            f"patients has a P of at most {HOLM_LEVEL} adjusted by Holm, or of at most {BH_LEVEL} "
            "adjusted by Benjamini and Hochberg. The fixed count is that of genes with r > 0 in at "
            f"least as many patients as the least consistent gene of {main['experiment']} has "
            f"({_whole(main['threshold']) or 'none is consistent'}).",
            "For the label baseline a patient whose spots all have one label counts as consistent "
            f"in every gene, as in the paper. Ahead are the genes in which {main['experiment']} "
            "has the higher median r over patients: each over all patients in whom its r is "
            "defined, as in the paper, or both over those in whom the other's is.",
            f"Mean r gain: the mean over genes of the median r of {main['experiment']} less that "
            "of the other, over the same patients. Medians are over genes of the median over "
            "patients, AUROC is the mean over genes of the mean over patients, RMSE is over all "
            "spots and genes, of predictions in the same units. Intervals are 95%, by bootstrap "
            "over patients, the same patients of both for a gain. A prediction that is constant in "
            "a patient has no r there.",
        ],
        [
            page_table(_consistency(table), "Consistent genes"),
            page_table(_ahead(table), f"{main['experiment']} against each"),
            page_table(_estimates(table), "Correlation and error"),
        ],
    )


def beside_paper(
    table: pd.DataFrame, claims: pd.DataFrame, methods: Mapping[str, Mapping[str, str]]
) -> pd.DataFrame:
    """`compare_methods` with what each experiment is and, under `paper_…`, the paper's numbers.

    Missing where the paper has none, and so is the RMSE in other units than the first
    experiment's. `note` says in how many patients r is undefined.
    """
    about = pd.DataFrame([methods[name] for name in table["experiment"]])
    paper = claims.set_index("id")["value"]
    prefixes = about["role"].replace("main", "stnet")
    table = pd.concat([table[["experiment"]], about, table.drop(columns="experiment")], axis=1)
    for part, column in CLAIMS.items():
        numbers = [float(paper.get(f"{prefix}.{part}", "nan")) for prefix in prefixes]
        table.insert(table.columns.get_loc(column), f"paper_{column}", numbers)
    other_units = table["transform"] != table["transform"].iloc[0]
    table.loc[other_units, ["rmse", "rmse_low", "rmse_high"]] = float("nan")
    table["note"] = [_note(row) for row in table.itertuples()]
    return table


def estimates(table: pd.DataFrame, column: str, digits: int = 3) -> list[str]:
    """Numbers of a column with their intervals, where they have one, from `…_low` and `…_high`.

    `undefined` where a number is missing.
    """
    texts = []
    for numbers in table[[column, f"{column}_low", f"{column}_high"]].itertuples(index=False):
        value, low, high = (f"{number:z.{digits}f}".replace("-", "−") for number in numbers)
        interval = "" if pd.isna(numbers[1]) else f" ({low} to {high})"
        texts.append("undefined" if pd.isna(numbers[0]) else value + interval)
    return texts


def _consistency(table: pd.DataFrame) -> pd.DataFrame:
    shown = _named(table)
    shown["Patients"] = table["n_patients"].map(_whole)
    shown["Genes"] = table["n_genes"].map(_whole)
    shown["Consistent genes"] = table["consistent_genes"].map(_whole)
    shown["Consistent genes, paper"] = table["paper_consistent_genes"].map(_whole)
    shown["Rule"] = table["consistency_rule"]
    shown["Holm"] = table["consistent_genes_holm"].map(_whole)
    shown["BH"] = table["consistent_genes_bh"].map(_whole)
    shown["Fixed count"] = table["genes_at_threshold"].map(_whole)
    shown["Note"] = table["note"]
    return shown


def _ahead(table: pd.DataFrame) -> pd.DataFrame:
    others = table.iloc[1:].reset_index(drop=True)
    shown = _named(others)
    shown["Genes with both r"] = others["genes_compared"].map(_whole)
    shown["Ahead"] = others["genes_ahead"].map(_whole)
    shown["Ahead, paper"] = others["paper_genes_ahead"].map(_whole)
    shown["Ahead, same patients"] = others["genes_ahead_shared"].map(_whole)
    shown["Mean r gain"] = estimates(others, "mean_r_gain")
    shown["Mean r gain, paper"] = others["paper_mean_r_gain"]
    return shown


def _estimates(table: pd.DataFrame) -> pd.DataFrame:
    shown = table[["experiment"]].rename(columns={"experiment": "Experiment"})
    shown["Median r"] = estimates(table, "median_pearson")
    shown["Median r (smooth)"] = estimates(table, "median_pearson_smooth")
    shown["Mean AUROC"] = estimates(table, "mean_auroc")
    shown["RMSE"] = estimates(table, "rmse")
    return shown


def _named(table: pd.DataFrame) -> pd.DataFrame:
    shown = table[["experiment"]].rename(columns={"experiment": "Experiment"})
    shown["Predicts from"] = [
        KINDS[row.kind] + (f": {row.of}" if row.of else "") for row in table.itertuples()
    ]
    shown["Targets"] = table["targets"]
    return shown


def _note(row: tuple) -> str:
    undefined = row.n_patients - row.n_patients_with_r
    if not undefined:
        return ""
    excused = "; they count as consistent" if row.kind == "label" else ""
    return f"r undefined in {undefined} of {row.n_patients} patients{excused}"


def _whole(number: float) -> str:
    return "" if pd.isna(number) else f"{number:.0f}"
