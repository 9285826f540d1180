"""The analyses of a cohort: what each shows, and which claims of the paper it answers.

The rules take from here what `all` makes and what the ledger reads, so pandas is not imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stnet.config.strata import CLASSES
from stnet.report.finding import Answer, Finding, is_missing, quantity

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Analysis:
    """An analysis of a cohort's results: what asks for it, what it shows, what it answers.

    Attributes:
        parts: the keys of `cohorts.*.report` that must be filled in for it; none is always.
        shown: files that `all` makes for it, below the cohort's results; `{nuclei}` is the name of
            the nuclear features, `{section}` each section.
        tables: the tables that answer claims, by name, below the cohort's results; `{main}` is the
            main experiment.
        answers: how claims are looked up in them, by the claim's id or a pattern with *.
    """

    parts: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    tables: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[str, Answer] = field(default_factory=dict)


NONE = float("nan")


def _method(claim: str, comparison: pd.DataFrame) -> Finding:
    """A number of the way of predicting that the claim's first word names."""
    role, name = claim.split(".")
    rows = comparison[comparison["role"] == role]
    if rows.empty:
        return Finding(NONE, how=f"no experiment of {role} is shown")
    row = rows.iloc[0]
    if name == "consistent_genes":
        return Finding(row[name], how=f"{row['experiment']}: by {row['consistency_rule']}")
    if name == "beaten":
        how = f"{row['experiment']}: higher median r, of {row['genes_compared']:.0f} genes"
        return Finding(row["genes_ahead"], how=how)
    bounds = row[f"{name}_low"], row[f"{name}_high"]
    how = f"{row['experiment']}: mean over genes of the gain in median r over the same patients"
    return Finding(row[name], *bounds, "" if is_missing(bounds[0]) else "patients", how=how)


def _of_ten(claim: str, variance: pd.DataFrame) -> Finding:
    row = variance[variance["configured"]].iloc[0]
    how = f"{row['factors']:.0f} factors, fitted to all spots; in patients left out"
    return Finding(row["explained"], how=f"{how} {row['explained_left_out']:.2f}")


def _in_pathways(claim: str, pathways: pd.DataFrame) -> Finding:
    _, group, part = claim.split(".")
    rows = pathways[pathways["group"] == group]
    if rows.empty:
        return Finding(NONE, how=f"no group {group} of pathways")
    row = rows.iloc[0]
    how = (
        f"of {row[f'{part}_total']} with a symbol; groups of gene sets, not DAVID's disease classes"
    )
    return Finding(float(row[part]), how=f"{how}; one-sided P {row['p']:.2g}")


def _of_nuclear_gene(claim: str, relations: pd.DataFrame) -> Finding:
    rows = relations[relations["stratum"] == "tumour"]
    rows = rows[rows["feature"].isin(["area_mean", "count"])]
    if rows.empty or rows["p"].isna().any():
        notes = relations["note"].dropna()
        return Finding(NONE, how=notes.iloc[0] if len(notes) else "too few patients")
    words = {"area_mean": "size", "count": "number"}
    parts = [f"{words[row.feature]} of nuclei {row.direction}" for row in rows.itertuples()]
    return Finding(
        rows["p"].max(),
        opposed=(rows["direction"] == "positive").any(),
        how=f"{rows['symbol'].iloc[0]}, tumour spots: {', '.join(parts)}; the larger P of the two,"
        " t over patients",
    )


def _enlarged(claim: str, relations: pd.DataFrame) -> Finding:
    measured = relations[relations["expression"] == "measured"].set_index("feature")
    size, elongation = measured.loc["area_mean"], measured.loc["axis_ratio_mean"]
    return Finding(
        size["mean_r"],
        size["mean_r_low"],
        size["mean_r_high"],
        "" if is_missing(size["mean_r_low"]) else "patients",
        opposed=elongation["direction"] == "positive",
        how=f"mean r of the top genes with size; with elongation {elongation['mean_r']:.2f}",
    )


def _less_than_reference(study: pd.DataFrame, row: pd.Series, how: str) -> Finding:
    """What the study's reference is ahead of one of its experiments, in median r over genes."""
    name = "median_pearson_difference"
    low, high = -row[f"{name}_high"], -row[f"{name}_low"]
    return Finding(-row[name], low, high, "" if is_missing(low) else "patients", how=how)


def _similar_neighbour(claim: str, summary: pd.DataFrame) -> Finding:
    found = quantity("neighbour_gain")(claim, summary)
    median = quantity("neighbour_gain_median")(claim, summary).value
    how = "mean over genes of the gain in median r over patients; their median is"
    return found._replace(how=f"{how} {median:.2g}")


