"""Bins of Visium HD, added up to spots, against the spots that they were dealt from."""

import shutil

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from visium_files import GENES, VisiumHD

from stnet.cohorts.distributed import DistributedSection
from stnet.cohorts.text_tables import CountTable
from stnet.cohorts.visium_hd import sum_bins


def spot_of(name: str) -> tuple[int, int]:
    return int(name[8:13]), int(name[14:19])


def test_bins_are_added_up_to_the_spots_that_they_were_dealt_from(tmp_path):
    made = VisiumHD(tmp_path).files()
    section, drops = made.write()
    tissue = {}
    for row, column, inside in made.spots[["array_row", "array_col", "in_tissue"]].to_numpy():
        tissue.setdefault((row // 7, column // 7), []).append(inside)
    expected = [at for at, bins in sorted(tissue.items()) if sum(bins) >= 49 / 2]
    assert [spot_of(name) for name in section.obs_names] == expected
    assert 20 < len(expected) < len(tissue) == drops["positions"] == 11 * 10
    # Some spots are under tissue in part, and some of them not enough.
    shares = [sum(bins) / 49 for bins in tissue.values()]
    assert any(0 < share < 0.5 for share in shares)
    assert any(0.5 <= share < 1 for share in shares)
    drawn = [made.drawn[name] for name in section.obs_names]
    assert (section.X.toarray() == drawn).all()
    assert list(section.var_names) == list(GENES["id"])
    rows, columns = np.transpose(expected)
    x, y = made.place(rows * 7 + 3, columns * 7 + 3)
    assert (section.obsm["spatial"] == np.rint(np.column_stack([x, y]))).all()
    assert list(section.obs["array_row"]) == list(rows)
    assert list(section.obs["array_col"]) == list(columns)
    assert section.obs_names[0] == "s_056um_00000_00000-1"


def test_the_size_of_a_spot_is_that_of_its_square(tmp_path):
    made = VisiumHD(tmp_path).files()
    section, _ = made.write()
    assert section.uns["slide"]["um_per_px"] == pytest.approx(2.0, rel=1e-3)
    assert section.uns["grid"] == {"V-1_A": "square"}

    def diameter(section) -> float:
        return section.uns["spatial"]["V-1_A"]["scalefactors"]["spot_diameter_fullres"]

    assert diameter(section) == pytest.approx(7 * made.PX)
    section, _ = made.write(spot_pitch_um=8)
    assert diameter(section) == pytest.approx(made.PX)
    made.positions.with_name("scalefactors_json.json").unlink()
    section, _ = made.write()
    assert diameter(section) == pytest.approx(7 * made.PX, rel=1e-3)


def test_bins_may_stay_as_they_are(tmp_path):
    made = VisiumHD(tmp_path).files()
    section, _ = made.write(spot_pitch_um=8, spot_window=2)
    inside = made.spots[made.spots["in_tissue"] == 1]
    counted = [name for name in inside.index if made.counts.loc[name].sum()]
    assert list(section.obs_names) == counted
    assert (section.X.toarray() == made.counts.loc[counted].to_numpy()).all()
    x_y = inside.loc[counted, ["pxl_col_in_fullres", "pxl_row_in_fullres"]]
    assert (section.obsm["spatial"] == np.rint(x_y.to_numpy())).all()


def test_a_matrix_of_the_whole_array_gives_the_same(tmp_path):
    made = VisiumHD(tmp_path).files()
    expected = made.write()[0]
    outside = made.spots.index[made.spots["in_tissue"] == 0]
    stray = pd.DataFrame(1, outside, GENES["id"])
    made.counts = pd.concat([made.counts, stray]).sample(frac=1, random_state=1)
    made.matrix()
    section = made.write()[0]
    assert (section.X != expected.X).nnz == 0
    assert list(section.obs_names) == list(expected.obs_names)


def test_bins_in_another_order_give_the_same_spots(tmp_path):
    made = VisiumHD(tmp_path).files()
    made.write()
    expected = (tmp_path / "out/s.h5ad").read_bytes()
    made.spots = made.spots.sample(frac=1, random_state=1)
    made.files().write()
    assert (tmp_path / "out/s.h5ad").read_bytes() == expected


def test_positions_in_parquet_are_those_of_text(tmp_path):
    pytest.importorskip("pyarrow")
    made = VisiumHD(tmp_path).files()
    made.write()
    expected = (tmp_path / "out/s.h5ad").read_bytes()
    table = pd.read_csv(made.positions)
    table.to_parquet(made.positions.with_suffix(".parquet"))
    made.write()  # both are there, and equal
    made.positions.unlink()
    for written in (table, table.set_index("barcode")):
        written.to_parquet(made.positions.with_suffix(".parquet"))
        made.write()
        assert (tmp_path / "out/s.h5ad").read_bytes() == expected
    table.drop(columns="array_row").to_parquet(made.positions.with_suffix(".parquet"))
    shutil.rmtree(tmp_path / "out")
    assert "positions.parquet: has no column array_row" in made.refused()
    made.positions.with_suffix(".parquet").write_text("barcode,in_tissue\n")
    assert "positions.parquet: damaged, or no table in Parquet format" in made.refused()


def test_the_matrix_may_be_a_folder(tmp_path):
    made = VisiumHD(tmp_path).files()
    made.write()
    expected = (tmp_path / "out/s.h5ad").read_bytes()
    made.triplet(f"{tmp_path}/filtered_feature_bc_matrix/", end=".gz")
    made.row["counts"] = f"{tmp_path}/filtered_feature_bc_matrix"
    made.write()
    assert (tmp_path / "out/s.h5ad").read_bytes() == expected


def renamed(made: VisiumHD, old: str, new: str, *, positions: bool = True) -> None:
    """Barcodes of the matrix, and of the positions."""
    made.counts.index = made.counts.index.str.replace(old, new)
    if positions:
        made.spots.index = made.spots.index.str.replace(old, new)


def one_of_probes(made: VisiumHD) -> None:
    names = made.spots.index.to_numpy().copy()
    names[[5, 6]] = names[[6, 5]]
    made.spots.index = names


FAULTS = {
    "no multiple": (
        lambda m: None,
        {"spot_pitch_um": 55},
        "55, which is no multiple of the bins' 8",
    ),
    "smaller": (lambda m: None, {"spot_pitch_um": 2}, "set it to 8"),
    "size": (
        lambda m: m.scales.update(bin_size_um=16.0),
        {},
        "spatial: bin_size_um is 16, but its barcodes are of 8 µm",
    ),
    "other bins": (
        lambda m: renamed(m, "008um", "016um", positions=False),
        {},
        "barcodes, such as s_016um_.*are nowhere on the array",
    ),
    "scale": (
        lambda m: m.scales.update(microns_per_pixel=0.5),
        {},
        "0.5 µm per pixel by microns_per_pixel .*, but 2 by spot_pitch_um",
    ),
    "named otherwise": (
        lambda m: renamed(m, "008um", "016um"),
        {},
        "bin_size_um is 8, but its barcodes are of 16 µm",
    ),
    "exchanged": (
        one_of_probes,
        {},
        "barcode s_008um_00000_00006-1 is in the row and column of s_",
    ),
    "diameter": (lambda m: setattr(m, "diameter", 9), {}, "is 126 µm by the scale .*not 56 to 56"),
    "visium": (
        lambda m: renamed(m, "s_008um", "AAACAAGT"),
        {},
        "is no bin of Visium HD; use format visium",
    ),
}


@pytest.mark.parametrize(("fault", "options", "message"), FAULTS.values(), ids=FAULTS)
def test_what_contradicts_itself_is_refused(tmp_path, fault, options, message):
    made = VisiumHD(tmp_path)
    fault(made)
    error = made.files().refused(**options)
    assert pd.Series([error]).str.contains(message).all(), error


def test_a_spot_needs_half_of_its_bins_and_a_short_row_keeps_its_centre():
    """Two by two bins, on an array of 3 x 3."""
    row, column = (axis.ravel() for axis in np.mgrid[:3, :3])
    names = [f"s_002um_{r:05d}_{c:05d}-1" for r, c in zip(row, column, strict=True)]
    selected = np.array([1, 1, 1, 0, 0, 1, 1, 0, 1], bool)
    positions = pd.DataFrame(
        {"array_col": column, "array_row": row, "pixel_x": 10.0 * column, "pixel_y": 5.0 - row},
        index=names,
    ).assign(selected=selected)
    counts = CountTable(names, ["G"], sparse.csr_matrix(np.arange(1, 10, dtype=np.int32)[:, None]))
    bins = DistributedSection(positions, counts, {}, "", bin_um=2.0)
    spots = sum_bins({"section": "S", "spots": "spatial"}, bins, 4.0)
    assert list(spots.positions.index) == [
        f"s_004um_0000{r}_0000{c}-1" for r in (0, 1) for c in (0, 1)
    ]
    assert list(spots.positions["selected"]) == [True, True, False, False]
    assert list(spots.positions["pixel_x"]) == pytest.approx([5, 25, 5, 25])
    assert list(spots.positions["pixel_y"]) == pytest.approx([4.5, 4.5, 2.5, 2.5])
    found = dict(zip(spots.counts.spots, spots.counts.matrix.toarray()[:, 0], strict=True))
    assert found == dict(zip(spots.positions.index, [1 + 2, 3 + 6, 7, 9], strict=True))
    assert spots.spot_um("square") == 4.0
