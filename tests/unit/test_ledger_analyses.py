"""What the ledger says of comparisons, tissue, nuclei, pathways, latent space and ablations."""

from fnmatch import fnmatchcase

import numpy as np
import pandas as pd
import pytest
from paper_tables import published, published_external, summary_table

from stnet.report.analyses import ANALYSES, ANSWERS
from stnet.report.ledger import make_ledger

GROUPS = ["cancer", "pharmacogenomic", "immune"]

TABLES = {name for each in ANALYSES for name in each.tables}


def study(column: str, reference: str, others: dict[str, float]) -> pd.DataFrame:
    """A study's table: differences in median r from the reference, each with an interval."""
    rows = [{column: reference, "reference": True, "median_pearson_difference": np.nan}]
    rows += [
        {column: name, "reference": False, "median_pearson_difference": value}
        for name, value in others.items()
    ]
    table = pd.DataFrame(rows)
    table["experiment"] = table[column]
    table["median_pearson_difference_low"] = table["median_pearson_difference"] - 0.01
    table["median_pearson_difference_high"] = table["median_pearson_difference"] + 0.01
    return table


@pytest.fixture
def analysed(claims) -> dict[str, pd.DataFrame]:
    """Tables of the analyses as they would be had the run given what the paper did."""
    paper = claims.set_index("id")["value"]

    def number(claim):
        return float(paper[claim])

    comparison = [
        {
            "experiment": f"my-{role}",
            "role": role,
            "consistency_rule": "holm",
            "consistent_genes": number(f"{role}.consistent_genes"),
            "genes_ahead": number(f"{role}.beaten"),
            "genes_compared": 250,
            "mean_r_gain": number("composition.mean_r_gain"),
            "mean_r_gain_low": 0.02,
            "mean_r_gain_high": 0.04,
        }
        for role in ("label", "features", "composition")
    ]
    within = {
        f"{stratum}.claimed_{name}": number(f"{stratum}_only.{claim}")
        for stratum in ("tumour", "normal")
        for name, claim in (("genes", "consistent_genes"), ("fdr", "fdr"))
    }
    within |= {f"{stratum}.claimed_how": f"by {stratum}" for stratum in ("tumour", "normal")}
    top = paper["tumour_only.top_genes"].split(",")
    latent = {
        "purity_mean": number("latent.purity_mean"),
        "purity_sd": number("latent.purity_sd"),
        "ari_mean_both": 0.3,
        "neighbour_gain": 0.05,
        "neighbour_gain_median": 0.04,
        "not_adjacent": 0.8,
    }
    nuclear_gene = pd.DataFrame(
        {
            "symbol": "AEBP1",
            "stratum": ["all", "tumour", "tumour"],
            "feature": ["count", "count", "area_mean"],
            "p": [0.5, 0.001, 0.009],
            "direction": ["positive", "negative", "negative"],
            "note": np.nan,
        }
    )
    nuclei = pd.DataFrame(
        {
            "expression": ["measured", "measured", "predicted"],
            "feature": ["area_mean", "axis_ratio_mean", "area_mean"],
            "mean_r": [0.2, -0.1, -0.3],
            "mean_r_low": [0.1, -0.2, -0.4],
            "mean_r_high": [0.3, 0.0, -0.2],
            "direction": ["positive", "negative", "negative"],
        }
    )
    pathways = pd.DataFrame(
        [
            {
                "group": group,
                **{part: number(f"pathway.{group}.{part}") for part in ("predicted", "rest")},
                **{"predicted_total": 102, "rest_total": 148, "p": 0.001},
            }
            for group in GROUPS
        ]
    )
    factors = {"factors": [9, 10], "explained": [0.4, 0.8], "explained_left_out": [0.3, 0.7]}
    return {
        "comparison": pd.DataFrame(comparison),
        "composition": pd.DataFrame(factors).assign(configured=[False, True]),
        "pathways": pathways,
        "within": pd.DataFrame({"quantity": list(within), "value": list(within.values())}),
        "tumour_genes": pd.DataFrame(
            {"gene": top, "symbol": top, "median_pearson": np.linspace(0.4, 0.2, len(top))}
        ),
        "nuclear_gene": nuclear_gene,
        "nuclei": nuclei,
        "latent": summary_table(**latent),
        "study_weights": study("weights", "imagenet", {"random": -0.05}),
        "study_architecture": study(
            "architecture", "densenet121", {"vgg11": -0.09, "resnet18": -0.02}
        ),
        "single_genes": summary_table(mean_difference=0.01),
    }


