"""How far the noise ceiling is from the best r: prints the numbers of docs/methods.md.

    PYTHONPATH=src .venv/bin/python benchmarks/ceilings.py --her2st FOLDER

Counts are simulated with the total counts of HER2ST's patient B and the shares of every fifth of
its 250 most expressed genes; a spot's rate of a gene is its share times a random factor. The best
prediction is the expectation of the measurement given the rate and the total. FOLDER has HER2ST as
distributed.
"""

import argparse
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

from stnet.evaluation.ceiling import ceiling, reliabilities
from stnet.evaluation.correlation import pearson, residuals
from stnet.expression.transforms import normalise

SPOTS, REPEATS = 1000, 400
FACTORS = {
    "gamma, shape 2": lambda random, shape: random.gamma(2, 1 / 2, shape),
    "gamma, shape 10": lambda random, shape: random.gamma(10, 1 / 10, shape),
    "log-normal, s.d. 0.8": lambda random, shape: random.lognormal(-0.32, 0.8, shape),
    "two classes, 0.38 and 3.5": lambda random, shape: np.where(
        random.random(shape) < 0.2, 3.5, 0.375
    ),
}


def bias(spread: str, transform: str, totals: np.ndarray, shares: np.ndarray, universe: int):
    """Ceiling minus the best r, by gene: of r, and of r given depth."""
    random = np.random.default_rng(0)
    rates = totals[:, None] * shares * FACTORS[spread](random, (len(totals), len(shares)))
    counts = random.poisson(rates)
    totals = counts.sum(axis=1) + random.poisson(totals * (1 - shares.sum())) + 1
    y = normalise(counts, totals, universe, transform)
    draws = (normalise(random.poisson(rates), totals, universe, transform) for _ in range(REPEATS))
    sides = [side.T.copy() for side in (sum(draws) / REPEATS, y)]
    best = {"": pearson(*sides)}
    best["_partial"] = pearson(*(residuals(side, np.log(totals)) for side in sides))
    obs = pd.DataFrame({"patient": "B", "total_counts": totals}, [f"{n}" for n in range(len(y))])
    spots = ad.AnnData(y, obs, layers={"observed": y})
    spots.uns["targets"] = {"universe": universe, "transform": transform}
    return [
        ceiling(rho.mean(axis=(0, 1))) - best[kind] for kind, rho in reliabilities(spots).items()
    ]


def main(her2st: Path) -> None:
    """Print a row per transform and distribution of the rates."""
    paths = sorted(her2st.glob("ST-cnts/B*.tsv.gz"))
    tables = [pd.read_csv(path, sep="\t", index_col=0) for path in paths]
    totals = np.concatenate([table.sum(axis=1) for table in tables])
    totals = np.random.default_rng(0).choice(totals[totals > 0], SPOTS, replace=False)
    of_genes = pd.concat([table.sum() for table in tables], axis=1).sum(axis=1)
    shares = of_genes.nlargest(250).to_numpy()[::5] / of_genes.sum()
    print("| transform | rates | of r: median over genes (range) | of r given depth |")
    print("|---|---|---|---|")
    for transform in ("log_fraction", "log_cp10k"):
        for spread in FACTORS:
            found = bias(spread, transform, totals, shares, len(of_genes))
            numbers = [f"{np.median(b):+.2f} ({b.min():+.2f} to {b.max():+.2f})" for b in found]
            print("|", " | ".join([f"`{transform}`", spread, *numbers]), "|", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--her2st", type=Path, required=True)
    main(parser.parse_args().her2st)
