"""Nulls that respect the space of a section: what they keep, break, and how often they err."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist, squareform

from stnet.evaluation.spatial import spectral_null, toroidal_null

SIDE = 10


def square(n: int = 70, seed: int = 0) -> np.ndarray:
    """Steps of spots on a square array with holes."""
    random = np.random.default_rng(seed)
    place = np.sort(random.permutation(SIDE * SIDE)[:n])
    return np.stack([place % SIDE, place // SIDE], axis=1)


def hexagonal() -> np.ndarray:
    """Steps of spots on a hexagonal array of nine rows: columns increase by two within a row."""
    rows, columns = np.divmod(np.arange(81), 9)
    return np.stack([2 * columns + rows % 2, rows], axis=1)


def smooth(at: np.ndarray, n: int, random: np.random.Generator, reach: float = 3) -> np.ndarray:
    """Gaussian fields (spots, n) in which near spots resemble each other."""
    covariance = np.exp(-cdist(at, at) / reach) + 0.1 * np.eye(len(at))
    return np.linalg.cholesky(covariance) @ random.normal(size=(len(at), n))


def p_of(r: np.ndarray) -> np.ndarray:
    return np.mean(r >= r[0] - 1e-12, axis=0)


def pearson(x: np.ndarray, y: np.ndarray) -> list[float]:
    return [np.corrcoef(x[:, gene], y[:, gene])[0, 1] for gene in range(x.shape[1])]


def test_the_first_row_is_r_of_the_patient():
    random = np.random.default_rng(0)
    steps = np.concatenate([square(60), square(40, 1)])
    section = np.repeat(["S", "T"], [60, 40])
    x, y = random.normal(size=(2, 100, 3)) + 2 * (section == "S")[:, None]
    np.testing.assert_allclose(spectral_null(x, y, steps, section, random)[0], pearson(x, y))
    np.testing.assert_allclose(toroidal_null(x, y, steps, section, random)[0], pearson(x, y))


def test_differences_between_sections_get_random_signs_in_toroidal_draws():
    steps, section = np.concatenate([square(60)] * 2), np.repeat(["S", "T"], 60)
    between = np.where(section == "S", 1.0, -1)[:, None]
    r = toroidal_null(between, between, steps, section, np.random.default_rng(0))[1:]
    np.testing.assert_allclose(np.abs(r), 1)
    assert 0.4 < np.mean(r > 0) < 0.6


def test_a_toroidal_draw_is_r_over_one_of_the_shifts():
    random = np.random.default_rng(1)
    for steps, sides in ((square(), (10, 10)), (hexagonal(), (18, 10))):
        x, y = random.normal(size=(2, len(steps), 2))
        at = {tuple(step): row for row, step in enumerate(steps)}
        plain = []
        for dx in range(sides[0]):
            for dy in range(sides[1]):
                there = [at.get(((c + dx) % sides[0], (r + dy) % sides[1])) for c, r in steps]
                pairs = [(j, i) for i, j in enumerate(there) if j is not None]
                if len(pairs) >= 0.3 * len(steps):
                    one, other = np.transpose(pairs)
                    plain.append(pearson(x[one], y[other]))
        found = toroidal_null(x, y, steps, np.full(len(steps), "S"), random)[1:]
        # Every draw is a shift, and all shifts are drawn about equally often.
        apart = cdist(found, np.array(plain))
        assert apart.min(axis=1).max() < 1e-9
        drawn = np.bincount(apart.argmin(axis=1), minlength=len(plain))
        assert (drawn > 0).mean() > 0.99
        np.testing.assert_allclose(found.mean(axis=0), np.mean(plain, axis=0), atol=0.02)


def test_a_section_without_a_shift_has_no_toroidal_null():
    random = np.random.default_rng(2)
    # No shift brings two of these spots on two others.
    steps = np.array([(0, 0), (1, 0), (4, 0), (9, 0), (15, 0), (22, 0), (32, 0), (34, 0)])
    r = toroidal_null(*random.normal(size=(2, 8, 2)), steps, np.full(8, "S"), random)
    assert np.isnan(r).all()


def test_sections_too_small_to_be_shifted_are_left_out_and_no_others():
    random = np.random.default_rng(2)
    # No shift brings two of the last eight on two others.
    columns = [0, *(0, 1, 2), *(0, 1, 4, 9, 15, 22, 32, 34)]
    steps = np.concatenate([square(40), [(column, 0) for column in columns]])
    section = np.repeat(["R", "S", "T", "U"], [40, 1, 3, 8])
    x, y = random.normal(size=(2, 52, 2))
    found, alone = (
        toroidal_null(*(side[:n] for side in (x, y, steps, section)), np.random.default_rng(0))
        for n in (52, 40)
    )
    np.testing.assert_allclose(found, alone)
    assert np.isfinite(spectral_null(x, y, steps, section, random)).all()


def test_few_spots_do_not_pass_more_often_than_they_should():
    random = np.random.default_rng(2)
    steps = np.array([(0, 0), (0, 1), (1, 0), (1, 1)])
    x, y = random.normal(size=(2, 4, 400))
    for null in (spectral_null, toroidal_null):
        # Four shifts, or eight combinations of signs, of which one is the true one.
        assert p_of(null(x, y, steps, np.full(4, "S"), random)).min() > 0.09


def test_surrogates_keep_morans_i_the_variogram_and_the_correlations_of_genes(monkeypatch):
    random = np.random.default_rng(3)
    steps = square(90).astype(float)
    x = smooth(steps, 2, random)
    # The measurement of gene g is spot g, so r of the draws gives the surrogates themselves.
    predicted = np.repeat(x, 90, axis=1)
    observed = np.tile(np.eye(90), 2)
    r = spectral_null(predicted, observed, steps, np.full(90, "S"), random)
    spread = np.sqrt(1 - 1 / 90) * np.linalg.norm(x - x.mean(axis=0), axis=0)
    surrogates = r.reshape(len(r), 2, 90) * spread[:, None]
    true = (x - x.mean(axis=0)).T
    np.testing.assert_allclose(surrogates[0], true, atol=1e-9)
    assert np.abs(np.corrcoef(surrogates[1, 0], true[0])[0, 1]) < 0.9
    apart = squareform(pdist(steps))
    for draw in surrogates[1:50]:
        np.testing.assert_allclose(draw.mean(axis=1), 0, atol=1e-9)
        np.testing.assert_allclose(draw @ draw.T, true @ true.T, atol=1e-8)
        for one, other in zip(draw, true, strict=True):
            assert one @ apart @ one == pytest.approx(other @ apart @ other)
    near = (apart > 0) & (apart < 1.5)

    def variogram(field):
        return np.square(field[:, None] - field)[near].mean()

    found = [variogram(draw[0]) for draw in surrogates[1:]]
    shuffled = [variogram(random.permutation(true[0])) for _ in range(100)]
    assert np.mean(found) == pytest.approx(variogram(true[0]), rel=0.15)
    assert np.mean(shuffled) > 1.5 * variogram(true[0])


def test_noise_passes_the_spectral_null_in_one_of_twenty_cases():
    random = np.random.default_rng(4)
    steps = square(80)
    section = np.repeat(["S", "T"], 40)
    x, y = (
        np.concatenate([smooth(steps[some], 600, random) for some in (slice(40), slice(40, 80))])
        for _ in range(2)
    )
    naive = np.mean(np.array(pearson(x, y)) > 1.645 / np.sqrt(80))
    spectral = np.mean(p_of(spectral_null(x, y, steps, section, random)) <= 0.05)
    toroidal = np.mean(p_of(toroidal_null(x, y, steps, section, random)) <= 0.05)
    assert naive > 0.12
    # The 99.9% interval of the binomial distribution around 5% of 600.
    assert 0.022 < spectral < 0.081
    assert toroidal < 0.1


def test_planted_genes_pass_both_nulls():
    random = np.random.default_rng(5)
    steps, section = square(90), np.full(90, "S")
    y = smooth(steps, 20, random)
    x = y + smooth(steps, 20, random)
    for null in (spectral_null, toroidal_null):
        assert np.mean(p_of(null(x, y, steps, section, random)) <= 0.05) > 0.7


def test_constant_genes_have_no_r_and_large_sections_are_thinned(monkeypatch):
    random = np.random.default_rng(6)
    steps, section = square(50), np.full(50, "S")
    x, y = random.normal(size=(2, 50, 2)).astype(np.float32)
    x[:, 0] = np.float32(0.1)
    for null in (spectral_null, toroidal_null):
        r = null(x, y, steps, section, random)
        assert np.isnan(r[:, 0]).all()
        assert np.isfinite(r[:, 1]).all()
    monkeypatch.setattr("stnet.evaluation.spatial.MOST_SPOTS", 20)
    thinned = spectral_null(x, y, steps, section, random)
    assert np.isfinite(thinned[:, 1]).all()
    assert thinned[0, 1] != r[0, 1]
