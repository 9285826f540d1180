"""The file of features: rows are the used spots in order, and others are refused."""

import anndata as ad
import numpy as np
import pytest
from sections import section_file

from stnet.core.errors import InputError
from stnet.expression.spots import read_used_spots
from stnet.features.collect import collect_features
from stnet.features.files import read_features, write_features

VALUES = {"S1": [[1.5, np.nan], [2.5, -3.0]], "S2": [[0.25, 7.0]]}
NAMES = ["S1:0x0", "S1:2x2", "S2:0x0"]


@pytest.fixture
def files(tmp_path):
    """Features of two sections whose second spot is not used."""
    used = {"S1": [True, False, True], "S2": [True, False]}
    paths = []
    for name, values in VALUES.items():
        counts = [[1]] * len(used[name])
        path = section_file(tmp_path / f"{name}-s.h5ad", name, counts, ["A"], used[name])
        paths.append(tmp_path / f"{name}.h5ad")
        spots = read_used_spots(path)
        write_features(paths[-1], spots, np.array(values), ["count", "size"], {"kind": "toy"})
    return paths


def test_reads_what_was_written_in_the_order_of_the_sections(files, tmp_path):
    for order, names in ((files, NAMES), (files[::-1], [NAMES[2], *NAMES[:2]])):
        collect_features(order, tmp_path / "all.h5ad")
        values, features = read_features(tmp_path / "all.h5ad", names)
        assert values.dtype == np.float32
        assert features == ["count", "size"]
        by_name = dict(zip(NAMES, [*VALUES["S1"], *VALUES["S2"]], strict=True))
        np.testing.assert_array_equal(values, [by_name[name] for name in names])


def test_the_file_says_whose_and_what_the_features_are(files):
    features = ad.read_h5ad(files[0])
    assert features.obs_names.tolist() == NAMES[:2]
    assert features.obs[["patient", "section"]].to_numpy().tolist() == [["P1", "S1"]] * 2
    assert features.uns["features"] == {"kind": "toy", "features": ""}
    np.testing.assert_array_equal(features.obsm["spatial"], [[0, 0], [20, 40]])


def test_features_in_the_place_of_others_are_refused(files, tmp_path):
    whole = tmp_path / "features/mine.h5ad"
    own, others = tmp_path / "features/mine/S1.h5ad", tmp_path / "features/theirs/S1.h5ad"
    for path in (own, others):
        path.parent.mkdir(parents=True)
    spots = ad.read_h5ad(files[0])
    spots.obs_names = [name.split(":")[1] for name in spots.obs_names]
    write_features(own, spots, spots.X, spots.var_names, {"kind": "toy"})
    collect_features([own], whole)
    assert read_features(whole, NAMES[:2])[0].shape == spots.shape
    others.write_bytes(own.read_bytes())
    with pytest.raises(InputError, match=r"theirs/S1\.h5ad: the features in it are mine, not"):
        collect_features([others], tmp_path / "features/theirs.h5ad")
    whole.rename(tmp_path / "features/theirs.h5ad")
    with pytest.raises(InputError, match="the features in it are mine, not theirs"):
        read_features(tmp_path / "features/theirs.h5ad", NAMES[:2])


@pytest.mark.parametrize("names", [NAMES[:1], NAMES[1::-1], NAMES])
def test_other_spots_are_refused(files, names):
    with pytest.raises(InputError, match=r"S1\.h5ad: its spots are not those of the targets"):
        read_features(files[0], names)


def test_a_truncated_file_is_named(files):
    files[1].write_bytes(files[1].read_bytes()[:-1000])
    with pytest.raises(InputError, match=r"S2\.h5ad: damaged \(.*\); delete it and rerun"):
        read_features(files[1], NAMES[2:])