def _over_random_weights(claim: str, study: pd.DataFrame) -> Finding:
    if "weights" not in study or study.loc[study["reference"], "weights"].iloc[0] != "imagenet":
        return Finding(NONE, how="no experiment from ImageNet weights against random ones")
    rows = study[study["weights"] == "random"]
    if rows.empty:
        return Finding(NONE, how="no experiment from random weights")
    return _less_than_reference(study, rows.iloc[0], f"less that of {rows['experiment'].iloc[0]}")


def _over_architectures(claim: str, study: pd.DataFrame) -> Finding:
    others = study[~study["reference"]].dropna(subset="median_pearson_difference")
    reference = study[study["reference"]].iloc[0]
    if "architecture" not in study or reference["architecture"] != "densenet121" or others.empty:
        return Finding(NONE, how="no other architectures against DenseNet-121")
    best = others.nlargest(1, "median_pearson_difference").iloc[0]
    return _less_than_reference(study, best, f"less that of the best other, {best['architecture']}")


# The analyses of a cohort with images; a row here, a rule, its script and a caption add another.
ANALYSES = [
    Analysis(
        shown=("tables/comparison.html",),
        tables={"comparison": "tables/comparison.tsv"},
        answers={
            **{
                f"{role}.{name}": Answer(("comparison",), _method, "")
                for role in ("features", "composition")
                for name in ("consistent_genes", "beaten")
            },
            "composition.mean_r_gain": Answer(("comparison",), _method, ""),
        },
    ),
    Analysis(
        parts=("composition",),
        shown=("figures/supp_7b.png", "figures/supp_7c.png"),
        tables={"composition": "tables/composition/variance.tsv"},
        answers={"composition.ten_suffice": Answer(("composition",), _of_ten, "")},
    ),
    Analysis(
        parts=("pathways",),
        shown=("tables/pathways.html",),
        tables={"pathways": "tables/pathways.tsv"},
        answers={"pathway.*": Answer(("pathways",), _in_pathways, "")},
    ),
    Analysis(
        parts=("label",),
        shown=("tables/within.html", "figures/supp_4.png", "figures/supp_5.png"),
        tables={
            "within": "tables/within.tsv",
            "tumour_genes": "tables/{main}/tumour/gene_performance.tsv",
        },
        answers={
            f"{stratum}_only.{name}": Answer(
                ("within",),
                quantity(f"{stratum}.claimed_{value}", f"{stratum}.claimed_how"),
                "",
            )
            for stratum in CLASSES
            for name, value in (("consistent_genes", "genes"), ("fdr", "fdr"))
        },
    ),
    Analysis(
        parts=("nuclear_gene",),
        shown=("tables/nuclei/gene.html",),
        tables={"nuclear_gene": "tables/nuclei/gene.tsv"},
        answers={"nuclei.aebp1_p": Answer(("nuclear_gene",), _of_nuclear_gene, "")},
    ),
    Analysis(
        parts=("features",),
        shown=(
            "tables/supp_table_2.html",
            "tables/supp_table_3.html",
            "figures/supp_7a.png",
            "figures/nuclei/{nuclei}/{section}.jpg",
        ),
        tables={"nuclei": "tables/nuclei/top_genes.tsv"},
        answers={"nuclei.enlarged_high": Answer(("nuclei",), _enlarged, "")},
    ),
    Analysis(parts=("features", "label"), shown=("figures/supp_6.png",)),
    Analysis(parts=("interpretation",), shown=("figures/fig_3.png",)),
    Analysis(parts=("interpretation", "features"), shown=("interpretation/on_nuclei.tsv",)),
    Analysis(
        parts=("latent",),
        shown=("figures/fig_4.png", "figures/supp_9a.png", "figures/supp_9b.png"),
        tables={"latent": "latent/summary.tsv"},
        answers={
            "latent.purity_*": Answer(
                ("latent",), quantity("{}"), "two k-means clusters a patient, over patients"
            ),
            "latent.separates_labels": Answer(
                ("latent",),
                quantity("ari_mean_both"),
                "adjusted Rand index of two k-means clusters, mean over patients of both classes",
            ),
            "latent.similar_neighbour_better": Answer(("latent",), _similar_neighbour, ""),
            "latent.neighbours_not_adjacent": Answer(
                ("latent",), quantity("not_adjacent"), "share, mean over patients"
            ),
        },
    ),
    Analysis(parts=("latent", "label"), shown=("figures/supp_8.png",)),
]

# What the target `supplement` adds to the answers.
SUPPLEMENT = {
    "weights.imagenet_better": Answer(("study_weights",), _over_random_weights, ""),
    "architecture.densenet_best": Answer(("study_architecture",), _over_architectures, ""),
    "genes.shared_similar": Answer(
        ("single_genes",), quantity("mean_difference"), "mean over genes, together less alone"
    ),
}
