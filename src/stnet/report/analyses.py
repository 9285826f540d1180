"""Which result answers which claim on comparisons, tissue, nuclei, pathways and latent space."""

import pandas as pd

from stnet.report.finding import Answer, Finding, quantity

# The rule that makes each table, and what the table is of.
RULES = {
    "comparison": "comparison",
    "composition": "composition_variance",
    "pathways": "pathways",
    "within": "within_page",
    "tumour_genes": "performance",
    "nuclear_gene": "nuclear_gene",
    "nuclei": "nuclear_relations",
    "latent": "latent_summary",
    # Of the target `supplement`.
    "study_weights": "study",
    "study_architecture": "study",
    "single_genes": "single_genes",
}
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
    return Finding(row[name], *bounds, "" if pd.isna(bounds[0]) else "patients", how=how)


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
        "" if pd.isna(size["mean_r_low"]) else "patients",
        opposed=elongation["direction"] == "positive",
        how=f"mean r of the top genes with size; with elongation {elongation['mean_r']:.2f}",
    )


def _less_than_reference(study: pd.DataFrame, row: pd.Series, how: str) -> Finding:
    """What the study's reference is ahead of one of its experiments, in median r over genes."""
    name = "median_pearson_difference"
    low, high = -row[f"{name}_high"], -row[f"{name}_low"]
    return Finding(-row[name], low, high, "" if pd.isna(low) else "patients", how=how)


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


ANSWERS = {
    **{
        f"{role}.{name}": Answer(("comparison",), _method, "")
        for role in ("features", "composition")
        for name in ("consistent_genes", "beaten")
    },
    "composition.mean_r_gain": Answer(("comparison",), _method, ""),
    "composition.ten_suffice": Answer(("composition",), _of_ten, ""),
    "pathway.*": Answer(("pathways",), _in_pathways, ""),
    **{
        f"{stratum}_only.{name}": Answer(
            ("within",),
            quantity(f"{stratum}.claimed_{value}", f"{stratum}.claimed_how"),
            "",
        )
        for stratum in ("tumour", "normal")
        for name, value in (("consistent_genes", "genes"), ("fdr", "fdr"))
    },
    "nuclei.aebp1_p": Answer(("nuclear_gene",), _of_nuclear_gene, ""),
    "nuclei.enlarged_high": Answer(("nuclei",), _enlarged, ""),
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
    "weights.imagenet_better": Answer(("study_weights",), _over_random_weights, ""),
    "architecture.densenet_best": Answer(("study_architecture",), _over_architectures, ""),
    "genes.shared_similar": Answer(
        ("single_genes",), quantity("mean_difference"), "mean over genes, together less alone"
    ),
}
