"""A trained model as it is handed on: what it predicts, and what it finds far from its training."""

from dataclasses import asdict
from pathlib import Path

import anndata as ad
import numpy as np
import pytest
import torch
from models import load_model_file, write_toy_model
from networks import PLAIN
from safetensors.torch import save

import stnet.slides.patches as patches_module
import stnet.training.apply as apply_module
from stnet.config.engine import Engine
from stnet.core.checksums import sealed_json
from stnet.core.errors import InputError
from stnet.core.h5ad import write_h5ad
from stnet.inference.gene_reliability import read_gene_reliability
from stnet.inference.model import Model, read_card
from stnet.inference.training_distance import PatchStatistics, TrainingStatistics, flags, stain
from stnet.networks.architectures import keep_features
from stnet.networks.engine import place
from stnet.networks.prediction import predict
from stnet.networks.symmetries import apply_symmetry
from stnet.training.apply import load_model


def plain_prediction(outputs, patches, keep=False):
    """By the network of a training job, as its own held-out patient would be predicted."""
    network, standardise, _ = load_model(outputs["model"], outputs["card"], "cpu")
    if keep:
        keep_features(network)
    forward = place(network.eval(), Engine(**PLAIN), "cpu")
    rows = torch.arange(len(patches))
    return predict(forward, standardise, torch.from_numpy(patches), rows, 4, "").numpy()


def plain_forward(outputs, patches):
    """By the network of a training job, of patches as they are."""
    network, standardise, _ = load_model(outputs["model"], outputs["card"], "cpu")
    with torch.inference_mode():
        return network.eval()(standardise(patches)).numpy()


@pytest.fixture(scope="module")
def patches():
    return np.random.default_rng(5).integers(0, 256, (7, 32, 32, 3), dtype=np.uint8)


def test_a_model_predicts_what_its_network_does(toy, tmp_path, patches):
    model = load_model_file(write_toy_model(toy, tmp_path, ["all"]))
    found = model.apply(patches)
    expected = plain_prediction(toy[2]["all"], patches)
    np.testing.assert_allclose(found.predicted, expected, rtol=1e-5, atol=1e-6)
    assert found.sd is None
    assert not model.is_ensemble
    turned = [
        plain_forward(toy[2]["all"], apply_symmetry(torch.from_numpy(patches), symmetry))
        for symmetry in range(8)
    ]
    spread = np.std(turned, axis=0, ddof=1)
    np.testing.assert_allclose(found.symmetry_sd, spread, rtol=0.02, atol=1e-4)
    assert (spread > 1e-3).any()


