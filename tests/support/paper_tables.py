"""Result tables as they would be had the run given what the paper did."""

from pathlib import Path

import numpy as np
import pandas as pd

PAPER = Path(__file__).parents[2] / "resources/paper"
N = 23
# Of quantities whose claims need them.
INTERVALS = {
    "rmse": (0.29, 0.33),
    "median_pearson_gain": (0.05, 0.09),
    "ari_mean_both": (0.2, 0.4),
    "ari_mean_both_null": (-0.01, 0.02),
    "neighbour_gain": (0.04, 0.06),
    "neighbour_gain_null": (-0.01, 0.01),
    "not_adjacent": (0.75, 0.85),
    "not_adjacent_null": (0.96, 0.98),
    "mean_difference": (-0.02, 0.03),
}


def summary_table(**values) -> pd.DataFrame:
    rows = [(name, value, np.nan, np.nan, np.nan) for name, value in values.items()]
    table = pd.DataFrame(rows, columns=["quantity", "value", "ci_low", "ci_high", "unit"])
    for name, bounds in INTERVALS.items():
        table.loc[table["quantity"] == name, ["ci_low", "ci_high"]] = bounds
    table["unit"] = np.where(table["ci_low"].isna(), None, "patients")
    return table


def published(claims: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Result tables as they would be had the run given what the paper did."""
    paper = claims.set_index("id")["value"]
    of_gene = pd.read_csv(PAPER / "per_gene.tsv", sep="\t")
    genes = pd.DataFrame(
        {
            "gene": "E" + of_gene["gene"],
            "symbol": of_gene["gene"],
            "n_patients": N,
            "n_consistent": of_gene["stnet_consistent"],
            "median_pearson": of_gene["stnet_median_r"],
        }
    )
    smooth = genes["symbol"].map(lambda gene: paper.get(f"stnet.{gene}.median_r_smooth"))
    genes["median_pearson_smooth"] = smooth.astype(float)
    for column in ("median_pearson", "median_pearson_smooth"):
        genes[f"{column}_low"] = genes[column] - 0.1
        genes[f"{column}_high"] = genes[column] + 0.1
    genes["wilson_low"], genes["wilson_high"] = genes["n_consistent"] - 3, N
    fasn = np.concatenate([np.linspace(0.6, 0.4, 10), [0.35, 0.31], np.linspace(0.3, 0.1, 11)])
    patients = pd.DataFrame(
        {
            **{"gene": "EFASN", "symbol": "FASN"},
            **{"patient": [f"P{i}" for i in range(N)], "pearson": fasn},
        }
    )
    cohort = paper[paper.index.str.startswith("cohort.")].rename(lambda name: name.split(".")[1])
    reason = "Holm ≤ 0.1 on the binomial count of patients"
    return {
        "dataset": pd.DataFrame({"quantity": cohort.index, "value": cohort.astype(float)}),
        "summary": summary_table(
            n_genes=250,
            consistent_genes=(genes["n_consistent"] >= 20).sum(),
            consistency_rule="holm",
            consistency_reason=reason,
            fdr=0.0452,
            rmse=0.31,
            median_pearson_gain=0.07,
        ),
        "genes": genes,
        "patients": patients,
        "label_summary": summary_table(
            consistent_genes=(of_gene["pathologist_consistent"] + 2 >= 20).sum(),
            consistency_reason=reason,
        ),
    }


def published_external(claims: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Tables of the external data, with the paper's values."""
    paper = claims.set_index("id")
    value = paper["value"]
    r = value[value.index.str.endswith(".r_10x")]
    subtype = paper[paper.index.str.startswith("tcga.subtype_auroc.")]
    numbers = {"n_features": 55, "n_train": 560, "n_test": 240, "C": 0.1, "note": np.nan}
    split_first = {"features": "pseudobulk_split_first", "auroc": 0.5, **numbers}
    return {
        "visium": summary_table(**of_paper(value, "visium.")),
        "visium_genes": pd.DataFrame(
            {"symbol": r.index.str.split(".").str[1], "median_pearson": r.astype(float).to_numpy()}
        ),
        "tcga": summary_table(**of_paper(value, "tcga."), note=np.nan),
        "subtype": pd.DataFrame(
            [
                {"features": row.Index.rsplit(".", 1)[1], "auroc": float(row.value), **numbers}
                | {"ci_low": float(row.ci_low), "ci_high": float(row.ci_high)}
                for row in subtype.itertuples()
            ]
            + [split_first]
        ),
        "colocalisation_st": colocalisation(0.0009, -0.1),
        "colocalisation_tcga": colocalisation(0.0001, -0.02),
    }


def of_paper(values: pd.Series, prefix: str) -> dict[str, float]:
    """The numbers of claims whose ids are a prefix and one more word."""
    rest = values[values.index.str.startswith(prefix)].rename(lambda name: name[len(prefix) :])
    return {name: float(value) for name, value in rest.items() if "." not in name}


def colocalisation(p: float, difference: float, note: str = "") -> pd.DataFrame:
    direction = "less" if difference < 0 else "more"
    values = {"p": p, "n_patients": 23, "mean_difference": difference, "direction": direction}
    values["p_random_sets"] = 0.01
    return summary_table(**values, note=note)
