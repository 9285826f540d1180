"""Real sections as AnnData and as samples of HEST: the sections, targets and patches of their own.

The samples' images are the distributed JPEGs and, of one section, a lossless tiled TIFF.
"""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from data import HER2ST, needs_her2st
from real_sections import IMAGES, OPTIONS, her2st_row
from scverse_files import assert_same, hest_sample, hest_st, scverse
from tiled import to_tiled_tiff

from stnet.cohorts.section import write_section
from stnet.expression.targets import write_targets
from stnet.slides.patches import write_patches

FORMATS = ["her2st", "anndata", "hest"]


def rows(name, folder):
    """The section's row of a sheet in each format, its files written."""
    image = HER2ST / "ST-imgs" / IMAGES[name]
    own = her2st_row(name)
    counts = pd.read_csv(own["counts"], sep="\t", index_col=0)
    spots = pd.read_csv(own["spots"], sep="\t")
    spots.index = [f"{x}x{y}" for x, y in zip(spots["x"], spots["y"], strict=True)]
    spots = spots[spots["selected"] == 1] if "selected" in spots else spots
    scverse(spots, counts, image, diameter=145).write_h5ad(folder / f"{name}.h5ad")
    if name == "C2":
        to_tiled_tiff(image, folder / "C2.tif")
        image = folder / "C2.tif"
    content = hest_st(spots, counts)
    return {
        "her2st": own,
        "anndata": own | {"format": "anndata", "counts": str(folder / f"{name}.h5ad"), "spots": ""},
        "hest": own | hest_sample(content, folder, name, image, 0.69, patient=name[0]),
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("formats")
    for name in IMAGES:
        for kind, row in rows(name, folder).items():
            write_section(
                row, folder / kind / f"{name}.h5ad", folder / kind / f"{name}.tsv", **OPTIONS
            )
    return folder


@needs_her2st
@pytest.mark.parametrize("kind", FORMATS[1:])
def test_sections_and_targets_are_those_of_their_own_format(folder, kind):
    targets = []
    for each in ("her2st", kind):
        paths = [folder / each / f"{name}.h5ad" for name in IMAGES]
        write_targets(paths, folder / each / "t.h5ad", genes=250, transform="log_fraction")
        targets.append((ad.read_h5ad(folder / each / "t.h5ad"), map(ad.read_h5ad, paths)))
    (expected, sections), (found, others) = targets
    for section, other in zip(sections, others, strict=True):
        assert_same(other, section)
    assert found.n_obs == 283 + 187 + 180 + 184
    assert found.var_names.to_list() == expected.var_names.to_list()
    np.testing.assert_array_equal(found[expected.obs_names].X, expected.X)


@needs_her2st
def test_patches_are_those_of_their_own_format(folder):
    patches = {}
    for kind in FORMATS:
        section = folder / kind / "C2.h5ad"
        image = ad.read_h5ad(section).uns["slide"]["path"]
        write_patches(section, image, folder / kind / "C2.npy", view="224x1")
        names = ad.read_h5ad(section).obs_names
        order = np.argsort(names)
        patches[kind] = np.load(folder / kind / "C2.npy")[order]
    assert image.endswith(".tif")
    assert len(patches["her2st"]) == 187
    for kind in FORMATS[1:]:
        np.testing.assert_array_equal(patches[kind], patches["her2st"])