def test_an_ensemble_is_the_mean_and_spread_of_its_members(toy, tmp_path, patches):
    model = load_model_file(write_toy_model(toy, tmp_path, ["all", "A"]))
    found = model.apply(patches)
    each = np.stack([plain_prediction(toy[2][name], patches) for name in ("all", "A")])
    np.testing.assert_allclose(found.predicted, each.mean(axis=0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.sd, each.std(axis=0, ddof=1), rtol=1e-3, atol=1e-5)
    assert model.provenance()["members"] == ["A", "all"]
    assert model.provenance()["model"] == "ensemble"


def test_the_card_says_how_to_feed_it_and_which_genes_to_trust(toy, tmp_path):
    model = load_model_file(write_toy_model(toy, tmp_path, ["A"]))
    assert (model.side, model.um_per_px, model.transform) == (32, 0.5, "log_fraction")
    # A gene without performance, as the last one here, is not trusted.
    assert model.genes["consistent"].tolist() == [True, False, True, False, False]
    assert model.genes.index.tolist() == ad.read_h5ad(toy[1][1]).var_names.tolist()


def test_the_card_has_the_range_of_each_gene_over_all_that_its_networks_saw(toy, tmp_path):
    measured = ad.read_h5ad(toy[1][1])
    others = measured[measured.obs["patient"] != "A"]
    for names, seen in ((["A"], others), (["A", "all"], measured)):
        genes = load_model_file(write_toy_model(toy, tmp_path, names)).genes
        ends = np.percentile(np.asarray(seen.X), [2, 98], axis=0)
        np.testing.assert_allclose(genes[["trained_low", "trained_high"]].T, ends, rtol=1e-6)


def test_a_model_of_an_older_version_is_refused(toy, tmp_path):
    path = tmp_path / "model.safetensors"
    whole = read_card(write_toy_model(toy, tmp_path, ["A"]))
    member = whole["members"]["A"]
    cards = [{**whole, "genes": {"gene": ["A"]}}, {**whole, "members": {}}]
    cards += [{key: whole[key] for key in whole if key != each} for each in whole]
    for each in ("view", "recipe", "mean", "sd", "reference", "tensors_sha256"):
        cards.append({**whole, "members": {"A": {k: member[k] for k in member if k != each}}})
    for card in cards:
        path.write_bytes(save({"a": torch.zeros(2)}, {"card": sealed_json(card)}))
        with pytest.raises(InputError, match=r"model\.safetensors: an older version wrote it, wi"):
            read_card(path)


def test_the_last_checkpoint_of_its_network_goes(toy, tmp_path):
    trained = toy[2]["all"]
    checkpoints = Path(trained["model"]).parent / ".checkpoint"
    (checkpoints / "key").mkdir(parents=True, exist_ok=True)
    write_toy_model(toy, tmp_path, ["all"])
    assert not checkpoints.exists()


def test_writing_holds_a_section_and_what_it_needs_of_it(toy, tmp_path, monkeypatch):
    """The statistics are those of the whole cohort's patches, which are never read at once."""
    index, targets = toy[1]
    measured = ad.read_h5ad(targets)
    sections = list(dict.fromkeys(measured.obs["section"]))
    whole = patches_module.read_patches(index, measured.obs_names.tolist(), sections)
    read, at_once = patches_module.read_patches, []

    def counted(index, names, sections):
        at_once.append(len(names))
        return read(index, names, sections)

    monkeypatch.setattr(patches_module, "read_patches", counted)
    monkeypatch.setattr(apply_module, "SPREAD_SPOTS", 3)
    members = read_card(write_toy_model(toy, tmp_path, ["A", "all"]))["members"]
    assert at_once == [6] * 5
    for name, member in members.items():
        rows = [row for row in range(30) if row % 6 in (0, 2, 5) and (name == "all" or row > 5)]
        latent = plain_prediction(toy[2][name], whole[rows], keep=True)[:, 5:]
        patients = measured.obs["patient"].to_numpy(str)[rows]
        expected = {"latent": latent, "stain": stain(torch.from_numpy(whole[rows]))}
        for what, values in expected.items():
            statistics = PatchStatistics.of(values, patients, correlated=what == "stain")
            assert member["reference"][what] == asdict(statistics), (name, what)


def test_larger_tiles_are_taken_too_in_smaller_batches(toy, tmp_path):
    model = load_model_file(write_toy_model(toy, tmp_path, ["A"]))
    assert [model.batch(side) for side in (32, 224, 448, 512)] == [4, 4, 1, 1]
    assert model.apply(np.zeros((2, 64, 64, 3), dtype=np.uint8)).predicted.shape == (2, 5)


def test_images_unlike_the_training_images_are_far(toy, tmp_path):
    model = load_model_file(write_toy_model(toy, tmp_path, ["all"]))
    alike = np.random.default_rng(1).integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
    assert np.median(model.apply(alike).stain) < 1.2
    unlike = np.full((20, 32, 32, 3), (20, 200, 20), dtype=np.uint8)
    found = model.apply(unlike)
    assert np.median(found.stain) > 2
    assert np.median(found.latent) > 1


def test_a_spread_is_that_of_plain_arithmetic():
    random = np.random.default_rng(0)
    values = random.normal(size=(60, 4)) * [1, 2, 3, 0] + 5
    patients = np.repeat(["a", "b", "c"], 20)
    values[patients == "c"] += 1.5
    spread = PatchStatistics.of(values, patients)
    distances = []
    for name in "abc":
        others, own = values[patients != name][:, :3], values[patients == name][:, :3]
        scaled = (own - others.mean(axis=0)) / others.std(axis=0)
        distances.append(np.median(np.sqrt((scaled**2).mean(axis=1))))
    assert spread.largest == pytest.approx(max(distances))
    np.testing.assert_allclose(spread.mean, values.mean(axis=0))


def test_two_patients_cannot_say_what_is_far():
    assert PatchStatistics.of(np.eye(4), np.repeat(["a", "b"], 2)).largest is None


def test_stain_is_the_optical_density_of_the_pixels(patches):
    density = -np.log10((patches.astype(float) + 1) / 256)
    expected = np.concatenate([density.mean(axis=(1, 2)), density.std(axis=(1, 2))], axis=1)
    np.testing.assert_allclose(stain(torch.from_numpy(patches)), expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("far", "flagged"),
    [
        ((0.9, 0.99, 1.0), []),
        ((1.01, 0.5, 1.0), ["stain"]),
        ((0.5, 1.2, 0.72), ["latent", "um_per_px"]),
        ((np.nan, np.nan, 1.5), ["um_per_px"]),
        ((np.nan, np.nan, np.nan), []),
    ],
)
def test_what_is_flagged(far, flagged):
    assert flags(dict(zip(("stain", "latent", "um_per_px"), far, strict=True))) == flagged


def test_predictions_do_not_depend_on_the_marks(toy, tmp_path, patches):
    path = write_toy_model(toy, tmp_path, ["A"])
    unmarked = Model(path, device="cpu", threads=1, code="0", reliability=None)
    assert "consistent" not in unmarked.genes
    np.testing.assert_array_equal(
        unmarked.apply(patches).predicted, load_model_file(path).apply(patches)[0]
    )


def test_a_model_is_the_same_bytes_again(toy, tmp_path):
    first = write_toy_model(toy, tmp_path, ["A"]).read_bytes()
    assert write_toy_model(toy, tmp_path, ["A"]).read_bytes() == first


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such model"),
        (b"{", "not a model"),
        (b"\x00" * 100, "not a model"),
        (save({"a": torch.zeros(2)}), "not a model file of this workflow"),
    ],
)
def test_what_is_no_model_is_refused(tmp_path, content, message):
    path = tmp_path / "model.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_card(path)


