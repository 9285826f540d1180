"""Patches in another stain."""

import numpy as np
import torch

from stnet.networks import recolouring

PATCHES = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (5, 6, 6, 3), dtype=np.uint8))


def test_factors_of_one_change_nothing(monkeypatch):
    monkeypatch.setattr(recolouring, "LARGEST", 1)
    found = recolouring.recolour(PATCHES, np.random.default_rng(0))
    assert (found != PATCHES).sum() == 0


def test_each_patch_gets_the_amounts_of_its_dyes_times_its_own_factors():
    factors = 2 ** np.random.default_rng(3).uniform(-1, 1, (5, 3))
    # Little of each dye, so that bytes hold densities to a few percent.
    amounts = np.random.default_rng(2).uniform(0.2, 0.6, (5, 8, 8, 3))
    light = np.exp(-amounts @ recolouring.STAINS)
    patches = torch.from_numpy(np.rint(256 * light - 1).astype(np.uint8))
    found = recolouring.recolour(patches, np.random.default_rng(3)).numpy()
    density = -np.log((found + 1.0) / 256) @ np.linalg.inv(recolouring.STAINS)
    means = density.mean(axis=(1, 2)) / amounts.mean(axis=(1, 2))
    np.testing.assert_allclose(means, factors, atol=0.05)
