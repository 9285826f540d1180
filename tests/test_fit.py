"""The training and prediction jobs on a toy cohort of five patients."""

import json
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from test_targets import section_file
from test_training import recipe

from stnet.core.errors import InputError
from stnet.expression.targets import write_targets
from stnet.slides.patches import write_index, write_patches
from stnet.training.apply import predict_held_out
from stnet.training.fit import fit, to_device
from stnet.training.run import Run, predict

PATIENTS = ["A", "B", "C", "D", "E"]


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Index and targets of a section for each patient, 6 spots each, 32-pixel patches."""
    folder = tmp_path_factory.mktemp("cohort")
    random = np.random.default_rng(0)
    sections, patches = [], []
    for patient in PATIENTS:
        name = f"{patient}1"
        counts = random.poisson(5, (6, 8)) + 1
        genes = [f"g{i}" for i in range(8)]
        path = section_file(folder / f"{name}.h5ad", name, counts, genes, patient=patient)
        Image.fromarray(random.integers(0, 256, (200, 200, 3), dtype=np.uint8)).save(
            folder / "image.png"
        )
        write_patches(
            path, folder / "image.png", folder / f"{name}.npy", view="32x1", spot_window=32
        )
        sections.append(path)
        patches.append(folder / f"{name}.npy")
    write_index(sections, patches, folder / "index.tsv", view="32x1", spot_window=32)
    targets = folder / "targets.h5ad"
    write_targets(sections, targets, n_genes=5, kind="log_fraction", spot_window=32)
    return folder / "index.tsv", targets


def fitted(cohort, folder, held_out=("A1",), **changes):
    outputs = {
        "model": f"{folder}/model.safetensors",
        "card": f"{folder}/model.json",
        "history": f"{folder}/history.tsv",
        "epoch": f"{folder}/epoch.json",
    }
    fit(
        *cohort,
        outputs,
        held_out="A",
        held_out_sections=held_out,
        recipe=recipe(**{"inner_folds": 2, "epochs": 3, **changes}),
        view="32x1",
        device="cpu",
        threads=1,
        code="0" * 16,
    )
    read = {name: json.loads(Path(outputs[name]).read_text()) for name in ("card", "epoch")}
    return outputs, read["card"], read["epoch"], pd.read_csv(outputs["history"], sep="\t")


def test_epoch_is_chosen_on_the_pooled_inner_predictions(cohort, tmp_path):
    outputs, card, epoch, history = fitted(cohort, tmp_path)
    assert epoch["rule"] == "2 inner folds of patients"
    assert epoch["inner_folds"] == [["B1", "D1"], ["C1", "E1"]]
    # By hand: train on the other fold, predict this one after each epoch, pool the errors.
    options = recipe(inner_folds=2, epochs=3)
    measured = ad.read_h5ad(cohort[1])
    measured = measured[measured.obs["section"] != "A1"].copy()
    data = to_device(cohort[0], measured, "cpu")
    section = measured.obs["section"].to_numpy()
    errors = np.zeros(3)
    for fold, inside in enumerate(epoch["inner_folds"]):
        test = torch.from_numpy(np.isin(section, inside))
        run = Run(data[(~test).nonzero().squeeze(1)], options, f"A inner {fold}")
        for e, _ in enumerate(run.epochs(3)):
            predicted = predict(run.network, run.standardise, data.patches[test], "")
            errors[e] += np.square(predicted.numpy() - measured.X[test.numpy()]).mean(axis=1).sum()
    np.testing.assert_allclose(epoch["inner_loss"], errors / 24, rtol=1e-5)
    assert epoch["epoch"] == errors.argmin() + 1
    assert history["run"].tolist() == (
        ["inner 0"] * 3 + ["inner 1"] * 3 + ["final"] * epoch["epoch"]
    )
    assert history["inner_loss"].isna().tolist() == [False] * 6 + [True] * epoch["epoch"]


def test_final_run_sees_no_held_out_spot_and_stops_at_the_epoch(cohort, tmp_path):
    outputs, card, epoch, _ = fitted(cohort, tmp_path)
    assert card["training_sections"] == ["B1", "C1", "D1", "E1"]
    measured = ad.read_h5ad(cohort[1])
    data = to_device(cohort[0], measured[measured.obs["section"] != "A1"].copy(), "cpu")
    run = Run(data, recipe(inner_folds=2, epochs=3), "A final")
    list(run.epochs(epoch["epoch"]))
    model = load_file(outputs["model"])
    for name, value in run.network.state_dict().items():
        assert torch.equal(model[name], value), name


def test_prediction_of_the_held_out_section(cohort, tmp_path):
    outputs, card, epoch, _ = fitted(cohort, tmp_path)
    predict_held_out(
        *cohort,
        outputs["model"],
        outputs["card"],
        tmp_path / "predictions.h5ad",
        experiment="toy",
        held_out="A",
        held_out_sections=["A1"],
        device="cpu",
        threads=1,
        code="1" * 16,
    )
    predictions = ad.read_h5ad(tmp_path / "predictions.h5ad")
    measured = ad.read_h5ad(cohort[1])[:6]
    assert predictions.obs_names.tolist() == measured.obs_names.tolist()
    np.testing.assert_array_equal(predictions.layers["observed"], measured.X)
    assert predictions.X.std(axis=0).min() > 0
    provenance = predictions.uns["provenance"]
    assert provenance["weights_sha256"] == card["weights_sha256"]
    assert provenance["universe"] == 8


def test_nothing_held_out_trains_on_everything(cohort, tmp_path):
    _, card, epoch, _ = fitted(cohort, tmp_path, held_out=(), inner_folds=0, epochs=1)
    assert card["training_sections"] == ["A1", "B1", "C1", "D1", "E1"]
    assert (epoch["epoch"], epoch["inner_folds"]) == (1, [])
    assert epoch["rule"] == "configured number of epochs (inner_folds is 0)"


def test_divergence_and_absence_are_said_and_leave_no_model(cohort, tmp_path):
    with pytest.raises(InputError, match="diverged"):
        fitted(cohort, tmp_path, inner_folds=0, learning_rate=1e9)
    with pytest.raises(InputError, match="nothing is left to train on"):
        fitted(cohort, tmp_path, held_out=[f"{p}1" for p in PATIENTS])
    assert not list(tmp_path.iterdir())
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="set device: cpu"):
            to_device(cohort[0], ad.read_h5ad(cohort[1]), "cuda")
