"""Integrated gradients against plain sums, the choice of patches, and what falls on nuclei."""

import json
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import torch
import toy
from networks import PLAIN
from torch import nn

from stnet.analysis.interpretation import gradients
from stnet.analysis.interpretation import on_nuclei as nuclei
from stnet.analysis.interpretation.attributions import HeldOut, write_attributions
from stnet.analysis.interpretation.chosen_patches import choose_patches, read_predicted
from stnet.analysis.interpretation.gradients import MOST_ERROR, MOST_STEPS, attribute, averaged
from stnet.config.engine import Engine
from stnet.core.checksums import read_json, write_json
from stnet.core.errors import InputError
from stnet.core.h5ad import write_h5ad
from stnet.core.tables import read_table, write_table
from stnet.figures import fig_3
from stnet.networks.standardisation import Standardisation
from stnet.networks.symmetries import N_SYMMETRIES, apply_symmetry

SIDE = 8
MEAN, SD = [150.0, 120.0, 160.0], [40.0, 50.0, 30.0]


def network(last=nn.Linear, seed=0):
    """Two outputs of a smooth network that knows up from down and left from right."""
    torch.manual_seed(seed)
    layers = [nn.Conv2d(3, 4, 3, padding=1), nn.Softplus(), nn.Flatten()]
    return nn.Sequential(*layers, last(4 * SIDE * SIDE, 2))


@pytest.fixture
def patch():
    return torch.from_numpy(np.random.default_rng(1).uniform(0, 255, (SIDE, SIDE, 3))).float()


@pytest.fixture
def standardise():
    return Standardisation(MEAN, SD, "cpu")


# Gradients


def test_attributions_are_a_plain_sum_of_gradients(patch, standardise):
    """By the standardised patch, one symmetry at a time, turned back by hand."""
    small = network()
    baseline = torch.tensor(MEAN)
    found = attribute(averaged(small, standardise, 1), patch, baseline, 16, 16)
    plain = np.zeros((SIDE, SIDE))
    along = (torch.arange(400) + 0.5).view(-1, 1, 1, 1) / 400
    for mirrored in (False, True):
        for quarter in range(4):
            turned = torch.rot90(patch.flip(1) if mirrored else patch, quarter, (0, 1))
            x = ((turned - baseline) / torch.tensor(SD)).permute(2, 0, 1)
            points = (along * x).requires_grad_()
            (slopes,) = torch.autograd.grad(small(points)[:, 1].sum(), points)
            back = torch.rot90((x * slopes.mean(dim=0)).sum(dim=0), -quarter, (0, 1))
            plain += (back.flip(1) if mirrored else back).detach().numpy() / 8
    np.testing.assert_allclose(found.values, plain, rtol=1e-3, atol=1e-5 * np.abs(plain).max())
    turned = [small(standardise(apply_symmetry(patch[None], s)))[0, 1].item() for s in range(8)]
    assert found.predicted == pytest.approx(sum(turned) / 8, rel=1e-5)
    assert found.attributed == pytest.approx(found.predicted - found.at_baseline, rel=1e-3)
    assert found.completeness_error < 1e-3


def test_of_a_linear_network_they_are_weight_times_difference(patch, standardise):
    linear = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE * SIDE, 2))
    baseline = torch.tensor([200.0, 10.0, 90.0])
    found = attribute(averaged(linear, standardise, 0), patch, baseline, 2, 1)
    weight = linear[1].weight[0].detach().reshape(1, 3, SIDE, SIDE).permute(0, 2, 3, 1)
    # Averaged over the symmetries, the weights are the same however the patch is turned.
    weight = torch.stack([apply_symmetry(weight, s) for s in range(N_SYMMETRIES)]).mean(dim=0)[0]
    plain = (weight * (patch - baseline) / torch.tensor(SD)).sum(dim=-1)
    np.testing.assert_allclose(found.values, plain, rtol=1e-3, atol=1e-5)
    assert found.steps == 2


def test_a_turned_patch_has_turned_attributions(patch, standardise):
    predict = averaged(network(), standardise, 0)
    straight = attribute(predict, patch, torch.tensor(MEAN), 16, 4).values
    turned = attribute(predict, patch.flip(0).rot90(1, (0, 1)), torch.tensor(MEAN), 16, 4).values
    np.testing.assert_allclose(turned, np.rot90(straight[::-1]), atol=1e-6)


