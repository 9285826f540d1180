"""Which result answers which claim of the paper. Values are looked up, nothing is computed."""

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase

import pandas as pd

from stnet.analysis.choice import top_genes
from stnet.core.tables import gene_names
from stnet.report.analyses import ANALYSES, SUPPLEMENT
from stnet.report.finding import Answer, Finding, quantity


def answer(claim: str, tables: Mapping[str, pd.DataFrame]) -> Finding | None:
    """Look a claim up in the results; None if this run has no table that answers it.

    Args:
        claim: id of the claim.
        tables: results by name. `dataset` is the dataset's summary. `summary`, `genes` and
            `patients` are the performance of the main experiment, `label_summary` that of the label
            baseline, `against_label` their comparison. `visium` and `visium_genes` are the summary
            and the patient performance on Visium sections. `tcga` is the summary of pseudo-bulk,
            `subtype` the AUROC of the subtypes. `colocalisation_st` and `colocalisation_tcga` are
            the summaries of co-localisation in sections and in slides. `stnet.report.analyses` has
            the names of the others.
    """
    entry = next((ANSWERS[pattern] for pattern in ANSWERS if fnmatchcase(claim, pattern)), None)
    if entry is None or not all(name in tables for name in entry.tables):
        return None
    found = entry.find(claim, *(tables[name] for name in entry.tables))
    return found._replace(how=found.how or entry.how, tables=entry.tables)


def _of_gene(column: str, low: str, high: str) -> Callable[..., Finding]:
    """Value and interval of a gene; the middle part of the claim's id is its symbol."""

    def find(claim: str, genes: pd.DataFrame) -> Finding:
        symbol = claim.split(".")[1]
        rows = genes[genes["symbol"] == symbol]
        if rows.empty:
            return Finding(float("nan"), how=f"{symbol} is not among the target genes")
        row = rows.iloc[0]
        return Finding(row[column], row[low], row[high], "" if pd.isna(row[low]) else "patients")

    return find


def _of_ranked_patient(claim: str, genes: pd.DataFrame, patients: pd.DataFrame) -> Finding:
    symbol, rank = claim.split(".")[1], int(claim.rsplit("rank", 1)[1])
    ids = genes.loc[genes["symbol"] == symbol, "gene"]
    ranked = patients[patients["gene"].isin(ids)].nlargest(rank, "pearson")
    if len(ranked) < rank:
        return Finding(float("nan"), how=f"fewer than {rank} patients have an r of {symbol}")
    return Finding(ranked["pearson"].iloc[-1], how=f"patient {ranked['patient'].iloc[-1]}")


def _on_visium(claim: str, visium: pd.DataFrame, genes: pd.DataFrame) -> Finding:
    symbol = claim.split(".")[1]
    ids = genes.loc[genes["symbol"] == symbol, "gene"]
    if ids.empty:
        return Finding(float("nan"), how=f"{symbol} is not among the target genes")
    measured = visium.loc[visium["gene"].isin(ids), "pearson"]
    how = "" if len(measured) else f"{symbol} is not measured on Visium"
    return Finding(measured.median(), how=how)


def _top_genes(claim: str, genes: pd.DataFrame) -> Finding:
    top = top_genes(genes)
    return Finding(",".join(gene_names(top)))


def _genes_ahead(claim: str, comparison: pd.DataFrame) -> Finding:
    return Finding(int(comparison["ahead"].sum()))


def _smoothing_gain(claim: str, summary: pd.DataFrame) -> Finding:
    value = summary.set_index("quantity")["value"]
    return Finding(float(value["median_pearson_smooth"]) - float(value["median_pearson"]))


def _subtype_auroc(claim: str, subtype: pd.DataFrame) -> Finding:
    features = claim.rsplit(".", 1)[-1]
    rows = subtype[subtype["features"] == features]
    if rows.empty:
        return Finding(float("nan"), how=f"no {features} features for these patients")
    row = rows.iloc[0]
    if pd.isna(row["auroc"]):
        return Finding(float("nan"), how=row["note"])
    how = f"{row['n_features']:.0f} features; {row['n_train']:.0f} training patients,"
    how += f" {row['n_test']:.0f} test patients"
    unit = "" if pd.isna(row["ci_low"]) else "patients"
    return Finding(row["auroc"], row["ci_low"], row["ci_high"], unit, how=how)


