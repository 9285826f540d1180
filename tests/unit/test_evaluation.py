"""Evaluation: statistics against plain loops, and the paper's tests on its published results."""

import itertools
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
from intervals import t_interval
from performance import PUBLISHED, as_patients, write_held_out
from scipy import stats
from sklearn.linear_model import LinearRegression
from sklearn.metrics import roc_auc_score
from statsmodels.stats.proportion import proportion_confint

from stnet.core.checksums import seal
from stnet.core.errors import InputError
from stnet.core.tables import TOO_FEW, count_consistent, read_table, write_table
from stnet.evaluation import bootstrap, consistency, correlation
from stnet.evaluation.comparison import compare
from stnet.evaluation.genes import COLUMNS, gene_performance
from stnet.evaluation.held_out import read_predictions
from stnet.evaluation.measurements import measured
from stnet.evaluation.null import null_tables
from stnet.evaluation.performance import evaluate, performance_by
from stnet.evaluation.performance_summary import summarise
from stnet.expression.predictions import write_predictions


@pytest.fixture(scope="module")
def published():
    return pd.read_csv(PUBLISHED, sep="\t", index_col="gene")


# Statistics of one patient or section


@pytest.fixture(scope="module")
def spots():
    """Prediction, measurement, smoothed measurement and ln total of 60 spots and 12 genes."""
    random = np.random.default_rng(0)
    ln_total = random.normal(8, 0.5, 60)
    observed = random.normal(size=(60, 12)) + ln_total[:, None]
    predicted = 0.5 * observed + random.normal(size=(60, 12))
    # Ties as counts and trees make them.
    observed[:, 3] = np.round(observed[:, 3])
    predicted[:, 4] = np.round(predicted[:, 4])
    smooth = observed + random.normal(size=(60, 12))
    return predicted.astype(np.float32), observed.astype(np.float32), smooth, ln_total


def plain_statistics(predicted, observed, smooth, ln_total) -> dict[str, float]:
    """The statistics of one gene, one library call each."""
    depth = np.column_stack([ln_total, ln_total**2])
    residuals = [y - LinearRegression().fit(depth, y).predict(depth) for y in (predicted, observed)]
    low, high = np.percentile(observed, [25, 75])
    outer = (observed <= low) | (observed >= high)
    return {
        "n_spots": len(predicted),
        "pearson": stats.pearsonr(predicted, observed)[0],
        "pearson_smooth": stats.pearsonr(predicted, smooth)[0],
        "spearman": stats.spearmanr(predicted, observed)[0],
        "auroc": roc_auc_score(observed[outer] >= high, predicted[outer]),
        "rmse": np.sqrt(np.mean((predicted - observed) ** 2)),
        "partial": stats.pearsonr(*residuals)[0],
        "depth": stats.pearsonr(ln_total, observed)[0],
        "auroc_depth": roc_auc_score(observed[outer] >= high, ln_total[outer]),
        "auroc_partial": plain_auroc(*residuals),
    }


def plain_auroc(predicted, observed) -> float:
    low, high = np.percentile(observed, [25, 75])
    outer = (observed <= low) | (observed >= high)
    return roc_auc_score(observed[outer] >= high, predicted[outer])


def test_statistics_equal_plain_loops(spots):
    predicted, observed, smooth, ln_total = (side.astype(float) for side in spots)
    found = correlation.statistics(*spots)
    for gene in range(12):
        of_gene = plain_statistics(predicted[:, gene], observed[:, gene], smooth[:, gene], ln_total)
        assert set(found) == set(of_gene)
        for name, value in of_gene.items():
            assert found[name][gene] == pytest.approx(value, abs=1e-9), (name, gene)


def test_missing_values_are_left_out_gene_by_gene(spots):
    predicted, observed, smooth, ln_total = (side.astype(float) for side in spots)
    predicted = predicted.copy()
    predicted[:20] = np.nan
    predicted[25:40, 5:8] = np.nan
    predicted[:, 9] = np.nan
    found = correlation.statistics(predicted, observed, smooth, ln_total)
    assert found["n_spots"].tolist() == [40] * 5 + [25] * 3 + [40, 0, 40, 40]
    for gene in (0, 6, 11):
        kept = np.isfinite(predicted[:, gene])
        of_gene = plain_statistics(
            predicted[kept, gene], observed[kept, gene], smooth[kept, gene], ln_total[kept]
        )
        for name, value in of_gene.items():
            assert found[name][gene] == pytest.approx(value, abs=1e-9), (name, gene)
    assert all(np.isnan(found[name][9]) for name in correlation.STATISTICS)


def test_constant_sides_are_undefined(spots):
    predicted, observed, smooth, ln_total = (side.copy() for side in spots)
    predicted[:, 0] = np.float32(-10.1)
    observed[:, 1] = np.float32(-10.1)
    found = correlation.statistics(predicted, observed, smooth, ln_total)
    for name in ("pearson", "spearman", "partial"):
        assert np.isnan(found[name][:2]).all(), name
        assert np.isfinite(found[name][2:]).all(), name
    assert np.isnan(found["pearson_smooth"][0])
    assert np.isnan(found["depth"][1])
    assert found["auroc"][0] == 0.5
    assert np.isnan(found["auroc"][1])
    assert np.isfinite(found["rmse"]).all()


def test_a_constant_depth_explains_nothing(spots):
    predicted, observed, smooth, ln_total = spots
    # The mean of these equal values is not that value.
    ln_total = np.full_like(ln_total, 8.1)
    assert ln_total.mean() != 8.1
    found = correlation.statistics(predicted, observed, smooth, ln_total)
    assert np.isnan(found["depth"]).all()
    np.testing.assert_array_equal(found["partial"], found["pearson"])


def test_two_depths_explain_a_line_and_no_more(spots):
    predicted, observed, smooth, ln_total = (side.astype(float) for side in spots)
    ln_total = np.where(ln_total > 8, 8.1, 7.3)
    found = correlation.statistics(predicted, observed, smooth, ln_total)["partial"]
    depth = ln_total[:, None]
    rest = [y - LinearRegression().fit(depth, y).predict(depth) for y in (predicted, observed)]
    np.testing.assert_allclose(
        found, [stats.pearsonr(*pair)[0] for pair in zip(*(y.T for y in rest), strict=True)]
    )


