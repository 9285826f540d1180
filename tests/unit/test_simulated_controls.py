"""The simulated cohort of controls: what colour tells of its sections, and what it does not."""

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter

from stnet.features.colour import colours
from stnet.simulation.counts import CONTROL_PAIRS, expected_counts, log_depth, simulate_genes
from stnet.simulation.fields import simulate_tissue
from stnet.simulation.histology import draw

SEED, PATIENTS = 1, ("CT90001", "CT90005")
FIELDS = [*CONTROL_PAIRS, "fat", "immune", "depth"]


@pytest.fixture(scope="module")
def sections():
    """Spots off the edges, and the patch of 128 px around each, of two sections."""
    found = []
    for patient in PATIENTS:
        names = (SEED, patient, f"{patient}_1")
        tissue, spots = simulate_tissue(*names, all_tumour=False, controls=True)
        spots["log_depth"] = log_depth(SEED, patient, spots)
        image = draw(*names, tissue)
        height, width = image.shape[:2]
        spots = spots[spots["under_tissue"] & spots["x"].between(64, width - 64)]
        centres = spots[["x", "y"]].round().astype(int).to_numpy()
        found.append(
            (spots, np.array([image[y - 64 : y + 64, x - 64 : x + 64] for x, y in centres]))
        )
    return found


def told(sections, measure, field):
    """r of each measure of the patches with a field, given the other fields: mean of sections."""
    found = []
    for spots, patches in sections:
        others = spots[[name for name in FIELDS if name != field]]
        basis = np.column_stack([np.ones(len(spots)), others, others["tumour"] ** 2])
        sides = np.column_stack([spots[field], measure(patches)])
        sides = sides - basis @ np.linalg.lstsq(basis, sides, rcond=None)[0]
        found.append(np.corrcoef(sides.T)[0, 1:])
    return np.mean(found, axis=0)


def reduced(patches):
    """Patches at half the resolution, as the network of the controls sees them."""
    n, height, width, _ = patches.shape
    return patches.reshape(n, height // 2, 2, width // 2, 2, 3).mean(axis=(2, 4))


def grain(patches):
    """How much of the red light's variation is finer than a nucleus."""
    red = patches[..., 0].astype(float)
    coarse = gaussian_filter(red, (0, 1.5, 1.5))
    return (red - coarse).std(axis=(1, 2)) / coarse.std(axis=(1, 2))


@pytest.mark.parametrize("seen", [lambda patches: patches, reduced], ids=["full", "half"])
def test_mean_and_sd_of_colours_do_not_tell_the_size_of_nuclei(sections, seen):
    assert np.abs(told(sections, lambda patches: colours(seen(patches)), "size")).max() < 0.2


def test_structure_tells_the_size_of_nuclei(sections):
    assert told(sections, grain, "size") < -0.4


def test_colours_tell_eosin_and_depth(sections):
    assert told(sections, colours, "eosin").min() < -0.5
    assert told(sections, colours, "depth").min() < -0.5


def test_no_field_tells_the_depth(sections):
    for patient in PATIENTS:
        drawn = simulate_tissue(SEED, patient, f"{patient}_1", all_tumour=False, controls=True)[1]
        spots = drawn[drawn["under_tissue"]]
        depth = log_depth(SEED, patient, drawn)[drawn["under_tissue"]]
        for field in CONTROL_PAIRS:
            assert abs(np.corrcoef(depth, spots[field])[0, 1]) < 1e-9
        # What of it the image does not show is what the fields have in common with the thickness.
        assert np.corrcoef(depth, spots["depth"])[0, 1] > 0.85


def test_genes_follow_their_own_field_and_no_other():
    genes = simulate_genes(SEED, controls=True)
    assert genes["kind"].value_counts()[[*CONTROL_PAIRS]].to_dict() == {
        field: 2 * pairs for field, pairs in CONTROL_PAIRS.items()
    }
    assert set(genes["kind"][genes["planted"] == 0]) == {"depth"}
    for field in CONTROL_PAIRS:
        spots = pd.DataFrame(0.4, index=[0, 1], columns=[*CONTROL_PAIRS]).assign(**{field: [0, 1]})
        expected = expected_counts(genes, spots, np.zeros(2))
        changed = ~np.isclose(expected[0], expected[1], rtol=1e-12)
        assert (changed == (genes["kind"] == field)).all()
        assert expected[1].sum() == pytest.approx(expected[0].sum())
