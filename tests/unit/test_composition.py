"""Composition: factors of the training spots alone, the network that predicts them, and back."""

import warnings

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import torch
from networks import SMALL
from safetensors.torch import load_file
from scipy.optimize import nnls
from sections import section_file
from torchvision import models
from toy import PATIENTS, make_cohort, predict, train

from stnet.analysis.composition import EXPLAINED, explained, write_explained
from stnet.core.errors import InputError
from stnet.core.h5ad import write_h5ad
from stnet.core.tables import read_table
from stnet.expression.composition import factorise, write_composition
from stnet.expression.factors import gene_targets, shares, to_expression
from stnet.expression.targets import write_targets
from stnet.figures.supp_7c import draw, variance_explained
from stnet.inference.model import write_model

FACTORS, GENES = 3, 12
KEYS = {"of": "all12", "factors": FACTORS, "iterations": 200, "seed": 0}


def planted(random):
    """Counts (spots, genes) of three types, each with spots of its own in every patient."""
    types = random.integers(1, 20, (4, 15, FACTORS))
    types[:, :FACTORS] = 15 * np.eye(FACTORS, dtype=int)
    profiles = random.integers(0, 30, (FACTORS, GENES))
    # And with a gene of its own.
    profiles[:, :FACTORS] = 40 * np.eye(FACTORS, dtype=int)
    return types.reshape(60, FACTORS) @ profiles


@pytest.fixture(scope="module", params=["log_fraction", "log_cp10k"])
def base(request, tmp_path_factory):
    """Targets of four patients with a section of 15 spots each; the planted counts."""
    folder, counts = tmp_path_factory.mktemp("base"), planted(np.random.default_rng(0))
    sections = [
        section_file(
            folder / f"{patient}1.h5ad",
            f"{patient}1",
            counts[15 * number : 15 * number + 15],
            [f"g{gene:02d}" for gene in range(GENES)],
            patient=patient,
        )
        for number, patient in enumerate("ABCD")
    ]
    path = folder / "targets.h5ad"
    write_targets(sections, path, genes=GENES, transform=request.param)
    order = [int(gene[1:]) for gene in ad.read_h5ad(path).var_names]
    return path, counts[:, order]


def written(base, folder, held_out=("D1",), **changes):
    path = folder / "composition.h5ad"
    write_composition(base, path, held_out_sections=list(held_out), **{**KEYS, **changes})
    return ad.read_h5ad(path)


def test_shares_are_those_of_the_whole_counts(base):
    path, counts = base
    np.testing.assert_array_equal(
        shares(ad.read_h5ad(path)), counts / counts.sum(axis=1, keepdims=True)
    )


def test_planted_types_give_the_shares_back(base, tmp_path):
    path, counts = base
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        targets = written(path, tmp_path)
    assert targets.shape == (60, FACTORS)
    assert targets.X.dtype == np.float32
    assert targets.var_names.tolist() == ["factor0", "factor1", "factor2"]
    assert targets.X.min() >= 0
    assert targets.varm["to_genes"].min() >= 0
    share = counts / counts.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(targets.X @ targets.varm["to_genes"], share, atol=2e-4)
    # Fewer types than there are do not.
    fewer = written(path, tmp_path, factors=2)
    assert np.abs(fewer.X @ fewer.varm["to_genes"] - share).max() > 0.02


def test_it_carries_the_genes_it_was_made_from(base, tmp_path):
    genes, targets = ad.read_h5ad(base[0]), written(base[0], tmp_path)
    again = gene_targets(targets)
    np.testing.assert_array_equal(again.X, genes.X)
    pd.testing.assert_frame_equal(again.var, genes.var)
    pd.testing.assert_frame_equal(again.obs, genes.obs)
    np.testing.assert_array_equal(again.obsm["spatial"], genes.obsm["spatial"])
    assert gene_targets(genes) is genes
    about = targets.uns["targets"]
    for key in ("transform", "universe", "gene_list_sha256"):
        assert about[key] == genes.uns["targets"][key]
    assert list(about["held_out_sections"]) == ["D1"]
    assert (about["of"], about["factors"]) == ("all12", FACTORS)
    assert about["mean_total"] == pytest.approx(base[1][:45].sum(axis=1).mean())


