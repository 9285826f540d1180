"""What the analyses find of the demo's planted truth."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from demo_tables import LABEL, MAIN, ahead, quantities, read

from stnet.analysis.latent.purity import two_means
from stnet.simulation.fields import simulate_tissue

WAYS = {"nuclei": "demo-nuclei", "composition": "demo-composition", "ridge": "demo-ridge"}


@pytest.fixture(scope="module")
def planted(demo):
    """Whether each target gene follows the tissue, by gene."""
    truth = pd.read_csv(demo / "resources/demo/truth.tsv", sep="\t").set_index("gene")
    genes = read(demo, f"tables/{MAIN}/all/gene_performance.tsv")["gene"]
    return truth["planted"].reindex(genes) == 1


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_planted_genes_are_found_by_every_way_that_sees_the_image(demo, planted, way):
    genes = read(demo, f"tables/{way}/all/gene_performance.tsv").set_index("gene")
    r = genes["median_pearson"].reindex(planted.index)
    assert ahead(r[planted], r[~planted]) > 0.9
    assert r[planted].median() > 0.3
    assert abs(r[~planted].median()) < 0.1


def test_nothing_is_found_without_the_image(demo, planted):
    coordinates = read(demo, "tables/demo-coordinates/all/gene_performance.tsv").set_index("gene")
    assert abs(coordinates["median_pearson"].reindex(planted.index)[planted].median()) < 0.15
    assert not coordinates["consistent"].any()
    mean = read(demo, "tables/demo-mean/all/gene_performance.tsv")
    assert mean["median_pearson"].isna().all()
    assert np.isfinite(mean["rmse"]).all()


def test_every_comparison_has_all_ways(demo):
    table = read(demo, "tables/comparison.tsv").set_index("experiment")
    others = [LABEL, *WAYS.values(), "demo-colour", "demo-coordinates", "demo-mean"]
    assert table.index[0] == MAIN
    assert set(table.index) == {MAIN, *others}
    consistent = table["consistent_genes"]
    assert (consistent[list(WAYS.values())] >= 13).all()
    # Whatever sees the image is nearer than the mean of the training spots, which sees nothing.
    assert (table.loc[[MAIN, *WAYS.values()], "rmse"] < table.loc["demo-mean", "rmse"]).all()
    assert table.loc[LABEL, "mean_r_gain_low"] > 0


def test_composition_predicts_genes_and_keeps_its_factors(demo):
    for path in (demo / "results/demo/experiments/demo-composition").glob("*/predictions.h5ad"):
        predictions = ad.read_h5ad(path)
        assert predictions.obsm["factors"].shape == (predictions.n_obs, 4)
        # Fitted without the held-out patient.
        held_out = predictions.uns["provenance"]["held_out_sections"]
        assert set(predictions.obs["section"]) == set(held_out)


def test_gradients_of_a_gene_of_large_nuclei_fall_on_nuclei(demo):
    nuclei = read(demo, "tables/supp_table_2.tsv")
    size = nuclei[(nuclei["symbol"] == "TUMOUR7") & (nuclei["feature"] == "area_mean")]
    assert size["mean_r"].iloc[0] > 0.4
    found = quantities(demo, "interpretation/on_nuclei.tsv").astype(float)
    assert found["patches"] == found["patches_above_1"] == 12
    assert found["ratio"] > 2
    assert found["attributed_share"] > found["nuclear_share"]
    assert read(demo, "interpretation/attributions.tsv")["complete"].all()


def test_a_gene_that_shuns_tumours_goes_with_small_and_few_nuclei(demo):
    table = read(demo, "tables/nuclei/gene.tsv")
    assert set(table["feature"]) == {"area_mean", "count"}
    assert (table["direction"] == "negative").all()
    assert (table["p"] < 0.01).all()


def test_tumour_patches_have_more_nuclei(demo):
    counts = read(demo, "tables/nuclei/counts.tsv").dropna(subset="auroc")
    assert (counts["auroc"] > 0.5).all()
    assert len(counts) == 7


def planted_tissue(spots):
    """What the simulation laid under each spot, as shares of its area."""
    parts = []
    for section, patient in spots.obs.groupby("section", observed=True)["patient"].first().items():
        # The demo's seed, and its patient of tumour alone.
        drawn = simulate_tissue(1, patient, section, all_tumour=patient == "BC90005")[1]
        parts.append(drawn.set_index(section + ":" + drawn.index))
    return pd.concat(parts).loc[spots.obs_names]


def test_clusters_are_pure_where_tissue_is_one_thing_or_the_other(demo):
    purity, majority = {}, {}
    for path in (demo / f"results/demo/experiments/{MAIN}").glob("*/predictions.h5ad"):
        spots = ad.read_h5ad(path)
        tissue = planted_tissue(spots)
        tumour = tissue["tumour"] / (tissue["tumour"] + tissue["stroma"])
        clear = (((tumour > 0.75) | (tumour < 0.25)) & (tissue["fat"] < 0.2)).to_numpy()
        is_tumour = (tumour[clear] > 0.5).to_numpy()
        if not is_tumour.all():
            found = two_means(spots.obsm["latent"][clear], is_tumour, 0)
            purity[path.parent.name], majority[path.parent.name] = found[0], is_tumour.mean()
    assert len(purity) == 7
    share = pd.Series(majority).where(lambda tumour: tumour > 0.5, lambda tumour: 1 - tumour)
    assert np.mean(list(purity.values())) > share.mean() + 0.15
    assert np.median(list(purity.values())) > 0.9
    # A pathologist outlines regions of a few spots, which mix: there the labels separate less, and
    # how evenly over patients depends on the rounding of the processor that trained the networks.
    summary = read(demo, "latent/summary.tsv").set_index("quantity")
    assert summary.loc["ari_mean_both", "value"] > summary.loc["ari_mean_both_null", "ci_high"]


def test_similar_neighbours_predict_planted_genes_better(demo, planted):
    neighbours = read(demo, "latent/neighbours.tsv")
    ours = neighbours[neighbours["form"] == "ours"]
    r = ours.groupby("gene")[["nearest", "farthest"]].median().reindex(planted.index)
    assert r.loc[planted, "nearest"].median() > r.loc[planted, "farthest"].median() + 0.1
    summary = read(demo, "latent/summary.tsv").set_index("quantity")
    assert summary.loc["neighbour_gain", "ci_low"] > 0
    assert summary.loc["not_adjacent", "value"] < summary.loc["not_adjacent_null", "ci_low"]


def test_planted_pathways_are_enriched_and_unrelated_ones_not(demo):
    groups = read(demo, "tables/pathways.tsv").set_index("group")
    assert (groups["p_bh"] < 0.05).all()
    sets = read(demo, "tables/pathways_sets.tsv").set_index("gene_set")
    unrelated = sets[sets.index.str.startswith("UNRELATED")]
    assert len(unrelated)
    assert (unrelated["p_bh"] > 0.2).all()


def test_within_tissue_each_class_has_its_own_patients(demo):
    within = quantities(demo, "tables/within.tsv")
    # One patient has tumour spots only.
    assert (within["tumour.n_patients"], within["normal.n_patients"]) == ("8", "7")


def test_ablations_are_a_study_and_answer_their_claims_in_a_ledger_of_their_own(demo):
    study = read(demo, "tables/studies/windows.tsv").set_index("experiment")
    assert study["view"].to_dict() == {"demo-window128": "128x2", "demo-window64": "64x1"}
    assert study["n_patients"].tolist() == [8, 8]
    ledgers = [read(demo, f"ledger-paper{end}.tsv").set_index("id") for end in ("", "-supplement")]
    answers = [ledger["found"].notna() for ledger in ledgers]
    assert set(answers[0].index[answers[0] != answers[1]]) == {"genes.shared_similar"}
