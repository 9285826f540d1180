"""Sections of HER2ST, written as SpatialData, are those that their own reader gives."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from data import needs_her2st
from real_sections import OPTIONS, her2st_row
from spatialdata_files import Zarr, row_of

from stnet.cohorts.section import write_section
from stnet.cohorts.text_tables import read_counts, read_positions
from stnet.expression.targets import write_targets
from stnet.slides.patches import write_patches


@needs_her2st
@pytest.mark.parametrize(
    "name", ["C2", *(pytest.param(name, marks=pytest.mark.full) for name in ("B4", "C3", "C4"))]
)
def test_section_targets_and_patches_are_the_same(tmp_path, name):
    row = her2st_row(name)
    counts, store = read_counts(row["counts"]), tmp_path / "x.zarr"
    table = pd.DataFrame(counts.matrix.toarray(), counts.spots, counts.genes)
    made = Zarr(read_positions(row["spots"]), table, row["image"], 72.5)
    made.chunk = 1024
    made.data().write(store)
    found = []
    for number, each in enumerate([row, row_of(store, row)]):
        section = tmp_path / f"{number}.h5ad"
        write_section(each, section, tmp_path / "drops.tsv", **OPTIONS)
        write_targets([section], tmp_path / "t.h5ad", genes=250, transform="log_fraction")
        write_patches(section, each["image"], tmp_path / "p.npy", view="224x1")
        parts = ad.read_h5ad(section), ad.read_h5ad(tmp_path / "t.h5ad")
        found.append((*parts, np.load(tmp_path / "p.npy")))
    (first, targets, patches), (second, other_targets, other_patches) = found
    assert first.n_obs > 150
    pd.testing.assert_frame_equal(first.obs, second.obs)
    pd.testing.assert_frame_equal(first.var, second.var)
    assert (first.X != second.X).nnz == 0
    np.testing.assert_array_equal(first.obsm["spatial"], second.obsm["spatial"])
    assert first.uns["slide"]["um_per_px"] == pytest.approx(second.uns["slide"]["um_per_px"], 1e-3)
    np.testing.assert_array_equal(targets.X, other_targets.X)
    assert targets.var_names.equals(other_targets.var_names)
    np.testing.assert_array_equal(patches, other_patches)