def test_steps_are_doubled_until_the_error_is_small_or_no_further(patch):
    def oscillates(times):
        return lambda patches: torch.cos(times * patches.mean(dim=(1, 2, 3)) / 255 * 6)

    baseline = torch.zeros(3)
    easy = attribute(oscillates(20), patch, baseline, 2, 64)
    assert easy.complete
    assert 2 < easy.steps < MOST_STEPS
    assert easy.completeness_error <= MOST_ERROR
    hopeless = attribute(oscillates(1e6), patch, baseline, 300, 64)
    assert not hopeless.complete
    assert hopeless.steps == 600


@pytest.mark.parametrize(("total", "error"), [(0.0, 0.0), (1.0, np.inf)])
def test_a_prediction_like_that_of_the_baseline(total, error):
    values = np.array([[total]], dtype=np.float32)
    found = gradients.Attribution(values, predicted=-8.0, at_baseline=-8.0, steps=4)
    assert found.completeness_error == error
    assert found.complete == (error == 0)


# Choice


def test_no_second_patch_of_a_patient_before_all_have_one():
    spots = pd.DataFrame(
        {
            "spot": list("abcdefg"),
            "patient": ["P1", "P1", "P1", "P2", "P2", "P3", "P1"],
            "predicted": [9.0, 8.0, 7.0, 3.0, 4.0, 5.0, 1.0],
        }
    )
    assert choose_patches(spots, 2)["spot"].tolist() == ["a", "f"]
    assert choose_patches(spots, 5)["spot"].tolist() == ["a", "f", "e", "b", "d"]
    assert choose_patches(spots, 99)["spot"].tolist() == list("afebdcg")