def test_unit_variance_is_that_of_the_training_spots(base, tmp_path):
    training = np.arange(60) < 45
    targets = written(base[0], tmp_path)
    np.testing.assert_allclose(targets.X[training].std(axis=0), 1, rtol=1e-5)
    assert np.abs(targets.X.std(axis=0) - 1).max() > 1e-3
    everywhere = written(base[0], tmp_path, held_out=())
    np.testing.assert_allclose(everywhere.X.std(axis=0), 1, rtol=1e-5)


def test_a_held_out_spot_is_fitted_on_its_own(base, tmp_path):
    targets = written(base[0], tmp_path)
    share = base[1] / base[1].sum(axis=1, keepdims=True)
    to_genes = targets.varm["to_genes"]
    for row in range(45, 60):
        np.testing.assert_allclose(targets.X[row], nnls(to_genes.T, share[row])[0], atol=1e-4)


def changed_by_the_held_out(base, folder, held_out):
    """What of a composition differs when the last patient's measurements are others."""
    own = written(base, folder, held_out)
    other = ad.read_h5ad(base)
    other.X[45:] = other.X[45:][:, ::-1]
    other.obs["total_counts"] = np.where(np.arange(60) < 45, 1, 3) * other.obs["total_counts"]
    write_h5ad(other, folder / "other.h5ad")
    changed = written(folder / "other.h5ad", folder, held_out)
    assert not np.array_equal(changed.X[45:], own.X[45:])
    parts = {
        "factors": lambda targets: targets.X[:45],
        "to_genes": lambda targets: targets.varm["to_genes"],
        "mean_total": lambda targets: targets.uns["targets"]["mean_total"],
    }
    return {name for name, part in parts.items() if not np.array_equal(part(own), part(changed))}


def test_nothing_of_the_held_out_patient_is_in_what_is_trained_on(base, tmp_path):
    assert changed_by_the_held_out(base[0], tmp_path, ["D1"]) == set()


def test_a_leak_would_be_seen(base, tmp_path):
    assert changed_by_the_held_out(base[0], tmp_path, []) == {"factors", "to_genes", "mean_total"}


def test_the_same_seed_gives_the_same_factors(base, tmp_path):
    first, second = written(base[0], tmp_path), written(base[0], tmp_path)
    np.testing.assert_array_equal(first.X, second.X)
    np.testing.assert_array_equal(first.varm["to_genes"], second.varm["to_genes"])


def test_a_factor_that_no_training_spot_has_stays_zero(base, tmp_path):
    flat = ad.read_h5ad(base[0])
    # Every training spot is the same one: the second factor has nothing left to explain.
    flat.X[:45] = flat.X[5]
    flat.obs["total_counts"] = np.r_[[flat.obs["total_counts"].iloc[5]] * 45, [5000] * 15]
    write_h5ad(flat, tmp_path / "flat.h5ad")
    assert np.isfinite(written(tmp_path / "flat.h5ad", tmp_path, factors=2).X).all()


def test_what_cannot_be_factorised_is_said_in_one_line(base, tmp_path):
    with pytest.raises(InputError, match=r"factors: 13 factors are more than the 45 training"):
        written(base[0], tmp_path, factors=13)
    with pytest.raises(InputError, match="no spots outside the held-out group"):
        written(base[0], tmp_path, held_out=["A1", "B1", "C1", "D1"])
    for total in (0, np.nan):
        targets = ad.read_h5ad(base[0])
        targets.obs["total_counts"] = targets.obs["total_counts"].astype(float)
        targets.obs.loc["C1:2x2", "total_counts"] = total
        write_h5ad(targets, tmp_path / "empty.h5ad")
        with pytest.raises(InputError, match="spot C1:2x2: total count is zero"):
            written(tmp_path / "empty.h5ad", tmp_path)
    assert not (tmp_path / "composition.h5ad").exists()


def expression(share, about):
    """Target units of shares of the counts, at the training spots' mean total."""
    total = about["mean_total"]
    if about["transform"] == "log_cp10k":
        return np.log(1 + 1e4 * share)
    return np.log((1 + share * total) / (about["universe"] + total))


def test_the_way_back_to_genes_is_exact_at_full_rank(base, tmp_path):
    targets = written(base[0], tmp_path)
    share = base[1] / base[1].sum(axis=1, keepdims=True)
    plain = expression(share, targets.uns["targets"])
    counted = share > 0
    np.testing.assert_allclose(to_expression(targets.X, targets)[counted], plain[counted], atol=0.1)
    predicted = np.array([[0.5, 1.0, 2.0], [-3.0, 0.25, 0.0]])
    share = np.array([[0.5, 1.0, 2.0], [0.0, 0.25, 0.0]]) @ targets.varm["to_genes"]
    found = to_expression(predicted, targets)
    np.testing.assert_allclose(found, expression(share, targets.uns["targets"]), atol=1e-12)


