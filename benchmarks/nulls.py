"""How often noise passes each test: prints two tables of docs/methods.md.

    PYTHONPATH=src .venv/bin/python benchmarks/nulls.py fields --her2st FOLDER --demo RUN
    PYTHONPATH=src .venv/bin/python benchmarks/nulls.py genes --demo RUN [--her2st FOLDER]

`fields`: a prediction and a measurement that are independent Gaussian fields on real arrays of
spots. `genes`: random genes in place of the tumour and immune genes. RUN is the folder of a
finished demo, `results/demo`; FOLDER has HER2ST as distributed.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from scipy import fft, stats
from scipy.spatial.distance import cdist
from statsmodels.stats.proportion import proportion_confint

from stnet.analysis.bulk.colocalisation import Section, compare_with_chance, make_pairs, summarise
from stnet.analysis.bulk.random_sets import draw_sets, random_differences, summarise_null
from stnet.core.h5ad import read_h5ad
from stnet.evaluation.consistency import binomial_p, fisher_t
from stnet.evaluation.spatial import spectral_null, toroidal_null

LEVEL, GENES, SETS, DRAWS = 0.05, 1000, 400, 199
# Range of the covariance in spot pitches, share of noise that is of single spots.
FIELDS = {"short": (2, 0.5), "medium": (4, 0.3), "long": (8, 0.1)}
# As in the demo.
GENES_OF_A_SIDE = 3


def field(at: np.ndarray, name: str, random: np.random.Generator) -> np.ndarray:
    """Gaussian fields with an exponential covariance, (spots, genes)."""
    reach, alone = FIELDS[name]
    covariance = (1 - alone) * np.exp(-cdist(at, at) / reach) + alone * np.eye(len(at))
    return np.linalg.cholesky(covariance) @ random.normal(size=(len(at), GENES))


def t_test(x: np.ndarray, y: np.ndarray, _: np.ndarray) -> np.ndarray:
    """Spots taken as independent; a permutation of spots gives the same."""
    return stats.pearsonr(x, y, alternative="greater").pvalue


def along_the_order(x: np.ndarray, y: np.ndarray, at: np.ndarray) -> np.ndarray:
    """All circular shifts of the spots in the order of rows and columns."""
    order = np.lexsort(at.T)
    spectra = [fft.rfft(side[order] - side.mean(axis=0), axis=0) for side in (x, y)]
    products = fft.irfft(np.conj(spectra[0]) * spectra[1], n=len(at), axis=0)
    return np.mean(products >= products[0] - 1e-9, axis=0)


TESTS = {"t-test over spots": t_test, "shift along the order of spots": along_the_order}
NULLS = {"toroidal": toroidal_null, "spectral": spectral_null}


def arrays(her2st: Path | None, demo: Path | None) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Data set, array positions and section of each patient's spots.

    `alike`: all sections of two patients, which show the same tissue at the same place.
    """
    if her2st:
        files = sorted(her2st.glob("ST-spotfiles/*_selection.tsv"))
        at = {path.name[:2]: pd.read_csv(path, sep="\t")[["x", "y"]].to_numpy() for path in files}
        for patient in "ABCDE":
            yield "HER2ST", at[f"{patient}1"], np.full(len(at[f"{patient}1"]), "1")
        for patient in "AE":
            sections = {name: places for name, places in at.items() if name[0] == patient}
            ids = np.repeat([*sections], [*map(len, sections.values())])
            yield "HER2ST, alike", np.concatenate([*sections.values()]), ids
    for path in sorted(demo.glob("sections/*.h5ad")) if demo else ():
        obs = ad.read_h5ad(path).obs
        places = obs.loc[obs["used"], ["array_col", "array_row"]].to_numpy()
        yield "demo", places, np.full(len(places), "1")


