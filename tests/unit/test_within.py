"""Within tumour and within normal tissue: numbers of genes, spread of expression, page, figures."""

import re
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from performance import PUBLISHED, as_patients
from scipy import stats
from statsmodels.stats.multitest import multipletests

from stnet.analysis.choice import top_genes
from stnet.analysis.spread import spread, spread_of_genes, write_spread
from stnet.core.errors import InputError
from stnet.core.h5ad import write_h5ad
from stnet.core.tables import read_table, write_table
from stnet.evaluation.genes import gene_performance
from stnet.evaluation.performance_summary import summarise
from stnet.evaluation.thresholds import thresholds
from stnet.figures.supp_4_5 import draw, spread_within
from stnet.report.claims import read_claims
from stnet.report.within import within, write_within

CLAIMS = Path(__file__).parents[2] / "resources/paper/claims.tsv"


# Numbers of genes


def published_genes(column: str, n_patients: int, n_genes: int = 250) -> pd.DataFrame:
    """Gene table of n patients in whom the published numbers of them are consistent."""
    published = pd.read_csv(PUBLISHED, sep="\t", index_col="gene").iloc[:n_genes]
    consistent = published[column].clip(upper=n_patients)
    return gene_performance(as_patients(consistent, n_patients), consistent.index.to_series())


@pytest.fixture(scope="module")
def strata():
    """The published counts as the gene tables of the strata, two patients without normal spots."""
    return {
        "all": published_genes("stnet_consistent", 23),
        "tumour": published_genes("features_consistent", 23),
        "normal": published_genes("pathologist_consistent", 21),
    }


def test_genes_at_a_threshold_are_counted_of_the_patients_with_such_spots(strata):
    table = thresholds(strata).set_index(["stratum", "at_least"])
    assert table.loc["all"].index.tolist() == [*range(1, 24)]
    assert table.loc["normal"].index.tolist() == [*range(1, 22)]
    assert table.loc[("all", 20), "genes"] == 102
    for (stratum, least), row in table.iterrows():
        assert row["n_patients"] == (21 if stratum == "normal" else 23)
        assert row["genes"] == sum(k >= least for k in strata[stratum]["n_consistent"])


def test_adjusted_p_at_a_threshold_with_and_without_absent_patients(strata):
    table = thresholds(strata).set_index(["stratum", "at_least"])
    normal = strata["normal"]["n_consistent"].to_numpy()
    for absent, column in ((0, "fdr"), (2, "fdr_excused")):
        p = [stats.binomtest(int(k) + absent, 21 + absent, 0.5, "greater").pvalue for k in normal]
        expected = multipletests(p, method="holm")[1][normal >= 18].max()
        assert table.loc[("normal", 18), column] == pytest.approx(expected)
    # Nobody is absent among all spots.
    np.testing.assert_allclose(table.loc["all", "fdr"], table.loc["all", "fdr_excused"])
    few = thresholds({"all": strata["all"].assign(n_consistent=3)})
    assert few["fdr"].isna().tolist() == [False] * 3 + [True] * 20


def test_top_genes_have_the_highest_median_and_have_one():
    table = pd.DataFrame(
        {"gene": list("abcdefg"), "median_pearson": [0.1, np.nan, 0.3, 0.2, -0.1, 0.5, 0.4]}
    )
    assert top_genes(table)["gene"].tolist() == ["f", "g", "c", "d", "a"]
    assert top_genes(table.iloc[:4])["gene"].tolist() == ["c", "d", "a"]
    assert top_genes(table.iloc[1:2]).empty


# Spread of expression


@pytest.fixture(scope="module")
def measured():
    """Expression of 5 genes in 50 spots of A and of B, and of tumour only in C (9 spots)."""
    random = np.random.default_rng(3)
    labels = [*["tumour", "normal", None, "tumour", "normal"] * 20, *["tumour"] * 9]
    obs = pd.DataFrame(
        {"patient": [*"A" * 50, *"B" * 50, *"C" * 9], "label": pd.Categorical(labels)},
        index=[str(i) for i in range(109)],
    )
    values = random.normal(size=(109, 5)) + (obs["label"] == "tumour").to_numpy()[:, None]
    # Constant; only between the classes.
    values[:, 3] = -5.0
    values[:, 4] = obs["label"] == "tumour"
    genes = pd.DataFrame({"symbol": [f"S{i}" for i in range(5)]}, index=[f"g{i}" for i in range(5)])
    uns = {"targets": {"transform": "log_fraction", "universe": 100}}
    return ad.AnnData(values.astype(np.float32), obs=obs, var=genes, uns=uns)


def rows_of(measured, stratum, patient):
    obs = measured.obs
    rows = np.ones(len(obs), dtype=bool) if stratum == "all" else (obs["label"] == stratum)
    return np.asarray(rows & (obs["patient"].isin([patient]) | (patient == "all")))


