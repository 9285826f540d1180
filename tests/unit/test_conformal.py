"""Intervals of predictions for a new patient: their width, what they cover, when there are none."""

import itertools

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import torch

from stnet.config.levels import LEVELS, patients_needed
from stnet.evaluation.conformal import column, half_widths, quantiles_by_patient
from stnet.inference.account import intervals_of
from stnet.inference.training_distance import PatchStatistics, stain
from stnet.networks.recolouring import recolour
from stnet.slides.colours import STAINS


def plain_quantile(values, patients, level, unseen):
    """The smallest value up to which the weights are the level, by counting in whole numbers."""
    names = sorted(set(patients))
    for value in sorted(values):
        share = sum(np.mean(values[patients == name] <= value) for name in names)
        if share / (len(names) + unseen) >= level - 1e-12:
            return value
    return np.inf


@pytest.mark.parametrize("unseen", [0, 1])
@pytest.mark.parametrize("n_patients", [1, 4, 9, 12])
def test_a_quantile_is_that_of_plain_arithmetic(n_patients, unseen):
    random = np.random.default_rng(n_patients)
    patients = np.repeat(np.arange(n_patients), random.integers(1, 30, n_patients)).astype(str)
    values = random.exponential(size=len(patients))
    found = quantiles_by_patient(values, patients, LEVELS, unseen=unseen)
    expected = [plain_quantile(values, patients, level, unseen) for level in LEVELS]
    np.testing.assert_array_equal(found, expected)


def test_how_many_patients_a_level_needs():
    assert [patients_needed(level) for level in LEVELS] == [1, 4, 9, 19]
    for level in LEVELS:
        for n_patients in range(1, 21):
            names = np.arange(n_patients).astype(str)
            [found] = quantiles_by_patient(np.ones(n_patients), names, [level], unseen=1)
            assert np.isfinite(found) == (n_patients >= patients_needed(level))


def held_out(errors, patients):
    """Predictions of 0 whose measurements are the errors, (spots, genes)."""
    obs = pd.DataFrame({"patient": patients}, map(str, range(len(errors))))
    table = ad.AnnData(np.zeros_like(errors), obs=obs)
    table.layers["observed"] = errors
    return table


def shifted(random, n_patients):
    """Errors of 30 spots and 3 genes by patient, with a patient's own shift and spread."""
    shift = random.normal(size=(n_patients, 1, 3))
    spread = random.uniform(0.3, 1.5, size=(n_patients, 1, 3))
    return shift + spread * random.normal(size=(n_patients, 30, 3))


def test_new_patients_are_covered_at_the_level():
    random = np.random.default_rng(0)
    covered = []
    for _ in range(40):
        calibration = shifted(random, 20).reshape(-1, 3)
        half = half_widths(held_out(calibration, np.repeat(np.arange(20), 30).astype(str)))
        new = np.abs(shifted(random, 200))
        covered.append([(new <= half[column(level)].to_numpy()).mean() for level in LEVELS])
    # The coverage of a calibration varies; its mean is the level, to a standard error of 1 %.
    assert (np.mean(covered, axis=0) >= np.array(LEVELS) - 0.015).all()
    assert (np.mean(covered, axis=0) <= np.array(LEVELS) + 0.06).all()


def test_under_a_shift_of_the_stain_spots_are_covered_or_abstained_from():
    """A linear model of the stain, whose predictions a shift moves away from the measurement.

    The stain has a strength, in which patches differ most, and five hues.
    """
    random = np.random.default_rng(2)
    mixed = random.normal(size=(6, 6)) * np.array([[1], *[[0.1]] * 5])
    effects = random.normal(size=(6, 3)) / 3
    patients = np.repeat(np.arange(20), 50).astype(str)

    def draw(n_patients):
        stain = random.normal(size=(n_patients, 1, 6)) / 2 + random.normal(size=(n_patients, 50, 6))
        expression = stain @ effects + shifted(random, n_patients).mean(axis=1, keepdims=True)
        return stain.reshape(-1, 6), expression + random.normal(size=(n_patients, 50, 3))

    def either(correlated, shift):
        """Share covered at 90% or abstained from, and abstained from; mean over cohorts."""
        rows = []
        for _ in range(4):
            stain, expression = draw(20)
            training = PatchStatistics.of(stain @ mixed, patients, correlated=correlated)
            half = half_widths(held_out(expression.reshape(-1, 3) - stain @ effects, patients))
            new, measured = draw(100)
            new += shift
            covered = (
                np.abs(measured.reshape(-1, 3) - new @ effects) <= half[column(0.9)].to_numpy()
            )
            image, patch = training.relative(new @ mixed)
            flagged = np.median(image.reshape(100, 50), axis=1) > 1
            abstained = (patch > 1) | np.repeat(flagged, 50)
            rows.append(((covered | abstained[:, None]).mean(), abstained.mean()))
        return np.mean(rows, axis=0)

    known, away = either(True, np.zeros(6))
    assert known >= 0.9
    assert away < 0.12
    for axis in range(6):
        for size in (1, 3, 8):
            assert either(True, size * np.eye(6)[axis])[0] >= 0.9, (axis, size)
        assert either(True, 8 * np.eye(6)[axis])[1] > 0.99
    # Each feature alone does not see a hue.
    assert min(either(False, 8 * np.eye(6)[axis])[0] for axis in range(1, 6)) < 0.7