def test_a_model_that_was_cut_short_is_refused(toy, tmp_path):
    path = write_toy_model(toy, tmp_path, ["A"])
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="not a model"):
        load_model_file(path)


MARKS = (
    "gene\tconsistent\tn_consistent\tn_patients\tmedian_pearson\tn_calibration\thalf_width_50"
    "\thalf_width_80\thalf_width_90\thalf_width_95\tchecksum\nA\tTrue\t1\t1\t1\t1\t1\t\t\t\t0\n"
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        ("a\n1\n", "no column"),
        (MARKS + "B\tTrug\t1\t1\t1\t1\t1\t\t\t\t0\n", "consistent is 'Trug' for gene B"),
        (MARKS + "B\t\t1\t1\t1\t1\t1\t\t\t\t0\n", "consistent is nan for gene B"),
        (MARKS + '"B\tTrue\t1\t1\t1\t1\t1\t\t\t\t0\n', "damaged"),
        ("", "damaged"),
        (MARKS, "damaged, or of another model"),
    ],
)
def test_marks_that_are_none_are_refused(tmp_path, content, message):
    path = tmp_path / "model.genes.tsv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=message):
        read_gene_reliability(path, "0")


def test_members_of_other_genes_are_refused(toy, tmp_path):
    index, targets = toy[1]
    fewer = ad.read_h5ad(targets)[:, :3].copy()
    write_h5ad(fewer, tmp_path / "targets.h5ad")
    with pytest.raises(InputError, match="predicts other genes"):
        write_toy_model(toy, tmp_path, ["A"], targets=tmp_path / "targets.h5ad")


