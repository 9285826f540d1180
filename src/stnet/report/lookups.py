"""How claims of the paper are looked up in tables of results. Nothing is computed.

Each function takes a claim's id and the tables that answer it. The workflow's rules import this
module, so it does not import pandas.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from stnet.report.finding import Finding, is_missing, quantity

if TYPE_CHECKING:
    import pandas as pd

NONE = float("nan")


def of_gene(column: str, bounds: str | None = None) -> Callable[..., Finding]:
    """Value and interval of a gene; the middle part of the claim's id is its symbol.

    The interval's columns begin with `bounds`, or like the value's.
    """
    low, high = f"{bounds or column}_low", f"{bounds or column}_high"

    def find(claim: str, genes: pd.DataFrame) -> Finding:
        symbol = claim.split(".")[1]
        rows = genes[genes["symbol"] == symbol]
        if rows.empty:
            return Finding(NONE, how=f"{symbol} is not among the target genes")
        row = rows.iloc[0]
        return Finding(row[column], row[low], row[high], "" if is_missing(row[low]) else "patients")

    return find


def of_ranked_patient(claim: str, genes: pd.DataFrame, patients: pd.DataFrame) -> Finding:
    """r of a gene in the patient of the rank that ends the claim's id."""
    symbol, rank = claim.split(".")[1], int(claim.rsplit("rank", 1)[1])
    ids = genes.loc[genes["symbol"] == symbol, "gene"]
    ranked = patients[patients["gene"].isin(ids)].nlargest(rank, "pearson")
    if len(ranked) < rank:
        return Finding(NONE, how=f"fewer than {rank} patients have an r of {symbol}")
    return Finding(ranked["pearson"].iloc[-1], how=f"patient {ranked['patient'].iloc[-1]}")


def on_visium(claim: str, visium: pd.DataFrame, genes: pd.DataFrame) -> Finding:
    """Median r of a gene on Visium sections."""
    symbol = claim.split(".")[1]
    ids = genes.loc[genes["symbol"] == symbol, "gene"]
    if ids.empty:
        return Finding(NONE, how=f"{symbol} is not among the target genes")
    measured = visium.loc[visium["gene"].isin(ids), "pearson"]
    how = "" if len(measured) else f"{symbol} is not measured on Visium"
    return Finding(measured.median(), how=how)


def names_of_top_genes(claim: str, genes: pd.DataFrame) -> Finding:
    """The genes with the highest median r."""
    # Here, because it imports pandas.
    from stnet.analysis.choice import top_genes
    from stnet.core.tables import gene_names

    return Finding(",".join(gene_names(top_genes(genes))))


def genes_ahead(claim: str, comparison: pd.DataFrame) -> Finding:
    """Number of genes that the main experiment predicts better."""
    return Finding(int(comparison["ahead"].sum()))


def smoothing_gain(claim: str, summary: pd.DataFrame) -> Finding:
    """Gain in median r by smoothed measurements."""
    value = summary.set_index("quantity")["value"]
    return Finding(float(value["median_pearson_smooth"]) - float(value["median_pearson"]))


def subtype_auroc(claim: str, subtype: pd.DataFrame) -> Finding:
    """AUROC of the subtypes by the features that end the claim's id."""
    features = claim.rsplit(".", 1)[-1]
    rows = subtype[subtype["features"] == features]
    if rows.empty:
        return Finding(NONE, how=f"no {features} features for these patients")
    row = rows.iloc[0]
    if is_missing(row["auroc"]):
        return Finding(NONE, how=row["note"])
    how = f"{row['n_features']:.0f} features; {row['n_train']:.0f} training patients,"
    how += f" {row['n_test']:.0f} test patients"
    unit = "" if is_missing(row["ci_low"]) else "patients"
    return Finding(row["auroc"], row["ci_low"], row["ci_high"], unit, how=how)


def less_than_chance(claim: str, summary: pd.DataFrame) -> Finding:
    """P value of a co-localisation, which should be less than by chance."""
    value = summary.set_index("quantity")["value"]
    if is_missing(value["p"]):
        return Finding(NONE, how=value["note"])
    difference = f"{float(value['mean_difference']):.3g}".replace("-", "−")
    how = f"{value['direction']} than by chance: mean difference of z {difference}"
    how += f"; paired t over {float(value['n_patients']):.0f} patients"
    return Finding(float(value["p"]), opposed=value["direction"] != "less", how=how)


def of_method(claim: str, comparison: pd.DataFrame) -> Finding:
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


def of_ten(claim: str, variance: pd.DataFrame) -> Finding:
    """Variance that the configured number of factors explains."""
    row = variance[variance["configured"]].iloc[0]
    how = f"{row['factors']:.0f} factors fitted to all spots; in patients left out of the fit:"
    return Finding(row["explained"], how=f"{how} {row['explained_left_out']:.2f}")


def in_pathways(claim: str, pathways: pd.DataFrame) -> Finding:
    """Number of genes in the group of pathways that the claim's id names."""
    _, group, part = claim.split(".")
    rows = pathways[pathways["group"] == group]
    if rows.empty:
        return Finding(NONE, how=f"the run has no group of pathways named {group}")
    row = rows.iloc[0]
    how = f"of {row[f'{part}_total']} genes with a symbol; one-sided P {row['p']:.2g}"
    return Finding(float(row[part]), how=f"{how}; groups of gene sets, not DAVID's disease classes")


def of_nuclear_gene(claim: str, relations: pd.DataFrame) -> Finding:
    """The larger P value of a gene's correlations with size and number of nuclei."""
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


def enlarged(claim: str, relations: pd.DataFrame) -> Finding:
    """Mean r of the top genes with the size of nuclei; elongation must not rise."""
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


def less_than_reference(study: pd.DataFrame, row: pd.Series, how: str) -> Finding:
    """Median r over genes of the study's reference minus that of one of its experiments."""
    name = "median_pearson_difference"
    low, high = -row[f"{name}_high"], -row[f"{name}_low"]
    return Finding(-row[name], low, high, "" if is_missing(low) else "patients", how=how)


def similar_neighbour(claim: str, summary: pd.DataFrame) -> Finding:
    """Gain in r of the most similar neighbour over the most distinct one."""
    found = quantity("neighbour_gain")(claim, summary)
    median = quantity("neighbour_gain_median")(claim, summary).value
    how = "mean over genes of the gain in median r over patients; median over genes"
    return found._replace(how=f"{how} {median:.2g}")


def over_random_weights(claim: str, study: pd.DataFrame) -> Finding:
    """Median r with ImageNet weights minus that with random ones."""
    if "weights" not in study or study.loc[study["reference"], "weights"].iloc[0] != "imagenet":
        return Finding(NONE, how="no study of ImageNet weights against random ones")
    rows = study[study["weights"] == "random"]
    if rows.empty:
        return Finding(NONE, how="no experiment with random weights")
    return less_than_reference(study, rows.iloc[0], f"minus that of {rows['experiment'].iloc[0]}")


def over_architectures(claim: str, study: pd.DataFrame) -> Finding:
    """Median r of DenseNet-121 minus that of the best other architecture."""
    others = study[~study["reference"]].dropna(subset="median_pearson_difference")
    reference = study[study["reference"]].iloc[0]
    if "architecture" not in study or reference["architecture"] != "densenet121" or others.empty:
        return Finding(NONE, how="no study of DenseNet-121 against other architectures")
    best = others.nlargest(1, "median_pearson_difference").iloc[0]
    return less_than_reference(study, best, f"minus that of the best other, {best['architecture']}")
