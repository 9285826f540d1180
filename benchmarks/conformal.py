"""How often intervals for new patients cover, and how wide they are: tables for docs/methods.md.

    PYTHONPATH=src .venv/bin/python benchmarks/conformal.py simulated [--cohorts 100]
    PYTHONPATH=src .venv/bin/python benchmarks/conformal.py shifted [--cohorts 10]
    PYTHONPATH=src .venv/bin/python benchmarks/conformal.py measured PREDICTIONS...

`simulated`: expression of 20 genes in 60 spots of a patient is a linear function of 10 features, a
shift of the patient (s.d. 0.5) and noise of the patient's own s.d. (0.5 to 1.5). Ridge regression
is fitted without each patient, for the errors, and to all patients, for the predictions of 200 new
ones. `shifted` has 23 patients, and six of the features are the stain's, mixed to be as correlated
as optical densities are. They move in the new patients, in each of six directions by up to 4 s.d.,
and what is measured does not. `measured` has half-widths from all but one patient of an
experiment's held-out predictions, and what they cover in that one.
"""

import argparse
import itertools

import anndata as ad
import numpy as np
import pandas as pd
from sklearn.linear_model import Ridge

from stnet.config.levels import LEVELS
from stnet.evaluation.conformal import column, half_widths
from stnet.evaluation.held_out import read_predictions
from stnet.inference.training_distance import PatchStatistics

N_PATIENTS = [3, 5, 9, 15, 23]
N_NEW, SPOTS, FEATURES, GENES = 200, 60, 10, 20
# Mean and s.d. of the density in red, green and blue, by six causes: strength, hue, and so on.
STAIN = np.array(
    [
        [1, 0.9, 0.8, 0.5, 0.45, 0.4],
        [0.3, -0.3, 0, 0.1, -0.1, 0],
        [0.1, 0.1, -0.2, 0, 0.05, -0.05],
        [0, 0, 0, 0.2, 0.1, 0.1],
        [0.02, 0, 0.02, 0, 0.05, -0.05],
        [0, 0.03, 0, 0, 0, 0.05],
    ]
)
SIZES = (0.5, 1, 1.5, 2, 4)
METHODS = ("each feature alone", "correlated", "correlated, recoloured errors")


