"""Colour of patches as features."""

import anndata as ad
import numpy as np
import pytest
from sections import section_file

from stnet.core.errors import InputError
from stnet.features.colour import write_colour_features
from stnet.features.files import read_features
from stnet.slides.patches import write_index


def test_a_cohorts_features_are_mean_and_sd_of_each_patch_in_its_order(tmp_path):
    random = np.random.default_rng(0)
    sections, patches = [], []
    for name, used in (("S1", [True, False, True]), ("S2", [True, True, True])):
        counts = np.ones((3, 2), dtype=int)
        sections.append(section_file(tmp_path / f"{name}.h5ad", name, counts, ["G", "H"], used))
        patches.append(random.integers(0, 256, (sum(used), 8, 8, 3), dtype=np.uint8))
        np.save(tmp_path / f"{name}.npy", patches[-1])
    index = tmp_path / "index.tsv"
    write_index(sections, [tmp_path / f"S{n}.npy" for n in (1, 2)], index, view="8x1")
    output = tmp_path / "features" / "colour.h5ad"
    output.parent.mkdir()
    write_colour_features(sections, index, output, view="8x1", code="0123")
    names = ["S1:0x0", "S1:2x2", "S2:0x0", "S2:1x1", "S2:2x2"]
    values, features = read_features(output, names)
    assert features == [f"{c}_{part}" for part in ("mean", "sd") for c in ("red", "green", "blue")]
    for row, patch in zip(values, np.concatenate(patches), strict=True):
        pixels = patch.reshape(-1, 3).tolist()
        for channel in range(3):
            levels = [pixel[channel] for pixel in pixels]
            mean = sum(levels) / 64
            sd = (sum((level - mean) ** 2 for level in levels) / 64) ** 0.5
            assert row[[channel, 3 + channel]] == pytest.approx([mean, sd], rel=1e-6)
    found = ad.read_h5ad(output)
    assert found.uns["features"]["kind"] == "colour"
    assert found.obsm["spatial"].tolist()[1:3] == [[20, 40], [0, 0]]
    with pytest.raises(InputError, match="8x1"):
        write_colour_features(sections, index, output, view="16x1", code="0123")
