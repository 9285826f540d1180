"""Patients under two ids are told from patients of one organ, batch or scanner."""

import numpy as np
import pandas as pd
import pytest

from stnet.checks.alike import LEAST, alike_patients, distances

N_GENES = 2000
# Patients are as far apart as HER2ST's, sections of a patient as well; batches part them, too.
PATIENT, SECTION, ORGAN, BATCH, SCANNER = 0.5, 0.15, 1.0, 0.4, 0.1
SETTINGS = {
    "one organ": {},
    "two organs": {"organs": 2},
    "two batches": {"batches": 2},
    "two scanners": {"scanners": 2},
    "organs and batches": {"organs": 2, "batches": 2},
    "two patients of another organ": {"organs": 2, "few": True},
    "shallow and deep": {"depth": (1e4, 2e6)},
    "a section each": {"sections": [1]},
    "three patients": {"n_patients": 3},
    "two patients": {"n_patients": 2},
}


def cohort(
    seed, *, n_patients=10, sections=(2, 3), organs=1, batches=1, scanners=1, few=False,
    depth=(2e5, 2e6),
):  # fmt: skip
    """Summed counts (genes, sections) of simulated sections, and the patient of each."""
    rng = np.random.default_rng(seed)
    base = rng.normal(0, 1.8, N_GENES)
    of = {
        name: rng.normal(0, sd, (n, N_GENES))
        for name, n, sd in (("organ", organs, ORGAN), ("batch", batches, BATCH))
    }
    scanner = rng.normal(0, SCANNER, (scanners, N_GENES))
    columns, patients = [], []
    for number in range(n_patients):
        organ = int(number < 2) if few else number % organs
        own = base + of["organ"][organ] + of["batch"][rng.integers(batches)]
        own = own + rng.normal(0, PATIENT, N_GENES)
        for _ in range(rng.choice(sections)):
            logs = own + scanner[rng.integers(scanners)] + rng.normal(0, SECTION, N_GENES)
            shares = np.exp(logs) / np.exp(logs).sum()
            columns.append(rng.poisson(shares * np.exp(rng.uniform(*np.log(depth)))))
            patients.append(f"P{number}")
    return pd.DataFrame(np.transpose(columns)), patients


def found(sums, patients):
    return [group.patients for group in alike_patients(distances(sums), patients)[0]]


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("seed", [0, 1])
def test_twenty_clean_cohorts_give_no_alarm(name, seed):
    assert found(*cohort(seed, **SETTINGS[name])) == []


@pytest.mark.parametrize("renamed", [1, 2, 3])
@pytest.mark.parametrize("name", [name for name in SETTINGS if name != "a section each"])
def test_a_patient_with_serial_sections_under_two_ids_is_named(name, renamed):
    sums, patients = cohort(renamed, **SETTINGS[name] | {"sections": [4]})
    for number in range(1, renamed + 1):
        patients[-number] = "renamed"
    assert found(sums, patients) == [[patients[-4], "renamed"]]


@pytest.mark.parametrize("kept", [0.5, 0.1])
def test_so_is_one_whose_counts_were_thinned(kept):
    sums, patients = cohort(0, sections=[1])
    sums["copy"] = np.random.default_rng(0).binomial(sums[3], kept)
    assert found(sums, [*patients, "copy"]) == [["P3", "copy"]]


def test_two_sections_are_compared_and_many_ids_of_a_patient_are_one_group():
    sums, patients = cohort(0, sections=[3])
    assert found(sums[[0, 1]], ["one", "other"]) == [["one", "other"]]
    assert found(sums[[0, 3]], ["one", "other"]) == []
    ids = [f"{patient}_{i}" for i, patient in enumerate(patients)]
    assert sorted(found(sums, ids)) == sorted(sorted(ids[i : i + 3]) for i in range(0, 30, 3))


def test_distances_are_those_of_the_shares_without_what_chance_adds():
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.full(500, 50))
    ratio = rng.normal(0, 0.3, 500)
    other = shares * np.exp(ratio) / (shares * np.exp(ratio)).sum()
    expected = np.std(np.log(other / shares))
    for depth in (2e4, 2e6):
        sums = pd.DataFrame({"a": rng.poisson(shares * 2e6), "b": rng.poisson(other * depth)})
        assert distances(sums)[0, 1] == pytest.approx(expected, rel=0.1)
        same = sums.assign(b=rng.poisson(shares * depth))
        assert LEAST <= distances(same)[0, 1] < 0.1


def test_sections_with_few_counts_are_left_out():
    sums, patients = cohort(0, n_patients=3, sections=[2])
    sums[2] = np.random.default_rng(0).binomial(sums[2], 1e-3)
    sums[4] = 0
    assert np.isinf(distances(sums)[[2, 4]]).all()
    assert found(sums, patients) == []
    assert found(sums, ["A", "B", *patients[2:]]) == [["A", "B"]]
    assert alike_patients(distances(sums[[2, 3, 4]]), ["A", "A", "B"])[:2] == ([], np.inf)