def simulate(
    random: np.random.Generator, n_patients: int, effects: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Features and expression of the patients, (patients, spots, features or genes)."""
    shape = n_patients, SPOTS
    features = random.normal(size=(*shape, FEATURES)) + random.normal(size=(n_patients, 1, 1)) / 2
    noise = random.uniform(0.5, 1.5, size=(n_patients, 1, 1)) * random.normal(size=(*shape, GENES))
    shift = 0.5 * random.normal(size=(n_patients, 1, GENES))
    return features, features @ effects + shift + noise


def fit_predict(features: np.ndarray, expression: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Predictions of `new` by ridge regression on the patients' spots."""
    model = Ridge(10).fit(features.reshape(-1, FEATURES), expression.reshape(-1, GENES))
    return model.predict(new.reshape(-1, FEATURES))


def held_out(
    features: np.ndarray, expression: np.ndarray, seen: np.ndarray | None = None
) -> ad.AnnData:
    """Held-out predictions of each patient, from `seen` if given, by a regression on the others."""
    n = len(features)
    seen = features if seen is None else seen
    predicted = [
        fit_predict(np.delete(features, i, 0), np.delete(expression, i, 0), seen[i])
        for i in range(n)
    ]
    names = np.repeat(np.arange(n), SPOTS).astype(str)
    obs = pd.DataFrame({"patient": names}, [str(i) for i in range(n * SPOTS)])
    spots = ad.AnnData(np.concatenate(predicted), obs=obs)
    spots.layers["observed"] = expression.reshape(-1, GENES)
    return spots


def simulated(n_cohorts: int) -> pd.DataFrame:
    """Coverage and half-width of each cohort, level and number of patients."""
    rows = []
    for n_patients in N_PATIENTS:
        random = np.random.default_rng([2, n_patients])
        for _ in range(n_cohorts):
            effects = random.normal(size=(FEATURES, GENES)) / 3
            cohort = simulate(random, n_patients, effects)
            half = half_widths(held_out(*cohort))
            new, truth = simulate(random, N_NEW, effects)
            error = np.abs(truth.reshape(-1, GENES) - fit_predict(*cohort, new))
            rows += [(f"{n_patients} patients", *row) for row in covered(error, half)]
    return pd.DataFrame(rows, columns=["of", "level", "coverage", "half_width"])


def shifted(n_cohorts: int) -> pd.DataFrame:
    """Shares covered, abstained from, and either, at 90%, without a shift and under the worst."""
    rows = []
    for strength, technical in itertools.product((1, 3), (0, 0.5)):
        random = np.random.default_rng(5)
        found = [shifts(random, strength, technical) for _ in range(n_cohorts)]
        for number, method in enumerate(METHODS):
            clean, *moved = np.mean([each[number] for each in found], axis=0)
            worst = min(moved, key=lambda each: each[2])
            half = np.mean([each[number][0, 3] for each in found])
            rows.append((strength, technical, method, half, *clean[:3], *worst[:3]))
    shares = [f"{name}_{of}" for of in ("clean", "worst") for name in ("covered", "left", "either")]
    return pd.DataFrame(rows, columns=["strength", "technical", "method", "half_width", *shares])


def shifts(random: np.random.Generator, strength: float, technical: float) -> np.ndarray:
    """Shares covered, abstained from, and either, and half-width: (methods, shifts, 4).

    The first shift is none. Expression depends on the stain's features `strength` times as much as
    on others. They also differ between patients for no reason in the tissue, with an s.d. of
    `technical`.
    """
    n_stain = len(STAIN)
    effects = random.normal(size=(FEATURES, GENES)) / 3
    effects[:n_stain] *= strength

    def draw(n_patients: int) -> tuple[np.ndarray, np.ndarray]:
        features, expression = simulate(random, n_patients, effects)
        features[..., :n_stain] += technical * random.normal(size=(n_patients, 1, n_stain))
        return features, expression

    def stain_of(features: np.ndarray) -> np.ndarray:
        return features[..., :n_stain].reshape(-1, n_stain) @ STAIN

    cohort, (new, truth) = draw(23), draw(N_NEW)
    spots = held_out(*cohort)
    patients = spots.obs["patient"].to_numpy()
    half = half_widths(spots)[column(0.9)].to_numpy()
    # Errors in the stain of another patient, another one for each spot, if they are larger.
    means = cohort[0][..., :n_stain].mean(axis=1)
    seen = cohort[0].copy()
    seen[..., :n_stain] += means[random.integers(23, size=(23, SPOTS))] - means[:, None]
    recoloured = held_out(*cohort, seen)
    observed = spots.layers["observed"]
    spots.X = observed - np.maximum(np.abs(observed - spots.X), np.abs(observed - recoloured.X))
    wider = half_widths(spots)[column(0.9)].to_numpy()
    alone, correlated = (
        PatchStatistics.of(stain_of(cohort[0]), patients, correlated=each) for each in (False, True)
    )
    methods = [(alone, half), (correlated, half), (correlated, wider)]
    found = np.empty((len(methods), 1 + n_stain * len(SIZES), 4))
    for row, (axis, size) in enumerate([(0, 0), *itertools.product(range(n_stain), SIZES)]):
        moved = new.copy()
        moved[..., axis] += size
        error = np.abs(truth.reshape(-1, GENES) - fit_predict(*cohort, moved))
        for number, (training, widths) in enumerate(methods):
            image, patch = training.relative(stain_of(moved))
            far = np.median(image.reshape(N_NEW, SPOTS), axis=1) > 1
            left = (patch > 1) | np.repeat(far, SPOTS)
            covered = error <= widths
            either = (covered | left[:, None]).mean()
            found[number, row] = covered.mean(), left.mean(), either, np.median(widths)
    return found


def measured(paths: list[str]) -> pd.DataFrame:
    """Coverage in each patient of an experiment by half-widths from the others."""
    spots = read_predictions(paths)
    patients = spots.obs["patient"].astype(str)
    error = np.abs(spots.layers["observed"] - spots.X)
    rows = []
    for name in sorted(set(patients)):
        own = (patients == name).to_numpy()
        rows += [(name, *row) for row in covered(error[own], half_widths(spots[~own]))]
    return pd.DataFrame(rows, columns=["of", "level", "coverage", "half_width"])


def covered(error: np.ndarray, half: pd.DataFrame) -> list[tuple[float, float, float]]:
    """Level, coverage and median half-width of the genes; NaN without intervals."""
    rows = []
    for level in LEVELS:
        widths = half[column(level)].to_numpy()
        some = np.isfinite(widths).all()
        share = float((error <= widths).mean()) if some else np.nan
        rows.append((level, share, float(np.median(widths))))
    return rows


def main() -> None:
    """Print the table of the part that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=["simulated", "shifted", "measured"])
    parser.add_argument("paths", nargs="*")
    parser.add_argument("--cohorts", type=int, default=100)
    arguments = parser.parse_args()
    if arguments.part == "shifted":
        print(shifted(arguments.cohorts).to_string(index=False, float_format="%.2f"))
        return
    is_simulated = arguments.part == "simulated"
    table = simulated(arguments.cohorts) if is_simulated else measured(arguments.paths)
    means = table.groupby(["of", "level"], sort=False).mean().unstack("level")
    print(means.to_string(float_format="%.3f"))
    print(table.groupby("level")[["coverage", "half_width"]].mean().to_string())


if __name__ == "__main__":
    main()
