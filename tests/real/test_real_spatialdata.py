"""Sections of HER2ST, written as SpatialData, are those that their own reader gives."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from data import HER2ST, needs_her2st
from spatialdata_files import Zarr, row_of

from stnet.cohorts.section import write_section
from stnet.cohorts.text_tables import read_counts, read_positions
from stnet.expression.targets import write_targets
from stnet.slides.patches import write_patches

IMAGES = {
    "B4": "B/B4/BT10737_D2_HE.jpg",
    "C2": "C/C2/5714_HE_BT_C2.jpg",
    "C3": "C/C3/5714_HE_BT_D1.jpg",
    "C4": "C/C4/5714_HE_BT_D2.jpg",
}
OPTIONS = {
    **{"label_classes": {}, "require_label": False, "spot_window": 224, "spot_pitch_um": 200},
    "genes": None,
}


@needs_her2st
@pytest.mark.parametrize(
    "name", ["C2", *(pytest.param(name, marks=pytest.mark.full) for name in ("B4", "C3", "C4"))]
)
def test_section_targets_and_patches_are_the_same(tmp_path, name):
    row = {
        **{"patient": name[0], "section": name, "format": "her2st", "grid": "square"},
        "image": str(HER2ST / "ST-imgs" / IMAGES[name]),
        "counts": str(HER2ST / f"ST-cnts/{name}.tsv.gz"),
        "spots": str(HER2ST / f"ST-spotfiles/{name}_selection.tsv"),
        **{"labels": "", "um_per_px": "", "pixel_scale": ""},
    }
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
