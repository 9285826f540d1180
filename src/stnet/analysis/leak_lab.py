"""What leaks buy: each is planted in ridge regression, and r is compared with that without (ours).

Everything but the leak is equal: spots, features, penalty and the measurement that is scored.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.decomposition import NMF

from stnet.config.split import inner_folds
from stnet.core.errors import InputError
from stnet.evaluation.averages import mean, median
from stnet.evaluation.bootstrap import resampled_means, resampled_medians, with_interval
from stnet.evaluation.correlation import FEWEST_SPOTS, pearson
from stnet.evaluation.protocols import CHOSEN_GENES
from stnet.expression.composition import factorise
from stnet.expression.copies import gene_sums
from stnet.expression.smoothing import neighbourhoods, smooth
from stnet.expression.spots import spot_names
from stnet.expression.targets import choose_genes, read_cohort, section_expression
from stnet.expression.transforms import invert, normalise
from stnet.features.files import read_features

INNER_FOLDS, SPOT_FOLDS, SEED = 4, 5, 0
# Spots whose products are summed at once, and shares of squares that are rounding.
BLOCK, TINY = 4096, 1e-12
PENALTIES = [10.0**power for power in range(1, 7)]
EPOCHS = [2**power for power in range(15)]
FACTORS, ITERATIONS = 10, 200
# A copy keeps each count with this probability; its features differ by this share of their s.d., as
# those of an image that was turned and stained otherwise do.
KEPT, NOISE = 0.5, 0.2
# Mean over genes of the mean over patients, and the same of medians: (patients, genes) and draws.
AVERAGES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "mean": lambda r, draws: mean(resampled_means(r, draws), axis=1),
    "median": lambda r, draws: median(resampled_medians(r, draws), axis=1),
}
# The predictions that a leak's are compared with (`_arms`).
WITHOUT = dict.fromkeys(["copy", "penalty", "scaler"], "honest")
WITHOUT |= {"epoch": "epochs", "factors": "own factors"}
# r (patients, genes) without and with a leak.
Arms = tuple[np.ndarray, np.ndarray]


class Bench(NamedTuple):
    """The used spots of a cohort in memory.

    Attributes:
        obs: patient, section, array position and total counts.
        features: (spots, features), centred.
        moments: of them all (`_moments`).
        counts, expression: of all genes that are chosen, with or without a patient (spots, genes).
        chosen: columns of the genes chosen without each patient; of the whole cohort under "".
        unit: arguments of `normalise` after the totals.
        components: of the PCA.
        grids: of each section.
    """

    obs: pd.DataFrame
    features: np.ndarray
    moments: np.ndarray
    counts: np.ndarray
    expression: np.ndarray
    chosen: dict[str, np.ndarray]
    unit: tuple[int, str]
    components: int
    grids: dict[str, str]


class Fit(NamedTuple):
    """The fit of a held-out group.

    Attributes:
        training: whether a spot is trained on (spots,).
        projected: principal components of all spots (spots, components), fitted to the training.
        sizes: sums of squares of the training spots' components, which are uncorrelated.
        penalty, epochs: what is chosen.
    """

    training: np.ndarray
    projected: np.ndarray
    sizes: np.ndarray
    penalty: float = 0.0
    epochs: int = 0

    def slopes(self, expression: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Products of components and expression of the training spots, and its mean."""
        seen = expression[self.training]
        centre = seen.mean(axis=0)
        return self.projected[self.training].T @ (seen - centre), centre

    def predict(self, expression: np.ndarray, shares: np.ndarray | None = None) -> np.ndarray:
        """Prediction of all spots (spots, genes), from the training spots of `expression`.

        By ridge regression with the chosen penalty, or with other `shares`.
        """
        shares = of_penalty(self.sizes, self.penalty) if shares is None else shares
        slopes, centre = self.slopes(expression)
        return self.projected @ (shares[:, None] * slopes) + centre

    def tuned(self, *errors: np.ndarray) -> "Fit":
        """The fit with the penalty and epochs of the smallest sum of `_errors`."""
        of_penalties, of_epochs = np.split(np.sum(errors, axis=0), [len(PENALTIES)])
        return self._replace(
            penalty=PENALTIES[of_penalties.argmin()], epochs=EPOCHS[of_epochs.argmin()]
        )


def of_penalty(sizes: np.ndarray, penalty: float) -> np.ndarray:
    """What ridge regression on uncorrelated components multiplies their products with."""
    return 1 / (sizes + penalty)


def of_epochs(sizes: np.ndarray, epochs: int) -> np.ndarray:
    """The same of linear regression after some epochs of gradient descent from zero.

    In closed form: components are uncorrelated, so each coefficient descends by itself. The step
    is the longest that does not overshoot in the first component.
    """
    return (1 - (1 - sizes / sizes.max()) ** epochs) / sizes


