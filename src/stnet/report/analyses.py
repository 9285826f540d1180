"""The registry of analyses: the files of each, and the claims of the paper that it answers.

The workflow's rules import this module to know what `all` makes and what the ledger reads, so it
does not import pandas.
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
    """One analysis of a cohort's results.

    Attributes:
        parts: keys of `cohorts.*.report` that must be set for it; without any it is always made.
        shown: files that `all` makes for it, relative to the cohort's results. `{nuclei}` stands
            for the name of the nuclear features, `{section}` for each section.
        tables: tables that answer claims, by name, relative to the cohort's results. `{main}`
            stands for the main experiment.
        answers: how claims are looked up in the tables, by the claim's id or a pattern with *.
    """

    parts: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    tables: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[str, Answer] = field(default_factory=dict)


NONE = float("nan")


def _method(claim: str, comparison: pd.DataFrame) -> Finding:
    """A number of the method that the first part of the claim's id names."""
    role, name = claim.split(".")
    rows = comparison[comparison["role"] == role]
    if rows.empty:
        return Finding(NONE, how=f"the report names no experiment for {role}")
    row = rows.iloc[0]
    if name == "consistent_genes":
        return Finding(row[name], how=f"{row['experiment']}: by {row['consistency_rule']}")
    if name == "beaten":
        how = f"{row['experiment']}: genes with a lower median r, of {row['genes_compared']:.0f}"
        return Finding(row["genes_ahead"], how=how)
    bounds = row[f"{name}_low"], row[f"{name}_high"]
    how = f"{row['experiment']}: mean over genes of the gain in median r, over the same patients"
    return Finding(row[name], *bounds, "" if is_missing(bounds[0]) else "patients", how=how)


def _of_ten(claim: str, variance: pd.DataFrame) -> Finding:
    row = variance[variance["configured"]].iloc[0]
    how = f"{row['factors']:.0f} factors fitted to all spots; in patients left out of the fit:"
    return Finding(row["explained"], how=f"{how} {row['explained_left_out']:.2f}")


def _in_pathways(claim: str, pathways: pd.DataFrame) -> Finding:
    _, group, part = claim.split(".")
    rows = pathways[pathways["group"] == group]
    if rows.empty:
        return Finding(NONE, how=f"the run has no group of pathways named {group}")
    row = rows.iloc[0]
    how = f"of {row[f'{part}_total']} genes with a symbol; one-sided P {row['p']:.2g}"
    return Finding(float(row[part]), how=f"{how}; groups of gene sets, not DAVID's disease classes")


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
        how=f"{rows['symbol'].iloc[0]}, tumour spots: {', '.join(parts)}; the larger of the two P,"
        " t-test over patients",
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
    """Median r over genes of the study's reference minus that of one of its experiments."""
    name = "median_pearson_difference"
    low, high = -row[f"{name}_high"], -row[f"{name}_low"]
    return Finding(-row[name], low, high, "" if is_missing(low) else "patients", how=how)


def _similar_neighbour(claim: str, summary: pd.DataFrame) -> Finding:
    found = quantity("neighbour_gain")(claim, summary)
    median = quantity("neighbour_gain_median")(claim, summary).value
    how = "mean over genes of the gain in median r over patients; median over genes"
    return found._replace(how=f"{how} {median:.2g}")


def _over_random_weights(claim: str, study: pd.DataFrame) -> Finding:
    if "weights" not in study or study.loc[study["reference"], "weights"].iloc[0] != "imagenet":
        return Finding(NONE, how="no study of ImageNet weights against random ones")
    rows = study[study["weights"] == "random"]
    if rows.empty:
        return Finding(NONE, how="no experiment with random weights")
    return _less_than_reference(study, rows.iloc[0], f"minus that of {rows['experiment'].iloc[0]}")


def _over_architectures(claim: str, study: pd.DataFrame) -> Finding:
    others = study[~study["reference"]].dropna(subset="median_pearson_difference")
    reference = study[study["reference"]].iloc[0]
    if "architecture" not in study or reference["architecture"] != "densenet121" or others.empty:
        return Finding(NONE, how="no study of DenseNet-121 against other architectures")
    best = others.nlargest(1, "median_pearson_difference").iloc[0]
    return _less_than_reference(
        study, best, f"minus that of the best other, {best['architecture']}"
    )


# Analyses of a cohort with images. A new one needs a row here, a rule, a script and a caption.
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
                ("latent",), quantity("{}"), "two k-means clusters per patient; over patients"
            ),
            "latent.separates_labels": Answer(
                ("latent",),
                quantity("ari_mean_both"),
                "adjusted Rand index of two k-means clusters; mean over patients with both classes",
            ),
            "latent.similar_neighbour_better": Answer(("latent",), _similar_neighbour, ""),
            "latent.neighbours_not_adjacent": Answer(
                ("latent",), quantity("not_adjacent"), "share of spots, mean over patients"
            ),
        },
    ),
    Analysis(parts=("latent", "label"), shown=("figures/supp_8.png",)),
]

# Claims that only results of the target `supplement` answer.
SUPPLEMENT = {
    "weights.imagenet_better": Answer(("study_weights",), _over_random_weights, ""),
    "architecture.densenet_best": Answer(("study_architecture",), _over_architectures, ""),
    "genes.shared_similar": Answer(
        ("single_genes",),
        quantity("mean_difference"),
        "mean difference in median r, together minus alone",
    ),
}
