"""Nuclei and their features against drawn ellipses, brute force, scipy and planted nuclei."""

from itertools import combinations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image
from project import ROOT
from scipy import stats
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from sections import section_file
from skimage.draw import disk, ellipse
from skimage.measure import regionprops_table

from stnet.config.segmentation import Segmentation
from stnet.core.h5ad import write_h5ad
from stnet.features.measures import MEASURES, measure, neighbour_distances, neighbours
from stnet.features.nuclear import nuclear_features, write_nuclear_features
from stnet.features.patch_statistics import Histograms, summarise, summary_names
from stnet.features.segmentation import segment
from stnet.figures.nuclei_overlay import choose_patches, draw, outlines, overlays
from stnet.simulation import histology, nuclei
from stnet.simulation.fields import CELL, Tissue
from stnet.slides.patches import write_index, write_patches

HAEMATOXYLIN, EOSIN = [0.650, 0.704, 0.286], [0.072, 0.990, 0.105]
SMALL = Segmentation(
    haematoxylin=HAEMATOXYLIN,
    eosin=EOSIN,
    foreground=90,
    radii=[3, 4.5],
    search_radius=5,
    smallest=20,
)
RANGES = {name: [0, 100] for name in MEASURES}


def stained(side: int, discs: list[tuple[float, float, float]]) -> np.ndarray:
    """A patch of eosin with discs (y, x, radius) of haematoxylin, by Beer and Lambert's law."""
    density = np.zeros((side, side))
    for y, x, radius in discs:
        density[disk((y, x), radius, shape=density.shape)] = 1.5
    absorbed = density[..., None] * HAEMATOXYLIN + 0.3 * np.array(EOSIN)
    return np.rint(240 * np.exp(-absorbed)).astype(np.uint8)


def centroids(labels: np.ndarray) -> np.ndarray:
    """Centroids (nuclei, 2) of y and x, one nucleus at a time."""
    numbers = range(1, labels.max() + 1)
    return np.array([np.argwhere(labels == k).mean(axis=0) for k in numbers]).reshape(-1, 2)


@pytest.fixture
def drawn():
    """Three ellipses of known axes, and a patch of random colours."""
    labels = np.zeros((200, 200), dtype=np.int32)
    for number, (y, x, a, b, turn) in enumerate(
        [(50, 50, 30, 12, 0.5), (120, 140, 25, 25, 0), (170, 40, 10, 20, 0)], start=1
    ):
        labels[ellipse(y, x, a, b, rotation=turn)] = number
    patch = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    return patch, labels


def test_sizes_of_ellipses_are_those_drawn(drawn):
    area, major, minor, ratio = measure(*drawn)[:, :4].T
    np.testing.assert_allclose(area, np.pi * np.array([30 * 12, 25 * 25, 10 * 20]), rtol=0.03)
    np.testing.assert_allclose(major, [60, 50, 40], rtol=0.03)
    np.testing.assert_allclose(minor, [24, 50, 20], rtol=0.03)
    np.testing.assert_allclose(ratio, [2.5, 1, 2], rtol=0.03)


def test_sizes_and_colours_are_those_of_regionprops(drawn):
    patch, labels = drawn
    names = ["area", "axis_major_length", "axis_minor_length", "intensity_mean"]
    table = regionprops_table(labels, patch, properties=names)
    table = pd.DataFrame(table).drop(columns="area").assign(area=table["area"])
    found = pd.DataFrame(measure(patch, labels), columns=MEASURES)
    for name, known in (
        ("area", "area"),
        ("major_axis", "axis_major_length"),
        ("minor_axis", "axis_minor_length"),
        ("red", "intensity_mean-0"),
        ("green", "intensity_mean-1"),
        ("blue", "intensity_mean-2"),
    ):
        np.testing.assert_allclose(found[name], table[known], rtol=1e-9)


def test_a_line_has_no_ratio_of_axes_and_no_nucleus_no_rows():
    patch, labels = np.zeros((9, 9, 3), dtype=np.uint8), np.zeros((9, 9), dtype=np.int32)
    assert measure(patch, labels).shape == (0, len(MEASURES))
    labels[4, 2:7] = 1
    (found,) = measure(patch, labels)
    assert found[MEASURES.index("minor_axis")] == pytest.approx(0, abs=1e-6)
    assert np.isnan(found[MEASURES.index("axis_ratio")])
    assert np.isnan(found[-3:]).all()