def test_variance_explained_is_that_of_a_plain_computation(base, tmp_path):
    share = base[1] / base[1].sum(axis=1, keepdims=True)
    patients = np.repeat(list("ABCD"), 15)
    spots = pd.DataFrame({"patient": patients, "section": [f"{p}1" for p in patients]})
    table = explained(share, spots, 4, iterations=200, seed=0).set_index("factors")
    assert table.index.tolist() == [1, 2, 3, 4]
    assert (table["folds"] == 4).all()
    total = ((share - share.mean(axis=0)) ** 2).sum()

    def left(fitted, tried):
        profiles = factorise(share[fitted], 2, iterations=200, seed=0).components_
        return sum(nnls(profiles.T, share[row])[1] ** 2 for row in np.flatnonzero(tried))

    everywhere = np.full(60, True)
    assert table.loc[2, "explained"] == pytest.approx(1 - left(everywhere, everywhere) / total)
    random = np.random.default_rng(0)
    shuffled = np.stack([random.permutation(gene) for gene in share.T], axis=1)
    profiles = factorise(shuffled, 2, iterations=200, seed=0).components_
    error = sum(nnls(profiles.T, row)[1] ** 2 for row in shuffled)
    assert table.loc[2, "explained_shuffled"] == pytest.approx(1 - error / total, abs=0.1)
    assert table.loc[2, "explained_shuffled"] < table.loc[2, "explained"] - 0.1
    outside = sum(left(patients != patient, patients == patient) for patient in "ABCD")
    assert table.loc[2, "explained_left_out"] == pytest.approx(1 - outside / total)
    assert (table.loc[3:, ["explained", "explained_left_out"]] > 0.999).all(axis=None)
    assert (table.loc[2, ["explained", "explained_left_out"]] < 0.95).all()
    write_explained(base[0], tmp_path / "variance.tsv", factors=2, iterations=200, seed=0)
    kept = read_table(tmp_path / "variance.tsv").set_index("factors")
    low, high = (kept.pop(f"explained_shuffled_{end}") for end in ("low", "high"))
    assert low.notna().tolist() == kept["configured"].tolist()
    assert low[2] < high[2] < table.loc[2, "explained"]
    assert kept.index[kept.pop("configured")].tolist() == [2]
    pd.testing.assert_frame_equal(kept, table, rtol=1e-4)


def test_one_section_has_nothing_left_out(base):
    share = base[1][:15] / base[1][:15].sum(axis=1, keepdims=True)
    spots = pd.DataFrame({"patient": ["A"] * 15, "section": "A1"})
    table = explained(share, spots, 3, iterations=50, seed=0)
    assert (table["folds"] == 0).all()
    assert table["explained"].notna().all()
    assert table["explained_left_out"].isna().all()
    lines = (
        variance_explained(table.assign(configured=table["factors"] == 2)).axes[0].get_lines()[:-1]
    )
    names = ["in the spots fitted", "in the spots fitted, each gene shuffled"]
    assert [line.get_label() for line in lines] == names


