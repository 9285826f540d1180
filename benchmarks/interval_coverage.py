"""How often 95% intervals over patients cover the truth: prints a table for docs/methods.md.

    PYTHONPATH=src .venv/bin/python benchmarks/interval_coverage.py [--cohorts 1000]

Each simulated cohort has r of 20 genes in every patient. Fisher's z of an r is the gene's mean,
from -0.05 to 0.4, plus a patient's and a gene-and-patient's deviation, each with an s.d. of 0.1.
They are normal, or, as a hard case, skewed: exponential, less their mean. AUROC is Phi(1.5 z). A
patient's squared error is exp(0.3 times such a deviation with an s.d. of 1). Estimates are those of
`stnet.evaluation`. Their truth is computed from 200,000 patients.
"""

import argparse
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import stats

from stnet.evaluation.averages import median
from stnet.evaluation.bootstrap import (
    SAMPLES,
    interval,
    patient_draws,
    percentile_interval,
    resampled_means,
    resampled_medians,
)

N_PATIENTS = [2, 3, 4, 8, 14, 23]
GENES = 20
EVERYONE = 200_000
Estimate = Callable[[np.ndarray], np.ndarray]


def simulate(random: np.random.Generator, n_patients: int, skewed: bool) -> dict[str, np.ndarray]:
    """r, r of another method and AUROC, (patients, genes) each; squared error (patients,)."""

    def deviation(*shape: int) -> np.ndarray:
        return random.exponential(size=shape) - 1 if skewed else random.normal(size=shape)

    means = np.linspace(-0.05, 0.4, GENES)
    patient = 0.1 * deviation(n_patients, 1)
    z, other = (means * s + patient + 0.1 * deviation(n_patients, GENES) for s in (1, 0.8))
    return {
        "r": np.tanh(z),
        "other": np.tanh(other),
        "auroc": stats.norm.cdf(1.5 * z),
        "squared_error": np.exp(0.3 * deviation(n_patients)),
    }


def estimates(cohort: dict[str, np.ndarray]) -> dict[str, Estimate]:
    """The estimates as functions of drawn patients, (samples, patients) to (samples,)."""
    r, other, auroc = cohort["r"], cohort["other"], cohort["auroc"]
    gene = r[:, [GENES // 2]]
    return {
        "median r of a gene": lambda draws: resampled_medians(gene, draws)[:, 0],
        "median r, median over genes": lambda draws: median(resampled_medians(r, draws), axis=1),
        "gain in median r, mean over genes": lambda draws: (
            resampled_medians(r, draws) - resampled_medians(other, draws)
        ).mean(axis=1),
        "mean AUROC": lambda draws: resampled_means(auroc, draws).mean(axis=1),
        "RMSE": lambda draws: np.sqrt(cohort["squared_error"][draws].mean(axis=1)),
    }


def bca(estimate: Estimate, n_patients: int) -> np.ndarray:
    """SciPy's bias-corrected and accelerated bootstrap."""
    found = stats.bootstrap(
        (np.arange(n_patients),),
        lambda draws, axis: estimate(np.atleast_2d(draws)).reshape(draws.shape[:-1]),
        n_resamples=SAMPLES,
        vectorized=True,
        method="BCa",
        rng=np.random.default_rng(0),
    )
    return np.array(found.confidence_interval)


def jackknife_t(estimate: Estimate, value: float, n_patients: int) -> np.ndarray:
    """Student's t times the jackknife's standard error."""
    left_out = np.arange(n_patients)
    without = [np.delete(left_out, patient) for patient in left_out]
    error = np.sqrt((n_patients - 1) * estimate(np.array(without)).var())
    return value + stats.t.ppf([0.025, 0.975], n_patients - 1) * error


def order_statistics(of_patients: np.ndarray) -> np.ndarray:
    """The binomial interval of a median: the innermost values that cover at least 95%."""
    n = len(of_patients)
    below = int(stats.binom.ppf(0.025, n, 0.5))
    if below == 0:
        return np.full(2, np.nan)
    return np.sort(of_patients)[[below - 1, n - below]]


def intervals(name: str, estimate: Estimate, cohort: dict[str, np.ndarray]) -> dict:
    """The intervals of an estimate by method."""
    n_patients = len(cohort["r"])
    value = estimate(np.arange(n_patients)[None])[0]
    resampled = estimate(patient_draws(n_patients))
    found = {
        "percentile": percentile_interval(resampled),
        "BCa": bca(estimate, n_patients),
        "t, jackknife's error": jackknife_t(estimate, value, n_patients),
        "t, bootstrap's error (used)": interval(value, resampled, n_patients),
    }
    if name == "median r of a gene":
        found["order statistics"] = order_statistics(cohort["r"][:, GENES // 2])
    return found


def main() -> None:
    """Print the share of intervals that cover the truth, in percent: normal / skewed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cohorts", type=int, default=1000)
    n_cohorts = parser.parse_args().cohorts
    rows = []
    for skewed in (False, True):
        everyone = simulate(np.random.default_rng(0), EVERYONE, skewed)
        truth = {
            name: estimate(np.arange(EVERYONE)[None])[0]
            for name, estimate in estimates(everyone).items()
        }
        for n_patients in N_PATIENTS:
            random = np.random.default_rng([1, n_patients])
            for _ in range(n_cohorts):
                cohort = simulate(random, n_patients, skewed)
                for name, estimate in estimates(cohort).items():
                    for method, (low, high) in intervals(name, estimate, cohort).items():
                        covers = np.nan if np.isnan(low) else float(low <= truth[name] <= high)
                        rows.append((name, method, skewed, n_patients, covers))
    table = pd.DataFrame(rows, columns=["estimate", "method", "skewed", "n", "covers"])
    keys = ["estimate", "method", "n", "skewed"]
    percent = 100 * table.groupby(keys, sort=False)["covers"].mean().unstack("skewed")
    text = percent.apply(
        lambda row: "" if row.isna().any() else f"{row[False]:.0f} / {row[True]:.0f}", axis=1
    )
    print(f"| estimate | interval | {' | '.join(f'{n} patients' for n in N_PATIENTS)} |")
    print("|---" * (len(N_PATIENTS) + 2) + "|")
    for (name, method), cells in text.unstack("n")[N_PATIENTS].iterrows():
        print(f"| {name} | {method} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
