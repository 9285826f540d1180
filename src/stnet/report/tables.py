"""Table 1, and the pages on the dataset and on the performance of an experiment."""

from pathlib import Path

import pandas as pd

from stnet.analysis.choice import top_genes
from stnet.core.printed import decimals
from stnet.core.tables import TOO_FEW, count_consistent, gene_names, read_table, write_table
from stnet.report.claims import read_claims
from stnet.report.comparison import estimates
from stnet.report.page import page_table, quantities, without_blank_paper, write_page
from stnet.report.words import INTERVALS

# Column of the performance by the last part of a claim's id.
TABLE_1 = {
    "consistent": "n_consistent",
    "median_r": "median_pearson",
    "median_r_smooth": "median_pearson_smooth",
    "r_10x": "r_10x",
}
# Columns of Table 1: the paper's, and r given depth.
SHOWN = ["n_consistent", "median_pearson", "median_partial", "median_pearson_smooth", "r_10x"]
# Quantities of the dataset's summary, and the steps at which spots are dropped.
TOTALS = [
    *("patients", "sections", "sections_with_warnings", "spots", "genes", "genes_united"),
    *("genes_unsure", "spots_per_section_min", "spots_per_section_max", "median_counts"),
    *("median_genes", "median_pct_mt"),
]
STEPS = [
    *("positions", "unselected", "no_counts", "off_image", "no_label", "kept", "near_edge"),
    *("used", "counts", "no_position"),
]
# Columns that pages show, in their order.
SECTION_COLUMNS = [
    *(
        "section",
        "patient",
        "warnings",
        "pct_on_tissue",
        "used",
        "near_edge",
        "kept",
        "positions",
        "unselected",
        "no_counts",
    ),
    *("off_image", "no_label", "counts", "no_position", "median_counts", "median_genes"),
    *("median_pct_mt", "other_annotations", "width", "height", "um_per_px"),
]
GENE_COLUMNS = [
    *("gene", "consistent", "median_pearson", "median_pearson_smooth"),
    *("median_partial", "median_depth", "mean_auroc", "mean_auroc_partial", "rmse"),
    *("n_consistent", "p_holm", "p_t_bh"),
]


def write_table_1(
    gene_performance: str | Path,
    claims: str | Path | None,
    tsv: str | Path,
    html: str | Path,
    main: str,
    visium: str | Path | None = None,
) -> None:
    """Write Table 1, beside the paper's if asked, as a table and as a page.

    Args:
        gene_performance: of the main experiment.
        claims: the paper's claims; None leaves the paper's genes and numbers out.
        tsv: table to write.
        html: page to write.
        main: title of the main experiment.
        visium: patient performance of its networks on Visium sections, if there is one.
    """
    table = table_1(
        read_table(gene_performance), read_claims(claims), visium and read_table(visium)
    )
    write_table(table, tsv)
    shown = table[["gene", "n_patients"]].copy()
    for name in SHOWN:
        digits = 0 if name == "n_consistent" else 2
        for column in (name, f"paper_{name}"):
            if column in table:
                shown[column] = [decimals(v, digits) if v == v else "" for v in table[column]]
    write_page(
        html,
        f"Table 1: the best predicted genes ({main})",
        [
            "The genes that the predictions follow best, by the median over patients of r.",
            "10x data: r over the spots of the external Visium sections, pooled by patient; with "
            "several patients, their median. A cell is empty if there is no such number.",
        ],
        [
            page_table(
                without_blank_paper(shown[table["chosen_by"] == choice]),
                f"The five genes of {choice}",
            )
            for choice in table["chosen_by"].unique()
        ],
        tsv=[tsv],
    )