def delaunay_by_force(points: np.ndarray) -> set[tuple[int, int]]:
    """Sides of all triangles whose circumscribed circle has no other point in it."""
    edges = set()
    for corners in combinations(range(len(points)), 3):
        three = points[list(corners)]
        system = 2 * (three[1:] - three[0])
        centre = np.linalg.solve(system, (three[1:] ** 2).sum(axis=1) - (three[0] ** 2).sum())
        reach = np.hypot(*(three[0] - centre))
        others = np.delete(points, corners, axis=0)
        if (np.hypot(*(others - centre).T) > reach).all():
            edges |= set(combinations(corners, 2))
    return edges


def test_neighbours_are_those_of_the_delaunay_triangulation():
    points = np.random.default_rng(1).uniform(0, 100, (9, 2))
    edges = delaunay_by_force(points)
    assert set(map(tuple, neighbours(points).tolist())) == edges
    assert len(edges) < 9 * 8 / 2
    for row, found in enumerate(neighbour_distances(points)):
        beside = [b if a == row else a for a, b in edges if row in (a, b)]
        distances = [np.hypot(*(points[other] - points[row])) for other in beside]
        np.testing.assert_allclose(found, [min(distances), np.mean(distances), max(distances)])


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([], np.empty((0, 3))),
        ([(5, 5)], [[np.nan] * 3]),
        ([(0, 0), (3, 4)], [[5, 5, 5], [5, 5, 5]]),
        ([(0, 0), (3, 4), (9, 12)], [[5, 10, 15], [5, 7.5, 10], [10, 12.5, 15]]),
    ],
)
def test_without_a_triangulation_all_are_neighbours(points, expected):
    found = neighbour_distances(np.array(points, dtype=float).reshape(-1, 2))
    np.testing.assert_allclose(found, expected)


