"""How often intervals for new patients cover, and how wide they are: tables for docs/methods.md.

    PYTHONPATH=src .venv/bin/python benchmarks/conformal.py simulated [--cohorts 100]
    PYTHONPATH=src .venv/bin/python benchmarks/conformal.py measured PREDICTIONS...
    PYTHONPATH=src .venv/bin/python benchmarks/conformal.py spread PREDICTIONS...

`simulated`: expression of 20 genes in 60 spots of a patient is a linear function of 10 features, a
shift of the patient (s.d. 0.5) and noise of the patient's own s.d. (0.5 to 1.5). Ridge regression
is fitted without each patient, for the errors, and to all patients, for the predictions of 200 new
ones. `measured` has half-widths from all but one patient of an experiment's held-out predictions,
and what they cover in that one. `spread` is the rank correlation, over spots, of an ensemble's s.d.
with its error in a section that was not trained on.
"""

import argparse

import anndata as ad
import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from sklearn.linear_model import Ridge

from stnet.config.levels import LEVELS
from stnet.evaluation.conformal import column, half_widths
from stnet.evaluation.held_out import read_predictions

N_PATIENTS = [5, 9, 23]
N_NEW, SPOTS, FEATURES, GENES = 200, 60, 10, 20


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


def held_out(features: np.ndarray, expression: np.ndarray) -> ad.AnnData:
    """Held-out predictions of each patient by the regression on the others."""
    n = len(features)
    predicted = [
        fit_predict(np.delete(features, i, 0), np.delete(expression, i, 0), features[i])
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


def spread(paths: list[str]) -> pd.DataFrame:
    """Rank correlation of an ensemble's s.d. with its error, median over genes, by section."""
    rows = []
    for path in paths:
        table = ad.read_h5ad(path)
        error = np.abs(table.layers["observed"] - table.X)
        found = [
            spearmanr(table.layers["sd"][:, gene], error[:, gene]).statistic
            for gene in np.flatnonzero(np.isfinite(error).all(axis=0))
        ]
        sd = np.median(table.layers["sd"])
        rows.append((path, np.median(found), *np.percentile(found, [10, 90]), sd))
    return pd.DataFrame(rows, columns=["section", "rho", "rho_10", "rho_90", "sd"])


def main() -> None:
    """Print the table of the part that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=["simulated", "measured", "spread"])
    parser.add_argument("paths", nargs="*")
    parser.add_argument("--cohorts", type=int, default=100)
    arguments = parser.parse_args()
    if arguments.part == "spread":
        print(spread(arguments.paths).to_string(index=False, float_format="%.2f"))
        return
    is_simulated = arguments.part == "simulated"
    table = simulated(arguments.cohorts) if is_simulated else measured(arguments.paths)
    means = table.groupby(["of", "level"], sort=False).mean().unstack("level")
    print(means.to_string(float_format="%.3f"))
    print(table.groupby("level")[["coverage", "half_width"]].mean().to_string())


if __name__ == "__main__":
    main()
