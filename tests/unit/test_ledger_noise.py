"""Results without any signal, put through the ledger as the paper's cohort."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from paper_tables import PAPER, N, colocalisation, published, published_external, summary_table
from scipy import stats

from stnet.analysis.composition import explained_by, shuffled_range
from stnet.analysis.latent.distances import neighbour_distances
from stnet.analysis.latent.neighbours import neighbour_null, neighbour_performance
from stnet.analysis.latent.purity import purity_by_patient
from stnet.analysis.latent.summary import summarise as summarise_latent
from stnet.evaluation.comparison import compare
from stnet.evaluation.consistency import benjamini_hochberg
from stnet.evaluation.genes import gene_performance
from stnet.evaluation.methods import compare_methods
from stnet.evaluation.performance import performance_by
from stnet.evaluation.performance_summary import summarise
from stnet.evaluation.thresholds import thresholds
from stnet.report.comparison import beside_paper
from stnet.report.ledger import make_ledger
from stnet.report.within import within

GENES = pd.read_csv(PAPER / "per_gene.tsv", sep="\t")["gene"]
# Facts of the data, whatever is predicted from them.
FACTS = {"The data"}
FACTS_OF_OTHERS = {"visium.genes", "visium.median_counts", "tcga.slides", "tcga.patients"}
FACTS_OF_OTHERS |= {"tcga.genes"}
ROLES = {"main": "main", "label": "label", "features": "features", "composition": "composition"}


def measured(random: np.random.Generator) -> ad.AnnData:
    """Spots whose genes follow smooth fields and depth, as in 23 patients."""
    side, per_patient = 6, 36
    n = N * per_patient
    row, column = np.divmod(np.arange(per_patient), side)
    fields = np.concatenate(
        [
            np.cos(np.outer(row, random.normal(0, 0.6, 250)) + random.uniform(0, 6, 250))
            * np.cos(np.outer(column, random.normal(0, 0.6, 250)))
            for _ in range(N)
        ]
    )
    depth = random.normal(0, 0.5, n)
    expression = 6 + fields + depth[:, None] + random.normal(0, 0.7, (n, 250))
    patients = np.repeat([f"P{number:02}" for number in range(N)], per_patient)
    obs = pd.DataFrame(
        {
            "patient": patients,
            "section": [f"{name}_1" for name in patients],
            "label": np.where(random.random(n) < 0.6, "tumour", "normal"),
            "total_counts": np.exp(8 + depth),
            "array_row": np.tile(row, N),
            "array_col": np.tile(column, N),
        },
        index=[f"spot{number}" for number in range(n)],
    )
    var = pd.DataFrame({"symbol": GENES.to_numpy()}, index=("E" + GENES).to_numpy())
    layers = {"observed": expression.astype(np.float32), "smooth": fields.astype(np.float32)}
    spots = ad.AnnData(np.zeros_like(layers["observed"]), obs, var, layers=layers)
    spots.uns["grid"] = dict.fromkeys(obs["section"], "square")
    spots.uns["targets"] = {"transform": "log_cp10k", "universe": 250}
    return spots


def noise(spots: ad.AnnData, random: np.random.Generator) -> np.ndarray:
    """Predictions of a few factors that have nothing to do with the measurements."""
    factors = random.normal(size=(spots.n_obs, 5)) @ random.normal(size=(5, spots.n_vars))
    return factors + random.normal(size=spots.shape)


def shuffled(spots: ad.AnnData, random: np.random.Generator) -> np.ndarray:
    """The measurements of other spots of the same patient."""
    order = np.concatenate(
        [random.permutation(np.flatnonzero(spots.obs["patient"] == name))
         for name in spots.obs["patient"].unique()]
    )  # fmt: skip
    return spots.layers["observed"][order]


def performance(spots: ad.AnnData, predictions: np.ndarray) -> dict[str, pd.DataFrame]:
    predicted = spots.copy()
    predicted.X = predictions.astype(np.float32)
    patients = performance_by(predicted, "patient")
    patients.insert(1, "symbol", spots.var["symbol"].reindex(patients["gene"]).to_numpy())
    genes = gene_performance(patients, spots.var["symbol"])
    summary = summarise(genes, patients, performance_by(predicted, "section"))
    summary.loc[len(summary)] = ["transform", "log_fraction", np.nan, np.nan, ""]
    summary = summary.replace({"value": {"": np.nan}})
    return {"summary": summary, "genes": genes, "patients": patients}


def correlations(random: np.random.Generator, n_patients: int, n_genes: int) -> dict[str, int]:
    """Numbers of genes with a positive and a significant r between unrelated values."""
    sides = [noise_of(random, n_patients, n_genes) for _ in range(2)]
    tests = [stats.pearsonr(*pair) for pair in zip(*(side.T for side in sides), strict=True)]
    r = np.array([each.statistic for each in tests])
    significant = benjamini_hochberg(np.array([each.pvalue for each in tests])) <= 0.05
    return {
        "positive_genes": int((r > 0).sum()),
        "significant_genes": int((significant & (r > 0)).sum()),
        "significant_negative_genes": int((significant & (r < 0)).sum()),
    }


def noise_of(random: np.random.Generator, n: int, n_genes: int) -> np.ndarray:
    return random.normal(size=(n, 3)) @ random.normal(size=(3, n_genes)) + random.normal(
        size=(n, n_genes)
    )


@pytest.fixture(scope="module", params=[noise, shuffled], ids=["noise", "shuffled"])
def results(request):
    """Tables of all analyses, without a signal in any; facts of the data are the paper's."""
    claims = pd.read_csv(PAPER / "claims.tsv", sep="\t", dtype=str, keep_default_na=False)
    random = np.random.default_rng(1)
    spots = measured(random)
    main, other = (performance(spots, request.param(spots, random)) for _ in range(2))
    methods = {name: main if name == "main" else other for name in ROLES}
    strata = {"all": main}
    for stratum in ("tumour", "normal"):
        rows = (spots.obs["label"] == stratum).to_numpy()
        strata[stratum] = performance(spots[rows], request.param(spots, random)[rows])
    ahead = compare(main["patients"], other["patients"], spots.var["symbol"])
    against = {name: ahead for name in methods if name != "main"}
    parts = (
        {name: tables[part] for name, tables in methods.items()}
        for part in ("summary", "genes", "patients")
    )
    about = {
        name: {"role": role, "kind": "x", "of": "", "targets": "top250"}
        for name, role in ROLES.items()
    }
    totals = {
        name: tables["summary"].set_index("quantity")["value"] for name, tables in strata.items()
    }
    by_stratum = {name: tables["genes"] for name, tables in strata.items()}
    facts = published(claims) | published_external(claims)
    r_10x = main["patients"][main["patients"]["patient"] == "P00"]
    visium = {"genes": 234, "median_counts": 17531, "mean_auroc": r_10x["auroc"].mean()}
    visium |= {"mean_r": r_10x["pearson"].mean(), "positive_genes": (r_10x["pearson"] > 0).sum()}
    slides = {"slides": 1550, "patients": 1093, "genes": 249, **correlations(random, 1093, 249)}
    chance = {"auroc": 0.51, "ci_low": 0.44, "ci_high": 0.58}
    none = {"mean_r": 0.01, "mean_r_low": -0.04, "mean_r_high": 0.06, "direction": "positive"}
    relations = pd.DataFrame(
        [{"stratum": "tumour", "feature": name, "p": 0.4} | none for name in ("area_mean", "count")]
    )
    over_genes = pd.DataFrame(
        [{"expression": "measured", "feature": name} | none
         for name in ("area_mean", "axis_ratio_mean")]
    )  # fmt: skip
    in_groups = [
        {
            "group": name,
            "predicted": 0,
            "predicted_total": 0,
            "rest": n,
            "rest_total": 250,
            "p": 1.0,
        }
        for name, n in (("cancer", 48), ("pharmacogenomic", 49), ("immune", 40))
    ]
    nothing = {"median_pearson_difference": 0.001, "median_pearson_difference_low": -0.01}
    nothing |= {"median_pearson_difference_high": 0.012, "reference": False, "experiment": "other"}
    spots.obsm["latent"] = random.normal(size=(spots.n_obs, 8)).astype(np.float32)
    purity = purity_by_patient(spots, 0)
    near, by_chance = neighbour_performance(spots), neighbour_null(spots, 100)
    counts = random.poisson(3.0, (200, 30)) + 1.0
    of_spots, keys = counts / counts.sum(axis=1, keepdims=True), {"iterations": 100, "seed": 0}
    low, high = shuffled_range(of_spots, 10, **keys)
    factors = {"factors": 10, "configured": True, "explained": explained_by(of_spots, 10, **keys)}
    factors |= {"explained_shuffled": low, "explained_shuffled_low": low}
    tables = {
        "latent": summarise_latent(purity, near, neighbour_distances(spots, 0), by_chance),
        "composition": pd.DataFrame([factors | {"explained_shuffled_high": high}]),
        "dataset": facts["dataset"],
        **main,
        "label_summary": methods["label"]["summary"],
        "comparison": beside_paper(compare_methods(*parts, against), claims, about),
        "within": within(totals, by_stratum, thresholds(by_stratum), claims),
        "tumour_genes": by_stratum["tumour"],
        "visium": summary_table(**visium),
        "visium_genes": r_10x.rename(columns={"pearson": "median_pearson"}),
        "tcga": summary_table(**slides),
        "subtype": facts["subtype"].assign(**chance),
        "colocalisation_st": colocalisation(0.3, -0.01),
        "colocalisation_tcga": colocalisation(0.6, 0.01),
        "nuclear_gene": relations,
        "nuclei": over_genes,
        "pathways": pd.DataFrame(in_groups),
        "study_weights": pd.DataFrame([nothing | {"weights": "random"}]),
        "study_architecture": pd.DataFrame([nothing | {"architecture": "vgg11"}]),
        "single_genes": summary_table(mean_together=0.004, mean_difference=0.001),
    }
    return claims, tables


def test_nothing_but_facts_of_the_data_is_reproduced(results):
    claims, tables = results
    ledger = make_ledger(claims, tables, judged=True, rules={})
    reproduced = ledger[ledger["verdict"] == "reproduced"]
    is_fact = reproduced["group"].isin(FACTS) | reproduced["id"].isin(FACTS_OF_OTHERS)
    columns = ["found", "ci_low", "ci_high", "why"]
    assert reproduced[~is_fact].set_index("id")[columns].to_dict("index") == {}
    assert is_fact.sum() == len(FACTS_OF_OTHERS) + 8