def test_summaries_are_those_of_scipy():
    values = np.random.default_rng(2).gamma(2, 20, (30, len(MEASURES)))
    values[:3, 3] = np.nan
    named = dict(zip(summary_names(10), summarise(values, Histograms(RANGES, 10)), strict=True))
    assert len(named) == 1 + 10 * 14
    assert named["count"] == 30
    for column, name in enumerate(MEASURES):
        plain = values[:, column][~np.isnan(values[:, column])]
        mean, sd = plain.sum() / len(plain), np.sqrt(((plain - plain.mean()) ** 2).mean())
        moments = [mean, sd, stats.skew(plain), stats.kurtosis(plain)]
        parts = ["mean", "sd", "skewness", "kurtosis"]
        np.testing.assert_allclose([named[f"{name}_{part}"] for part in parts], moments)
        bins = [named[f"{name}_bin{i}"] for i in range(10)]
        # Values beyond the range are in the last bin.
        each = [min(int(value // 10), 9) for value in plain]
        np.testing.assert_allclose(bins, [each.count(i) / len(plain) for i in range(10)])


def test_values_beyond_the_range_and_at_its_end_are_in_the_end_bins():
    values = np.full((5, len(MEASURES)), 50.0)
    values[:, 0] = [-7, 0, 100, 101, 1e9]
    named = dict(zip(summary_names(4), summarise(values, Histograms(RANGES, 4)), strict=True))
    assert [named[f"area_bin{i}"] for i in range(4)] == pytest.approx([0.4, 0, 0, 0.6])
    assert [named[f"red_bin{i}"] for i in range(4)] == pytest.approx([0, 0, 1, 0])


def test_undefined_summaries_are_missing_and_nothing_else():
    nothing = summarise(np.empty((0, len(MEASURES))), Histograms(RANGES, 3))
    assert nothing[0] == 0
    assert np.isnan(nothing[1:]).all()
    one = np.arange(1.0, 11)[None]
    one[:, -3:] = np.nan
    named = dict(zip(summary_names(3), summarise(one, Histograms(RANGES, 3)), strict=True))
    missing = {name for name, value in named.items() if np.isnan(value)}
    alone = [name for name in named if name.startswith(("nearest", "mean_distance", "farthest"))]
    equal = [f"{name}_{part}" for name in MEASURES for part in ("skewness", "kurtosis")]
    assert missing == {*alone, *equal}
    assert (named["count"], named["area_mean"], named["area_sd"]) == (1, 1, 0)


def test_nuclei_are_found_where_they_lie():
    discs = [(20, 25, 6), (60, 30, 7), (30, 80, 6), (85, 85, 8), (66, 60, 5)]
    labels = segment(stained(110, discs), SMALL)
    assert labels.dtype == np.int32
    assert labels.shape == (110, 110)
    assert sorted(set(labels.ravel())) == [0, 1, 2, 3, 4, 5]
    truth = np.array(discs)
    nearest = cdist(truth[:, :2], centroids(labels)).argmin(axis=1)
    assert sorted(nearest) == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(centroids(labels)[nearest], truth[:, :2], atol=0.5)
    areas = np.bincount(labels.ravel())[1:][nearest]
    np.testing.assert_allclose(areas, np.pi * truth[:, 2] ** 2, rtol=0.15)


def test_touching_nuclei_are_told_apart_by_small_radii_only():
    patch = stained(80, [(40, 30, 8), (40, 45, 8)])
    assert segment(patch, SMALL).max() == 2
    wide = SMALL.model_copy(update={"radii": [10, 15], "search_radius": 10})
    assert segment(patch, wide).max() == 1


def test_holes_are_filled_small_objects_dropped_and_cut_nuclei_kept():
    patch = stained(80, [(40, 40, 8), (10, 60, 2), (0, 20, 8)])
    patch[38:42, 38:42] = patch[79, 79]
    labels = segment(patch, SMALL)
    assert labels.max() == 2
    assert (labels[36:44, 36:44] == labels[40, 40]).all()
    assert labels[40, 40] > 0
    assert labels[10, 60] == 0
    assert labels[0, 20] > 0


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_a_patch_of_one_colour_has_no_nuclei(grey):
    patch = np.full((64, 64, 3), grey, dtype=np.uint8)
    assert not segment(patch, SMALL).any()
    row = nuclear_features(patch[None], SMALL, Histograms(RANGES, 10), 1)[0]
    assert row[0] == 0
    assert np.isnan(row[1:]).all()


@pytest.fixture
def simulated(monkeypatch):
    """A piece of the simulated tissue, and where its nuclei were drawn, (nuclei, 2) of y and x."""
    planted, own = [], nuclei.stamp

    def stamp(canvas, stamps, which, y, x, density):
        planted.append(np.column_stack([y, x]))
        own(canvas, stamps, which, y, x, density)

    monkeypatch.setattr(nuclei, "stamp", stamp)
    cells = (384 // CELL, 384 // CELL)
    shares = {"tumour": 0.5, "stroma": 0.5, "fat": 0.0, "immune": 0.3, "depth": 0.0}
    fields = {name: np.full(cells, share, np.float32) for name, share in shares.items()}
    side = cells[0] * CELL
    tissue = Tissue((side, side), np.full(cells, 1e3, np.float32), **fields)
    return histology.draw(1, "BC90001", "BC90001_C1", tissue), np.concatenate(planted)


def demo_segmentation() -> Segmentation:
    keys = yaml.safe_load((ROOT / "config/demo.yaml").read_text())["features"]["demo-nuclei"]
    return Segmentation(**{k: v for k, v in keys.items() if k in Segmentation.model_fields})


def test_planted_nuclei_are_found_by_the_demos_settings(simulated):
    """Many planted nuclei overlap, so that not all can be told apart."""
    picture, planted = simulated
    found = centroids(segment(picture, demo_segmentation()))
    assert len(planted) > 200
    distances = cdist(planted, found)
    pairs = linear_sum_assignment(np.minimum(distances, 5))
    matched = (distances[pairs] <= 4).sum()
    assert matched / len(found) > 0.8
    assert matched / len(planted) > 0.65


@pytest.fixture
def section(tmp_path):
    """Section S1 with four spots, the second not used, its image and the index of its view."""
    random = np.random.default_rng(3)
    places = [
        (y, x, r) for y, x in random.integers(0, 200, (60, 2)) for r in random.uniform(4, 7, 1)
    ]
    Image.fromarray(stained(200, places)).save(tmp_path / "image.png")
    path, used = tmp_path / "S1-section.h5ad", [True, False, True, True]
    section_file(path, "S1", [[1]] * 4, ["A"], used=used)
    table = ad.read_h5ad(path)
    table.obsm["spatial"] = np.array([[150.0, 120], [60, 60], [60, 70], [100, 150]])
    write_h5ad(table, path)
    view = {"view": "80x1"}
    write_patches(path, tmp_path / "image.png", tmp_path / "S1.npy", **view)
    write_index([path], [tmp_path / "S1.npy"], tmp_path / "index.tsv", **view)
    return path, tmp_path / "index.tsv"


@pytest.fixture
def written(section, tmp_path):
    output = tmp_path / "features/S1.h5ad"
    keys = {"segmentation": SMALL, "histograms": Histograms(RANGES, 5), "code": "0123"}
    write_nuclear_features(*section, output, view="80x1", threads=1, **keys)
    return output


def test_rows_are_the_used_spots_in_order(section, written):
    features = ad.read_h5ad(written)
    assert features.obs_names.tolist() == ["S1:0x0", "S1:2x2", "S1:3x3"]
    assert features.var_names.tolist() == summary_names(5)
    assert features.X.dtype == np.float32
    assert len(set(features[:, "area_mean"].X.ravel())) == 3
    patches = np.load(section[1].parent / "S1.npy")
    for patch, row in zip(patches, features.X, strict=True):
        expected = summarise(measure(patch, segment(patch, SMALL)), Histograms(RANGES, 5))
        np.testing.assert_array_equal(row, expected.astype(np.float32))
    made = features.uns["features"]
    assert made["kind"] == "nuclei"
    assert made["segmentation"]["foreground"] == SMALL.foreground
    assert made["code"] == "0123"
    assert "histomicstk" in made["versions"]


def test_a_patch_has_the_same_features_whatever_others_and_processes_there_are(section):
    patches = np.load(section[1].parent / "S1.npy")
    many = np.concatenate([patches] * 9)
    alone = nuclear_features(patches[1:2], SMALL, Histograms(RANGES, 5), 1)[0]
    among = nuclear_features(many, SMALL, Histograms(RANGES, 5), 1)
    np.testing.assert_array_equal(among[1::3], np.tile(alone, (9, 1)))
    np.testing.assert_array_equal(nuclear_features(many, SMALL, Histograms(RANGES, 5), 2), among)
    assert nuclear_features(patches[:0], SMALL, Histograms(RANGES, 5), 1).shape == (0, 1 + 10 * 9)


def test_the_overlay_shows_patches_from_the_fewest_nuclei_to_the_most():
    counts = np.random.default_rng(4).permutation(100)
    shown = counts[choose_patches(counts)].tolist()
    assert shown == [0, 9, 18, 27, 36, 45, 54, 63, 72, 81, 90, 99]
    assert choose_patches(np.array([5, 1, 3])).tolist() == [1, 2, 0]
    assert choose_patches(np.array([2, 2])).tolist() == [0, 1]
    assert choose_patches(np.empty(0)).tolist() == []


def test_outlines_run_half_a_pixel_around_the_nuclei():
    labels = np.zeros((10, 12), dtype=np.int32)
    labels[2:5, 3:7], labels[7:, 9:] = 1, 2
    (first, one), (second, two) = outlines(labels)
    assert (first, second) == (1, 2)
    for line, left, right, top, bottom in ((one, 3, 6, 2, 4), (two, 9, 11, 7, 9)):
        assert (line[0] == line[-1]).all()
        assert line.min(axis=0).tolist() == [left - 0.5, top - 0.5]
        assert line.max(axis=0).tolist() == [right + 0.5, bottom + 0.5]


def test_panels_have_count_label_and_outlines():
    patch = stained(60, [(20, 20, 6), (40, 40, 6)])
    both, none = segment(patch, SMALL), np.zeros((60, 60), dtype=np.int32)
    figure = overlays(np.stack([patch, patch]), [both, none], pd.Series(["tumour", None]), "Title")
    titles = [axis.get_title() for axis in figure.axes]
    assert titles == ["2 nuclei, tumour", "0 nuclei, no label", "", ""]
    assert [len(axis.collections[0].get_segments()) for axis in figure.axes[:2]] == [2, 0]


def test_the_overlay_is_drawn_by_the_settings_of_the_features(section, written, tmp_path):
    draw(written, section[1], section[0], [tmp_path / "overlay.png"])
    with Image.open(tmp_path / "overlay.png") as picture:
        assert picture.width > 2000