def test_a_gene_that_some_patients_lack_has_the_errors_of_the_others():
    patients = np.repeat(np.arange(9), 4).astype(str)
    errors = np.random.default_rng(1).normal(size=(36, 2))
    errors[patients == "0", 1] = np.nan
    found = half_widths(held_out(errors, patients))
    assert found["n_calibration"].tolist() == [9, 8]
    assert found["half_width_90"].notna().tolist() == [True, False]
    expected = plain_quantile(np.abs(errors[4:, 1]), patients[4:], 0.8, 1)
    assert found["half_width_80"].iloc[1] == expected


@pytest.mark.parametrize(
    ("n_patients", "level", "said"),
    [
        (
            8,
            0.9,
            "none at 90%: 9 held-out patients are needed, the model has 8; predict.level: 0.8 is"
            " possible",
        ),
        (0, 0.5, "none: no patient was held out whole in the training of the model"),
        (
            9,
            0.9,
            "90% of a new patient's spots are measured within ±1.00 of the prediction (log"
            " expression, median gene; by errors in 9 patients)",
        ),
    ],
)
def test_it_is_said_how_wide_intervals_are_or_how_many_patients_they_need(n_patients, level, said):
    table = held_out(np.ones((max(1, n_patients), 2)), np.arange(max(1, n_patients)).astype(str))
    table.var = half_widths(table).assign(n_calibration=n_patients)
    if not n_patients:
        table.var[column(level)] = np.nan
    table.uns["provenance"] = {"level": level, "flags": []}
    assert intervals_of(table) == said
    table.uns["provenance"]["flags"] = ["stain"]
    assert intervals_of(table).startswith("none: the image is unlike the training images")


def test_intervals_by_recoloured_patches_hold_in_other_laboratories():
    """A linear model whose targets follow the amount of both dyes, as a network might learn it.

    Patches are planted with more or less of a dye than the tissue took up. Such patches are covered
    at 90% or abstained from by errors in recoloured ones, and not by errors in patches as they are.
    """
    random = np.random.default_rng(4)
    patients = np.repeat(np.arange(12), 40)

    def patches(amounts):
        """Pixels of haematoxylin, eosin and a little of a third dye, of these mean amounts."""
        grains = random.gamma(4, 0.25, size=(len(amounts), 8, 8, 3))
        dyes = np.concatenate([amounts, np.full((len(amounts), 1), 0.02)], axis=1)
        density = grains * dyes[:, None, None] @ STAINS
        return torch.from_numpy(np.rint(255 * np.exp(-density)).astype(np.uint8))

    def draw(n_patients):
        of_patients = 0.1 * random.normal(size=(n_patients, 1, 2))
        amounts = 0.5 * np.exp(of_patients + 0.25 * random.normal(size=(n_patients, 40, 2)))
        amounts = amounts.reshape(-1, 2)
        return amounts, 10 * amounts + random.normal(size=amounts.shape)

    def features(images):
        return np.column_stack([stain(images), np.ones(len(images))])

    amounts, measured = draw(12)
    images = patches(amounts)
    recoloured = recolour(images, random)
    spots = held_out(measured, patients.astype(str))
    spots.layers["recoloured"] = np.empty_like(spots.X)
    for patient in range(12):
        own = patients == patient
        effects = np.linalg.lstsq(features(images[~own]), measured[~own])[0]
        spots.X[own] = features(images[own]) @ effects
        spots.layers["recoloured"][own] = features(recoloured[own]) @ effects
    effects = np.linalg.lstsq(features(images), measured)[0]
    training = PatchStatistics.of(stain(images), patients, correlated=True)
    honest = half_widths(spots)[column(0.9)].to_numpy()
    del spots.layers["recoloured"]
    plain = half_widths(spots)[column(0.9)].to_numpy()

    amounts, measured = draw(20)
    found = []
    for haematoxylin, eosin in itertools.product((0.5, 0.7, 1, 1.4, 2), repeat=2):
        new = features(patches(amounts * [haematoxylin, eosin]))
        image, patch = training.relative(new[:, :-1])
        flagged = np.median(image.reshape(20, 40), axis=1) > 1
        abstained = ((patch > 1) | np.repeat(flagged, 40))[:, None]
        error = np.abs(measured - new @ effects)
        found.append([((error <= half) | abstained).mean() for half in (honest, plain)])
    worst = np.min(found, axis=0)
    assert worst[0] >= 0.9
    assert worst[1] < 0.75
