"""Table and page that compare the methods of prediction, beside the paper's numbers."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from stnet.core.atomic import atomic_path
from stnet.core.printed import decimals
from stnet.core.tables import TOO_FEW, read_table, write_table
from stnet.evaluation.consistency import BH_LEVEL, HOLM_LEVEL
from stnet.evaluation.methods import compare_methods
from stnet.report.claims import read_claims
from stnet.report.page import page_table, without_blank_paper, write_page

# Names of the kinds of experiment.
KINDS = {
    "network": "network on patches",
    "label": "pathologist's labels",
    "forest": "random forest on features",
    "ridge": "ridge regression on features",
    "mean": "mean of the training spots",
    "coordinates": "position in the section",
    "depth": "measured total counts (a reference)",
    "precomputed": "predictions handed in",
}
# Kind of experiment by the part of the report that it has: the paper's numbers are of this kind.
ROLES = {"main": "network", "label": "label", "features": "forest", "composition": "network"}
# Column of the comparison by the last part of a claim's id.
CLAIMS = {
    "consistent_genes": "consistent_genes",
    "beaten": "genes_ahead",
    "mean_r_gain": "mean_r_gain",
}
# What the compact table has.
COMPACT = (
    "Median r: median over genes of the median over patients. Given depth: of what is "
    "left of prediction and measurement after regression on the ln of a spot's total counts and "
    "its square. Intervals are 95%, by bootstrap over patients."
)
COMPACT_COLUMNS = [
    *("experiment", "n_patients", "n_genes", "median_pearson", "median_partial", "mean_auroc"),
    *("rmse", "consistent_genes"),
]


def write_methods(
    summaries: Mapping[str, str | Path],
    genes: Mapping[str, str | Path],
    patients: Mapping[str, str | Path],
    against: Mapping[str, str | Path],
    claims: str | Path | None,
    outputs: Mapping[str, str | Path],
    *,
    methods: Mapping[str, Mapping[str, str]],
) -> None:
    """Write the comparison of experiments, the main one first, as a table and as a page.

    Args:
        summaries: paths of `summary.tsv` by experiment.
        genes: paths of the gene performance by experiment.
        patients: paths of the patient performance by experiment.
        against: paths of the comparisons of the main experiment with each of the others.
        claims: the paper's claims; None leaves its numbers out.
        outputs: `tsv` and `html`, the comparison; `compact`, `tex` and `compact_html`, a small
            table for a manuscript.
        methods: for each experiment its `title`, its `role` (`main`, `label`, `features`,
            `composition`, `reference` or `other`), its `kind`, the network or features it is built
            on (`of`), and `targets`.
    """
    tables = [
        {name: read_table(path) for name, path in paths.items()}
        for paths in (summaries, genes, patients, against)
    ]
    table = beside_paper(compare_methods(*tables), read_claims(claims), methods)
    write_table(table, outputs["tsv"])
    write_compact(compact(table, methods), outputs)
    main = table.iloc[0]
    values = tables[0][main["experiment"]].set_index("quantity")["value"]
    reason = values["consistency_reason"]
    write_page(
        outputs["html"],
        f"{main['title']} compared with other methods",
        [
            "All methods predict the same held-out spots, and the same targets unless the table "
            "says otherwise. A prediction that is constant within a patient has no r in that "
            "patient. Intervals are 95%, by bootstrap over patients.",
            f"Consistent genes. For {main['title']}: {reason}. For the others the rule is in the "
            "column Rule. Holm and BH "
            "test the number of patients with r > 0 against a binomial distribution: genes with an "
            f"adjusted P of at most {HOLM_LEVEL} (Holm) or {BH_LEVEL} (Benjamini–Hochberg). Fixed "
            "count: genes with r > 0 in at least as many patients as the least consistent gene of "
            f"{main['title']} ({_whole(main['threshold']) or 'none'}). "
            "For the label baseline, a patient whose spots all have the same label counts as "
            "consistent for every gene, as in the paper.",
            f"Ahead: genes for which {main['title']} has the higher median r over patients. "
            "As in the paper, each median is over all patients in whom that r is defined. Same "
            "patients: both medians are over the patients in whom both r are defined. Mean r gain: "
            f"mean over genes of the median r of {main['title']} minus that of the other "
            "method, over the same patients; its bootstrap draws the same patients for both.",
            "Correlation and error. Median r is the median over genes of the median over patients "
            "(smooth: measurements averaged over a spot and its neighbours). Mean AUROC is the "
            "mean over genes of the mean over patients. RMSE is over all spots and genes, for "
            "predictions in the same unit.",
            "Given depth: r, AUROC and consistent genes (the same rule) of what is left of "
            "prediction and measurement after regression on the ln of each spot's total counts and "
            "its square. AUROC of depth: of these total counts alone, without any prediction.",
        ],
        [
            page_table(without_blank_paper(_consistency(table)), "Consistent genes"),
            page_table(without_blank_paper(_ahead(table)), f"{main['title']} against each"),
            page_table(_estimates(table), "Correlation and error"),
        ],
        tsv=[outputs["tsv"]],
    )


def beside_paper(
    table: pd.DataFrame, claims: pd.DataFrame, methods: Mapping[str, Mapping[str, str]]
) -> pd.DataFrame:
    """Add what each experiment is, and the paper's numbers, to the table of `compare_methods`.

    The paper's numbers are in columns `paper_…`, missing if it has none for an experiment of that
    role and kind. The RMSE is set to missing
    if it is in another unit than that of the first experiment. `note` says in how many patients r
    is undefined.
    """
    about = pd.DataFrame([methods[name] for name in table["experiment"]])
    paper = claims.set_index("id")["value"]
    of_paper = about["role"].map(ROLES) == about["kind"]
    prefixes = about["role"].replace("main", "stnet").where(of_paper, "")
    table = pd.concat([table[["experiment"]], about, table.drop(columns="experiment")], axis=1)
    for part, column in CLAIMS.items():
        numbers = [float(paper.get(f"{prefix}.{part}", "nan")) for prefix in prefixes]
        table.insert(table.columns.get_loc(column), f"paper_{column}", numbers)
    other_units = table["transform"] != table["transform"].iloc[0]
    table.loc[other_units, ["rmse", "rmse_low", "rmse_high"]] = float("nan")
    table["note"] = [_note(row) for row in table.itertuples()]
    return table


def estimates(table: pd.DataFrame, column: str, digits: int = 3) -> list[str]:
    """Format a column with its interval from `…_low` and `…_high`, if there is one.

    A missing number becomes "undefined".
    """
    texts = []
    for numbers in table[[column, f"{column}_low", f"{column}_high"]].itertuples(index=False):
        value, low, high = (decimals(number, digits) for number in numbers)
        interval = "" if pd.isna(numbers[1]) else f" ({low} to {high})"
        texts.append("undefined" if pd.isna(numbers[0]) else value + interval)
    return texts


def compact(table: pd.DataFrame, methods: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    """A row per method and a column per metric with its interval, as text, for a manuscript."""
    return pd.DataFrame(
        {
            "Method": [
                methods[name]["title"]
                + (" (sees the measurement)" if methods[name]["role"] == "reference" else "")
                for name in table["experiment"]
            ],
            "Patients": table["n_patients"].map(_whole),
            "Genes": table["n_genes"].map(_whole),
            "Median r": estimates(table, "median_pearson", 2),
            "Median r given depth": estimates(table, "median_partial", 2),
            "Mean AUROC": estimates(table, "mean_auroc", 2),
            "RMSE": estimates(table, "rmse", 2),
            "Consistent genes": _counted(table, "consistent_genes"),
        }
    )


def write_compact(table: pd.DataFrame, outputs: Mapping[str, str | Path]) -> None:
    """Write the table of `compact` as TSV, as LaTeX (which needs booktabs) and as a page."""
    write_table(table, outputs["compact"])
    latex = table.to_latex(index=False, escape=True, column_format="l" + "r" * (table.shape[1] - 1))
    with atomic_path(outputs["tex"]) as temporary:
        temporary.write_text(
            f"% {COMPACT}\n% Needs \\usepackage{{booktabs}}.\n" + latex.replace("−", "$-$"),
            encoding="utf-8",
        )
    shown = page_table(table.set_axis(COMPACT_COLUMNS, axis=1))
    files = [outputs["compact"], outputs["tex"]]
    write_page(outputs["compact_html"], "Methods compared, to paste", [COMPACT], [shown], tsv=files)


def _counted(table: pd.DataFrame, column: str) -> list[str]:
    """Numbers of consistent genes; in words where patients are too few."""
    few = table["consistency_rule"] == "few"
    return table[column].map(_whole).mask(few, TOO_FEW).tolist()


def _consistency(table: pd.DataFrame) -> pd.DataFrame:
    shown = _named(table)
    shown["n_patients"] = table["n_patients"].map(_whole)
    shown["n_genes"] = table["n_genes"].map(_whole)
    shown["consistent_genes"] = _counted(table, "consistent_genes")
    shown["paper_consistent_genes"] = table["paper_consistent_genes"].map(_whole)
    shown["consistent_genes_partial"] = _counted(table, "consistent_genes_partial")
    shown["consistency_rule"] = table["consistency_rule"]
    shown["consistent_genes_holm"] = _counted(table, "consistent_genes_holm")
    shown["consistent_genes_bh"] = _counted(table, "consistent_genes_bh")
    shown["genes_at_threshold"] = table["genes_at_threshold"].map(_whole)
    shown["note"] = table["note"]
    return shown


def _ahead(table: pd.DataFrame) -> pd.DataFrame:
    others = table.iloc[1:].reset_index(drop=True)
    shown = _named(others)
    shown["genes_compared"] = others["genes_compared"].map(_whole)
    shown["genes_ahead"] = others["genes_ahead"].map(_whole)
    shown["paper_genes_ahead"] = others["paper_genes_ahead"].map(_whole)
    shown["genes_ahead_shared"] = others["genes_ahead_shared"].map(_whole)
    shown["mean_r_gain"] = estimates(others, "mean_r_gain")
    shown["paper_mean_r_gain"] = others["paper_mean_r_gain"]
    return shown


def _estimates(table: pd.DataFrame) -> pd.DataFrame:
    shown = pd.DataFrame({"experiment": table["title"]})
    shown["median_pearson"] = estimates(table, "median_pearson")
    shown["median_partial"] = estimates(table, "median_partial")
    shown["median_pearson_smooth"] = estimates(table, "median_pearson_smooth")
    shown["mean_auroc"] = estimates(table, "mean_auroc")
    shown["mean_auroc_partial"] = estimates(table, "mean_auroc_partial")
    shown["mean_auroc_depth"] = estimates(table, "mean_auroc_depth")
    shown["rmse"] = estimates(table, "rmse")
    return shown


def _named(table: pd.DataFrame) -> pd.DataFrame:
    shown = pd.DataFrame({"experiment": table["title"]})
    shown["of"] = [
        KINDS[row.kind] + (f": {row.of}" if row.of else "") for row in table.itertuples()
    ]
    shown["targets"] = table["targets"]
    return shown


def _note(row: tuple) -> str:
    few = row.consistency_rule == "few"
    notes = ["a reference: it sees the measurement"] if row.role == "reference" else []
    notes += [f"{TOO_FEW} for a number of consistent genes"] if few else []
    if undefined := row.n_patients - row.n_patients_with_r:
        notes.append(f"r undefined in {undefined} of {row.n_patients} patients")
        notes += ["they count as consistent"] if row.kind == "label" and not few else []
    return "; ".join(notes)


def _whole(number: float) -> str:
    return "" if pd.isna(number) else f"{number:.0f}"
