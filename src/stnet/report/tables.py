"""Table 1, and pages of the dataset and of the performance for the report."""

from pathlib import Path

import pandas as pd

from stnet.analysis.choice import top_genes
from stnet.core.tables import gene_names, read_table, write_table
from stnet.report.claims import read_claims
from stnet.report.page import page_table, short, write_page

# Columns of Table 1 by the last part of the claims' ids.
TABLE_1 = {
    "consistent": "n_consistent",
    "median_r": "median_pearson",
    "median_r_smooth": "median_pearson_smooth",
    "r_10x": "r_10x",
}
HEADINGS = {
    "n_consistent": "Consistent patients",
    "median_pearson": "Median r",
    "median_pearson_smooth": "Median r (smooth)",
    "r_10x": "r on 10x",
}
# Quantities of the dataset's summary, and columns of the tables of dropped spots, in words.
TOTALS = {
    "patients": "patients",
    "sections": "sections",
    "spots": "spots used",
    "genes": "genes in the sections' tables, G",
    "spots_per_section_min": "fewest spots in a section",
    "spots_per_section_max": "most spots in a section",
    "median_counts": "median counts in a spot",
    "median_genes": "median genes with a count in a spot",
    "median_pct_mt": "median mitochondrial share of the counts of a spot (%)",
}
SPOTS = {
    "positions": "rows of the spot files",
    "unselected": "dropped: outside the tissue selection",
    "no_counts": "dropped: without counts",
    "off_image": "dropped: off the image",
    "no_label": "dropped: without the label that the cohort requires",
    "kept": "kept",
    "near_edge": "not used: the window reaches beyond the image",
    "used": "used",
    "counts": "rows of the count tables",
    "no_position": "rows of the count tables without a position",
}
GENE_COLUMNS = (
    *("gene", "n_patients", "n_consistent", "n_consistent_smooth", "consistent"),
    *("p_holm", "p_t_bh", "median_pearson", "median_pearson_smooth", "median_spearman"),
    *("mean_auroc", "rmse", "median_partial", "median_depth"),
)


def write_table_1(
    gene_performance: str | Path,
    claims: str | Path,
    tsv: str | Path,
    html: str | Path,
    main: str,
    visium: str | Path | None = None,
) -> None:
    """Write Table 1 of the experiment `main` beside the paper's, as a table and as a page.

    `visium` is the patient performance of its networks on Visium sections.
    """
    table = table_1(
        read_table(gene_performance), read_claims(claims), visium and read_table(visium)
    )
    write_table(table, tsv)
    shown = pd.DataFrame({"Gene": table["gene"], "Patients": table["n_patients"]})
    for name, heading in HEADINGS.items():
        digits = "{:.0f}" if name == "n_consistent" else "{:.2f}"
        for column, suffix in ((name, ""), (f"paper_{name}", ", paper")):
            shown[heading + suffix] = table[column].map(digits.format, na_action="ignore")
    write_page(
        html,
        f"Table 1: the genes predicted best ({main})",
        [
            "Consistent patients: those in whom predictions correlate positively with the "
            "measurements over all spots. Medians are over patients; smooth: measurements averaged "
            "over the 3 × 3 neighbourhood; 10x: r over the spots of external Visium sections, "
            "pooled (the median, of several patients). A cell is empty where the gene is not among "
            "this run's targets, where the paper's table does not have it, or where there are no "
            "10x data of it.",
        ],
        [
            page_table(shown[table["chosen_by"] == choice], f"Five genes of {choice}")
            for choice in ("the paper", "this run")
        ],
    )


def table_1(
    genes: pd.DataFrame, claims: pd.DataFrame, visium: pd.DataFrame | None = None
) -> pd.DataFrame:
    """The paper's five genes in its order, then those of highest median r in `genes`.

    Columns: `chosen_by` ("the paper" or "this run"), `gene` (symbol), `n_patients`, then the four
    of Table 1 from the gene performance and, under `paper_…`, from the claims. The 10x correlation
    is the median over patients of `pearson` in `visium` (a row a gene and patient, one of them in
    the paper), missing without it.
    """
    parts = claims["id"].str.split(".", expand=True)
    paper = (
        claims.assign(gene=parts[1], column=parts[2].map(TABLE_1))
        .dropna(subset="column")
        .pivot(index="gene", columns="column", values="value")
        .astype(float)
        .reindex(parts.loc[parts[2] == "median_r", 1])
    )
    found = genes.assign(symbol=gene_names(genes))
    if visium is not None:
        found["r_10x"] = found["gene"].map(visium.groupby("gene")["pearson"].median())
    found = found.drop_duplicates("symbol").set_index("symbol")
    own = top_genes(found).index
    rows = pd.DataFrame(
        {
            "chosen_by": ["the paper"] * len(paper) + ["this run"] * len(own),
            "gene": [*paper.index, *own],
        }
    )
    for name in ["n_patients", *TABLE_1.values()]:
        rows[name] = rows["gene"].map(found[name]) if name in found else float("nan")
    for name in TABLE_1.values():
        rows[f"paper_{name}"] = rows["gene"].map(paper[name])
    return rows


def write_dataset_page(
    summary: str | Path, sections: str | Path, html: str | Path, cohort: str
) -> None:
    """Write the dataset's summary, what became of its spots, and its sections as a page."""
    values = read_table(summary).set_index("quantity")["value"]
    steps = values.rename(lambda name: name.removeprefix("drops.")).reindex(list(SPOTS))
    write_page(
        html,
        f"Cohort {cohort}",
        [
            "A spot that is not used counts under the first reason that applies. The sums are over "
            "all sections.",
        ],
        [
            page_table(_named(values.reindex(list(TOTALS)).rename(TOTALS)), "In total"),
            page_table(_named(steps.rename(SPOTS)), "What became of the spots"),
            page_table(_spaced(read_table(sections)), "Sections"),
        ],
    )


def write_performance_page(
    summary: str | Path, genes: str | Path, html: str | Path, *, experiment: str, stratum: str
) -> None:
    """Write the summary and the gene performance of an experiment, best gene first, as a page."""
    totals = read_table(summary)
    totals["value"] = totals["value"].astype(str).map(short)
    per_gene = read_table(genes).sort_values("median_pearson", ascending=False, kind="stable")
    per_gene["gene"] = gene_names(per_gene)
    write_page(
        html,
        f"Performance of {experiment}, spots: {stratum}",
        ["Intervals are 95%, by bootstrap over the unit named. Medians are over patients."],
        [
            page_table(_spaced(totals), "Summary"),
            page_table(_spaced(per_gene[[*GENE_COLUMNS]]), "Genes, by median r"),
        ],
    )


def _named(values: pd.Series) -> pd.DataFrame:
    return pd.DataFrame({"": values.index, "number": values.to_numpy()})


def _spaced(table: pd.DataFrame) -> pd.DataFrame:
    return table.rename(columns=lambda name: name.replace("_", " "))