def _less_than_chance(claim: str, summary: pd.DataFrame) -> Finding:
    value = summary.set_index("quantity")["value"]
    if pd.isna(value["p"]):
        return Finding(float("nan"), how=value["note"])
    difference = f"{float(value['mean_difference']):.3g}".replace("-", "−")
    how = f"{value['direction']} than by chance: mean difference of z {difference}"
    how += f"; paired t over {float(value['n_patients']):.0f} patients"
    return Finding(float(value["p"]), opposed=value["direction"] != "less", how=how)


MEDIAN = "median r over patients, the sections of a patient pooled"
ANSWERS: dict[str, Answer] = {
    "cohort.genes": Answer(
        ("dataset",), quantity("genes"), "union of the genes in the tables of all sections"
    ),
    "cohort.*": Answer(("dataset",), quantity("{}"), "over the spots used"),
    "target.genes": Answer(("summary",), quantity("n_genes"), "number of genes predicted"),
    "stnet.rmse": Answer(("summary",), quantity("rmse"), "over all held-out spots and genes"),
    "stnet.consistent_genes": Answer(
        ("summary",), quantity("consistent_genes", "consistency_reason"), ""
    ),
    "stnet.fdr": Answer(("summary",), quantity("fdr", "consistency_reason"), ""),
    "stnet.top_genes": Answer(("genes",), _top_genes, f"highest {MEDIAN}"),
    "stnet.*.consistent": Answer(
        ("genes",),
        _of_gene("n_consistent", "wilson_low", "wilson_high"),
        "patients with r > 0; Wilson's interval",
    ),
    "stnet.*.median_r": Answer(
        ("genes",),
        _of_gene("median_pearson", "median_pearson_low", "median_pearson_high"),
        MEDIAN,
    ),
    "stnet.*.median_r_smooth": Answer(
        ("genes",),
        _of_gene(
            "median_pearson_smooth", "median_pearson_smooth_low", "median_pearson_smooth_high"
        ),
        f"{MEDIAN}, smoothed measurements",
    ),
    "stnet.*.r_patient_rank*": Answer(("genes", "patients"), _of_ranked_patient, ""),
    "stnet.*.r_10x": Answer(("visium_genes", "genes"), _on_visium, f"Visium: {MEDIAN}"),
    "label.consistent_genes": Answer(
        ("label_summary",), quantity("consistent_genes", "consistency_reason"), ""
    ),
    "label.beaten": Answer(("against_label",), _genes_ahead, f"higher {MEDIAN}"),
    "smooth.better": Answer(
        ("summary",), _smoothing_gain, "median r over genes, smoothed minus raw measurements"
    ),
    "visium.genes": Answer(("visium",), quantity("genes"), "target genes measured on Visium"),
    "visium.median_counts": Answer(("visium",), quantity("median_counts"), "over the spots used"),
    "visium.*": Answer(("visium",), quantity("{}"), "per gene, over the spots of all sections"),
    "tcga.subtype_auroc.*": Answer(("subtype",), _subtype_auroc, ""),
    "tcga.slides": Answer(("tcga",), quantity("slides"), "slides with tiles"),
    "tcga.patients": Answer(("tcga",), quantity("patients"), "patients with tiles"),
    "tcga.genes": Answer(("tcga",), quantity("genes"), "target genes measured in bulk RNA-seq"),
    "tcga.*": Answer(
        ("tcga",),
        quantity("{}"),
        "r over patients, mean prediction over tiles against bulk",
    ),
    "colocalisation.st.p": Answer(("colocalisation_st",), _less_than_chance, ""),
    "colocalisation.tcga.p": Answer(("colocalisation_tcga",), _less_than_chance, ""),
    **{claim: found for each in ANALYSES for claim, found in each.answers.items()},
    **SUPPLEMENT,
    "tumour_only.top_genes": Answer(
        ("tumour_genes",), _top_genes, f"highest {MEDIAN}, tumour spots"
    ),
}
