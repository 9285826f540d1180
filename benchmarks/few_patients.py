"""How few patients the count of consistent genes can stand: prints a table of docs/methods.md.

    PYTHONPATH=src .venv/bin/python benchmarks/few_patients.py [--cohorts 2000]

In each simulated cohort, Fisher's z of 250 genes in a patient is luck, which has a part that all
genes share and one of each gene (s.d. 0.03). With noise alone there is nothing more. With signal,
50 genes have a z of 0.3 in the mean, with an s.d. of 0.1 over patients. The shared part is normal
(s.d. 0.1), or has one size, 0.1, and either sign: what all patients' images show of sequencing
depth, for instance, which a prediction follows or opposes. A gene is consistent by
Benjamini-Hochberg on the t-test over patients, as in `stnet.evaluation`, whatever the number of
patients.
"""

import argparse

import numpy as np

from stnet.evaluation.consistency import BH_LEVEL, benjamini_hochberg, fisher_t

N_PATIENTS = [2, 3, 4, 5, 6, 8, 12]
GENES, PLANTED = 250, 50
# A count is wrong if more than this share of the genes that follow nothing are consistent.
WRONG = 0.1


def shared(random: np.random.Generator, kind: str, n: int) -> np.ndarray:
    """The part of z that all genes of a patient share, (n, 1)."""
    if kind == "alone":
        return np.zeros((n, 1))
    if kind == "normal":
        return 0.1 * random.normal(size=(n, 1))
    return 0.1 * random.choice([-1.0, 1.0], size=(n, 1))


def consistent(random: np.random.Generator, kind: str, n: int, planted: bool) -> np.ndarray:
    """Which genes of a simulated cohort are consistent; the first `PLANTED` may have a signal."""
    z = shared(random, kind, n) + 0.03 * random.normal(size=(n, GENES))
    if planted:
        z[:, :PLANTED] += 0.3 + 0.1 * random.normal(size=(n, PLANTED))
    return benjamini_hochberg(fisher_t(np.tanh(z))[1]) <= BH_LEVEL


def main() -> None:
    """Print, in percent, how often a count is wrong, and what share of planted genes it finds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cohorts", type=int, default=2000)
    n_cohorts = parser.parse_args().cohorts
    print(f"| luck of a patient | {' | '.join(f'{n} patients' for n in N_PATIENTS)} |")
    print("|---" * (len(N_PATIENTS) + 1) + "|")
    for kind in ("alone", "normal", "one size"):
        for planted in (False, True):
            cells = []
            for n in N_PATIENTS:
                random = np.random.default_rng([n, planted])
                found = np.array([consistent(random, kind, n, planted) for _ in range(n_cohorts)])
                wrong = (found[:, PLANTED:].mean(axis=1) > WRONG).mean()
                cell = f"{100 * wrong:.1f}"
                cells.append(f"{cell} / {100 * found[:, :PLANTED].mean():.0f}" if planted else cell)
            what = "signal: wrong / found" if planted else "noise: wrong"
            print(f"| {kind}, {what} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
