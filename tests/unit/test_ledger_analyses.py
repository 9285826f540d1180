"""What the ledger says of comparisons, tissue, nuclei, pathways, latent space and ablations."""

import numpy as np
import pandas as pd
import pytest
from paper_tables import PAPER, published, published_external, summary_table

from stnet.report.analyses import ANALYSES
from stnet.report.claims import read_claims
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
    within |= {"normal.threshold_fdr_excused": number("normal_only.fdr")}
    within |= {f"{stratum}.threshold_genes": 30 for stratum in ("tumour", "normal")}
    within |= {f"{stratum}.claimed_how": f"by {stratum}" for stratum in ("tumour", "normal")}
    top = paper["tumour_only.top_genes"].split(",")
    latent = {
        "purity_mean": number("latent.purity_mean"),
        "purity_sd": number("latent.purity_sd"),
        "ari_mean_both": 0.3,
        "neighbour_gain": 0.05,
        "neighbour_gain_median": 0.04,
        "not_adjacent": 0.8,
        "ari_mean_both_null": 0.0,
        "neighbour_gain_null": 0.0,
        "not_adjacent_null": 0.97,
        "purity_mean_null": 0.78,
        "purity_sd_null": 0.1,
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
            "mean_r_high": [0.3, -0.01, -0.2],
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
    factors |= {"explained_shuffled": [0.2, 0.5]}
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
        "single_genes": summary_table(mean_together=0.2, mean_difference=0.01),
    }


def ledger_of(claims, tables, other=()):
    rules = {name: f"rule of {name}" for name in tables}
    ledger = make_ledger(claims, tables, judged=True, rules=rules, other_data=other)
    return ledger.set_index("id")


def test_every_claim_of_the_paper_is_answered(claims, analysed):
    tables = published(claims) | published_external(claims) | analysed
    ledger = ledger_of(claims, tables)
    others = ledger["verdict"] != "reproduced"
    assert ledger.loc[others, ["verdict", "why"]].to_dict("index") == {}
    assert (ledger["how"] != "").all()
    assert tables.keys() <= TABLES
    assert {f"rule of {name}" for name in tables} == set(ledger["rule"])


def test_values_and_intervals_are_those_of_the_tables(claims, analysed):
    ledger = ledger_of(claims, analysed)
    found = ledger["found"]
    assert found["features.consistent_genes"] == 79
    assert found["composition.beaten"] == 242
    assert found["pathway.immune.rest"] == 9
    assert found["nuclei.aebp1_size_p"] == 0.009
    assert found["composition.ten_suffice"] == 0.8
    # The best other architecture, and how far behind it is.
    assert found["architecture.densenet_best"] == -0.02
    assert "resnet18" in ledger.loc["architecture.densenet_best", "how"]
    bounds = ledger.loc["weights.imagenet_better", ["found", "ci_low", "ci_high", "unit"]]
    assert bounds.tolist()[:1] == [-0.05]
    assert bounds.tolist()[1:] == [pytest.approx(-0.06), pytest.approx(-0.04), "patients"]


def test_effects_of_the_other_sign_differ(claims, analysed):
    analysed["nuclear_gene"].loc[2, "direction"] = "positive"
    analysed["nuclei"].loc[1, ["mean_r", "mean_r_low", "mean_r_high"]] = 0.2, 0.1, 0.3
    analysed["study_weights"] = study("weights", "imagenet", {"random": 0.05})
    is_ari = analysed["latent"]["quantity"] == "ari_mean_both"
    analysed["latent"].loc[is_ari, ["value", "ci_low", "ci_high"]] = -0.1, -0.2, -0.05
    verdicts = ledger_of(claims, analysed)["verdict"]
    for claim in (
        *("nuclei.aebp1_size_p", "nuclei.round_high", "weights.imagenet_better"),
        "latent.separates_labels",
    ):
        assert verdicts[claim] == "differs", claim


def test_what_chance_gives_too_is_inconclusive(claims, analysed):
    latent = analysed["latent"]
    for name in ("purity_mean", "purity_sd", "ari_mean_both", "neighbour_gain", "not_adjacent"):
        as_by_chance = latent.loc[latent["quantity"] == f"{name}_null", "value"].item()
        columns = ["value", "ci_low", "ci_high"]
        bounds = (as_by_chance, as_by_chance - 0.01, as_by_chance + 0.01)
        latent.loc[latent["quantity"] == name, columns] = bounds
    analysed["composition"]["explained"] = analysed["composition"]["explained_shuffled"]
    is_composition = analysed["comparison"]["role"] == "composition"
    gain = ["mean_r_gain", "mean_r_gain_low", "mean_r_gain_high"]
    analysed["comparison"].loc[is_composition, gain] = -0.01, -0.03, 0.01
    analysed["single_genes"][["ci_low", "ci_high"]] = -0.2, 0.2
    verdicts = ledger_of(claims, analysed)["verdict"]
    expected = [claim for claim in claims["id"] if claim.startswith("latent.")]
    expected += ["composition.mean_r_gain", "composition.ten_suffice", "genes.shared_similar"]
    reproduced = [claim for claim in expected if verdicts[claim] == "reproduced"]
    assert reproduced == []


def test_what_cannot_be_answered_says_why(claims, analysed):
    analysed["comparison"] = analysed["comparison"].query("role != 'features'")
    analysed["nuclear_gene"].loc[1, "p"] = np.nan
    analysed["nuclear_gene"]["note"] = "AEBP1 is no target gene"
    analysed["pathways"] = analysed["pathways"].query("group != 'cancer'")
    analysed["study_weights"] = study("view", "224x1", {"128x1": 0.1})
    ledger = ledger_of(claims, analysed)
    for claim, why in {
        "features.beaten": "table comparison has no role features",
        "nuclei.aebp1_number_p": "AEBP1 is no target gene",
        "pathway.cancer.rest": "table pathways has no group cancer",
        "weights.imagenet_better": "table study_weights has no column weights",
    }.items():
        assert ledger.loc[claim, "verdict"] == "not evaluated", claim
        assert why in ledger.loc[claim, "why"]


def test_gene_sets_that_are_not_the_papers_are_not_judged(claims, analysed):
    ledger = ledger_of(claims, analysed, ["pathways"])
    assert ledger.loc["pathway.cancer.predicted", "verdict"] == "other cohort"
    assert ledger.loc["features.beaten", "verdict"] == "reproduced"


def test_claims_are_looked_up_in_known_tables(claims):
    planted = read_claims(PAPER.parent / "claims/demo.tsv")
    assert {*claims["table"], *planted["table"]} == TABLES