def leak_lab(
    sections: Sequence[str | Path],
    features: str | Path,
    *,
    genes: int,
    transform: str,
    components: int,
) -> pd.DataFrame:
    """Plant leaks in a cohort, one at a time, and measure what each adds to r.

    The method is ridge regression on principal components, as the kind `ridge`, with a patient held
    out and a penalty of inner folds (strips of a section, if there is nothing else to split).

    Args:
        sections: section files of a cohort.
        features: a file of `collect_features`.
        genes: how many genes with the highest counts are predicted.
        transform: of the counts (`normalise`).
        components: of the PCA.

    Returns:
        A row per leak: its name, n_patients, n_genes, and for mean and median r:
        `…_without`, `…_with` and `…_gain` with `…_gain_low` and `…_gain_high`, a 95% interval over
        patients, of whom the same are drawn for both.

    Raises:
        InputError: one patient, features that are missing, or of other spots.
    """
    bench = _bench(sections, features, genes, transform, components)
    main, patient = bench.chosen[""], bench.obs["patient"].to_numpy()
    names, scaled = pd.unique(patient), _project(bench, np.full(len(patient), True))[0]
    shares = bench.counts[:, main] / bench.obs["total_counts"].clip(lower=1).to_numpy()[:, None]
    known = _factors(shares)
    found, penalties = {}, []
    for name in names:
        fit = _fit(bench, patient != name)
        penalties.append(fit.penalty)
        for arm, predicted in _arms(bench, fit, scaled, shares, known):
            of_arm = found.setdefault(arm, np.empty(bench.expression.shape, dtype=np.float32))
            of_arm[~fit.training] = predicted[~fit.training]
    r = {arm: _r(bench, predicted) for arm, predicted in found.items()}
    arms = {leak: (r[without], r[leak]) for leak, without in WITHOUT.items()}
    arms["sections"] = _by_section(bench, penalties, found["honest"])
    arms["spots"], arms["smoothing"] = _by_spot(bench, found["honest"])
    gains = {leak: [each[:, main] for each in of_leak] for leak, of_leak in arms.items()}
    without = r["honest"][:, main]
    gains["best"] = _best(without)
    own = [r["honest"][i, bench.chosen[name]] for i, name in enumerate(names)]
    gains["choice"] = np.stack(own), without
    return pd.DataFrame([{"leak": leak, **_gain(*of_leak)} for leak, of_leak in gains.items()])


def _arms(
    bench: Bench,
    fit: Fit,
    scaled: np.ndarray,
    shares: np.ndarray,
    known: NMF,
) -> Iterator[tuple[str, np.ndarray]]:
    """Predictions of all spots by the fit of a held-out patient, without and with leaks."""
    y = bench.expression
    tuned = fit.tuned(_errors(bench, fit, ~fit.training))
    yield "honest", fit.predict(y)
    yield "copy", _with_copy(bench, fit)
    yield "penalty", tuned.predict(y)
    yield "epochs", fit.predict(y, of_epochs(fit.sizes, fit.epochs))
    yield "epoch", fit.predict(y, of_epochs(fit.sizes, tuned.epochs))
    yield "scaler", Fit(fit.training, *_turned(scaled, fit.training), fit.penalty).predict(y)
    yield "own factors", _by_factors(bench, fit, shares, _factors(shares[fit.training]))
    yield "factors", _by_factors(bench, fit, shares, known)


def _bench(
    sections: Sequence[str | Path],
    features: str | Path,
    genes: int,
    transform: str,
    components: int,
) -> Bench:
    parts, universe = read_cohort(sections)
    parts = [part for part in parts if part.n_obs]
    sums = pd.concat([gene_sums(part) for part in parts], axis=1).fillna(0.0)
    of = np.array([str(part.obs["patient"].iloc[0]) for part in parts])
    if len(set(of)) < 2:
        raise InputError(f"{sections[0]}: one patient only; a leak is measured on two or more")
    without = dict.fromkeys(["", *of])
    chosen = {name: choose_genes(sums.loc[:, of != name].sum(axis=1), genes) for name in without}
    union = list(dict.fromkeys(gene for each in chosen.values() for gene in each))
    names = [name for part in parts for name in spot_names(part)]
    values, _ = read_features(features, names)
    if np.isnan(values).any():
        raise InputError(f"{features}: features are missing; name features of an encoder")
    obs = pd.concat([part.obs for part in parts]).astype({"patient": str, "section": str})
    unit = len(universe), transform
    expression = np.concatenate([section_expression(part, union, *unit) for part in parts])
    values -= values.mean(axis=0)
    return Bench(
        obs,
        values,
        _moments(values),
        np.rint(invert(expression, obs["total_counts"].to_numpy(), *unit)),
        expression,
        {name: pd.Index(union).get_indexer(each) for name, each in chosen.items()},
        unit,
        components,
        {key: grid for part in parts for key, grid in part.uns["grid"].items()},
    )