def test_spread_is_that_of_the_patients_spots_of_the_class(measured):
    table = spread(measured).set_index(["stratum", "patient", "gene"])
    assert ("normal", "C", "g0") not in table.index
    assert len(table) == (4 + 4 + 3) * 5
    for (stratum, patient, gene), row in table.iterrows():
        values = measured.X[rows_of(measured, stratum, patient), int(gene[1])].astype(float)
        assert row["n_spots"] == len(values)
        assert row["sd"] == pytest.approx(np.std(values, ddof=1), abs=1e-12)
        for column, q in (("q05", 5), ("q25", 25), ("q50", 50), ("q75", 75), ("q95", 95)):
            assert row[column] == pytest.approx(np.percentile(values, q)), (stratum, patient, gene)


def test_variance_within_classes_is_what_an_analysis_of_variance_leaves(measured):
    table = spread_of_genes(measured, spread(measured)).set_index("gene")
    assert (table["n_patients"] == 2).all()
    for gene in ("g0", "g1", "g2"):
        within_squares = total_squares = 0
        for patient in "AB":
            groups = [
                measured.X[rows_of(measured, label, patient), int(gene[1])].astype(float)
                for label in ("tumour", "normal")
            ]
            # From F: between / within = F (k - 1) / (n - k).
            n = sum(map(len, groups))
            ratio = stats.f_oneway(*groups)[0] / (n - 2)
            total = np.var(np.concatenate(groups)) * n
            total_squares += total
            within_squares += total / (1 + ratio)
        assert table.loc[gene, "within_class"] == pytest.approx(within_squares / total_squares)
    assert np.isnan(table.loc["g3", "within_class"])
    assert table.loc["g4", "within_class"] == 0
    sds = [np.std(measured.X[rows_of(measured, "tumour", p), 1], ddof=1) for p in "ABC"]
    assert table.loc["g1", "sd_tumour"] == pytest.approx(np.median(sds), rel=1e-5)


def test_spread_without_labels_or_with_a_single_spot(measured):
    bare = measured[:51].copy()
    bare.obs["label"] = pd.Categorical([None] * 51, categories=["tumour", "normal"])
    table = spread(bare)
    assert set(table["stratum"]) == {"all"}
    assert table.loc[table["patient"] == "B", "sd"].isna().all()
    of_genes = spread_of_genes(bare, table)
    assert (of_genes["n_patients"] == 0).all()
    assert of_genes[["within_class", "sd_tumour", "sd_normal"]].isna().all(axis=None)


# Supp. Figs 4, 5


def best(*genes: str) -> pd.DataFrame:
    r = 0.5 - 0.1 * np.arange(len(genes))
    symbols = [f"S{gene[1]}" for gene in genes]
    return pd.DataFrame({"gene": genes, "symbol": symbols, "median_pearson": r})


def test_supp_4_5_draws_a_box_for_each_patient_with_such_spots(measured):
    found = spread(measured)
    figure = spread_within(
        found, spread_of_genes(measured, found), best("g2", "g0", "g3"), "normal"
    )
    figure.draw_without_rendering()
    assert [axis.get_title("left").split(";")[0] for axis in figure.axes] == [
        f"Median r {r} within normal tissue" for r in ("0.50", "0.40", "0.30")
    ]
    assert [axis.get_ylabel() for axis in figure.axes] == ["S2", "S0", "S3"]
    assert figure.axes[0].yaxis.label.get_fontstyle() == "italic"
    # The share of a constant gene is not defined.
    assert [";" in axis.get_title("left") for axis in figure.axes] == [True, True, False]
    labels = [text.get_text() for text in figure.axes[-1].get_xticklabels()]
    assert labels == ["A", "B", "C\n(no normal)", "all patients"]
    boxes = [patch for patch in figure.axes[0].patches if not hasattr(patch, "get_height")]
    assert len(boxes) == 3
    values = measured.X[rows_of(measured, "normal", "B"), 2]
    lines = [line.get_ydata() for line in figure.axes[0].lines]
    medians = [y[0] for y in lines if len(y) == 2 and y[0] == y[1]]
    assert any(y == pytest.approx(np.median(values), rel=1e-5) for y in medians)
    bars = [patch for patch in figure.axes[0].patches if hasattr(patch, "get_height")]
    ends = np.percentile(measured.X[rows_of(measured, "all", "B"), 2].astype(float), [5, 95])
    assert (bars[1].get_y(), bars[1].get_height()) == pytest.approx((ends[0], np.ptp(ends)))


def test_supp_4_5_shows_both_ends_of_what_is_behind_the_boxes(measured):
    """Tumour is higher in these genes, so the bars reach below its whiskers."""
    found = spread(measured)
    figure = spread_within(found, spread_of_genes(measured, found), best("g1"), "tumour")
    figure.draw_without_rendering()
    low, high = figure.axes[0].get_ylim()
    bars = [patch for patch in figure.axes[0].patches if hasattr(patch, "get_height")]
    assert len(bars) == 4
    assert all(low < bar.get_y() and bar.get_y() + bar.get_height() < high for bar in bars)