@pytest.mark.parametrize("part", ["model", "card"])
def test_a_training_jobs_output_that_was_cut_short_is_named(toy, tmp_path, part):
    files = {}
    for name in ("model", "card"):
        content = Path(toy[2]["A"][name]).read_bytes()
        files[name] = tmp_path / name
        files[name].write_bytes(content[: len(content) // 2] if name == part else content)
    with pytest.raises(InputError, match=rf"{part}: damaged \(.*\); delete it and rerun"):
        load_model(files["model"], files["card"], "cpu")


def test_patches_far_from_training_are_abstained_from_and_have_no_bounds(toy, tmp_path):
    path = write_toy_model(toy, tmp_path, ["all"])
    model = load_model_file(path, level=0.8)
    rows = ad.read_h5ad(toy[1][1]).obs
    training = patches_module.read_patches(
        toy[1][0], rows.index.tolist(), list(dict.fromkeys(rows["section"]))
    )
    unlike = np.full((4, 32, 32, 3), (20, 200, 20), dtype=np.uint8)
    clean, far = model.apply(training), model.apply(unlike)
    abstained = clean.ood_score > 1
    assert abstained.mean() < 0.1
    assert (far.ood_score > 1).all()
    # The distances themselves, of the one network.
    (member,) = model.card["members"].values()
    reference = TrainingStatistics.from_card(member["reference"])
    stains = reference.stain.distances(stain(torch.tensor(training))) / reference.stain.limit
    assert (clean.ood_score >= stains.astype(np.float32)).all()
    assert (clean.ood_score == stains.astype(np.float32)).any()
    assert (far.ood_score > clean.ood_score.max()).all()
    half = model.genes["half_width_80"].to_numpy()
    assert np.isfinite(half).all()
    bounds = model.bounds(clean.predicted, abstained)
    known = ~abstained
    np.testing.assert_allclose(bounds["upper"][known], clean.predicted[known] + half, rtol=1e-5)
    np.testing.assert_allclose(bounds["lower"][known], clean.predicted[known] - half, rtol=1e-5)
    assert np.isnan(model.bounds(far.predicted, far.ood_score > 1)["upper"]).all()
    # Five patients are too few for 90 %; without a level nothing is said.
    assert load_model_file(path, level=0.9).genes["half_width_90"].isna().all()
    assert load_model_file(path).bounds(clean.predicted, abstained) == {}


def test_distances_of_correlated_features_are_mahalanobis_distances():
    random = np.random.default_rng(1)
    mixed = random.normal(size=(3, 3)) * [10, 1, 0.01]
    values = np.column_stack([random.normal(size=(300, 3)) @ mixed, np.ones(300)])
    found = PatchStatistics.of(values, np.array(["a"] * 300), correlated=True)
    new = random.normal(size=(5, 4)) * 3
    away = (new - values.mean(axis=0))[:, :3]
    inverse = np.linalg.inv(np.cov(values[:, :3].T, ddof=0))
    expected = np.sqrt([row @ inverse @ row / 3 for row in away])
    np.testing.assert_allclose(found.distances(new), expected, rtol=1e-6)
    constant = PatchStatistics.of(np.ones((4, 2)), np.array(list("aabb")), correlated=True)
    assert constant.axes is None


def test_the_limit_is_the_distance_within_which_nearly_all_patches_are():
    random = np.random.default_rng(0)
    values, patients = random.normal(size=(400, 2)), np.repeat(list("abcd"), 100)
    far = np.concatenate(
        [
            np.sqrt(
                np.square(
                    (values[patients == name] - values[patients != name].mean(axis=0))
                    / values[patients != name].std(axis=0)
                ).mean(axis=1)
            )
            for name in "abcd"
        ]
    )
    limit = PatchStatistics.of(values, patients).limit
    assert (far <= limit).mean() == 0.98
    assert limit == pytest.approx(np.sort(far)[391])
    assert PatchStatistics.of(values[:200], patients[:200]).limit is None
