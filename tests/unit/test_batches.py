"""Batches and memory by the side of patches."""

import numpy as np
import pytest
import torch
from networks import PLAIN

from stnet.config.memory import prediction_batch, prediction_mb, training_mb
from stnet.networks.prediction import predict
from stnet.networks.standardisation import Standardisation


@pytest.mark.parametrize(
    ("configured", "side", "batch"),
    [(512, 224, 512), (512, 112, 512), (512, 448, 128), (512, 512, 98), (4, 512, 1), (1, 5000, 1)],
)
def test_a_batch_has_no_more_pixels_than_one_of_the_papers_patches(configured, side, batch):
    assert prediction_batch(configured, side) == batch
    assert batch == 1 or batch * side**2 <= configured * 224**2


@pytest.mark.parametrize("side", [32, 448])
def test_the_network_gets_batches_of_that_size(side, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    sizes = []

    def forward(patches):
        sizes.append(len(patches))
        return patches.mean(dim=(1, 2, 3))[:, None]

    patches = torch.randint(256, (9, side, side, 3), dtype=torch.uint8)
    constants = Standardisation([0.0] * 3, [1.0] * 3, "cpu")
    found = predict(forward, constants, patches, torch.arange(9), 2 * PLAIN["prediction_batch"], "")
    assert sizes == ([8] * 8 + [1] * 8 if side == 32 else [2] * 32 + [1] * 8)
    expected = patches.numpy().mean(axis=(1, 2, 3), dtype=np.float64)
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-4)


def test_a_job_of_large_patches_asks_for_more():
    assert [training_mb("224x1", 32, device) for device in ("cpu", "cuda")] == [16_000, 16_000]
    assert prediction_mb("224x1", 32, "cpu") == prediction_mb("448x2", 512, "cuda") == 8_000
    for side in (448, 512):
        view, n_bytes = f"{side}x1", side**2 * 3
        assert training_mb(view, 32, "cuda") > 31_000 * n_bytes / 1e6
        on_cpu = training_mb(view, 32, "cpu") - training_mb(view, 32, "cuda")
        # 7.3 GB were measured for batches of 32 patches of 224 px.
        assert on_cpu == pytest.approx(6400 * (side / 224) ** 2, abs=1)
        assert training_mb(view, 64, "cpu") > training_mb(view, 32, "cpu")
        assert prediction_mb(view, 32, "cpu") > 8_000
    # A batch of one patch has more pixels than one of many small ones.
    one = prediction_mb("2000x1", 1, "cpu") - prediction_mb("2000x1", 1, "cuda")
    assert one == pytest.approx(40 * (2000 / 224) ** 2, abs=1)