def of_fields(her2st: Path | None, demo: Path | None) -> None:
    """Print the table of r per patient, and of the tests over patients."""
    random = np.random.default_rng(0)
    passed, true, drawn = {}, {}, {}
    for data, at, section in arrays(her2st, demo):
        for name in FIELDS:
            x, y = (field(at, name, random) for _ in range(2))
            for test, p in TESTS.items():
                passed.setdefault((test, data, name), []).append(p(x, y, at))
            true.setdefault((data, name), []).append(stats.pearsonr(x, y).statistic)
            for test, null in NULLS.items():
                r = null(x, y, at, section, random)
                passed.setdefault((test, data, name), []).append(share_as_high(r))
                key = f"{test}, over patients", data, name
                drawn[key] = drawn.get(key, 0) + np.arctanh(r)
    for key, z in drawn.items():
        passed[key] = [share_as_high(z)]
    for key, r in true.items():
        r = np.array(r)
        passed["binomial, over patients", *key] = [binomial_p((r > 0).sum(axis=0), len(r))]
        passed["t-test, over patients", *key] = [fisher_t(r)[1]]
    print("| test | data | field | tests | false positives at 5% | 95% interval |")
    print("|---|---|---|---|---|---|")
    for key, p in sorted(passed.items(), key=str):
        show([*key], np.concatenate(p) <= LEVEL)


def share_as_high(draws: np.ndarray) -> np.ndarray:
    """One-sided P of the first row among all."""
    return np.mean(draws >= draws[0] - 1e-12, axis=0)


def of_genes(her2st: Path | None, demo: Path | None) -> None:
    """Print the table of the tests of co-localisation."""
    sources = {}
    if demo:
        read = map(read_h5ad, sorted(demo.glob("external/demo-tcga/*/all/*.h5ad")))
        slides = [slide for slide in read if slide.n_obs]
        sources["demo, predicted in slides"] = [*map(of, slides)]
        targets = read_h5ad(demo / "targets/top60/all.h5ad")
        ids = targets.obs["section"]
        sources["demo, measured"] = [of(targets[ids == name]) for name in ids.unique()]
    if her2st:
        sources["HER2ST, measured"] = [*measured(her2st)]
    for name, sections in sources.items():
        means = np.concatenate([section.values for section in sections]).mean(axis=0)
        symbols = [str(number) for number in range(len(means))]
        random, p = np.random.default_rng(0), []
        for _ in range(SETS):
            drawn = random.choice(symbols, 2 * GENES_OF_A_SIDE, replace=False).tolist()
            sides = drawn[:GENES_OF_A_SIDE], drawn[GENES_OF_A_SIDE:]
            pairs, note = make_pairs(symbols, means, *sides)
            patients = compare_with_chance(sections, pairs)[1]
            sets = draw_sets(means, *([int(gene) for gene in side] for side in sides), DRAWS)
            null = random_differences(sections, sets)
            found = [
                summarise(patients, len(pairs), note),
                summarise_null(patients["difference"].mean(), null),
            ]
            value = pd.concat(found).set_index("quantity")["value"]
            p.append([float(value[key]) for key in ("p", "p_random_sets")])
        for test, of_test in zip(
            ["paired t over patients", "random sets"], np.array(p).T, strict=True
        ):
            show([test, name, f"{len(sections)} sections"], of_test <= LEVEL)


def of(spots: ad.AnnData) -> Section:
    """A section's or slide's expression."""
    ids = spots.obs.iloc[0]
    return Section(str(ids["patient"]), str(ids["section"]), np.asarray(spots.X))


def measured(her2st: Path) -> Iterator[Section]:
    """Log shares of the 250 genes of the highest mean count."""
    paths = sorted(her2st.glob("ST-cnts/*.tsv.gz"))
    tables = {path.name[:2]: pd.read_csv(path, sep="\t", index_col=0) for path in paths}
    total = pd.concat([table.sum() for table in tables.values()], axis=1).sum(axis=1)
    genes = total.nlargest(250).index
    for name, table in tables.items():
        counts = table.reindex(columns=genes, fill_value=0).fillna(0)
        depth = table.sum(axis=1) + len(total)
        yield Section(name[0], name, np.log(counts.add(1).div(depth, axis=0)).to_numpy(np.float32))


def show(words: list[str], passed: np.ndarray) -> None:
    """Print a row with the share that passed and its exact binomial interval."""
    low, high = proportion_confint(passed.sum(), len(passed), method="beta")
    numbers = [f"{len(passed):,}", f"{passed.mean():.1%}", f"{low:.1%} to {high:.1%}"]
    print("|", " | ".join([*words, *numbers]), "|", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["fields", "genes"])
    parser.add_argument("--her2st", type=Path)
    parser.add_argument("--demo", type=Path)
    given = parser.parse_args()
    (of_fields if given.what == "fields" else of_genes)(given.her2st, given.demo)