def test_the_figure_marks_the_factors_that_are_predicted(base, tmp_path):
    write_explained(base[0], tmp_path / "variance.tsv", factors=2, iterations=50, seed=0)
    table = read_table(tmp_path / "variance.tsv")
    *lines, mark = variance_explained(table).axes[0].get_lines()
    assert list(mark.get_xdata()) == [2, 2]
    for line, column in zip(lines, EXPLAINED, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), table[column])
    paths = [tmp_path / f"supp_7c.{kind}" for kind in ("png", "pdf")]
    draw(tmp_path / "variance.tsv", paths)
    assert all(path.stat().st_size > 1000 for path in paths)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Index and composition of the toy cohort, its gene targets, and networks of both kinds."""
    folder = tmp_path_factory.mktemp("cohort")
    index, genes = make_cohort(folder)
    composition = folder / "composition.h5ad"
    write_composition(genes, composition, held_out_sections=["A1"], **KEYS)
    trained = {}
    for name, targets in (("genes", genes), ("factors", composition)):
        (folder / name).mkdir()
        trained[name] = (index, targets), folder / name
        train(*trained[name], inner_folds=0, epochs=2)
    return trained


def plain(files, folder, n_outputs):
    """Outputs and last layer's inputs of the first patient's patches, by a hook and a loop."""
    network = models.DenseNet(**SMALL, num_classes=n_outputs)
    network.load_state_dict(load_file(folder / "model.safetensors"))
    own, *others = [np.load(files[0].parent / f"{patient}1.npy") for patient in PATIENTS]
    pixels = np.concatenate(others).reshape(-1, 3).astype(float)
    own = (own - pixels.mean(axis=0)) / pixels.std(axis=0)
    inputs, outputs = [], []
    network.classifier.register_forward_pre_hook(lambda module, given: inputs.append(given[0]))
    network.eval()
    with torch.no_grad():
        for flipped in (own, own[:, ::-1]):
            for turns in range(4):
                turned = np.rot90(flipped, turns, (1, 2)).transpose(0, 3, 1, 2)
                outputs.append(network(torch.tensor(turned.copy(), dtype=torch.float32)))
    return torch.stack(outputs).mean(0).numpy(), torch.stack(inputs).mean(0).numpy()


def test_a_network_of_factors_predicts_genes(cohort):
    (index, targets), folder = cohort["factors"]
    predictions = ad.read_h5ad(predict((index, targets), folder))
    factors, _ = plain((index, targets), folder, FACTORS)
    composition, genes = ad.read_h5ad(targets), ad.read_h5ad(cohort["genes"][0][1])
    np.testing.assert_allclose(predictions.obsm["factors"], factors, rtol=1e-4, atol=1e-5)
    assert predictions.obsm["factors"].std(axis=0).min() > 0
    about = composition.uns["targets"]
    back = expression(factors.clip(min=0) @ composition.varm["to_genes"], about)
    np.testing.assert_allclose(predictions.X, back, rtol=1e-4)
    # The rest is as a network of genes has it.
    own = ad.read_h5ad(predict(*cohort["genes"]))
    pd.testing.assert_frame_equal(predictions.var, own.var)
    pd.testing.assert_frame_equal(predictions.obs, own.obs)
    np.testing.assert_array_equal(predictions.layers["observed"], own.layers["observed"])
    np.testing.assert_array_equal(predictions.layers["observed"], genes.X[:6])
    assert set(predictions.obsm) == {"spatial", "factors"}
    assert set(own.obsm) == {"spatial"}
    provenance = predictions.uns["provenance"]
    assert (provenance["of"], provenance["universe"], provenance["seed"]) == ("all12", 8, 3)


@pytest.mark.parametrize("kind", ["genes", "factors"])
def test_latents_are_the_last_layers_inputs_over_the_symmetries(cohort, kind):
    files, folder = cohort[kind]
    without = ad.read_h5ad(predict(files, folder))
    predictions = ad.read_h5ad(predict(files, folder, latent=True))
    _, latent = plain(files, folder, 5 if kind == "genes" else FACTORS)
    assert predictions.obsm["latent"].dtype == np.float32
    np.testing.assert_allclose(predictions.obsm["latent"], latent, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(predictions.X, without.X, rtol=1e-6)
    assert set(predictions.obsm) - set(without.obsm) == {"latent"}


def test_networks_and_targets_of_different_kinds_are_not_mixed(cohort, tmp_path):
    for kind, other in (("genes", "factors"), ("factors", "genes")):
        with pytest.raises(InputError, match="was trained on another version of"):
            predict(cohort[other][0], cohort[kind][1])
    (_, genes), (index, _) = cohort["genes"][0], cohort["factors"][0]
    fewer = {**KEYS, "factors": 2}
    write_composition(genes, tmp_path / "two.h5ad", held_out_sections=["A1"], **fewer)
    with pytest.raises(InputError, match="was trained on another version of"):
        predict((index, tmp_path / "two.h5ad"), cohort["factors"][1])


def test_factors_are_not_applied_to_other_images(cohort, tmp_path):
    (index, targets), folder = cohort["factors"]
    with pytest.raises(InputError, match="only networks of genes are applied to other images"):
        write_model(
            {"A": (folder / "model.safetensors", folder / "model.json")},
            tmp_path / "model.safetensors",
            about={"experiment": "composition", "model": "A"},
            index=index,
            targets=targets,
            engine={},
            device="cpu",
            threads=1,
        )
    assert not (tmp_path / "model.safetensors").exists()
