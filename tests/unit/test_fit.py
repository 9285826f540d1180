"""The training and prediction jobs on a toy cohort of five patients."""

import json
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import torch
from networks import recipe
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from toy import PATIENTS, make_cohort, predict, train

from stnet.core.errors import InputError
from stnet.networks.data import to_device
from stnet.networks.engine import start
from stnet.networks.recolouring import recolour
from stnet.training.apply import load_model
from stnet.training.checkpoints import FOLDER
from stnet.training.progress import Progress
from stnet.training.run import Run


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return make_cohort(tmp_path_factory.mktemp("cohort"))


def fitted(cohort, folder, **changes):
    outputs = train(cohort, folder, **changes)
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
        run = Run(data, (~test).nonzero().squeeze(1), options, f"A inner {fold}")
        for e in range(3):
            run.train_epoch(e + 1)
            predicted = run.predict(test.nonzero().squeeze(1))
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
    assert sorted(card["validation_sections"]) == card["training_sections"]
    measured = ad.read_h5ad(cohort[1])
    data = to_device(cohort[0], measured[measured.obs["section"] != "A1"].copy(), "cpu")
    run = Run(data, torch.arange(24), recipe(inner_folds=2, epochs=3), "A final")
    for number in range(epoch["epoch"]):
        run.train_epoch(number + 1)
    model = load_file(outputs["model"])
    for name, value in run.network.state_dict().items():
        assert torch.equal(model[name], value), name


def test_prediction_of_the_held_out_section(cohort, tmp_path):
    outputs, card, epoch, _ = fitted(cohort, tmp_path)
    predictions = ad.read_h5ad(predict(cohort, tmp_path))
    measured = ad.read_h5ad(cohort[1])[:6]
    assert predictions.obs_names.tolist() == measured.obs_names.tolist()
    np.testing.assert_array_equal(predictions.layers["observed"], measured.X)
    assert predictions.X.std(axis=0).min() > 0
    provenance = predictions.uns["provenance"]
    assert provenance["weights_sha256"] == card["weights_sha256"]
    assert provenance["universe"] == 8
    # What another stain changes, of patches that are not turned.
    network, standardise, _ = load_model(outputs["model"], outputs["card"], "cpu")
    patches = to_device(cohort[0], measured, "cpu").patches
    stained = recolour(patches, np.random.default_rng(0))
    with torch.inference_mode():
        plain, changed = (network.eval()(standardise(each)).numpy() for each in (patches, stained))
    assert np.abs(changed - plain).max() > 1e-3
    expected = predictions.X + changed - plain
    np.testing.assert_allclose(predictions.layers["recoloured"], expected, atol=1e-5)


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
    assert not [path for path in tmp_path.iterdir() if path.name != FOLDER]
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="set device: cpu"):
            start("cuda", 1)


def test_tensorboard_has_every_epoch_once_after_a_second_attempt(cohort, tmp_path, monkeypatch):
    own, logs = Run.train_epoch, tmp_path / "logs"
    epochs = []

    def train_epoch(run, epoch):
        epochs.append((run.label, epoch))
        if len(epochs) == 5:
            raise KeyboardInterrupt
        return own(run, epoch)

    monkeypatch.setattr(Run, "train_epoch", train_epoch)
    with pytest.raises(KeyboardInterrupt):
        train(cohort, tmp_path, tensorboard=logs)
    outputs, _, _, history = fitted(cohort, tmp_path, tensorboard=logs)
    assert epochs[4] == epochs[5] == ("A inner 1", 2)
    events = EventAccumulator(str(logs)).Reload()
    for name, rows in history.groupby("run"):
        for curve in ["train_loss", "inner_loss"][: 1 if name == "final" else 2]:
            scalars = events.Scalars(f"{name}/{curve}")
            assert [scalar.step for scalar in scalars] == rows["epoch"].tolist()
            np.testing.assert_allclose([s.value for s in scalars], rows[curve], rtol=1e-6)


def test_progress_says_speed_and_time_left(caplog, monkeypatch):
    clock = iter([0.0, 10.0, 30.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    # Two epochs of 12 spots trained on and 5 predicted, and three of 17 spots.
    n_passes = 2 * (3 * 12 + 8 * 5) + 3 * (3 * 17)
    progress = Progress(n_passes, 0, None, [])
    row = {"run": "inner 0", "epoch": 1, "train_loss": 0.5, "inner_loss": 0.25}
    progress.epoch(row, "A inner 0", 12, 5)
    progress.epoch({**row, "epoch": 2}, "A inner 0", 12, 5)
    first, second = caplog.messages
    left = round((76 + 153) / 76 * 10)
    assert first == (
        "A inner 0: epoch 1: train_loss 0.5, inner_loss 0.25; 5.2 images/s,"
        f" at most 0:00:{left} left"
    )
    assert second.endswith("2.6 images/s, at most 0:00:30 left")
