"""The noise ceiling: against plain thinning of whole count tables and against a known truth."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from stnet.core.tables import read_table, write_table
from stnet.evaluation.ceiling import (
    DRAWS,
    LOST_SPOTS,
    above_noise,
    ceiling,
    gene_ceilings,
    reliabilities,
    summarise,
)
from stnet.evaluation.correlation import pearson, residuals
from stnet.evaluation.genes import gene_performance
from stnet.evaluation.performance import performance_by
from stnet.expression.transforms import normalise

# Most genes of the universe have no count, as in ST.
UNIVERSE, COUNTED, GENES, SPOTS = 20_000, 40, 6, 150
MEANS = np.geomspace(0.3, 30, GENES)


def make_counts(random: np.random.Generator, n_spots: int) -> tuple[np.ndarray, np.ndarray]:
    """Counts (spots, counted genes), the targets first, and their expectation."""
    means = np.append(MEANS, np.full(COUNTED - GENES, 2.0))
    depth = random.lognormal(0, 0.4, (n_spots, 1))
    expected = depth * means * random.gamma(3, 1 / 3, (n_spots, COUNTED))
    return random.poisson(expected), expected


def transformed(counts: np.ndarray, transform: str, universe: int) -> np.ndarray:
    """Expression of the target genes, from all genes' counts."""
    totals = counts.sum(axis=1, keepdims=True)
    if transform == "log_fraction":
        return np.log((1 + counts) / (universe + totals))[:, :GENES]
    return np.log(1 + 1e4 * counts / np.maximum(totals, 1))[:, :GENES]


def as_spots(
    counts: dict[str, np.ndarray], transform: str = "log_fraction", universe: int = UNIVERSE
) -> ad.AnnData:
    """Held-out predictions by patient, as `read_predictions` has them; X is not far from y."""
    parts = []
    for patient, table in counts.items():
        y = transformed(table, transform, universe).astype(np.float32)
        obs = pd.DataFrame({"patient": patient, "section": f"{patient}1"}, range(len(y)))
        obs["total_counts"] = table.sum(axis=1)
        obs.index = [f"{patient}:{spot}" for spot in obs.index]
        noise = np.random.default_rng(1).normal(size=y.shape).astype(np.float32)
        parts.append(ad.AnnData(y + noise, obs=obs, layers={"observed": y, "smooth": y}))
    spots = ad.concat(parts)
    spots.var_names = [f"g{gene}" for gene in range(GENES)]
    spots.var["symbol"] = [f"G{gene}" for gene in range(GENES)]
    spots.uns["targets"] = {"universe": universe, "transform": transform}
    return spots


def plain_rhos(counts: np.ndarray, transform: str, draws: int) -> dict[str, np.ndarray]:
    """Mean r and partial r of halves of the whole count table, divided molecule by molecule."""
    random = np.random.default_rng(7)
    molecules = np.repeat(np.arange(counts.size), counts.ravel())
    ln_total = np.log(counts.sum(axis=1))
    found = {"": [], "_partial": []}
    for _ in range(draws):
        heads = random.random(len(molecules)) < 0.5
        half = np.bincount(molecules[heads], minlength=counts.size).reshape(counts.shape)
        sides = [transformed(part, transform, COUNTED) for part in (half, counts - half)]
        for gene in range(GENES):
            x, y = (side[:, gene] for side in sides)
            found[""].append(np.corrcoef(x, y)[0, 1])
            rest = [side - np.polyval(np.polyfit(ln_total, side, 2), ln_total) for side in (x, y)]
            found["_partial"].append(np.corrcoef(*rest)[0, 1])
    return {kind: np.reshape(r, (draws, GENES)) for kind, r in found.items()}


@pytest.mark.parametrize("transform", ["log_fraction", "log_cp10k"])
def test_reliability_is_that_of_halves_of_the_whole_table(transform):
    # A universe without other genes, so that much of y is depth.
    counts = make_counts(np.random.default_rng(0), 10 * SPOTS)[0]
    found = reliabilities(as_spots({"A": counts}, transform, COUNTED))
    for kind, plain in plain_rhos(counts, transform, 40).items():
        assert found[kind].shape == (DRAWS, 1, GENES)
        # Four standard errors of the difference of the two means.
        error = plain.std(axis=0) * np.sqrt(1 / 40 + 1 / DRAWS)
        difference = found[kind].mean(axis=(0, 1)) - plain.mean(axis=0)
        assert (np.abs(difference) < 4 * error).all(), kind
        np.testing.assert_allclose(found[kind].std(axis=(0, 1)), plain.std(axis=0), rtol=1)


def test_the_ceiling_is_the_r_of_expression_without_noise():
    counts, expected = make_counts(np.random.default_rng(0), 3000)
    spots = as_spots({"A": counts})
    y, truth = (transformed(side, "log_fraction", UNIVERSE) for side in (counts, expected))
    r = np.array([np.corrcoef(y[:, gene], truth[:, gene])[0, 1] for gene in range(GENES)])
    found = ceiling(reliabilities(spots)[""].mean(axis=(0, 1)))
    assert r[0] < 0.7 < 0.95 < r[-1]
    assert found == pytest.approx(r, abs=0.04)


