"""The noise ceiling, simulated and of HER2ST: prints the tables of docs/methods.md.

    PYTHONPATH=src .venv/bin/python benchmarks/ceilings.py simulated --her2st FOLDER
    PYTHONPATH=src .venv/bin/python benchmarks/ceilings.py measured --her2st FOLDER

`measured`: ceilings of the 250 most expressed genes, and r between sections of a patient that
follow one another, laid on one another by their total counts, beside that of sections of different
patients.

`simulated`: how far the ceiling is from the best r. Counts are simulated with the total counts of
HER2ST's patient B and the shares of every fifth of its 250 most expressed genes; a spot's rate of a
gene is its share times a random factor. The best prediction is the expectation of the measurement
given the rate and the total. FOLDER has HER2ST as distributed.
"""

import argparse
from itertools import pairwise, product
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from stnet.evaluation.ceiling import ceiling, reliabilities
from stnet.evaluation.correlation import pearson, residuals
from stnet.expression.transforms import normalise

SPOTS, REPEATS, GENES = 1000, 400, 250
# Spots of two sections are pairs if they are at most so far apart, in pitches; as many of the
# smaller section must have a partner.
NEAR, LEAST_SHARED = 0.75, 0.7
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


def read(her2st: Path) -> ad.AnnData:
    """Counts of the most expressed genes in the selected spots of all sections."""
    parts, total = {}, []
    for path in sorted(her2st.glob("ST-cnts/*.tsv.gz")):
        section = path.name[:2]
        counts = pd.read_csv(path, sep="\t", index_col=0)
        at = pd.read_csv(her2st / f"ST-spotfiles/{section}_selection.tsv", sep="\t")
        at.index = [f"{x}x{y}" for x, y in zip(at["x"], at["y"], strict=True)]
        counts = counts.loc[counts.index.intersection(at.index)]
        counts = counts[counts.sum(axis=1) > 0]
        total.append(counts.sum())
        parts[section] = counts, at.loc[counts.index, ["x", "y"]]
    of_genes = pd.concat(total, axis=1).sum(axis=1)
    genes, spots = of_genes.nlargest(GENES).index, []
    for section, (counts, at) in parts.items():
        obs = pd.DataFrame({"patient": section[0], "section": section}, index=counts.index)
        obs["total_counts"] = counts.sum(axis=1)
        values = counts.reindex(columns=genes, fill_value=0).fillna(0).to_numpy(int)
        spots.append(ad.AnnData(values, obs, obsm={"at": at.to_numpy(float)}))
    joined = ad.concat(spots, index_unique="-")
    joined.uns["universe"] = len(of_genes)
    return joined


def laid(one: np.ndarray, other: np.ndarray, ln_totals: list[np.ndarray]) -> list[np.ndarray]:
    """Rows of pairs of spots, after the turn, mirror and shift that fit ln total counts best."""
    one, other = (side - side.mean(axis=0) for side in (one, other))
    tree, best = cKDTree(one), (-1.0, (1, 0.0, 0.0, 0.0), [])
    places = product((1, -1), np.radians(range(0, 360, 15)), range(-6, 7, 2), range(-6, 7, 2))
    for finer in (False, True):
        if finer:
            mirror, turn, right, down = best[1]
            turns, steps = turn + np.radians(range(-8, 9, 4)), np.arange(-1.5, 2, 0.5)
            places = product((mirror,), turns, right + steps, down + steps)
        for place in places:
            mirror, turn, right, down = place
            cos, sin = np.cos(turn), np.sin(turn)
            moved = other * (mirror, 1) @ [[cos, sin], [-sin, cos]] + (right, down)
            apart, nearest = tree.query(moved, distance_upper_bound=NEAR)
            rows = np.flatnonzero(np.isfinite(apart))
            if len(rows) < LEAST_SHARED * min(len(one), len(other)):
                continue
            pairs = [nearest[rows], rows]
            r = np.corrcoef(*(side[row] for side, row in zip(ln_totals, pairs, strict=True)))[0, 1]
            best = max(best, (r, place, pairs), key=lambda each: each[0])
    return best[2]


def measured(her2st: Path) -> None:
    """Print ceilings by transform, then r between sections beside r of halves of a section."""
    spots = read(her2st)
    obs = spots.obs
    print("| transform | ceiling of r: median over genes (range) | of r given depth |")
    print("|---|---|---|")
    rho = {}
    for transform in ("log_fraction", "log_cp10k"):
        y = normalise(spots.X, obs["total_counts"].to_numpy(), spots.uns["universe"], transform)
        held = ad.AnnData(y, obs, spots.var, layers={"observed": y})
        held.uns["targets"] = {"universe": spots.uns["universe"], "transform": transform}
        rho = rho or reliabilities(held)
        of_kind = reliabilities(held) if transform != "log_fraction" else rho
        shown = [
            np.nanmedian(ceiling(np.nanmean(each, axis=0)), axis=0) for each in of_kind.values()
        ]
        texts = [f"{np.median(c):.2f} ({c.min():.2f} to {c.max():.2f})" for c in shown]
        print("|", " | ".join([f"`{transform}`", *texts]), "|", flush=True)
    y = normalise(spots.X, obs["total_counts"].to_numpy(), spots.uns["universe"], "log_fraction")
    names, ln_total = sorted(obs["section"].unique()), np.log(obs["total_counts"].to_numpy())
    rows = {name: np.flatnonzero(obs["section"] == name) for name in names}
    follow = [pair for pair in pairwise(names) if pair[0][0] == pair[1][0]]
    others = [(one, names[(names.index(one) + 9) % len(names)]) for one, _ in follow]
    print("| sections | pairs | r of ln total | r of genes | r given depth | √ of it |")
    print("|---|---|---|---|---|---|")
    for kind, pairs in {"of a patient": follow, "of different patients": others}.items():
        found = []
        for pair in pairs:
            sides = [rows[name] for name in pair]
            at = [spots.obsm["at"][side] for side in sides]
            shared = laid(*at, [ln_total[side] for side in sides])
            if not len(shared):
                continue
            both = [side[row] for side, row in zip(sides, shared, strict=True)]
            values = [y[side].T.copy() for side in both]
            rest = [residuals(v, ln_total[s]) for v, s in zip(values, both, strict=True)]
            r_total = np.corrcoef(*(ln_total[side] for side in both))[0, 1]
            found.append([np.full(spots.n_vars, r_total), pearson(*values), pearson(*rest)])
        r = np.nanmedian(np.array(found), axis=0)
        texts = [f"{np.nanmedian(each):.2f}" for each in r]
        top = np.sqrt(np.maximum(r[2], 0))
        texts.append(f"{np.nanmedian(top):.2f} ({np.nanmin(top):.2f} to {np.nanmax(top):.2f})")
        print("|", " | ".join([kind, f"{len(found)} of {len(pairs)}", *texts]), "|", flush=True)


def simulated(her2st: Path) -> None:
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
    parser.add_argument("what", choices=["simulated", "measured"])
    parser.add_argument("--her2st", type=Path, required=True)
    given = parser.parse_args()
    (simulated if given.what == "simulated" else measured)(given.her2st)