def test_fewer_than_four_spots_have_an_error_but_no_correlation(spots):
    found = correlation.statistics(*(side[:3] for side in spots))
    for name in set(correlation.STATISTICS) - {"rmse"}:
        assert np.isnan(found[name]).all(), name
    assert np.isfinite(found["rmse"]).all()
    found = correlation.statistics(*(side[:4] for side in spots))
    assert np.isfinite(found["pearson"]).all()
    # Three coefficients and two residuals: r would be 1 or -1.
    assert np.isnan([found["partial"], found["auroc_partial"]]).all()
    found = correlation.statistics(*(side[:5] for side in spots))
    assert (np.abs(found["partial"]) < 1).all()


def test_quarters_keep_tied_spots_together():
    predicted = np.array([[1.0, 2, 3, 4, 5, 6, 7, 8]])
    # Half of the spots are at the bottom: all of them are low, not the first two.
    half_zero = np.array([[0.0, 0, 0, 0, 1, 2, 3, 4]])
    assert correlation.quarter_auroc(predicted, half_zero) == [1.0]
    assert correlation.quarter_auroc(predicted[:, ::-1], half_zero) == [0.0]
    # The quartiles are the same, with one spot below them and one above.
    assert np.isnan(correlation.quarter_auroc(predicted, np.array([[0.0, *[1] * 6, 5]])))


def st_like(random: np.random.Generator, n_genes: int = 40) -> ad.AnnData:
    """Spots of five patients as in ST: few of many genes, totals over a 30-fold range.

    X is the total counts; the first gene has no count in patient A.
    """
    totals = np.exp(random.uniform(np.log(300), np.log(9000), 1500)).astype(int)
    patients = np.repeat([*"ABCDE"], 300)
    shares = np.geomspace(0.0003, 0.03, n_genes) * random.gamma(5, 0.2, (1500, n_genes))
    shares[patients == "A", 0] = 0
    counts = random.poisson(totals[:, None] * shares)
    y = np.log((1 + counts) / (18_000 + totals[:, None]))
    obs = pd.DataFrame({"patient": patients, "total_counts": totals}, index=range(1500))
    layers = {"observed": y.astype(np.float32), "smooth": y}
    spots = ad.AnnData(np.repeat(totals[:, None], n_genes, 1), obs, layers=layers)
    spots.obs_names = [f"{n}" for n in range(1500)]
    spots.var_names = [f"g{n}" for n in range(n_genes)]
    spots.uns["targets"] = {"universe": 18_000, "transform": "log_fraction"}
    return spots


def test_what_knows_only_the_total_counts_predicts_no_gene_given_depth():
    spots = st_like(np.random.default_rng(0))
    patients = performance_by(spots, "patient")
    genes = gene_performance(patients, pd.Series(spots.var_names, spots.var_names))
    assert genes["median_pearson"].median() > 0.3
    assert np.abs(genes["median_partial"]).median() < 0.05
    assert genes["consistent"].sum() > 30
    assert not genes["consistent_partial"].any()
    assert np.abs(patients["auroc_partial"].mean() - 0.5) < 0.05


def test_a_gene_without_counts_has_no_r_given_depth_in_that_patient():
    spots = st_like(np.random.default_rng(0), 3)
    first = performance_by(spots, "patient").query("gene == 'g0'").set_index("patient")
    assert first.loc["A", "pearson"] < -0.9
    assert first[["partial", "auroc_partial"]].isna().all(axis=1).tolist() == [True] + [False] * 4
    # Only spots with a prediction count.
    everywhere = spots.layers["observed"][:, 1]
    some = np.expm1(everywhere + np.log(18_000 + spots.obs["total_counts"])) > 0.5
    spots.X = np.where(some.to_numpy()[:, None], np.nan, spots.X)
    second = performance_by(spots, "patient").query("gene == 'g1'")
    assert second["pearson"].notna().all()
    assert second["partial"].isna().all()


def test_a_prediction_from_depth_alone_has_no_partial_r(spots):
    _, observed, smooth, ln_total = spots
    slopes = np.repeat([0.3, 0.001], 6)
    from_depth = (slopes * ln_total[:, None] - 10).astype(np.float32)
    found = correlation.statistics(from_depth, observed, smooth, ln_total)
    assert np.isnan(found["partial"]).all()
    assert (found["pearson"] > 0.2).all()
    assert (found["auroc_partial"] == 0.5).all()
    np.testing.assert_allclose(found["auroc"], found["auroc_depth"])


# Tests over patients, on the paper's published results


def test_holm_gives_the_papers_102_genes(published):
    p_holm = consistency.holm(consistency.binomial_p(published["stnet_consistent"], 23))
    rejected = p_holm <= consistency.HOLM_LEVEL
    assert rejected.sum() == 102
    assert (rejected == (published["stnet_consistent"] >= 20)).all()
    assert round(p_holm[rejected].max(), 2) == 0.05


def test_benjamini_hochberg_gives_205_genes(published):
    p_bh = consistency.benjamini_hochberg(consistency.binomial_p(published["stnet_consistent"], 23))
    rejected = p_bh <= consistency.BH_LEVEL
    assert rejected.sum() == 205
    assert published["stnet_consistent"][rejected].min() == 17


def test_label_baseline_has_35_genes_with_two_patients_excused(published):
    k = published["pathologist_consistent"] + 2
    rejected = consistency.holm(consistency.binomial_p(k, 23)) <= consistency.HOLM_LEVEL
    assert rejected.sum() == 35
    assert k[rejected].min() == 20