def test_supp_4_5_says_where_there_is_no_class(measured, tmp_path):
    found = spread(measured)
    write_table(found, tmp_path / "spread.tsv")
    write_table(spread_of_genes(measured, found), tmp_path / "genes.tsv")
    tables = {}
    for stratum, table in (("tumour", best("g1")), ("normal", best("g1").iloc[:0])):
        write_table(table, tmp_path / f"{stratum}.tsv")
        tables[stratum] = (tmp_path / f"{stratum}.tsv", [tmp_path / f"{stratum}.png"])
    draw(tmp_path / "spread.tsv", tmp_path / "genes.tsv", tables)
    assert (tmp_path / "tumour.png").stat().st_size > (tmp_path / "normal.png").stat().st_size
    figure = spread_within(found, spread_of_genes(measured, found), best().iloc[:0], "normal")
    assert figure.axes[0].texts[0].get_text() == "no gene has an r within normal tissue"


# The page


def totals_of(genes: pd.DataFrame) -> pd.Series:
    """Summary of a gene table as it is read, from patients that have its counts."""
    patients = as_patients(genes.set_index("gene")["n_consistent"], genes["n_patients"].max())
    sections = patients.assign(section=patients["patient"])
    return summarise(genes, patients, sections).set_index("quantity")["value"]


@pytest.fixture(scope="module")
def totals(strata):
    return {stratum: totals_of(genes) for stratum, genes in strata.items()}


@pytest.fixture(scope="module")
def table(strata, totals):
    found = within(totals, strata, thresholds(strata), read_claims(CLAIMS))
    return found.set_index("quantity")


def test_within_answers_at_the_papers_threshold(strata, table):
    normal = strata["normal"]["n_consistent"]
    assert table.loc["all.claimed_genes", "value"] == "102"
    assert table.loc["normal.claimed_genes", "value"] == str((normal >= 18).sum())
    # Holm needs 19 of 21.
    assert int(table.loc["normal.consistent_genes_holm", "value"]) == (normal >= 19).sum()
    assert (normal == 18).any()
    assert table.loc["normal.claimed_how", "value"].startswith("genes with r > 0 in at least 18")
    assert float(table.loc["normal.claimed_fdr", "value"]) > 0.1
    assert float(table.loc["normal.threshold_fdr_excused", "value"]) < 0.1
    assert table["paper"]["tumour.threshold_genes"] == "63"
    assert table["paper"]["normal.threshold_fdr"] == "0.06"
    assert table["paper"]["normal.threshold"] == "18 of 21"
    assert table["paper"]["tumour.top_genes"] == "GNAS,FASN,AEBP1,SPARC,BGN"
    assert table["value"]["normal.n_patients"] == "21"


@pytest.mark.parametrize("n_patients", [7, 30])
def test_within_answers_by_its_rule_where_it_has_other_patients(strata, n_patients):
    genes = published_genes("stnet_consistent", n_patients, 40)
    totals, others = dict.fromkeys(strata, totals_of(genes)), dict.fromkeys(strata, genes)
    found = within(totals, others, thresholds(others), read_claims(CLAIMS)).set_index("quantity")
    for name in ("claimed_genes", "claimed_fdr", "claimed_how"):
        source = {"claimed_how": "consistency_reason", "claimed_fdr": "fdr"}
        expected = totals["tumour"][source.get(name, "consistent_genes")]
        assert found.loc[f"tumour.{name}", "value"] == expected
    assert found.loc["tumour.threshold_genes", "value"] == ""


def test_a_claim_that_names_no_threshold_is_refused(strata, totals):
    claims = read_claims(CLAIMS).replace({"of_patients": "21"}, "")
    with pytest.raises(InputError, match=r"normal_only\.consistent_genes: no at_least"):
        within(totals, strata, thresholds(strata), claims)


def test_page_within_shows_every_stratum(measured, strata, totals, tmp_path):
    paths = {}
    for stratum, genes in strata.items():
        summary = totals[stratum].reset_index()
        paths[stratum] = [tmp_path / f"{stratum}-{name}.tsv" for name in ("summary", "genes")]
        write_table(summary, paths[stratum][0])
        write_table(genes, paths[stratum][1])
    write_table(thresholds(strata), tmp_path / "thresholds.tsv")
    write_h5ad(measured, tmp_path / "targets.h5ad")
    write_spread(tmp_path / "targets.h5ad", tmp_path / "spread.tsv", tmp_path / "spread_genes.tsv")
    write_within(
        {stratum: summary for stratum, (summary, _) in paths.items()},
        {stratum: genes for stratum, (_, genes) in paths.items()},
        *(tmp_path / f"{name}.tsv" for name in ("thresholds", "spread_genes")),
        CLAIMS,
        *(tmp_path / f"within.{end}" for end in ("tsv", "html")),
        experiment="toy",
    )
    page = (tmp_path / "within.html").read_text()
    assert re.findall(r"<h2>(.*?)</h2>", page) == [
        "By tissue",
        *[f"{name}: the best predicted genes" for name in ("All spots", "Tumour", "Normal")],
        "Genes with r &gt; 0 in at least k patients, for every k",
    ]
    assert "18 of 21" in page
    assert "all genes, median" in page
    table = read_table(tmp_path / "within.tsv").set_index("quantity")
    assert table.loc["all.threshold_genes", "value"] == "102"