@pytest.mark.parametrize(("transform", "most"), [("log_fraction", 0.04), ("log_cp10k", 0.1)])
def test_the_ceiling_is_near_the_r_of_the_best_prediction(transform, most):
    random = np.random.default_rng(0)
    counts, expected = make_counts(random, 3000)
    totals = counts.sum(axis=1)
    # The best prediction is the mean of y at this rate and this total.
    draws = random.poisson(expected[:, :GENES], (200, 3000, GENES))
    best = np.mean([normalise(draw, totals, UNIVERSE, transform) for draw in draws], axis=0)
    sides = [side.T for side in (best, transformed(counts, transform, UNIVERSE))]
    given_depth = [residuals(side, np.log(totals)) for side in sides]
    found = reliabilities(as_spots({"A": counts}, transform))
    for kind, r in (("", pearson(*sides)), ("_partial", pearson(*given_depth))):
        assert r[0] < 0.4 < 0.85 < r[-1]
        assert ceiling(found[kind].mean(axis=(0, 1))) == pytest.approx(r, abs=most)


def test_a_gene_without_counts_has_no_ceiling_given_depth():
    counts = make_counts(np.random.default_rng(0), 100)[0]
    counts[:, 1] = 0
    found = reliabilities(as_spots({"A": counts, "B": counts[:4]}))
    assert np.isnan(found["_partial"][:, 0]).all(axis=0).tolist() == [False, True] + [False] * 4
    # Four spots have an r, but none given depth.
    assert np.isfinite(found[""]).all()
    assert np.isnan(found["_partial"][:, 1]).all()


def test_halves_that_do_not_agree_have_no_ceiling():
    # Spearman and Brown: halves with 0.5 make a whole with 2/3.
    found = ceiling(np.array([1.0, 0.5, 0.0, -0.2, np.nan]))
    np.testing.assert_allclose(found, [1, np.sqrt(2 / 3), 0, 0, np.nan])


def test_spots_are_those_that_are_evaluated():
    random = np.random.default_rng(0)
    spots = as_spots({"A": make_counts(random, 50)[0], "B": make_counts(random, 3)[0]})
    spots.X[:20, 1] = np.nan
    spots.layers["observed"][:, 2] = np.nan
    found = reliabilities(spots)[""]
    # B has three spots, g2 has no measurement.
    assert np.isfinite(found[:, 0]).all(axis=0).tolist() == [True, True, False, True, True, True]
    assert np.isnan(found[:, 1]).all()
    only = reliabilities(spots[20:50])[""]
    assert found[:, 0, 1].mean() == pytest.approx(only[:, 0, 1].mean(), abs=0.15)


@pytest.fixture
def made() -> tuple[ad.AnnData, pd.DataFrame]:
    random = np.random.default_rng(0)
    spots = as_spots({name: make_counts(random, SPOTS)[0] for name in "ABC"})
    return spots, gene_performance(performance_by(spots, "patient"), spots.var["symbol"])


def test_the_table_has_medians_over_patients_and_shares(made):
    spots, genes = made
    # The results are found by gene, not by place.
    table = gene_ceilings(spots, genes[::-1]).set_index("gene")
    for kind, rho in reliabilities(spots).items():
        name, r = f"ceiling{kind}", genes.set_index("gene")[f"median_{kind[1:] or 'pearson'}"]
        of_patients = ceiling(rho.mean(axis=0))
        assert of_patients.shape == (3, GENES)
        assert table[name].tolist() == pytest.approx(np.median(of_patients, axis=0))
        assert table[f"{name}_min"].tolist() == pytest.approx(of_patients.min(axis=0))
        assert table[f"{name}_max"].tolist() == pytest.approx(of_patients.max(axis=0))
        assert table[f"share{kind}"].tolist() == pytest.approx((r / table[name]).tolist())
        assert (table[f"{name}_error"].between(1e-5, 0.1)).all()
    assert table["n_patients"].tolist() == [3] * GENES
    assert table.loc["g5", "ceiling"] > table.loc["g0", "ceiling"] + 0.2
    summary = summarise(table.reset_index()).set_index("quantity")["value"]
    assert float(summary["median_ceiling"]) == pytest.approx(table["ceiling"].median(), rel=1e-5)
    # Patients are too few to say which genes are consistent; the halves of g0 agree, but hardly
    # given depth.
    assert float(summary["median_share"]) == pytest.approx(table["share"].median(), rel=1e-5)
    assert (summary["without_share"], summary["without_share_partial"]) == ("0", "1")
    assert float(summary["largest_error"]) == pytest.approx(table["ceiling_error"].max(), rel=1e-5)