# The job


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A toy cohort, a network for patient A, its predictions, and a table of genes."""
    folder = tmp_path_factory.mktemp("interpreted")
    cohort = toy.make_cohort(folder)
    outputs = toy.train(cohort, folder, inner_folds=0, epochs=1, learning_rate=0.05)
    group = HeldOut(toy.predict(cohort, folder), outputs["model"], outputs["card"])
    genes = ad.read_h5ad(group.predictions).var_names
    performance = pd.DataFrame(
        {"gene": genes, "symbol": genes.str.lower(), "median_pearson": np.arange(len(genes)) / 9}
    )
    write_table(performance, folder / "genes.tsv")
    return cohort, group, folder / "genes.tsv"


@pytest.fixture
def interpret(trained, tmp_path):
    (index, _), group, genes = trained

    def run(groups=(group,), **changes):
        keys = {"gene": None, "patches": 3, "steps": 8, "engine": Engine(**PLAIN), **changes}
        engine = keys.pop("engine")
        inputs = {"index": index, "genes": genes}
        outputs = {"arrays": tmp_path / "a.npz", "table": tmp_path / "a.tsv"}
        device = {"engine": engine, "device": "cpu", "threads": 1}
        write_attributions(groups, inputs, outputs, settings=keys, **device)
        return np.load(outputs["arrays"]), read_table(outputs["table"])

    return run


def test_the_job_explains_the_predictions_by_the_network_that_made_them(interpret, trained):
    arrays, table = interpret()
    predictions = ad.read_h5ad(trained[1].predictions)
    gene = predictions.var_names[-1]
    assert table["gene"].unique().tolist() == [gene]
    values = predictions.to_df()[gene].sort_values(ascending=False)
    assert table["spot"].tolist() == values.index[:3].tolist() == arrays["spots"].tolist()
    np.testing.assert_allclose(table["predicted"], values[:3], rtol=1e-4)
    np.testing.assert_allclose(arrays["predicted"], values[:3], rtol=1e-4)
    rows = [predictions.obs_names.get_loc(spot) for spot in table["spot"]]
    patches = np.load(trained[0][0].parent / "A1.npy")[rows]
    np.testing.assert_array_equal(arrays["patches"], patches)
    np.testing.assert_allclose(
        table["attributed"], arrays["attributions"].sum(axis=(1, 2)), rtol=1e-4
    )
    card = json.loads(Path(trained[1].card).read_text())
    np.testing.assert_allclose(arrays["baseline"], [card["mean"]] * 3)
    missed = np.abs(table["attributed"] - table["difference"]) / np.abs(table["difference"])
    np.testing.assert_allclose(table["completeness_error"], missed, atol=1e-4)
    assert table["complete"].all()


def test_each_patch_is_of_the_network_of_its_own_group(interpret, trained, tmp_path):
    """Another group comes first, whose predictions are lower and whose network is not there."""
    lower = ad.read_h5ad(trained[1].predictions)
    lower.X = lower.X - 100
    write_h5ad(lower, tmp_path / "lower.h5ad")
    other = HeldOut(tmp_path / "lower.h5ad", tmp_path / "no.safetensors", tmp_path / "no.json")
    alone, _ = interpret()
    among, _ = interpret(groups=[other, trained[1]])
    np.testing.assert_array_equal(among["attributions"], alone["attributions"])
    np.testing.assert_array_equal(among["spots"], alone["spots"])


def test_what_stays_incomplete_is_said(interpret, monkeypatch, caplog):
    monkeypatch.setattr(gradients, "MOST_ERROR", -1.0)
    monkeypatch.setattr(gradients, "MOST_STEPS", 8)
    _, table = interpret(patches=1, steps=2)
    assert table["complete"].tolist() == [False]
    assert f"{table['spot'][0]}: after 8 steps" in caplog.text


def test_a_gene_is_chosen_by_symbol_and_an_unknown_one_replaced(interpret, trained, caplog):
    genes = ad.read_h5ad(trained[1].predictions).var_names
    assert interpret(gene=genes[1].lower(), patches=1)[1]["gene"][0] == genes[1]
    assert interpret(gene="FASN", patches=1)[1]["gene"][0] == genes[-1]
    assert "FASN is no target gene" in caplog.text


def test_a_network_of_other_outputs_is_refused(interpret, trained, tmp_path):
    group = trained[1]
    card = read_json(group.card)
    card["outputs"] = [f"factor{n}" for n in range(len(card["outputs"]))]
    write_json(tmp_path / "model.json", card)
    with pytest.raises(InputError, match=r"model\.safetensors: does not predict .*train it again"):
        interpret(groups=[group._replace(card=tmp_path / "model.json")])
    assert not (tmp_path / "a.npz").exists()


def test_a_gene_that_no_group_predicts_is_refused(trained):
    with pytest.raises(InputError, match=r"predictions\.h5ad: no prediction of gene FASN"):
        read_predicted([trained[1].predictions], "FASN")


# Nuclei


def test_ratio_against_a_plain_computation():
    values = np.array([[1.0, -2.0, 4.0], [0.5, 3.0, -1.0]], dtype=np.float32)
    mask = np.array([[True, True, False], [False, True, False]])
    found = nuclei.divide(values, mask)
    on, off = (1 + 0 + 3) / 3, (4 + 0.5 + 0) / 3
    assert found["on"] == pytest.approx(on)
    assert found["off"] == pytest.approx(off)
    assert found["ratio"] == pytest.approx(on / off)
    assert found["ratio_negative"] == pytest.approx((2 / 3) / (1 / 3))
    assert found["attributed_share"] == pytest.approx((1 - 2 + 3) / (1 - 2 + 4 + 0.5 + 3 - 1))
    assert found["nuclear_share"] == 0.5


@pytest.mark.parametrize("mask", [np.zeros((2, 2), bool), np.ones((2, 2), bool)])
def test_without_nuclei_or_without_anything_else_there_is_no_ratio(mask):
    assert np.isnan(nuclei.divide(np.ones((2, 2)), mask)["ratio"])


def test_attributions_and_nuclei_meet_in_pixels_of_the_image():
    """Windows of 6 and 8 pixels around 10: from 7 to 13 and from 6 to 14."""
    image = np.arange(400).reshape(20, 20)
    fine, wide = image[7:13, 7:13], image[6:14, 6:14][::2, ::2]
    np.testing.assert_array_equal(nuclei.centre(fine, "6x1", 6), fine)
    grown = nuclei.centre(wide, "8x2", 6)
    assert grown.shape == (6, 6)
    for y in range(6):
        for x in range(6):
            assert grown[y, x] == wide[(y + 1) // 2, (x + 1) // 2]


def test_the_job_segments_the_patches_of_the_other_view(interpret, trained, tmp_path, monkeypatch):
    arrays, table = interpret()
    index, targets = trained[0]
    monkeypatch.setattr(nuclei, "segment", lambda patch, settings: patch[..., 0] > settings)
    outputs = {name: tmp_path / f"{name}.tsv" for name in ("patches", "summary")}
    nuclei.write_on_nuclei(
        *(tmp_path / "a.npz", tmp_path / "a.tsv", targets, index, outputs),
        view="32x1",
        nuclear_view="32x1",
        segmentation=100,
    )
    rows = read_table(outputs["patches"])
    assert rows["spot"].tolist() == table["spot"].tolist()
    for values, patch, ratio in zip(
        arrays["attributions"], arrays["patches"], rows["ratio"], strict=True
    ):
        mask, positive = patch[..., 0] > 100, np.maximum(values, 0)
        assert ratio == pytest.approx(positive[mask].mean() / positive[~mask].mean(), rel=1e-4)
    summary = read_table(outputs["summary"]).set_index("quantity")["value"]
    assert summary["ratio"] == pytest.approx(np.median(rows["ratio"]), rel=1e-4)
    assert summary["patches_above_1"] == (rows["ratio"] > 1).sum()
    assert summary["patients"] == 1


def test_summary_leaves_undefined_ratios_out():
    rows = pd.DataFrame(
        {
            "patient": ["A", "A", "B", "B"],
            "nuclear_share": [0.1, 0.2, 0.3, 0.0],
            "attributed_share": [0.5, 0.6, 0.7, np.nan],
            "ratio": [0.5, 2.0, 5.0, np.nan],
            "ratio_negative": [1.0, 1.0, 4.0, np.nan],
        }
    )
    found = nuclei.summarise(rows).set_index("quantity")["value"]
    assert found[["patches", "patients", "patches_with_ratio", "patches_above_1"]].tolist() == [
        *(4, 2, 3, 2)
    ]
    assert found[["ratio", "ratio_lowest", "ratio_highest"]].tolist() == [2.0, 0.5, 5.0]


# The figure


def test_fig_3_shows_the_first_patches_and_red_where_attribution_is_positive(tmp_path, interpret):
    interpret()
    sections = pd.DataFrame({"section": ["A1"], "um_per_px": [2.0]})
    write_table(sections, tmp_path / "sections.tsv")
    files = [tmp_path / "fig_3.png", tmp_path / "fig_3.pdf"]
    inputs = tmp_path / "a.npz", tmp_path / "a.tsv", tmp_path / "sections.tsv"
    fig_3.draw(*inputs, files, view="32x1", shown=2)
    assert all(file.stat().st_size for file in files)


def test_fig_3_draws_positive_attribution_only():
    values = np.zeros((1, 40, 40))
    values[0, :10], values[0, 30:] = 1, -1
    patches = np.full((1, 40, 40, 3), 200, dtype=np.uint8)
    row = {"gene": "e1", "symbol": "FASN", "section": "S", "predicted": -3.0, "um_per_px": np.nan}
    table = pd.DataFrame([{**row, "at_baseline": -4.0, "completeness_error": 0.012}])
    figure = fig_3.attributed_patches(patches, values, table)
    figure.draw_without_rendering()
    attributed = figure.axes[1].images[1]
    shown = attributed.to_rgba(attributed.get_array())
    assert (shown[:8, :, 3] == 1).all()
    assert (shown[15:, :, 3] == 0).all()
    said = " ".join(text.get_text() for text in figure.findobj(lambda a: hasattr(a, "get_text")))
    assert "FASN" in said
    assert "log expression −3.00" in said
    assert "1 above baseline;\nsum of attributions off by 1.2%" in said
    assert "mm" not in said
    # The bar begins at the grey of the pale patch and ends at the red of the map.
    bar = figure.axes[-1].collections[-1].cmap
    assert bar(0.0) == pytest.approx((*[0.5 + 200 / 510] * 3, 1))
    assert bar(1.0) == pytest.approx(tuple(shown[0, 0] / 255 if shown.max() > 1 else shown[0, 0]))


@pytest.mark.parametrize(("n", "rows", "columns"), [(1, 2, 1), (3, 2, 3), (5, 4, 3)])
def test_fig_3_has_the_patches_side_by_side(n, rows, columns):
    row = {"gene": "e1", "symbol": "FASN", "section": "S", "predicted": -3.0, "um_per_px": np.nan}
    table = pd.DataFrame([{**row, "at_baseline": -4.0, "completeness_error": 0.012}] * n)
    patches = np.arange(n, dtype=np.uint8)[:, None, None, None] + np.zeros((1, 9, 9, 3), np.uint8)
    figure = fig_3.attributed_patches(patches, np.ones((n, 9, 9)), table)
    figure.draw_without_rendering()
    grid = figure.axes[0].get_subplotspec().get_gridspec()
    assert (grid.nrows, grid.ncols) == (rows, columns)
    drawn = [axis.images for axis in figure.axes if axis.images]
    assert [int(images[0].get_array().max()) for images in drawn if len(images) == 1] == [*range(n)]
    assert sum(len(images) == 2 for images in drawn) == n
