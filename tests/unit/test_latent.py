"""The latent space: against plain loops, on grids by hand, and on planted vectors."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from drawing import render, texts
from matplotlib.figure import Figure
from PIL import Image
from sections import section_file
from sklearn.metrics import adjusted_rand_score

from stnet.analysis.latent.distances import neighbour_distances
from stnet.analysis.latent.embedding import embed
from stnet.analysis.latent.examples import find_examples
from stnet.analysis.latent.neighbours import (
    nearest_and_farthest,
    neighbour_null,
    neighbour_performance,
)
from stnet.analysis.latent.purity import purity_by_patient, shuffled_labels, two_means
from stnet.analysis.latent.space import read_latent
from stnet.analysis.latent.summary import summarise
from stnet.core.errors import InputError
from stnet.core.h5ad import write_h5ad
from stnet.core.tables import read_table, write_table
from stnet.expression.grids import places
from stnet.expression.smoothing import ADJACENT, neighbourhoods
from stnet.expression.transforms import normalise
from stnet.figures import fig_4, supp_8, supp_9
from stnet.figures.latent_patches import choose_patients, read_examples
from stnet.slides.patches import write_index, write_patches

UNIVERSE = 900
GRIDS = {f"{patient}{n}": "square" for patient in "ABCD" for n in (1, 2)}


def make_spots(patients="AB", side=8, seed=0) -> ad.AnnData:
    """Two sections of each patient on square arrays; labels, latents and expression are noise."""
    random = np.random.default_rng(seed)
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(side), np.arange(side)))
    obs = pd.concat(
        [
            pd.DataFrame(
                {
                    "patient": patient,
                    "section": f"{patient}{n}",
                    "array_col": x + 3,
                    "array_row": y + 5,
                    "label": random.choice(["tumour", "normal"], len(x)),
                    "total_counts": random.integers(500, 5000, len(x)),
                },
                index=[f"{patient}{n}:{i}x{j}" for i, j in zip(x + 3, y + 5, strict=True)],
            )
            for patient in patients
            for n in (1, 2)
        ]
    )
    counts = random.poisson(20, (len(obs), 4))
    expression = normalise(counts, obs["total_counts"].to_numpy(), UNIVERSE, "log_fraction")
    var = pd.DataFrame({"symbol": list("WXYZ")}, index=[f"G{n}" for n in range(4)])
    spots = ad.AnnData(expression.astype(np.float32), obs=obs, var=var)
    spots.layers["observed"] = spots.X.copy()
    spots.obsm["latent"] = random.normal(size=(len(obs), 6)).astype(np.float32)
    spots.uns["targets"] = {"transform": "log_fraction", "universe": UNIVERSE}
    spots.uns["grid"] = GRIDS
    return spots


def clouds(labels: np.ndarray, seed=0, apart=20.0) -> np.ndarray:
    """Latents in a cloud for each label."""
    random = np.random.default_rng(seed)
    centre = np.where(labels == "tumour", apart, 0.0)[:, None]
    return (random.normal(size=(len(labels), 6)) + centre).astype(np.float32)


# Reading


def as_group(spots: ad.AnnData, path):
    group = spots.copy()
    group.uns["provenance"] = group.uns.pop("targets")
    write_h5ad(group, path)
    return path


def test_latents_of_all_groups_are_read_in_the_order_of_their_spots(tmp_path):
    spots = make_spots()
    parts = [spots[spots.obs["patient"] == patient] for patient in "BA"]
    paths = [as_group(part, tmp_path / f"{n}.h5ad") for n, part in enumerate(parts)]
    found = read_latent(paths)
    np.testing.assert_array_equal(
        found.obsm["latent"], spots[found.obs_names].obsm["latent"], strict=True
    )
    assert found.obs["patient"].unique().tolist() == ["B", "A"]


def test_predictions_without_latents_are_named(tmp_path):
    spots = make_spots()
    paths = [as_group(spots[spots.obs["patient"] == "A"], tmp_path / "a.h5ad")]
    rest = spots[spots.obs["patient"] == "B"].copy()
    del rest.obsm["latent"]
    paths.append(as_group(rest, tmp_path / "b.h5ad"))
    with pytest.raises(InputError, match=r"b\.h5ad: no latent vectors"):
        read_latent(paths)


def test_a_patient_held_out_by_two_networks_is_refused(tmp_path):
    spots = make_spots("A")
    paths = [
        as_group(spots[spots.obs["section"] == section], tmp_path / f"{section}.h5ad")
        for section in ("A1", "A2")
    ]
    with pytest.raises(InputError, match="patient A is held out in 2 groups"):
        read_latent(paths)


def test_places_are_a_pitch_apart_for_neighbours_of_either_grid():
    spots = pd.DataFrame(
        {
            "section": ["S", "S", "H", "H", "H"],
            "array_col": [4, 5, 10, 12, 11],
            "array_row": [7, 7, 3, 3, 4],
        }
    )
    at = places(spots, {"S": "square", "H": "hexagonal"})
    for one, other in ((0, 1), (2, 3), (2, 4), (3, 4)):
        assert np.linalg.norm(at[one] - at[other]) == pytest.approx(1)


# Purity of two clusters


def test_two_clouds_that_are_the_labels_are_pure():
    spots = make_spots()
    spots.obsm["latent"] = clouds(spots.obs["label"].to_numpy())
    table = purity_by_patient(spots, seed=0)
    assert table["purity"].tolist() == [1, 1]
    assert table["ari"].tolist() == [1, 1]
    assert (table["majority"] < 0.65).all()


def test_purity_equals_a_plain_count():
    random = np.random.default_rng(3)
    labels = np.array(["tumour"] * 30 + ["normal"] * 20, dtype=object)
    cluster = np.where(random.random(50) < 0.3, labels == "normal", labels == "tumour")
    latent = random.normal(size=(50, 3)) + 50.0 * cluster[:, None]
    expected = sum(
        max(sum(labels[cluster == part] == name) for name in ("tumour", "normal"))
        for part in (True, False)
    )
    found = two_means(latent.astype(np.float32), labels, seed=0)
    assert 25 < expected < 50
    smaller = min(cluster.sum(), (~cluster).sum())
    assert found == pytest.approx((smaller, expected / 50, adjusted_rand_score(labels, cluster)))


def test_shuffled_labels_are_those_of_plain_shuffles():
    random = np.random.default_rng(0)
    sizes = {"n_tumour": [30, 9, 25], "n_normal": [20, 41, 0], "n_cluster": [12, 25, 10]}
    patients = pd.DataFrame(sizes)
    found = shuffled_labels(patients, 4000, random)
    for place, (tumour, normal, size) in enumerate(patients.to_numpy()):
        labels = np.repeat(["tumour", "normal"], [tumour, normal])
        clusters = np.arange(len(labels)) < size
        plain = []
        for _ in range(1000):
            random.shuffle(labels)
            parts = [(labels[some] == "tumour").sum() for some in (clusters, ~clusters)]
            most = [max(n, m - n) for n, m in zip(parts, (size, len(labels) - size), strict=True)]
            plain.append((sum(most) / len(labels), adjusted_rand_score(labels, clusters)))
        for one, other in zip(found, np.transpose(plain), strict=True):
            ours = one[:, place]
            assert set(np.round(other, 9)) <= set(np.round(ours, 9))
            np.testing.assert_allclose(ours.mean(), other.mean(), atol=0.005)
            np.testing.assert_allclose(ours.std(), other.std(), atol=0.005)


def test_a_patient_of_one_class_is_pure_and_unlabelled_spots_take_no_part():
    spots = make_spots("ABCD")
    label = spots.obs["label"].astype(object)
    label[spots.obs["patient"] == "B"] = "tumour"
    label[spots.obs["patient"] == "C"] = None
    of_d = np.flatnonzero(spots.obs["patient"] == "D")
    label.iloc[of_d[40:]] = None
    spots.obs["label"] = pd.Categorical(label, categories=["tumour", "normal"])
    latent = clouds(label.fillna("normal").to_numpy())
    # A third cloud, which would be a cluster of its own.
    latent[of_d[40:]] += 1000
    spots.obsm["latent"] = latent
    table = purity_by_patient(spots, seed=0).set_index("patient")
    assert table.loc["B", ["n_normal", "majority", "purity", "ari"]].tolist() == [0, 1, 1, 0]
    assert table.loc["C"].tolist()[:2] == [0, 0]
    assert table.loc["C", ["majority", "purity", "ari"]].isna().all()
    assert table.loc["D", ["n_tumour", "n_normal"]].sum() == 40
    assert table.loc["D", "purity"] == 1


# Neighbours on the array


def test_nearest_and_farthest_of_a_toy_grid_by_hand():
    # A cross and a far-off spot, latents along a line:      1 (4.0)
    #                                              2 (1.5)   0 (1.0)   3 (1.2)   4 (9.0)
    spots = pd.DataFrame(
        {"section": "S", "array_col": [1, 1, 0, 2, 3, 8], "array_row": [1, 0, 1, 1, 1, 8]}
    )
    latent = np.array([[1.0], [4.0], [1.5], [1.2], [9.0], [0.0]])
    adjacent = neighbourhoods(spots, {"S": "square"}, ADJACENT)
    n_neighbours, nearest, farthest = nearest_and_farthest(latent, adjacent)
    assert n_neighbours.tolist() == [3, 1, 1, 2, 1, 0]
    assert nearest.tolist() == [3, 0, 0, 0, 3, -1]
    assert farthest.tolist() == [1, 0, 0, 4, 3, -1]


def test_a_spot_has_four_neighbours_on_a_square_and_six_on_a_hexagonal_grid():
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(5), np.arange(5)))
    square = pd.DataFrame({"section": "S", "array_col": x, "array_row": y})
    hexagonal = square.assign(array_col=2 * x + y % 2)
    for spots, grid, most in ((square, "square", 4), (hexagonal, "hexagonal", 6)):
        at = places(spots, {"S": grid})
        expected = np.isclose(np.linalg.norm(at[:, None] - at[None], axis=2), 1)
        found = neighbourhoods(spots, {"S": grid}, ADJACENT).toarray()
        np.testing.assert_array_equal(found, expected)
        assert found.sum(axis=1).max() == most


def plain_neighbours(spots: ad.AnnData, patient: str, form: str) -> dict[str, np.ndarray]:
    """r of the nearest and the farthest neighbour by a loop over spots, as the released code."""
    obs, latent = spots.obs, spots.obsm["latent"].astype(float)
    totals = obs["total_counts"].to_numpy(dtype=float)
    y = spots.layers["observed"].astype(float)
    counts = np.exp(y) * (UNIVERSE + totals[:, None]) - 1
    observed, predicted = [], {"nearest": [], "farthest": []}
    for j in np.flatnonzero(obs["patient"] == patient):
        steps = (obs["array_col"] - obs["array_col"].iloc[j]).abs()
        steps += (obs["array_row"] - obs["array_row"].iloc[j]).abs()
        near = np.flatnonzero((obs["section"] == obs["section"].iloc[j]) & (steps == 1))
        if len(near) < (2 if form == "ours" else 1):
            continue
        d = np.square(latent[near] - latent[j]).sum(axis=1)
        observed.append(y[j])
        for side, k in (("nearest", near[d.argmin()]), ("farthest", near[d.argmax()])):
            value = np.log((1 + counts[k]) / (UNIVERSE + totals[j]))
            predicted[side].append(y[k] if form == "ours" else value)
    observed = np.array(observed)
    return {
        side: [np.corrcoef(np.array(of_side)[:, g], observed[:, g])[0, 1] for g in range(4)]
        for side, of_side in predicted.items()
    } | {"n_spots": len(observed)}


@pytest.mark.parametrize("form", ["ours", "released"])
def test_neighbours_predict_as_a_plain_loop_says(form):
    spots = make_spots(side=6)
    # Holes, so that some spots have one neighbour or none.
    kept = np.random.default_rng(1).random(spots.n_obs) < 0.6
    spots = spots[kept].copy()
    table = neighbour_performance(spots)
    for patient in "AB":
        rows = table[(table["form"] == form) & (table["patient"] == patient)]
        expected = plain_neighbours(spots, patient, form)
        assert set(rows["n_spots"]) == {expected["n_spots"]}
        for side in ("nearest", "farthest"):
            np.testing.assert_allclose(rows[side], expected[side], atol=1e-4)


def test_the_similar_neighbour_predicts_better_where_latents_follow_expression():
    spots = make_spots("ABC", side=10)
    random = np.random.default_rng(5)
    kind = random.normal(size=spots.n_obs)
    spots.layers["observed"] = np.stack([kind + random.normal(0, 0.3, spots.n_obs)] * 4, axis=1)
    spots.obsm["latent"] = np.stack([kind * 10, random.normal(size=spots.n_obs)], axis=1)
    summary = summary_of(spots)
    assert summary.loc["neighbour_gain", "ci_low"] > 0.2
    assert summary.loc["nearest_r", "value"] > summary.loc["farthest_r", "value"] + 0.2
    spots.obsm["latent"] = random.normal(size=(spots.n_obs, 2))
    assert abs(summary_of(spots).loc["neighbour_gain", "value"]) < 0.15


def test_the_released_form_knows_the_depth_of_what_it_predicts():
    spots = make_spots("ABC", side=10)
    table = neighbour_performance(spots).groupby("form")["nearest"].median()
    assert abs(table["ours"]) < 0.15
    assert table["released"] > 0.5


# Distances


def summary_of(spots: ad.AnnData) -> pd.DataFrame:
    return summarise(
        purity_by_patient(spots, 0),
        neighbour_performance(spots),
        neighbour_distances(spots, 0),
        neighbour_null(spots),
    ).set_index("quantity")


def test_latents_that_are_positions_have_adjacent_neighbours():
    spots = make_spots()
    spots.obsm["latent"] = spots.obs[["array_col", "array_row"]].to_numpy(dtype=np.float32)
    table = neighbour_distances(spots, seed=0)
    ours, released = (table[table["form"] == form] for form in ("ours", "released"))
    assert (ours["distance"] == 1).all()
    # The other section has a spot at the very same place.
    assert (released["distance"] == 0).all()
    assert (ours["spot"].str[:2] == ours["neighbour"].str[:2]).all()
    assert (released["spot"].str[:2] != released["neighbour"].str[:2]).all()
    summary = summary_of(spots)["value"]
    assert summary["not_adjacent"] == 0
    assert summary["not_adjacent_null"] > 0.8


def test_diagonal_spots_are_adjacent_on_a_square_grid_and_chance_is_a_plain_count():
    spots = make_spots(side=4)
    # The nearest in latent space is the next spot along the diagonal.
    along = spots.obs["array_col"] - spots.obs["array_row"]
    spots.obsm["latent"] = np.stack([100 * along, spots.obs["array_row"]], axis=1)
    table = neighbour_distances(spots, seed=0)
    ours = table[(table["form"] == "ours") & (table["section"] == "A1")].set_index("spot")
    diagonal = ours[np.isclose(ours["distance"], np.sqrt(2))]
    assert len(diagonal) == 14
    assert diagonal["adjacent"].all()
    around = {(0, 0): 3, (0, 1): 5, (1, 1): 8}
    for spot, row in ours.iterrows():
        x, y = (int(number) for number in spot.split(":")[1].split("x"))
        edges = tuple(sorted(int(step in (1, 2)) for step in (x - 3, y - 5)))
        assert row["chance_adjacent"] == pytest.approx(around[edges] / 15)


def test_random_latents_are_within_each_null_and_planted_ones_are_not():
    names = ["purity_mean", "ari_mean_both", "neighbour_gain", "not_adjacent"]
    spots = make_spots("ABCD")
    random = summary_of(spots)
    for name in names:
        null = random.loc[f"{name}_null"]
        room = (null["ci_high"] - null["ci_low"]) / 2
        assert null["ci_low"] - room < random.loc[name, "value"] < null["ci_high"] + room
        assert null["unit"] == "null"
    # Latents that follow the array, the labels and the expression.
    at = spots.obs[["array_col", "array_row"]].to_numpy(dtype=float)
    spots.obs["label"] = np.where(at[:, 0] < 7, "tumour", "normal")
    spots.layers["observed"] = np.repeat(at[:, :1], 4, axis=1) + 0.1 * spots.X
    spots.obsm["latent"] = at * [10, 1]
    planted = summary_of(spots)
    outside = planted.loc[names, "value"].to_numpy()
    null = planted.loc[[f"{name}_null" for name in names]]
    assert (outside[:3] > null["ci_high"].iloc[:3]).all()
    assert outside[3] < null["ci_low"].iloc[3]


def test_the_null_of_neighbours_takes_two_of_them_at_random():
    spots = make_spots("AB", side=3)
    spots = spots[spots.obs["section"].str.endswith("1")].copy()
    random = np.random.default_rng(7)
    found = neighbour_null(spots, draws=400)
    adjacent = neighbourhoods(spots.obs, spots.uns["grid"], ADJACENT).toarray() > 0
    y = spots.layers["observed"].astype(float)
    plain = []
    for _ in range(400):
        drawn = [random.choice(np.flatnonzero(row), 2, replace=False) for row in adjacent]
        r = np.empty((2, 2, 4))
        for n, patient in enumerate("AB"):
            rows = np.flatnonzero(spots.obs["patient"] == patient)
            for side in range(2):
                ends = [drawn[row][side] for row in rows]
                r[side, n] = [np.corrcoef(y[ends, g], y[rows, g])[0, 1] for g in range(4)]
        gain = np.median(r[0], axis=0) - np.median(r[1], axis=0)
        plain.append(gain.mean())
    assert found["neighbour_gain"].mean() == pytest.approx(np.mean(plain), abs=0.05)
    assert found["neighbour_gain"].std() == pytest.approx(np.std(plain), rel=0.2)


def test_distances_equal_a_plain_loop():
    spots = make_spots(side=5)
    table = neighbour_distances(spots, seed=0)
    ours = table[table["form"] == "ours"].set_index("spot")
    for section in spots.obs["section"].unique():
        part = spots[spots.obs["section"] == section]
        x, y = part.obs["array_col"].to_numpy(), part.obs["array_row"].to_numpy()
        for j, name in enumerate(part.obs_names):
            d = np.square(part.obsm["latent"] - part.obsm["latent"][j]).sum(axis=1)
            d[j] = np.inf
            k = d.argmin()
            assert ours.loc[name, "neighbour"] == part.obs_names[k]
            assert ours.loc[name, "distance"] == pytest.approx(np.hypot(x[k] - x[j], y[k] - y[j]))


def test_random_spots_are_others_of_the_section():
    spots = make_spots(side=7)
    table = neighbour_distances(spots, seed=0)
    ours = table[table["form"] == "ours"]
    assert ours["random_distance"].min() >= 1
    at = spots.obs.loc[spots.obs["section"] == "A1", ["array_col", "array_row"]].to_numpy(
        dtype=float
    )
    between = np.linalg.norm(at[:, None] - at[None], axis=2)
    expected = between.sum() / (len(at) * (len(at) - 1))
    assert ours["random_distance"].mean() == pytest.approx(expected, abs=0.3)
    pd.testing.assert_frame_equal(table, neighbour_distances(spots, seed=0))
    assert not table.equals(neighbour_distances(spots, seed=1))


def test_a_spot_alone_in_its_section_has_no_distance():
    spots = make_spots(side=3)
    alone = np.flatnonzero(spots.obs["section"] == "A2")[1:]
    spots = spots[np.setdiff1d(np.arange(spots.n_obs), alone)].copy()
    table = neighbour_distances(spots, seed=0)
    assert "A2" not in set(table.loc[table["form"] == "ours", "section"])
    assert "A2" in set(table.loc[table["form"] == "released", "section"])


# In a few numbers


def test_summary_averages_patients_with_and_without_those_of_one_class():
    purity = pd.DataFrame(
        {
            "patient": list("ABCD"),
            "n_tumour": [60, 30, 50, 0],
            "n_normal": [40, 70, 0, 0],
            "majority": [0.6, 0.7, 1, np.nan],
            "n_cluster": [40, 30, 20, np.nan],
            "purity": [0.9, 0.8, 1, np.nan],
            "ari": [0.6, 0.3, 0, np.nan],
        }
    )
    spots = make_spots(side=4)
    summary = summarise(
        purity, neighbour_performance(spots), neighbour_distances(spots, 0), neighbour_null(spots)
    ).set_index("quantity")
    value = summary["value"]
    assert value["purity_mean"] == pytest.approx(0.9)
    assert value["purity_sd"] == pytest.approx(0.1)
    assert value["purity_gain"] == pytest.approx(0.4 / 3)
    assert value["purity_mean_both"] == pytest.approx(0.85)
    assert value["majority_mean_both"] == pytest.approx(0.65)
    assert value["ari_mean_both"] == pytest.approx(0.45)
    assert value["purity_gain_both"] == pytest.approx(0.2)
    # Of two patients, with 0.1 and 0.3: 12.7 standard errors of 0.1.
    ends = summary.loc["purity_gain_both", ["ci_low", "ci_high"]].tolist()
    assert ends == pytest.approx([0.2 - 1.271, 0.2 + 1.271], abs=0.06)
    null = summary.index.str.endswith("_null")
    assert set(summary.loc[~null, "unit"]) == {"patients"}
    assert set(summary.loc[null, "unit"]) == {"null"}


def test_one_patient_has_values_and_no_interval_and_no_label_no_purity():
    spots = make_spots("A", side=4)
    one = summary_of(spots)
    null = one.index.str.endswith("_null")
    assert one.loc[~null, "ci_low"].isna().all()
    assert set(one.loc[~null, "unit"]) == {""}
    assert one.index[one["value"].isna()].str.startswith("purity_sd").all()
    assert one["value"].isna().sum() == 4  # the s.d. of one patient
    spots.obs["label"] = np.nan
    unlabelled = summary_of(spots)["value"]
    assert unlabelled.filter(like="purity").isna().all()
    assert np.isfinite(unlabelled["neighbour_gain"])


# UMAP and examples


@pytest.fixture(scope="module")
def embedded() -> tuple[ad.AnnData, pd.DataFrame]:
    """Two patients whose latents are a cloud for each label, and their UMAP."""
    spots = make_spots()
    spots.obsm["latent"] = clouds(spots.obs["label"].to_numpy())
    return spots, embed(spots, neighbours=10, min_dist=0.1, seed=0)


def test_umap_is_of_each_patient_and_the_same_each_time(embedded):
    spots, table = embedded
    assert table["spot"].tolist() == spots.obs_names.tolist()
    assert table[["umap1", "umap2"]].notna().all(axis=None)
    alone = spots[spots.obs["patient"] == "B"]
    again = embed(alone, neighbours=10, min_dist=0.1, seed=0)
    pd.testing.assert_frame_equal(
        again, table[table["patient"] == "B"].reset_index(drop=True), check_categorical=False
    )
    for _, of_patient in table.groupby("patient"):
        middle = of_patient.groupby("label")[["umap1", "umap2"]].mean().to_numpy()
        spread = of_patient.groupby("label")[["umap1", "umap2"]].std().to_numpy()
        assert np.linalg.norm(middle[0] - middle[1]) > 3 * spread.max()


def test_a_patient_of_too_few_spots_has_no_coordinates(caplog):
    spots = make_spots(side=3)
    kept = (spots.obs["patient"] == "A").to_numpy(copy=True)
    kept[np.flatnonzero(~kept)[:10]] = True
    table = embed(spots[kept], neighbours=10, min_dist=0.1, seed=0).set_index("patient")
    assert table.loc["A", ["umap1", "umap2"]].notna().all(axis=None)
    assert table.loc["B", ["umap1", "umap2"]].isna().all(axis=None)
    assert "patient B: 10 spots are too few for a UMAP with 10 neighbours" in caplog.text


def plane(n=60, seed=0) -> pd.DataFrame:
    """A patient's spots at random places in the plane, and on a section's array."""
    random = np.random.default_rng(seed)
    label = random.choice(["tumour", "normal"], n).astype(object)
    label[:5] = None
    return pd.DataFrame(
        {
            "spot": [f"A1:{i % 10}x{i // 10}" for i in range(n)],
            "patient": "A",
            "section": "A1",
            "label": label,
            "grid": "square",
            "array_col": np.arange(n) % 10,
            "array_row": np.arange(n) // 10,
            "umap1": random.uniform(0, 4, n),
            "umap2": random.uniform(0, 4, n),
        }
    )


def test_examples_have_the_highest_and_lowest_share_of_their_label():
    spots = plane()
    found = find_examples(spots, 1.2)
    labelled = spots[spots["label"].notna()].reset_index(drop=True)
    expected = {}
    for i, spot in labelled.iterrows():
        near = [
            j
            for j, other in labelled.iterrows()
            if j != i and np.hypot(*(spot[["umap1", "umap2"]] - other[["umap1", "umap2"]])) < 1.2
        ]
        other = labelled[labelled["label"] != spot["label"]]
        steps = np.hypot(
            other["array_col"] - spot["array_col"],
            (other["array_row"] - spot["array_row"]).astype(float),
        )
        if len(near) >= 5:
            share = np.mean(labelled.loc[near, "label"] == spot["label"])
            expected[spot["spot"]] = (spot["label"], share, len(near), steps.min())
    for row in found.itertuples():
        label, *numbers = expected[row.spot]
        assert row.label == label
        assert (row.share, row.n_neighbours, row.distance_to_other) == pytest.approx(numbers)
    for label in ("tumour", "normal"):
        ranked = sorted((v[1], -v[2]) for v in expected.values() if v[0] == label)
        of_label = found[found["label"] == label].set_index("kind")
        atypical, typical = of_label.loc["atypical"], of_label.loc["representative"]
        assert list(zip(atypical["share"], -atypical["n_neighbours"], strict=True)) == ranked[:4]
        assert typical["share"].tolist() == [share for share, _ in ranked[:-5:-1]]
        assert typical["rank"].tolist() == [1, 2, 3, 4]
    assert found["spot"].is_unique


def test_of_equal_shares_the_one_with_most_neighbours_is_first():
    # Seven tumour spots around a place, six far away, and a normal spot.
    random = np.random.default_rng(0)
    spots = plane(14)
    spots["label"] = ["tumour"] * 13 + ["normal"]
    spots[["umap1", "umap2"]] = random.normal(0, 0.01, (14, 2))
    spots.loc[7:12, "umap1"] += 10
    spots.loc[13, "umap1"] += 20
    found = find_examples(spots, 1.0)
    assert found["label"].unique().tolist() == ["tumour"]
    first = found[(found["kind"] == "representative") & (found["rank"] == 1)]
    assert first["n_neighbours"].tolist() == [6]


def test_patients_of_one_class_or_without_coordinates_have_no_examples(tmp_path):
    one_class = plane().assign(label="tumour")
    nowhere = plane().assign(patient="B", umap1=np.nan, umap2=np.nan)
    found = find_examples(pd.concat([one_class, nowhere]), 1.2)
    assert found.empty
    write_table(found, tmp_path / "examples.tsv")
    assert read_table(tmp_path / "examples.tsv").columns.tolist() == found.columns.tolist()


# Figures


def test_patients_are_those_of_the_most_balanced_labels():
    shares = {"A": 0.9, "B": 0.5, "C": 1.0, "D": 0.3, "E": 0.65}
    parts = []
    for patient, share in shares.items():
        n = round(20 * share)
        part = plane(20).assign(patient=patient, label=["tumour"] * n + ["normal"] * (20 - n))
        parts.append(part)
    spots = pd.concat(parts)
    assert choose_patients(spots, []) == ["B", "D", "E"]
    assert choose_patients(spots, ["C", "A"]) == ["C", "A"]
    spots.loc[spots["patient"] == "B", "umap1"] = np.nan
    assert choose_patients(spots, []) == ["A", "D", "E"]
    assert choose_patients(spots.assign(label=None), []) == ["A", "C", "D"]
    with pytest.raises(InputError, match=r"report.latent.patients: Z is not among .* A, B, C"):
        choose_patients(spots, ["Z"])


@pytest.fixture(scope="module")
def drawable(tmp_path_factory):
    """Tables of UMAP and examples of two patients, and the index of a view of their sections."""
    folder = tmp_path_factory.mktemp("latent")
    random = np.random.default_rng(0)
    sections, patches, parts = [], [], []
    for patient in "AB":
        name = f"{patient}1"
        counts = random.poisson(5, (30, 2)) + 1
        path = section_file(folder / f"{name}.h5ad", name, counts, ["g", "h"], patient=patient)
        image = Image.fromarray(random.integers(0, 256, (200, 200, 3), dtype=np.uint8))
        image.save(folder / "image.png")
        npy = folder / f"{name}.npy"
        write_patches(path, folder / "image.png", npy, view="16x1")
        sections.append(path)
        patches.append(npy)
        names = [f"{name}:{spot}" for spot in ad.read_h5ad(path).obs_names]
        parts.append(plane(30, seed=2).assign(spot=names, patient=patient, section=name))
    write_index(sections, patches, folder / "index.tsv", view="16x1")
    umap = pd.concat(parts, ignore_index=True)
    write_table(umap, folder / "umap.tsv")
    write_table(find_examples(umap, 2.0), folder / "examples.tsv")
    return folder


def test_example_patches_are_those_of_their_spots(drawable):
    inputs = [drawable / name for name in ("umap.tsv", "examples.tsv", "index.tsv")]
    umap, examples, found, shown = read_examples(*inputs, ["B"], 2)
    everything = read_table(inputs[1])
    expected = everything[(everything["patient"] == "B") & (everything["rank"] <= 2)]
    assert shown == ["B"]
    assert 0 < len(expected) < len(everything)
    assert set(expected["spot"]) == set(found)
    assert set(found) == set(examples["spot"])
    for row in examples.itertuples():
        at = umap.loc[umap["section"] == row.section, "spot"].tolist().index(row.spot)
        content = np.load(drawable / f"{row.section}.npy")
        np.testing.assert_array_equal(found[row.spot], content[at])


@pytest.mark.parametrize("figure", [fig_4, supp_8])
def test_figures_of_examples_are_drawn_from_files(drawable, tmp_path, monkeypatch, figure):
    drawn = []
    monkeypatch.setattr(figure, "save", lambda made, paths: drawn.append(made))
    inputs = [drawable / name for name in ("umap.tsv", "examples.tsv", "index.tsv")]
    figure.draw(*inputs, [tmp_path / "a.png"], patients=[])
    said = texts(render(drawn[0]))
    assert "Patient A" in said
    assert "Patient B" in said
    n_images = sum(len(axis.images) for axis in drawn[0].axes)
    examples = read_table(drawable / "examples.tsv")
    assert n_images == len(examples if figure is supp_8 else examples[examples["rank"] == 1])


def test_fig_4_marks_each_example_at_its_spot(drawable):
    umap, examples = (read_table(drawable / f"{name}.tsv") for name in ("umap", "examples"))
    first = examples[(examples["rank"] == 1) & (examples["patient"] == "A")]
    patches = dict.fromkeys(first["spot"], np.zeros((16, 16, 3), dtype=np.uint8))
    figure = render(fig_4.latent_space(umap, first, patches, ["A"]))
    names = [text for text in figure.axes[0].texts if text.get_text()]
    marked = {tuple(text.xy): text.get_text() for text in names}
    of_spot = umap.set_index("spot")
    for row, mark in zip(first.itertuples(), ["(i)", "(ii)", "(iii)", "(iv)"], strict=True):
        place = tuple(of_spot.loc[row.spot, ["umap1", "umap2"]])
        assert marked[place] == mark
        assert f"neighbours\nare {row.label}" in texts(figure)
    boxes = [text.get_window_extent() for text in names]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_fig_4_shows_patients_without_examples_or_coordinates():
    umap = pd.concat(
        [plane().assign(label=np.nan), plane().assign(patient="B", umap1=np.nan, umap2=np.nan)]
    )
    none = find_examples(umap, 1.0)
    said = texts(render(fig_4.latent_space(umap, none, {}, ["A", "B"])))
    assert "too few spots" in said
    assert "no label" in said
    assert "no examples" in texts(render(supp_8.gallery(none, {}, ["A", "B"])))


def test_supp_9_has_every_gene_and_every_spot():
    spots = make_spots()
    performance = neighbour_performance(spots)
    figure = render(supp_9.neighbour_curves(performance))
    for axis, form in zip(figure.axes, ("ours", "released"), strict=True):
        of_form = performance[performance["form"] == form]
        medians = of_form.groupby("gene")[["nearest", "farthest"]].median()
        expected = medians.sort_values("nearest").to_numpy()
        np.testing.assert_allclose(axis.lines[0].get_ydata(), expected[:, 0])
        # The other r of the same genes.
        np.testing.assert_allclose(axis.lines[1].get_ydata(), expected[:, 1])
    distances = neighbour_distances(spots, 0)
    figure = render(supp_9.distance_curves(distances))
    line = figure.axes[0].lines[0]
    ours = distances.loc[distances["form"] == "ours", "distance"]
    share = line.get_ydata()[np.searchsorted(line.get_xdata(), 3.0, side="right") - 1]
    assert share == pytest.approx((ours <= 3).mean())


def test_supp_9_says_what_is_missing():
    spots = make_spots(side=1)
    assert "no spot has neighbours" in texts(
        render(supp_9.neighbour_curves(neighbour_performance(spots)))
    )
    distances = neighbour_distances(spots, 0)
    assert "no spot has a neighbour" in texts(render(supp_9.distance_curves(distances)))
    assert isinstance(supp_9.distance_curves(distances), Figure)
