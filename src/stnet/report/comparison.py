"""Table and page that compare the methods of prediction, beside the paper's numbers."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from stnet.core.atomic import atomic_path
from stnet.core.tables import TOO_FEW, read_table, write_table
from stnet.evaluation.consistency import BH_LEVEL, HOLM_LEVEL
from stnet.evaluation.methods import compare_methods
from stnet.report.claims import read_claims
from stnet.report.page import page_table, with_interval, without_blank_paper, write_page
from stnet.report.words import INTERVALS

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
    f"its square. {INTERVALS}"
)
COMPACT_COLUMNS = [
    *("experiment", "n_patients", "n_genes", "median_pearson", "median_partial", "mean_auroc"),
    *("rmse", "consistent_genes"),
]
# Columns of the page's tables, after what each experiment is.
CONSISTENCY = [
    *("n_patients", "n_genes", "consistent_genes", "paper_consistent_genes"),
    *("consistent_genes_partial", "consistency_rule", "consistent_genes_holm"),
    *("consistent_genes_bh", "genes_at_threshold", "note"),
]
AHEAD = [
    *("genes_compared", "genes_ahead", "paper_genes_ahead", "genes_ahead_shared"),
    *("mean_r_gain", "paper_mean_r_gain"),
]
ESTIMATES = [
    *("median_pearson", "median_partial", "median_pearson_smooth", "mean_auroc"),
    *("mean_auroc_partial", "mean_auroc_depth", "rmse"),
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
    main, others = table.iloc[0], table.iloc[1:].reset_index(drop=True)
    values = tables[0][main["experiment"]].set_index("quantity")["value"]
    reason = values["consistency_reason"]
    write_page(
        outputs["html"],
        f"{main['title']} compared with other methods",
        [
            _result(table),
            "All methods predict the same held-out spots, and the same targets unless the table "
            "says otherwise. A prediction that is constant within a patient has no r in that "
            f"patient. {INTERVALS} For a difference, each sample draws the same patients for both.",
            f"Consistent genes. For {main['title']}: {reason}. For the others the rule is in the "
            f"column Rule. Adjusted P: at most {HOLM_LEVEL} (Holm) or {BH_LEVEL} (BH: "
            f"Benjamini–Hochberg). Fixed count: {_whole(main['threshold']) or 'none'} patients. "
            "For the label baseline, a patient whose spots all have the same label counts as "
            "consistent for every gene, as in the paper.",
        ],
        [
            page_table(
                without_blank_paper(_named(table).join(_shown(table, CONSISTENCY))),
                "Consistent genes",
            ),
            page_table(
                without_blank_paper(_named(others).join(_shown(others, AHEAD))),
                f"{main['title']} against each",
            ),
            page_table(
                _named(table)[["experiment"]].join(_shown(table, ESTIMATES)),
                "Correlation and error",
            ),
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


def _result(table: pd.DataFrame) -> str:
    """The first experiment against the others in a sentence, references left out."""
    main, others = table.iloc[0], table.iloc[1:]
    others = others[others["role"] != "reference"]
    gain = others["mean_r_gain"]
    sure = {
        "surely ahead of": others["mean_r_gain_low"] > 0,
        "surely behind": others["mean_r_gain_high"] < 0,
        "not comparable, for want of an r, with": gain.isna(),
        "without an interval to compare with": gain.notna() & others["mean_r_gain_low"].isna(),
    }
    sure["not surely apart from"] = ~np.logical_or.reduce([*sure.values()])
    found = [
        f"{words} {', '.join(others.loc[those, 'title'])}"
        for words, those in sure.items()
        if those.any()
    ]
    return f"In mean r over genes, {main['title']} is {'; '.join(found) or 'the only method'}."


def estimates(table: pd.DataFrame, column: str, digits: int = 3) -> list[str]:
    """Format a column with its interval from `…_low` and `…_high`, if there is one.

    A missing number becomes "undefined".
    """
    rows = table[[column, f"{column}_low", f"{column}_high"]].itertuples(index=False)
    return [with_interval(*row, digits) or "undefined" for row in rows]


def compact(table: pd.DataFrame, methods: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    """A row per method and a column per metric with its interval, as text, for a manuscript."""
    return pd.DataFrame(
        {
            "Method": [
                methods[name]["title"]
                + (" (sees the measurement)" if methods[name]["role"] == "reference" else "")
                for name in table["experiment"]
            ],
            "Patients": _texts(table, "n_patients"),
            "Genes": _texts(table, "n_genes"),
            "Median r": estimates(table, "median_pearson", 2),
            "Median r given depth": estimates(table, "median_partial", 2),
            "Mean AUROC": estimates(table, "mean_auroc", 2),
            "RMSE": estimates(table, "rmse", 2),
            "Consistent genes": _texts(table, "consistent_genes"),
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


def _shown(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Columns for the page: estimates with their intervals, and whole numbers."""
    return pd.DataFrame({name: _texts(table, name) for name in columns})


def _texts(table: pd.DataFrame, name: str) -> list:
    if f"{name}_low" in table:
        return estimates(table, name)
    if not is_numeric_dtype(table[name]) or "gain" in name:
        return table[name].tolist()
    numbers = table[name].map(_whole)
    few = (table["consistency_rule"] == "few") & name.startswith("consistent_genes")
    return numbers.mask(few, TOO_FEW).tolist()


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