def test_the_median_share_is_over_genes_with_a_signal(made):
    spots, genes = made
    genes = genes.assign(consistent=[True, True, False, True, True, True])
    table = gene_ceilings(spots, genes)
    z = reliabilities(spots)[""].mean(axis=0).sum(axis=0) * np.sqrt((SPOTS - 1) / 3)
    assert (z / np.sqrt(0.55) > 1.645).all()
    assert table["signal"].tolist() == genes["consistent"].tolist()
    kept = table["share"].iloc[[0, 1, 3, 4, 5]]
    summary = summarise(table).set_index("quantity")["value"]
    assert float(summary["median_share"]) == pytest.approx(kept.median(), rel=1e-5)
    assert summary["without_share"] == "1"


def test_one_gene_of_noise_in_twenty_is_above_noise():
    random, spots = np.random.default_rng(0), 60
    counts = random.poisson(4.0, (2, 2000, spots))
    halves = random.binomial(counts, 0.5, (DRAWS, *counts.shape))
    r = [
        pearson(*map(np.log1p, (a, b - a))) for h in halves for a, b in zip(h, counts, strict=True)
    ]
    rho = np.reshape(r, (DRAWS, 2, 2000)).mean(axis=0)
    passed = above_noise(rho, np.full(rho.shape, spots), 1)
    assert passed.mean() == pytest.approx(0.05, abs=0.02)
    rho[1] = np.nan
    assert above_noise(rho, np.full(rho.shape, spots), 1).mean() == pytest.approx(0.05, abs=0.02)


def test_patients_with_unequal_numbers_of_spots_are_added_up_as_by_hand():
    random = np.random.default_rng(0)
    rho = random.normal(0, 0.1, (5, 300))
    rho[random.random(rho.shape) < 0.3] = np.nan
    n_spots = random.integers(1, 400, rho.shape)
    for lost in (1, 3):
        wanted = []
        for of_gene, spots_of_gene in zip(rho.T, n_spots.T, strict=True):
            known = [(r, n) for r, n in zip(of_gene, spots_of_gene, strict=True) if r == r]
            total = sum(r * max(n - lost, 0) ** 0.5 for r, n in known)
            wanted.append(total > 1.6448536 * (len(known) * 0.55) ** 0.5)
        assert 50 < sum(wanted) < 250
        assert above_noise(rho, n_spots, lost).tolist() == wanted


def test_unequal_totals_lift_noise_above_noise_but_hardly_given_depth():
    """Halves of noise agree in what the totals do to its transform, and to its variance."""
    random, n_genes = np.random.default_rng(0), 1000
    rhos = {kind: [] for kind in LOST_SPOTS}
    sizes = (40, 150)
    for n_spots in sizes:
        counts = random.poisson(2 * random.lognormal(0, 0.7, (n_spots, 1)), (n_spots, n_genes))
        found = {kind: [] for kind in LOST_SPOTS}
        for _ in range(DRAWS):
            half = random.binomial(counts, 0.5)
            sides = [
                np.log1p(1e4 * side / side.sum(axis=1, keepdims=True))
                for side in (half, counts - half)
            ]
            of_depth = np.log(counts.sum(axis=1))
            found[""].append(pearson(*(side.T for side in sides)))
            found["_partial"].append(pearson(*(residuals(side.T, of_depth) for side in sides)))
        for kind, r in found.items():
            rhos[kind].append(np.mean(r, axis=0))
    n_spots = np.repeat(np.array([sizes]).T, n_genes, axis=1)
    share = {k: above_noise(np.array(r), n_spots, LOST_SPOTS[k]).mean() for k, r in rhos.items()}
    assert 0.03 < share["_partial"] < 0.1
    assert share[""] > 0.2


def test_a_gene_without_a_symbol_is_shown_by_its_id(tmp_path, made, monkeypatch):
    from stnet.report import ceilings

    spots, genes = made
    spots = spots.copy()
    spots.var["symbol"] = ["", *spots.var["symbol"][1:]]
    write_table(genes, tmp_path / "genes.tsv")
    monkeypatch.setattr(ceilings, "read_predictions", lambda paths: spots)
    outputs = {name: tmp_path / name for name in ("genes", "summary", "html")}
    ceilings.write_ceilings([], tmp_path / "genes.tsv", outputs, experiment="net")
    page = outputs["html"].read_text("utf-8")
    assert ">g0<" in page
    assert ">G1<" in page
    assert "over the 6 of 6 genes with a signal" in page
    assert "These genes have a ceiling" in page


def test_tables_and_page_are_written(tmp_path, made, monkeypatch):
    from stnet.report import ceilings

    spots, genes = made
    write_table(genes, tmp_path / "gene_performance.tsv")
    monkeypatch.setattr(ceilings, "read_predictions", lambda paths: spots)
    outputs = {name: tmp_path / name for name in ("genes", "summary", "html")}
    ceilings.write_ceilings([], tmp_path / "gene_performance.tsv", outputs, experiment="net")
    assert read_table(outputs["genes"])["gene"].tolist() == genes["gene"].tolist()
    page = outputs["html"].read_text("utf-8")
    assert "what net reaches" in page
    assert "Median of the share of the ceiling, over genes with a signal." in page
    best = page.index(f">{gene_ceilings(spots, genes).nlargest(1, 'share')['symbol'].iloc[0]}<")
    assert all(page.index(f">G{gene}<") >= best for gene in range(GENES))