def table_1(
    genes: pd.DataFrame, claims: pd.DataFrame, visium: pd.DataFrame | None = None
) -> pd.DataFrame:
    """The paper's five genes in its order, then the five with the highest median r in `genes`.

    Columns: `chosen_by` ("the paper" or "this run"), `gene` (symbol), `n_patients`, the four
    columns of Table 1 and r given depth from the gene performance, and the four from the claims as
    `paper_…`. The r on 10x data is the median over patients of `pearson` in `visium`, which has one
    row per gene and patient; the paper has one patient. Without `visium` it is missing. Without
    claims there is nothing of the paper.
    """
    parts = claims["id"].str.split(".", expand=True).reindex(columns=range(3))
    paper = (
        claims.assign(gene=parts[1], column=parts[2].map(TABLE_1))
        .dropna(subset="column")
        .pivot(index="gene", columns="column", values="value")
        .astype(float)
        .reindex(parts.loc[parts[2] == "median_r", 1], columns=[*TABLE_1.values()])
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
    for name in ["n_patients", *SHOWN]:
        rows[name] = rows["gene"].map(found[name]) if name in found else float("nan")
    for name in TABLE_1.values():
        rows[f"paper_{name}"] = rows["gene"].map(paper[name])
    return rows


def write_dataset_page(
    summary: str | Path, sections: str | Path, html: str | Path, cohort: str
) -> None:
    """Write the page on a cohort: totals, spots dropped at each step, and sections."""
    totals = read_table(summary)
    known = ["spots", "sections", "sections_with_warnings"]
    spots, n_sections, warned = quantities(totals, known)["estimate"]
    steps = totals.assign(quantity=totals["quantity"].str.removeprefix("drops."))
    shown = worst_first(read_table(sections)).reindex(columns=SECTION_COLUMNS)
    write_page(
        html,
        f"Cohort {cohort}",
        [
            f"{spots} spots of {n_sections} sections are used; {warned} sections have warnings.",
            "Numbers are sums over all sections. A spot that is not used is counted once, under "
            "the first reason that applies. Sections with warnings come first, then those with the "
            "fewest spots on tissue. sections.html, beside this page, shows the spots of each "
            "section on its image.",
        ],
        [
            page_table(quantities(totals, TOTALS), "In total"),
            page_table(quantities(steps, STEPS), "Spots by step"),
            page_table(shown.dropna(axis=1, how="all"), "Sections"),
        ],
        tsv=[summary, sections],
    )


def worst_first(sections: pd.DataFrame) -> pd.DataFrame:
    """The dataset's table of sections: those with warnings first, then by spots on tissue."""
    order = sections.assign(clean=sections["warnings"].isna())
    return sections.loc[order.sort_values(["clean", "pct_on_tissue"], kind="stable").index]


def write_performance_page(
    summary: str | Path, genes: str | Path, html: str | Path, *, experiment: str, stratum: str
) -> None:
    """Write the page on the performance of an experiment, genes with the highest median r first.

    Args:
        summary: summary of the performance.
        genes: gene performance.
        html: page to write.
        experiment: title of the experiment.
        stratum: the spots evaluated: all, tumour or normal.
    """
    totals = read_table(summary)
    # The reason has the rule in words.
    totals = totals[totals["quantity"] != "consistency_rule"]
    per_gene = read_table(genes).sort_values("median_pearson", ascending=False, kind="stable")
    per_gene["gene"] = gene_names(per_gene)
    per_gene["median_pearson"] = estimates(per_gene, "median_pearson")
    if count_consistent(per_gene["consistent"]) == TOO_FEW:
        per_gene["consistent"] = TOO_FEW
    counts = zip(per_gene["n_consistent"], per_gene["n_patients"], strict=True)
    per_gene["n_consistent"] = [f"{n} of {patients}" for n, patients in counts]
    write_page(
        html,
        f"Performance of {experiment}, spots: {stratum}",
        [
            _result(totals),
            f"Predictions are of held-out spots. {INTERVALS}",
        ],
        [
            page_table(quantities(totals), "Summary"),
            page_table(per_gene[GENE_COLUMNS], "Genes, by median r"),
        ],
        tsv=[genes, summary],
    )


def _result(totals: pd.DataFrame) -> str:
    """Median r, r given depth and the number of consistent genes, in a sentence."""
    shown = quantities(totals, ["median_pearson", "median_partial", "consistent_genes", "n_genes"])
    r, partial, count, n_genes = shown["estimate"]
    found = count if count == TOO_FEW else f"{count} of {n_genes} genes"
    return f"Median r {r}; given sequencing depth {partial}. Consistently predicted: {found}."