def ledger_of(claims, margins, tables, other=()):
    rules = {name: f"rule of {name}" for name in tables}
    return make_ledger(claims, margins, tables, True, other, rules).set_index("id")


def test_every_claim_of_the_paper_has_an_answer(claims, margins, analysed):
    tables = published(claims) | published_external(claims) | analysed
    ledger = ledger_of(claims, margins, tables)
    assert set(ledger["verdict"]) == {"agrees"}
    assert (ledger["how"] != "").all()
    assert tables.keys() == TABLES
    assert {f"rule of {name}" for name in analysed} <= set(ledger["rule"])


def test_values_and_intervals_are_those_of_the_tables(claims, margins, analysed):
    ledger = ledger_of(claims, margins, analysed)
    found = ledger["reproduced"]
    assert found["features.consistent_genes"] == "79"
    assert found["composition.beaten"] == "242"
    assert found["pathway.immune.rest"] == "9"
    assert found["nuclei.aebp1_p"] == "0.009"
    assert found["composition.ten_suffice"] == "0.8"
    # The best other architecture, and how far behind it is.
    assert found["architecture.densenet_best"] == "0.02"
    assert "resnet18" in ledger.loc["architecture.densenet_best", "how"]
    bounds = ledger.loc["weights.imagenet_better", ["reproduced", "ci_low", "ci_high", "unit"]]
    assert bounds.tolist() == ["0.05", "0.04", "0.06", "patients"]


def test_effects_of_the_other_sign_differ(claims, margins, analysed):
    analysed["nuclear_gene"].loc[2, "direction"] = "positive"
    analysed["nuclei"].loc[1, "direction"] = "positive"
    analysed["study_weights"] = study("weights", "imagenet", {"random": 0.005})
    analysed["latent"].loc[analysed["latent"]["quantity"] == "ari_mean_both", "value"] = -0.01
    verdicts = ledger_of(claims, margins, analysed)["verdict"]
    for claim in (
        *("nuclei.aebp1_p", "nuclei.enlarged_high", "weights.imagenet_better"),
        "latent.separates_labels",
    ):
        assert verdicts[claim] == "differs", claim


def test_what_cannot_be_answered_says_why(claims, margins, analysed):
    analysed["comparison"] = analysed["comparison"].query("role != 'features'")
    analysed["nuclear_gene"].loc[1, "p"] = np.nan
    analysed["nuclear_gene"]["note"] = "AEBP1 is no target gene"
    analysed["pathways"] = analysed["pathways"].query("group != 'cancer'")
    analysed["study_weights"] = study("view", "224x1", {"128x1": 0.1})
    analysed["study_architecture"] = study("architecture", "densenet", {"vgg11": 0.1})
    ledger = ledger_of(claims, margins, analysed)
    for claim, why in {
        "features.beaten": "the report names no experiment for features",
        "nuclei.aebp1_p": "AEBP1 is no target gene",
        "pathway.cancer.rest": "no group of pathways named cancer",
        "weights.imagenet_better": "no study of ImageNet weights",
        "architecture.densenet_best": "no study of DenseNet-121 against other architectures",
    }.items():
        assert ledger.loc[claim, "verdict"] == "not evaluated", claim
        assert why in ledger.loc[claim, "how"]


def test_gene_sets_that_are_not_the_papers_are_not_judged(claims, margins, analysed):
    ledger = ledger_of(claims, margins, analysed, ["pathways"])
    assert ledger.loc["pathway.cancer.predicted", "verdict"] == "other cohort"
    assert ledger.loc["features.beaten", "verdict"] == "agrees"


def test_each_answer_is_looked_up_in_known_tables():
    for each in ANALYSES:
        for claim in each.answers:
            assert ANSWERS[claim].tables[0] in each.tables, claim
            assert set(ANSWERS[claim].tables) <= TABLES, claim


def test_a_claim_has_one_answer(claims):
    """But for the patterns that stand for the rest of an analysis' claims."""
    for claim in claims["id"]:
        fitting = [
            each
            for each in ANALYSES
            if any(fnmatchcase(claim, pattern) for pattern in each.answers)
        ]
        assert len(fitting) == 1, claim