def _moments(features: np.ndarray) -> np.ndarray:
    """Products of a one and features, summed over spots (1 + features, 1 + features)."""
    total = np.zeros((features.shape[1] + 1,) * 2)
    for start in range(0, len(features), BLOCK):
        block = features[start : start + BLOCK].astype(float)
        block = np.column_stack([np.ones(len(block)), block])
        total += block.T @ block
    return total


def _project(bench: Bench, training: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Components of all spots, by a standardisation and a PCA of `training` (spots,); their sizes.

    From sums of products, without the spots that are left out: many fits share nearly all spots.
    """
    moments = bench.moments - _moments(bench.features[~training])
    n, mean = moments[0, 0], moments[0, 1:] / moments[0, 0]
    products = moments[1:, 1:] - n * np.outer(mean, mean)
    squares = np.diag(products)
    sd = np.sqrt(np.where(squares > TINY * np.diag(moments)[1:], squares, n) / n)
    sizes, axes = np.linalg.eigh(products / np.outer(sd, sd))
    kept = slice(None, -1 - min(bench.components, int(n), len(sizes)), -1)
    sizes, axes = sizes[kept], axes[:, kept] / sd[:, None]
    projected = bench.features @ axes.astype(np.float32) - (mean @ axes).astype(np.float32)
    return projected, np.maximum(sizes, sizes.max() * TINY)


def _turned(projected: np.ndarray, training: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Components of another fit, turned to be uncorrelated in `training`; their sizes."""
    centred = projected - projected[training].mean(axis=0)
    seen = centred[training].astype(float)
    sizes, axes = np.linalg.eigh(seen.T @ seen)
    return centred @ axes.astype(np.float32), np.maximum(sizes, sizes.max() * TINY)


def _fit(bench: Bench, training: np.ndarray) -> Fit:
    """The projection, and the penalty and epochs with the smallest error over inner folds."""
    about = bench.obs.loc[training, ["patient", "section"]]
    place = bench.obs["section"].to_numpy(dtype=object)
    if about["section"].nunique() == 1:
        strips = bench.obs["array_col"][training].rank(pct=True).mul(INNER_FOLDS).apply(np.ceil)
        place[training] = about["section"] = "strip " + strips.astype(int).astype(str)
    _, folds = inner_folds(about.drop_duplicates().to_dict("records"), INNER_FOLDS)
    errors = []
    for fold in folds:
        inside = np.isin(place, fold) & training
        others = training & ~inside
        errors.append(_errors(bench, Fit(others, *_project(bench, others)), inside))
    return Fit(training, *_project(bench, training)).tuned(*errors)


def _errors(bench: Bench, fit: Fit, tested: np.ndarray) -> np.ndarray:
    """Squared error in the `tested` spots of each penalty, then of each number of epochs.

    From products of their components, so that a candidate costs no further prediction.
    """
    slopes, centre = fit.slopes(bench.expression)
    components, measured = fit.projected[tested].astype(float), bench.expression[tested] - centre
    among, across = components.T @ components, components.T @ measured
    candidates = [of_penalty(fit.sizes, each) for each in PENALTIES]
    errors = []
    for shares in [*candidates, *(of_epochs(fit.sizes, each) for each in EPOCHS)]:
        steps = shares[:, None] * slopes
        errors.append((steps * (among @ steps - 2 * across)).sum())
    return np.array(errors)


def _with_copy(bench: Bench, fit: Fit) -> np.ndarray:
    """Prediction if an altered copy of the held-out sections is trained on, too."""
    random, test = np.random.default_rng(SEED), ~fit.training
    seen = bench.features[test]
    altered = seen + NOISE * bench.features.std(axis=0) * random.normal(size=seen.shape)
    altered = altered.astype(np.float32)
    given = bench.counts[test].astype(int)
    # Counts that rounding made too large leave no others.
    others = bench.obs["total_counts"].to_numpy(dtype=int)[test] - given.sum(axis=1)
    counts = random.binomial(given, KEPT)
    totals = (counts.sum(axis=1) + random.binomial(others.clip(0), KEPT)).clip(1)
    features = np.concatenate([bench.features, altered])
    expression = np.concatenate([bench.expression, normalise(counts, totals, *bench.unit)])
    training = np.concatenate([fit.training, np.full(test.sum(), True)])
    moments = bench.moments + _moments(altered)
    projection = _project(bench._replace(features=features, moments=moments), training)
    copied = Fit(training, *projection, fit.penalty)
    return copied.predict(expression)[: len(test)]


def _by_section(bench: Bench, penalties: Sequence[float], honest: np.ndarray) -> Arms:
    """r of patients of several sections, without and with the other sections in the training.

    `penalties` are those of the patients, which are not chosen anew.
    """
    of = pd.factorize(bench.obs["section"])[0]
    split, several = np.zeros_like(honest), []
    by_patient = bench.obs.groupby("patient", sort=False).indices.values()
    for rows, penalty in zip(by_patient, penalties, strict=True):
        sections = set(of[rows])
        several.append(len(sections) > 1)
        for section in sections if several[-1] else ():
            test = of == section
            whole = Fit(~test, *_project(bench, ~test), penalty)
            split[test] = whole.predict(bench.expression)[test]
    return tuple(_r(bench, each, of)[several] for each in (honest, split))


def _by_spot(bench: Bench, honest: np.ndarray) -> tuple[Arms, Arms]:
    """r if spots are held out, against patients; and so, with smoothing in folds and over all."""
    y = bench.expression
    fold = np.random.default_rng(SEED).permutation(len(y)) % SPOT_FOLDS
    neighbours = neighbourhoods(bench.obs, bench.grids)
    across, found = smooth(y, neighbours), [np.empty_like(honest) for _ in range(3)]
    for number in range(SPOT_FOLDS):
        fit, test = _fit(bench, fold != number), fold == number
        within = y.copy()
        within[~test] = smooth(y[~test], neighbours[~test][:, ~test])
        for predicted, given in zip(found, (y, within, across), strict=True):
            predicted[test] = fit.predict(given)[test]
    patients, spots, *smoothed = (_r(bench, each, fold) for each in (honest, *found))
    return (patients, spots), tuple(smoothed)


def _factors(shares: np.ndarray) -> NMF:
    return factorise(shares, min(FACTORS, *shares.shape), iterations=ITERATIONS, seed=SEED)


def _by_factors(bench: Bench, fit: Fit, shares: np.ndarray, factors: NMF) -> np.ndarray:
    """Prediction of the expression by one of factors."""
    made = fit.predict(factors.transform(shares)).clip(0)
    total = bench.obs["total_counts"].to_numpy()[fit.training].mean()
    found = np.zeros_like(bench.expression)
    found[:, bench.chosen[""]] = normalise(
        made @ factors.components_ * total, np.full(len(made), total), *bench.unit
    )
    return found


def _best(r: np.ndarray) -> Arms:
    """r (patients, genes) of the best genes in the other patients, and in all."""
    n, known = min(CHOSEN_GENES, max(1, r.shape[1] // 5)), np.nan_to_num(r, nan=-1)
    others = [np.delete(known, i, axis=0).mean(axis=0).argsort()[-n:] for i in range(len(r))]
    return np.take_along_axis(r, np.stack(others), axis=1), r[:, known.mean(axis=0).argsort()[-n:]]


def _r(bench: Bench, predicted: np.ndarray, within: np.ndarray | None = None) -> np.ndarray:
    """r by patient (patients, genes).

    Means of predictions by several models, and of what they left out, differ the other way round.
    `within` (spots,) numbers them, and r is within each. Patients with too few spots have none.
    """
    found = []
    for rows in bench.obs.groupby("patient", sort=False).indices.values():
        sides, spare = (predicted[rows], bench.expression[rows]), len(rows)
        if within is not None:
            means = [pd.DataFrame(side).groupby(within[rows]).transform("mean") for side in sides]
            sides = tuple(side - mean.to_numpy() for side, mean in zip(sides, means, strict=True))
            spare -= len(set(within[rows])) - 1
        r = pearson(*(side.T for side in sides))
        found.append(r if spare >= FEWEST_SPOTS else np.full(len(r), np.nan))
    return np.stack(found)


def _gain(without: np.ndarray, with_leak: np.ndarray) -> dict[str, float]:
    """Mean and median r (patients, genes) without and with a leak, and what is gained."""
    everybody = np.arange(len(without))[None]
    found: dict[str, float] = {
        "n_patients": int(np.isfinite(without).any(axis=1).sum()),
        "n_genes": without.shape[1],
    }
    for name, average in AVERAGES.items():
        if not len(without):
            continue
        found[f"{name}_without"] = average(without, everybody)[0]
        found[f"{name}_with"] = average(with_leak, everybody)[0]
        ends = with_interval(
            lambda draws, of=average: of(with_leak, draws) - of(without, draws), len(without)
        )
        found |= dict(
            zip([f"{name}_gain{end}" for end in ("", "_low", "_high")], ends, strict=True)
        )
    return found