def test_normal_only_18_of_21_is_not_rejected():
    def adjusted(k: int, n: int) -> float:
        """Adjusted p of 27 genes with r > 0 in k of n patients, in 250."""
        k_all = np.where(np.arange(250) < 27, k, n // 2)
        return consistency.holm(consistency.binomial_p(k_all, n))[0]

    assert adjusted(18, 21) > 0.1
    assert adjusted(19, 21) < 0.05
    # The paper's 0.06: two single-class patients counted as successes of 23.
    assert round(adjusted(20, 23), 2) == 0.06


def test_published_results_through_the_tables(published):
    symbols = pd.Series(published.index, index=published.index)
    patients = as_patients(published["stnet_consistent"], 23)
    genes = gene_performance(patients, symbols)
    assert genes["consistent"].sum() == 102
    table_1 = genes.set_index("gene").loc[["GNAS", "ACTG1", "FASN", "DDX5", "XBP1"]]
    assert table_1["n_consistent"].tolist() == [23, 22, 23, 22, 21]
    sections = patients.rename(columns={"patient": "section"})
    summary = summarise(genes, patients, sections).set_index("quantity")["value"]
    assert summary["consistency_rule"] == "holm"
    assert summary["consistent_genes"] == "102"
    assert summary["consistent_genes_bh"] == "205"
    assert summary["fewest_consistent_patients"] == "20"
    assert round(float(summary["fdr"]), 2) == 0.05

    labels = as_patients(published["pathologist_consistent"], 21, n_undefined=2)
    lenient = gene_performance(labels, symbols, excused=["P21", "P22"])
    assert lenient["consistent"].sum() == 35
    assert (lenient["n_patients"] == 23).all()
    assert (lenient["n_consistent"] == published["pathologist_consistent"].to_numpy() + 2).all()
    strict = gene_performance(labels, symbols)
    assert (strict["n_patients"] == 23).all()
    assert (strict["n_consistent"] == published["pathologist_consistent"].to_numpy()).all()


def test_published_table_1(published):
    top = published["stnet_median_r"].sort_values(ascending=False).index[:5]
    assert top.tolist() == ["GNAS", "ACTG1", "FASN", "DDX5", "XBP1"]
    assert published.loc[top, "stnet_median_r"].round(2).tolist() == [0.34, 0.33, 0.31, 0.30, 0.29]
    assert published.loc[top, "stnet_consistent"].tolist() == [23, 22, 23, 22, 21]


def medians_as_patients(medians: pd.Series) -> pd.DataFrame:
    return pd.DataFrame({"gene": medians.index, "patient": "P", "pearson": medians.to_numpy()})


@pytest.mark.parametrize(("other", "ahead"), [("pathologist", 240), ("features", 238)])
def test_published_medians_compared(published, other, ahead):
    table = compare(
        medians_as_patients(published["stnet_median_r"]),
        medians_as_patients(published[f"{other}_median_r"]),
        pd.Series(published.index, index=published.index),
    )
    assert table["ahead"].sum() == ahead
    assert table["ahead_shared"].sum() == ahead


# Tests over patients, on made data


def test_binomial_p_is_the_tail_of_fair_coins():
    assert consistency.binomial_p(np.array([0, 2, 3]), np.array([3, 3, 3])).tolist() == [
        1.0,
        0.5,
        0.125,
    ]


def test_adjusted_p_by_hand():
    p = np.array([0.01, 0.04, 0.03])
    np.testing.assert_allclose(consistency.holm(p), [0.03, 0.06, 0.06])
    np.testing.assert_allclose(consistency.benjamini_hochberg(p), [0.03, 0.04, 0.04])
    # An undefined p counts as a hypothesis.
    found = consistency.benjamini_hochberg(np.array([0.01, np.nan]))
    np.testing.assert_allclose(found, [0.02, np.nan])


def test_fisher_t_equals_scipy_and_leaves_undefined_r_out():
    r = np.random.default_rng(1).uniform(-0.4, 0.8, size=(8, 20))
    r[2, 5] = np.nan
    t, p = consistency.fisher_t(r)
    expected = stats.ttest_1samp(np.arctanh(r), 0, alternative="greater", nan_policy="omit")
    np.testing.assert_allclose(t, expected.statistic)
    np.testing.assert_allclose(p, expected.pvalue)


def test_fisher_t_needs_two_patients():
    t, p = consistency.fisher_t(np.array([[0.3, 0.3], [0.4, np.nan]]))
    assert np.isfinite([t[0], p[0]]).all()
    assert np.isnan([t[1], p[1]]).all()


def test_wilson_counts_and_needs_two_patients():
    low, high = consistency.wilson(np.array([20, 1]), np.array([23, 1]))
    expected = proportion_confint(20, 23, method="wilson")
    assert (low[0] / 23, high[0] / 23) == pytest.approx(expected)
    assert np.isnan([low[1], high[1]]).all()


@pytest.mark.parametrize(("n_patients", "rule"), [(12, "t"), (13, "holm"), (23, "holm"), (5, "t")])
def test_holm_needs_thirteen_patients_for_250_genes(n_patients, rule):
    found = consistency.choose_rule(n_patients, n_patients, 250)
    assert found.name == rule
    assert found.level == {"holm": 0.1, "t": 0.05}[rule]
    assert f"all of {n_patients} patients" in found.reason
    assert "250 genes" in found.reason


@pytest.mark.parametrize(("n_patients", "n_with_r"), [(4, 4), (3, 3), (8, 4), (3, 0)])
def test_the_t_test_needs_five_patients_with_an_r(n_patients, n_with_r):
    found = consistency.choose_rule(n_patients, n_with_r, 250)
    assert found.name == "few"
    assert found.reason == f"too few patients, {n_with_r or n_patients} of the 5 that are needed"
    # One gene needs no more patients than that for the binomial test.
    assert consistency.choose_rule(5, 5, 1).name == "holm"
    assert consistency.choose_rule(23, 4, 250).name == "holm"


def test_luck_that_genes_share_is_rare_from_five_patients_on():
    """In how many cohorts of noise more than a tenth of the genes are consistent."""
    random = np.random.default_rng(0)
    wrong = {}
    for n in (3, 5, 8):
        shared = 0.1 * random.choice([-1.0, 1.0], size=(300, n, 1))
        z = shared + 0.03 * random.normal(size=(300, n, 50))
        p = [consistency.fisher_t(np.tanh(each))[1] for each in z]
        found = np.array([consistency.benjamini_hochberg(each) <= 0.05 for each in p])
        wrong[n] = (found.mean(axis=1) > 0.1).mean()
    assert wrong[3] > 0.1
    assert max(wrong[5], wrong[8]) < 0.06


@pytest.mark.parametrize("n_patients", [3, 4])
def test_few_patients_have_no_number_of_consistent_genes(n_patients):
    random = np.random.default_rng(1)
    k = pd.Series(n_patients, index=[f"G{n}" for n in range(250)])
    patients = as_patients(k, n_patients)
    patients["partial"] = patients["pearson"] = np.tanh(random.normal(0.4, 0.01, len(patients)))
    genes = gene_performance(patients, pd.Series(k.index, index=k.index))
    # By the t-test alone, all of them.
    assert (genes["p_t_bh"] <= 0.05).all()
    assert genes[["consistent", "consistent_partial"]].isna().all(axis=None)
    assert count_consistent(genes["consistent"]) == TOO_FEW
    found = summarise(genes, patients, patients.rename(columns={"patient": "section"}))
    value = found.set_index("quantity")["value"]
    assert value["consistency_rule"] == "few"
    counts = [name for name in value.index if name.startswith("consistent_genes")]
    assert len(counts) == 5
    assert (value[counts] == TOO_FEW).all()


def test_a_gene_with_few_r_is_not_consistent_among_others():
    k = pd.Series([8, 8], index=["A", "B"])
    patients = as_patients(k, 8)
    names = pd.Series(["a", "b"], index=["A", "B"])
    some = patients["patient"].isin(["P00", "P01", "P02", "P03"]) & (patients["gene"] == "B")
    assert gene_performance(patients, names)["consistent"].tolist() == [True, True]
    patients.loc[some, ["pearson", "partial"]] = np.nan
    assert gene_performance(patients, names)["consistent"].tolist() == [True, False]


def test_with_few_patients_consistent_means_t():
    k = pd.Series([8, 8, *[4] * 48], index=[f"G{n}" for n in range(50)])
    genes = gene_performance(as_patients(k, 8), pd.Series(k.index, index=k.index))
    assert (genes["p_holm"] > 0.1).all()
    assert genes["consistent"].tolist() == [True, True] + [False] * 48
    assert (genes["consistent"] == (genes["p_t_bh"] <= 0.05)).all()


def test_undefined_r_counts_as_not_consistent_and_leaves_n():
    patients = as_patients(pd.Series([3, 3], index=["A", "B"]), 4)
    patients.loc[0, ["pearson", "pearson_smooth"]] = np.nan
    genes = gene_performance(patients, pd.Series(["a", "b"], index=["A", "B"]))
    r = patients.loc[patients["gene"] == "A", "pearson"]
    assert genes["n_patients"].tolist() == [4, 4]
    assert genes["n_consistent"][0] == (r > 0).sum()
    assert genes["median_pearson"][0] == pytest.approx(np.nanmedian(r))
    assert genes["p"][0] == pytest.approx(stats.binom.sf((r > 0).sum() - 1, 4, 0.5))


def test_a_patient_without_a_prediction_is_not_evaluated():
    patients = as_patients(pd.Series([6, 4], index=["A", "B"]), 9)
    unlabelled = patients["patient"] == "P08"
    patients.loc[unlabelled, "n_spots"] = 0
    patients.loc[unlabelled, correlation.STATISTICS] = np.nan
    genes = gene_performance(patients, pd.Series(["a", "b"], index=["A", "B"]), excused=["P08"])
    assert genes["n_patients"].tolist() == [8, 8]
    assert (genes["n_consistent"] <= 6).all()
    # Nor is it drawn by the bootstrap.
    without = gene_performance(patients[~unlabelled], pd.Series(["a", "b"], index=["A", "B"]))
    pd.testing.assert_frame_equal(genes, without)


def test_only_patients_without_any_r_are_excused():
    patients = as_patients(pd.Series([0, 0], index=["A", "B"]), 4)
    symbols = pd.Series(["a", "b"], index=["A", "B"])
    assert gene_performance(patients, symbols, ["P01"])["n_consistent"].tolist() == [0, 0]
    of_patient = patients["patient"] == "P01"
    patients.loc[of_patient & (patients["gene"] == "A"), "pearson"] = np.nan
    assert gene_performance(patients, symbols, ["P01"])["n_consistent"].tolist() == [0, 0]
    patients.loc[of_patient, "pearson"] = np.nan
    assert gene_performance(patients, symbols, ["P01"])["n_consistent"].tolist() == [1, 1]


# Bootstrap


def test_resampled_medians_and_means_equal_plain_loops():
    random = np.random.default_rng(2)
    values = random.normal(size=(7, 5))
    values[random.random((7, 5)) < 0.3] = np.nan
    values[:, 4] = np.nan
    draws = bootstrap.patient_draws(7)
    assert draws.shape == (1000, 7)
    medians = bootstrap.resampled_medians(values, draws)
    means = bootstrap.resampled_means(values, draws)
    for sample, gene in itertools.product(range(50), range(5)):
        drawn = values[draws[sample], gene]
        drawn = drawn[np.isfinite(drawn)]
        if len(drawn):
            assert medians[sample, gene] == pytest.approx(np.median(drawn))
            assert means[sample, gene] == pytest.approx(np.mean(drawn))
        else:
            assert np.isnan([medians[sample, gene], means[sample, gene]]).all()


def test_intervals_equal_their_formula_and_that_of_a_mean_is_its_t_interval():
    values = np.random.default_rng(2).normal(size=(7, 3))
    values[:3, 1], values[1:, 2] = np.nan, np.nan
    medians = bootstrap.resampled_medians(values, bootstrap.patient_draws(7))
    n_values, value = np.array([7, 4, 1]), np.nanmedian(values, axis=0)
    bounds = bootstrap.interval(value, medians, n_values)
    for gene in range(2):
        expected = t_interval(value[gene], medians[:, gene], n_values[gene])
        np.testing.assert_allclose(bounds[:, gene], expected)
    # One patient is none.
    assert np.isnan(bounds[:, 2]).all()
    # An interval ends where no value is possible.
    ends = np.clip(bounds, -0.1, 0.1)
    np.testing.assert_array_equal(bootstrap.interval(value, medians, n_values, (-0.1, 0.1)), ends)
    error = stats.bootstrap((values[:, 0],), np.median, n_resamples=5000, rng=1).standard_error
    half = stats.t(6).ppf(0.975) * np.sqrt(7 / 6) * error
    assert np.ptp(bounds[:, 0]) / 2 == pytest.approx(half, rel=0.1)
    of_mean = bootstrap.mean_interval(values)
    for gene in range(2):
        present = values[np.isfinite(values[:, gene]), gene]
        expected = stats.ttest_1samp(present, 0).confidence_interval()
        assert of_mean[:, gene] == pytest.approx(expected)
    assert np.isnan(of_mean[:, 2]).all()
    assert np.isnan(bootstrap.mean_interval(np.empty((0, 2)))).all()


@pytest.mark.parametrize("n_patients", [2, 3, 4, 8, 23])
def test_intervals_cover_as_often_as_they_say(n_patients):
    """Every column is a cohort of its own; docs/methods.md has more kinds of estimates."""
    values = np.random.default_rng(n_patients).normal(size=(n_patients, 4000))
    means = bootstrap.mean_interval(values)
    medians = bootstrap.interval(
        np.median(values, axis=0),
        bootstrap.resampled_medians(values, bootstrap.patient_draws(n_patients)),
        n_patients,
    )
    for low, high in (means, medians):
        assert 0.94 < ((low < 0) & (high > 0)).mean() < 0.99


def test_an_estimate_has_no_interval_if_a_single_patient_has_a_value():
    values = np.array([[np.nan, 0.3, np.nan]]).T

    def estimate(draws: np.ndarray) -> np.ndarray:
        return bootstrap.resampled_means(values, draws)[:, 0]

    value, low, high = bootstrap.with_interval(estimate, 3)
    assert value == 0.3
    assert np.isnan([low, high]).all()
    values[0] = 0.5
    drawn = estimate(bootstrap.patient_draws(3))
    assert bootstrap.with_interval(estimate, 3)[1:] == pytest.approx(t_interval(0.4, drawn, 2))


# Whole experiments


GENES = ["ENSG1", "ENSG2", "ENSG3", "__ambiguous[ENSG1+ENSG2]"]
SHEET = {"A1": "A", "A2": "A", "B1": "B", "C1": "C"}


def predictions_of(patient: str, genes: list[str] = GENES, seed: int = 0) -> ad.AnnData:
    """Held-out spots of a patient: 30 a section, C of tumour only; X is the prediction."""
    random = np.random.default_rng([seed, ord(patient)])
    parts = []
    for section in (name for name, owner in SHEET.items() if owner == patient):
        position = random.permutation(36)[:30]
        labels = ["tumour"] * 30 if patient == "C" else ["tumour", "normal", None] * 10
        parts.append(
            pd.DataFrame(
                {
                    "patient": patient,
                    "section": section,
                    "array_col": position % 6,
                    "array_row": position // 6,
                    "label": pd.Categorical(labels, categories=["tumour", "normal"]),
                    "total_counts": random.integers(500, 5000, 30),
                },
                index=[f"{section}:{p % 6}x{p // 6}" for p in position],
            )
        )
    obs = pd.concat(parts)
    observed = random.normal(size=(len(obs), len(genes)))
    return ad.AnnData(
        (observed + random.normal(size=observed.shape)).astype(np.float32),
        obs=obs,
        var=pd.DataFrame({"symbol": [f"s{gene}" for gene in genes]}, index=genes),
        obsm={"spatial": np.zeros((len(obs), 2))},
        layers={"observed": observed.astype(np.float32)},
        uns={
            "targets": {"transform": "log_fraction", "universe": 100},
            "grid": dict.fromkeys(SHEET, "square"),
        },
    )


def evaluated(folder: Path, paths: list[Path], **options) -> dict[str, pd.DataFrame]:
    names = ["patients", "sections", "genes", "summary"]
    options = {"stratum": "all", "smoothing": "values", "lenient": False, **options}
    evaluate(paths, *(folder / f"{name}.tsv" for name in names), **options)
    return {name: read_table(folder / f"{name}.tsv") for name in names}


@pytest.mark.parametrize("n", [8, 23])
def test_consistency_given_depth_is_the_same_test_on_partial_r(n):
    """Of ten genes the first four are predicted, two of them by depth alone."""
    random = np.random.default_rng(n)
    r = random.uniform(-0.3, 0.3, (n, 10)) + 0.5 * (np.arange(10) < 4)
    given = random.uniform(-0.3, 0.3, (n, 10)) + 0.5 * (np.arange(10) < 2)
    rows = [(f"g{g}", f"P{p}", 50, r[p, g], given[p, g]) for p in range(n) for g in range(10)]
    table = pd.DataFrame(rows, columns=["gene", "patient", "n_spots", "pearson", "partial"])
    others = (
        "pearson_smooth",
        "spearman",
        "auroc",
        "rmse",
        "depth",
        "auroc_partial",
        "auroc_depth",
    )
    table = table.assign(**dict.fromkeys(others, 0.3))
    names = table["gene"].unique()
    found = gene_performance(table, pd.Series(names, index=names))
    assert found["consistent"].tolist() == [True] * 4 + [False] * 6
    assert found["consistent_partial"].tolist() == [True] * 2 + [False] * 8
    assert found["n_consistent_partial"].tolist() == (given > 0).sum(axis=0).tolist()
    swapped = table.rename(columns={"pearson": "partial", "partial": "pearson"})
    other = gene_performance(swapped, pd.Series(names, index=names))
    assert other["consistent"].tolist() == found["consistent_partial"].tolist()


def test_evaluate_pools_a_patients_sections(tmp_path):
    groups = [predictions_of(patient) for patient in "ABC"]
    found = evaluated(tmp_path, write_held_out(tmp_path, *groups))
    patients = found["patients"].set_index(["gene", "patient"])
    sections = found["sections"].set_index(["gene", "section"])
    assert patients.index.tolist() == [(gene, patient) for patient in "ABC" for gene in GENES]
    assert sections.loc[("ENSG2", "A2"), "patient"] == "A"
    for column, gene in enumerate(GENES):
        r = stats.pearsonr(groups[0].X[:, column], groups[0].layers["observed"][:, column])[0]
        assert patients.loc[(gene, "A"), "pearson"] == pytest.approx(r, abs=1e-5)
        depth = np.log(groups[0].obs["total_counts"].to_numpy(dtype=float))
        r = stats.pearsonr(depth, groups[0].layers["observed"][:, column])[0]
        assert patients.loc[(gene, "A"), "depth"] == pytest.approx(r, abs=1e-5)
        second = (groups[0].obs["section"] == "A2").to_numpy()
        of_section = groups[0][second]
        r = stats.pearsonr(of_section.X[:, column], of_section.layers["observed"][:, column])[0]
        assert sections.loc[(gene, "A2"), "pearson"] == pytest.approx(r, abs=1e-5)
    assert found["patients"].columns.tolist() == [
        *["gene", "symbol", "patient", "n_spots", "pearson", "pearson_smooth", "spearman", "auroc"],
        *["rmse", "partial", "depth", "auroc_partial", "auroc_depth"],
    ]
    assert (found["patients"]["symbol"] == "s" + found["patients"]["gene"]).all()
    assert found["sections"].columns[:3].tolist() == ["gene", "section", "patient"]
    genes = found["genes"]
    assert genes.columns.tolist() == COLUMNS
    assert genes["symbol"].tolist() == [f"s{gene}" for gene in GENES]
    everything = ad.concat(groups)
    squared = np.square(everything.X - everything.layers["observed"])
    np.testing.assert_allclose(genes["rmse"], np.sqrt(squared.mean(axis=0)), rtol=1e-5)
    summary = found["summary"].set_index("quantity")
    assert float(summary.loc["rmse", "value"]) == pytest.approx(np.sqrt(squared.mean()), rel=1e-5)
    assert summary.loc["n_spots", "value"] == "120"
    assert summary.loc["n_sections", "value"] == "4"
    mean_auroc = found["patients"].groupby("gene", sort=False)["auroc"].mean()
    np.testing.assert_allclose(genes["mean_auroc"], mean_auroc, rtol=1e-5)
    of_sections = sections.groupby("gene")["pearson"].median().median()
    for name, value in (("mean_auroc", mean_auroc.mean()), ("median_pearson_section", of_sections)):
        assert float(summary.loc[name, "value"]) == pytest.approx(value, rel=1e-5)
    for name in ("mean_auroc_partial", "mean_auroc_depth"):
        of_genes = found["patients"].groupby("gene", sort=False)[name.removeprefix("mean_")].mean()
        np.testing.assert_allclose(genes[name], of_genes, rtol=1e-5)
        assert float(summary.loc[name, "value"]) == pytest.approx(of_genes.mean(), rel=1e-5)
    assert summary.loc["consistent_genes_partial", "value"] == TOO_FEW
    median = genes["median_pearson"].median()
    assert float(summary.loc["median_pearson", "value"]) == pytest.approx(median, rel=1e-5)
    gain = genes["median_pearson_smooth"].median() - median
    assert float(summary.loc["median_pearson_gain", "value"]) == pytest.approx(gain, rel=1e-4)
    for name in ("rmse", "median_pearson", "mean_auroc"):
        row = summary.loc[name]
        # Six digits, like the value.
        low, high = (float(f"{row[bound]:.6g}") for bound in ("ci_low", "ci_high"))
        assert low <= float(row["value"]) <= high
        assert row["unit"] == "patients"
    assert np.isnan(summary.loc["consistent_genes", "ci_low"])


@pytest.mark.parametrize("part", ["layers/observed", "uns/grid", "uns/provenance"])
def test_predictions_of_an_older_version(tmp_path, part):
    paths = write_held_out(tmp_path, *map(predictions_of, "AB"))
    with h5py.File(paths[1], "a") as file:
        del file[part]
    seal(paths[1])
    with pytest.raises(InputError, match=r"1\.h5ad: no .*; it was written by an older version"):
        read_predictions(paths)


def test_strata_take_their_labels_and_leave_patients_without_any_out(tmp_path):
    groups = [predictions_of(patient) for patient in "ABC"]
    found = evaluated(tmp_path, write_held_out(tmp_path, *groups), stratum="normal")
    assert found["patients"]["patient"].unique().tolist() == ["A", "B"]
    assert (found["genes"]["n_patients"] == 2).all()
    of_patient = groups[1][(groups[1].obs["label"] == "normal").to_numpy()]
    r = stats.pearsonr(of_patient.X[:, 0], of_patient.layers["observed"][:, 0])[0]
    row = found["patients"].set_index(["gene", "patient"]).loc[("ENSG1", "B")]
    assert row["n_spots"] == 10
    assert row["pearson"] == pytest.approx(r, abs=1e-5)


def test_smoothing_does_not_depend_on_the_stratum(tmp_path):
    """In patient C all spots are tumour, so smoothing over the stratum would show in A only."""
    group = predictions_of("A")
    paths = write_held_out(tmp_path, group)
    is_tumour = (group.obs["label"] == "tumour").to_numpy()
    smooth = np.zeros(group.shape)
    for row, spot in enumerate(group.obs.itertuples()):
        near = (
            (group.obs["section"] == spot.section)
            & ((group.obs["array_col"] - spot.array_col).abs() <= 1)
            & ((group.obs["array_row"] - spot.array_row).abs() <= 1)
        ).to_numpy()
        smooth[row] = group.layers["observed"][near].mean(axis=0)
    r = stats.pearsonr(group.X[is_tumour, 0], smooth[is_tumour, 0])[0]
    found = evaluated(tmp_path, paths, stratum="tumour")["patients"]
    assert found["pearson_smooth"][0] == pytest.approx(r, abs=1e-5)
    counts = evaluated(tmp_path, paths, stratum="tumour", smoothing="counts")["patients"]
    assert counts["pearson"].equals(found["pearson"])
    assert not counts["pearson_smooth"].equals(found["pearson_smooth"])


def test_a_stratum_without_spots_gives_whole_tables_and_says_so(tmp_path, caplog):
    found = evaluated(tmp_path, write_held_out(tmp_path, predictions_of("C")), stratum="normal")
    assert "no spot is labelled normal" in caplog.text
    assert found["patients"].empty
    assert (found["genes"]["n_patients"] == 0).all()
    assert not found["genes"]["consistent"].any()
    summary = found["summary"].set_index("quantity")["value"]
    assert summary[["n_patients", "n_spots", "consistent_genes"]].tolist() == ["0", "0", "0"]
    assert summary["consistency_rule"] == "none"


def test_one_patient_has_no_interval(tmp_path):
    found = evaluated(tmp_path, write_held_out(tmp_path, predictions_of("A")))
    assert found["summary"][["ci_low", "ci_high", "unit"]].isna().all(axis=None)
    intervals = ["wilson_low", "wilson_high", "median_pearson_low", "median_pearson_high"]
    assert found["genes"][[*intervals, "t", "p_t"]].isna().all(axis=None)
    assert found["genes"]["median_pearson"].notna().all()


def by_label(group: ad.AnnData) -> ad.AnnData:
    """The label baseline's form: one value a class, nothing without a label."""
    labels = group.obs["label"].astype(object)
    for column in range(group.n_vars):
        group.X[:, column] = labels.map({"tumour": column + 1.0, "normal": column + 0.0})
    return group


def test_label_baseline_is_evaluated_on_labelled_spots_and_leniently(tmp_path):
    paths = write_held_out(tmp_path, *(by_label(predictions_of(patient)) for patient in "ABC"))
    strict = evaluated(tmp_path, paths)
    n_spots = strict["patients"].groupby("patient")["n_spots"].first()
    assert n_spots.to_dict() == {"A": 40, "B": 20, "C": 30}
    assert strict["patients"].set_index("patient")["pearson"]["C"].isna().all()
    lenient = evaluated(tmp_path, paths, lenient=True)
    expected = strict["genes"]["n_consistent"] + 1
    assert lenient["genes"]["n_consistent"].tolist() == expected.tolist()
    assert (lenient["genes"]["n_patients"] == 3).all()
    # Within a stratum no patient has an r, and none is excused.
    tumour = evaluated(tmp_path, paths, lenient=True, stratum="tumour")
    assert (tumour["genes"]["n_consistent"] == 0).all()


def test_a_constant_prediction_over_two_classes_is_not_excused(tmp_path):
    group = predictions_of("B")
    group.X[:] = -10.0
    found = evaluated(tmp_path, write_held_out(tmp_path, predictions_of("A"), group), lenient=True)
    of_first = found["patients"].query("patient == 'A'")["pearson"] > 0
    assert found["genes"]["n_consistent"].tolist() == of_first.astype(int).tolist()


def test_genes_chosen_within_the_fold_count_the_patients_they_were_targets_in(tmp_path):
    fewer = predictions_of("B", GENES[:2])
    found = evaluated(tmp_path, write_held_out(tmp_path, fewer, predictions_of("A")))
    genes = found["genes"].set_index("gene")
    assert genes["n_patients"].tolist() == [2, 2, 1, 1]
    assert genes["median_pearson_low"].notna().tolist() == [True, True, False, False]
    assert len(found["patients"]) == 6
    assert genes["symbol"].tolist() == [f"s{gene}" for gene in GENES]


def test_groups_that_do_not_fit_together_are_refused(tmp_path):
    group = predictions_of("A")
    with pytest.raises(InputError, match=r"spot A\S+ is held out in two groups"):
        read_predictions(write_held_out(tmp_path, group, group))
    other = predictions_of("B")
    other.uns["targets"] = {"transform": "log_cp10k", "universe": 100}
    with pytest.raises(InputError, match=r"1\.h5ad: targets are log_cp10k over 100 genes"):
        read_predictions(write_held_out(tmp_path, group, other))


def test_predictions_in_the_folder_of_another_job_are_refused(tmp_path):
    def copied(experiment, held_out):
        path = tmp_path / "experiments" / experiment / held_out / "predictions.h5ad"
        path.parent.mkdir(parents=True)
        group = predictions_of("A")
        measured = group.copy()
        measured.X = group.layers["observed"]
        write_predictions(path, measured, group.X, {"experiment": "toy", "held_out": "A"})
        return path

    assert read_predictions([copied("toy", "A")]).n_obs
    for place in (("other", "A"), ("toy", "B")):
        with pytest.raises(InputError, match=r"the predictions of experiment toy, held-out group"):
            read_predictions([copied(*place)])


@pytest.mark.parametrize(
    ("about", "message"),
    [
        (
            {"training_sections": ["B1", "A1"]},
            "predicts section A1, on which its model was trained",
        ),
        (
            {"validation_sections": ["A1"]},
            "predicts section A1, on which its model chose its epoch",
        ),
        (
            {"training_spots": 9, "projection_spots": 12},
            "features were standardised on 12 spots, not on the 9 training spots",
        ),
    ],
)
def test_predictions_of_what_was_fitted_on_are_refused(tmp_path, about, message):
    group = predictions_of("A")
    group.obs["section"] = "A1"
    measured, path = group.copy(), tmp_path / "A.h5ad"
    measured.X = group.layers["observed"]
    measured.uns["grid"] = {"A1": "square"}
    clean = {"training_sections": ["B1"], "training_spots": 9, "projection_spots": 9}
    write_predictions(path, measured, group.X, clean)
    assert read_predictions([path]).n_obs
    write_predictions(path, measured, group.X, clean | about)
    with pytest.raises(InputError, match=rf"A\.h5ad: {message}; delete it and rerun"):
        read_predictions([path])


def test_unknown_words_are_refused(tmp_path):
    paths = write_held_out(tmp_path, predictions_of("A"))
    with pytest.raises(InputError, match="stratum: 'stroma' is not one of all, tumour, normal"):
        evaluated(tmp_path, paths, stratum="stroma")
    with pytest.raises(InputError, match="smoothing: 'y' is not values or counts"):
        evaluated(tmp_path, paths, smoothing="y")


def test_ids_survive_a_table(tmp_path):
    table = pd.DataFrame(
        {"gene": ["NA", "nan"], "patient": ["01", "1e3"], "pearson": [0.5, np.nan]}
    )
    write_table(table, tmp_path / "table.tsv")
    pd.testing.assert_frame_equal(read_table(tmp_path / "table.tsv"), table)


# Comparison and null


def test_comparison_takes_shared_patients_and_shared_genes():
    patients = pd.DataFrame(
        {
            "gene": ["G1"] * 3 + ["G2"] * 3 + ["G3"],
            "patient": [*"ABC", *"ABC", "A"],
            "pearson": [0.1, 0.2, 0.9, 0.1, 0.2, 0.3, 0.5],
        }
    )
    other = pd.DataFrame(
        {
            "gene": ["G1"] * 3 + ["G2"] * 3,
            "patient": [*"ABC", *"ABC"],
            "pearson": [0.16, 0.18, np.nan, 0.5, 0.2, 0.2],
        }
    )
    symbols = pd.Series({"G1": "one", "G2": "two", "G3": "three"})
    table = compare(patients, other, symbols)
    assert table["symbol"].tolist() == ["one", "two"]
    np.testing.assert_allclose(table["median_pearson"], [0.2, 0.2])
    np.testing.assert_allclose(table["median_pearson_other"], [0.17, 0.2])
    np.testing.assert_allclose(table["median_pearson_shared"], [0.15, 0.2])
    assert table["ahead"].tolist() == [True, False]
    assert table["ahead_shared"].tolist() == [False, False]


def with_smoothed(folder, groups):
    """Held-out spots with the smoothed measurement that the null of Fig. 2b takes."""
    spots = read_predictions(write_held_out(folder, *groups))
    spots.layers["smoothed"] = measured(spots, "targets", "values")
    return spots


def test_null_is_binomial_where_genes_are_independent_and_wider_where_not(tmp_path):
    groups = [predictions_of(patient, [f"G{n}" for n in range(40)]) for patient in "ABC"]
    independent = null_tables(with_smoothed(tmp_path, groups))[0]
    assert independent["rank"].tolist() == list(range(1, 41))
    assert np.abs(independent["permuted"] - independent["binomial"]).mean() < 0.25
    for group in groups:
        group.X[:] = group.X[:, :1]
        group.layers["observed"][:] = group.layers["observed"][:, :1]
    dependent = null_tables(with_smoothed(tmp_path, groups))[0]
    # All genes are one gene: every curve is flat, at any of 0 to 3 patients.
    assert (dependent["permuted_low"] == 0).all()
    assert (dependent["permuted_high"] == 3).all()
    assert np.ptp(dependent["permuted"]) < 1e-9


def test_null_is_the_same_however_the_rows_are_ordered(tmp_path):
    spots = with_smoothed(tmp_path, [predictions_of(patient) for patient in "AB"])
    shuffled = np.random.default_rng(5).permutation(60)
    reordered = spots[[*shuffled, *range(89, 59, -1)]]
    for one, other in zip(null_tables(reordered), null_tables(spots), strict=True):
        pd.testing.assert_frame_equal(one, other)


def test_null_of_the_smoothed_measurement_is_that_of_such_a_measurement(tmp_path):
    spots = with_smoothed(tmp_path, [predictions_of(patient) for patient in "ABC"])
    found = null_tables(spots)[0]
    spots.layers["observed"] = spots.layers["smoothed"]
    expected = null_tables(spots)[0]
    for end in ("", "_low", "_high"):
        assert found[f"permuted_smooth{end}"].equals(expected[f"permuted{end}"])
    assert not found["permuted"].equals(expected["permuted"])


def test_genes_are_tested_against_the_spectral_null(tmp_path):
    genes = ["predicted", "noise", "constant", "partly"]
    groups = [predictions_of(patient, genes) for patient in "ABC"]
    for group in groups:
        group.X[:, 1] = np.random.default_rng(8).permutation(group.X[:, 1])
        group.X[:, 2] = 3
    groups[2] = groups[2][:, :3]
    table = null_tables(with_smoothed(tmp_path, groups))[1].set_index("gene")
    n_patients = {"predicted": 3, "noise": 3, "constant": 0, "partly": 2}
    assert table["n_patients"].to_dict() == n_patients
    p, n = table["p_spectral"], table["n_spectral"]
    assert p["predicted"] < 0.01
    assert n["predicted"] == 3
    assert p["noise"] > 0.05
    assert n["noise"] <= 1
    assert np.isnan(p["constant"])
    assert n["constant"] == 0
    assert p["partly"] < 0.01
    assert n["partly"] == 2


def test_tiny_sections_do_not_change_the_null_of_their_patients(tmp_path):
    genes = [f"G{n}" for n in range(10)]
    spots = with_smoothed(tmp_path, [predictions_of(patient, genes) for patient in "ABC"])
    whole = null_tables(spots)[0]
    patient = spots.obs["patient"].astype(str)
    spots.obs["section"] = np.where(patient.duplicated(), spots.obs["section"], patient + "9")
    spots.uns["grid"] |= dict.fromkeys(["A9", "B9", "C9"], "square")
    curves, by_gene = null_tables(spots)
    assert (by_gene["n_patients"] == 3).all()
    np.testing.assert_allclose(curves["permuted"], whole["permuted"], atol=0.4)
    # Sections of two spots have no shift: signs of patterns stand in.
    spots.obs["section"] = [f"{name}{n // 2}" for n, name in enumerate(patient)]
    spots.uns["grid"] = dict.fromkeys(spots.obs["section"], "square")
    assert null_tables(spots)[0]["permuted"].mean() == pytest.approx(1.5, abs=0.2)
    few = np.concatenate([np.flatnonzero(patient == name)[:3] for name in "AB"])
    spots = spots[np.sort(np.append(few, np.flatnonzero(patient == "C")))]
    assert (null_tables(spots)[1]["n_patients"] == 1).all()
