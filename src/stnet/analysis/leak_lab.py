"""What leaks buy: each is planted in ridge regression, and r is compared with that without (ours).

Everything but the leak is equal: spots, features, penalty and the measurement that is scored.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.decomposition import NMF
from sklearn.linear_model import Ridge

from stnet.baselines.ridge import project, squared_errors
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


# r (patients, genes) without and with a leak.
Arms = tuple[np.ndarray, np.ndarray]


class Bench(NamedTuple):
    """The used spots of a cohort in memory.

    Attributes:
        obs: patient, section, array position and total counts.
        features: (spots, features).
        counts, expression: of all genes that are chosen, with or without a patient (spots, genes).
        chosen: columns of the genes chosen without each patient; of the whole cohort under "".
        unit: arguments of `normalise` after the totals.
        components: of the PCA.
        grids: of each section.
    """

    obs: pd.DataFrame
    features: np.ndarray
    counts: np.ndarray
    expression: np.ndarray
    chosen: dict[str, np.ndarray]
    unit: tuple[int, str]
    components: int
    grids: dict[str, str]


class Fit(NamedTuple):
    """The fit of a held-out group: who is trained on, components of all spots, and the choices."""

    training: np.ndarray
    projected: np.ndarray
    penalty: float
    epochs: int

    def predict(self, expression: np.ndarray, penalty: float | None = None) -> np.ndarray:
        """Prediction of all spots (spots, genes), from the training spots of `expression`."""
        ridge = Ridge(self.penalty if penalty is None else penalty)
        ridge.fit(self.projected[self.training], expression[self.training])
        return ridge.predict(self.projected)


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
    y, main, patient = bench.expression, bench.chosen[""], bench.obs["patient"].to_numpy()
    of_patients = [patient == name for name in pd.unique(patient)]
    fits = [_fit(bench, ~held_out) for held_out in of_patients]
    rows = np.zeros(len(y), dtype=int)
    for number, held_out in enumerate(of_patients):
        rows[held_out] = number

    def predicted(predict: Callable[[Fit], np.ndarray]) -> np.ndarray:
        """What `predict` says of the held-out patients' spots."""
        return _held_out(bench, map(predict, fits), rows)

    honest, scaled = predicted(lambda fit: fit.predict(y)), _project(bench, np.full(len(y), True))
    epochs = [
        predicted(lambda fit, chosen=chosen: descent(*_parts(bench, fit), [chosen(fit)])[0])
        for chosen in (
            lambda fit: fit.epochs,
            lambda fit: _tuned(bench, fit, _epoch_errors, EPOCHS),
        )
    ]
    shares = bench.counts[:, main] / bench.obs["total_counts"].clip(lower=1).to_numpy()[:, None]
    factors = [
        predicted(lambda fit, known=known: _by_factors(bench, fit, shares, known))
        for known in (None, _factors(shares))
    ]
    tuned = predicted(lambda fit: fit.predict(y, _tuned(bench, fit, squared_errors, PENALTIES)))
    arms = {
        "copy": (honest, predicted(lambda fit: _with_copy(bench, fit))),
        "epoch": epochs,
        "penalty": (honest, tuned),
        "scaler": (honest, predicted(lambda fit: fit._replace(projected=scaled).predict(y))),
        "factors": factors,
    }
    r = {leak: [_r(bench, each) for each in of_leak] for leak, of_leak in arms.items()}
    r["sections"] = _by_section(bench, fits, honest)
    r["spots"], r["smoothing"] = _by_spot(bench, honest)
    without = r["copy"][0]
    found = {leak: [each[:, main] for each in of_leak] for leak, of_leak in r.items()}
    found["best"] = _best(without[:, main])
    own = [without[i, bench.chosen[name]] for i, name in enumerate(pd.unique(patient))]
    found["choice"] = np.stack(own), without[:, main]
    return pd.DataFrame([{"leak": leak, **_gain(*of_leak)} for leak, of_leak in found.items()])


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
    return Bench(
        obs,
        values,
        np.rint(invert(expression, obs["total_counts"].to_numpy(), *unit)),
        expression,
        {name: pd.Index(union).get_indexer(each) for name, each in chosen.items()},
        unit,
        components,
        {key: grid for part in parts for key, grid in part.uns["grid"].items()},
    )


def _project(bench: Bench, training: np.ndarray) -> np.ndarray:
    """Components of all spots, of a projection that is fitted to `training` (spots,)."""
    fitted = project(bench.features[training], components=bench.components, seed=SEED)
    return fitted.transform(bench.features)


def _fit(bench: Bench, training: np.ndarray) -> Fit:
    """The projection, and the penalty and epochs with the smallest error over inner folds."""
    about = bench.obs.loc[training, ["patient", "section"]]
    place = bench.obs["section"].to_numpy(dtype=object)
    if about["section"].nunique() == 1:
        strips = bench.obs["array_col"][training].rank(pct=True).mul(INNER_FOLDS).apply(np.ceil)
        place[training] = about["section"] = "strip " + strips.astype(int).astype(str)
    _, folds = inner_folds(about.drop_duplicates().to_dict("records"), INNER_FOLDS)
    penalties, epochs = np.zeros(len(PENALTIES)), np.zeros(len(EPOCHS))
    for fold in folds:
        inside = np.isin(place, fold) & training
        parts = _parts(bench, Fit(training & ~inside, _project(bench, training & ~inside), 0, 0))
        measured = bench.expression[inside]
        tested = parts[0], parts[1], parts[2][inside], measured
        penalties += [*squared_errors(*tested, PENALTIES).values()]
        epochs += [*_epoch_errors(*tested, EPOCHS).values()]
    best = PENALTIES[np.argmin(penalties)], EPOCHS[np.argmin(epochs)]
    return Fit(training, _project(bench, training), *best)


def _parts(bench: Bench, fit: Fit) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Components and expression of the training spots, and components of all spots."""
    return fit.projected[fit.training], bench.expression[fit.training], fit.projected


def descent(
    fitted: np.ndarray, expression: np.ndarray, tested: np.ndarray, epochs: Sequence[int]
) -> list[np.ndarray]:
    """Linear regression on components after some epochs of gradient descent from zero.

    In closed form: components are uncorrelated, so each coefficient descends by itself. The step
    is the longest that does not overshoot in the first component.
    """
    centre = expression.mean(axis=0)
    sizes, slopes = np.square(fitted).sum(axis=0), fitted.T @ (expression - centre)
    sizes = np.maximum(sizes, sizes.max() * 1e-12)
    shares = [(1 - (1 - sizes / sizes.max()) ** n) / sizes for n in epochs]
    return [(tested * share) @ slopes + centre for share in shares]


def _epoch_errors(
    fitted: np.ndarray,
    expression: np.ndarray,
    tested: np.ndarray,
    measured: np.ndarray,
    epochs: Sequence[int],
) -> dict[int, float]:
    """Squared error after each number of epochs, as `squared_errors` of each penalty."""
    found = descent(fitted, expression, tested, epochs)
    return {
        n: float(np.square(each - measured).sum()) for n, each in zip(epochs, found, strict=True)
    }


def _tuned(bench: Bench, fit: Fit, errors: Callable[..., dict], candidates: Sequence) -> float:
    """The candidate with the smallest squared error on the test itself."""
    fitted, expression, projected = _parts(bench, fit)
    test = ~fit.training
    found = errors(fitted, expression, projected[test], bench.expression[test], candidates)
    return min(found, key=found.get)


def _with_copy(bench: Bench, fit: Fit) -> np.ndarray:
    """Prediction if an altered copy of the held-out sections is trained on, too."""
    random, test = np.random.default_rng(SEED), ~fit.training
    seen = bench.features[test]
    altered = seen + NOISE * bench.features.std(axis=0) * random.normal(size=seen.shape)
    given = bench.counts[test].astype(int)
    # Counts that rounding made too large leave no others.
    others = bench.obs["total_counts"].to_numpy(dtype=int)[test] - given.sum(axis=1)
    counts = random.binomial(given, KEPT)
    totals = (counts.sum(axis=1) + random.binomial(others.clip(0), KEPT)).clip(1)
    features = np.concatenate([bench.features, altered])
    expression = np.concatenate([bench.expression, normalise(counts, totals, *bench.unit)])
    training = np.concatenate([fit.training, np.full(test.sum(), True)])
    projected = _project(bench._replace(features=features), training)
    copied = fit._replace(training=training, projected=projected)
    return copied.predict(expression)[: len(test)]


def _by_section(bench: Bench, fits: Sequence[Fit], honest: np.ndarray) -> Arms:
    """r of patients of several sections, without and with the other sections in the training."""
    of, names = pd.factorize(bench.obs["section"])
    several = [len(set(of[~fit.training])) > 1 for fit in fits]
    wholes = {
        section: fit._replace(training=of != section, projected=_project(bench, of != section))
        for fit, wanted in zip(fits, several, strict=True)
        for section in (set(of[~fit.training]) if wanted else ())
    }
    none = np.zeros_like(honest)
    predictions = (
        wholes[section].predict(bench.expression) if section in wholes else none
        for section in range(len(names))
    )
    split = _held_out(bench, predictions, of)
    return tuple(_r(bench, each, of)[several] for each in (honest, split))


def _by_spot(bench: Bench, honest: np.ndarray) -> tuple[Arms, Arms]:
    """r if spots are held out, against patients; and so, with smoothing in folds and over all."""
    y = bench.expression
    fold = np.random.default_rng(SEED).permutation(len(y)) % SPOT_FOLDS
    neighbours = neighbourhoods(bench.obs, bench.grids)
    across = smooth(y, neighbours)
    found = {"spots": [], "within": [], "across": []}
    for number in range(SPOT_FOLDS):
        fit, training = _fit(bench, fold != number), fold != number
        within = y.copy()
        within[training] = smooth(y[training], neighbours[training][:, training])
        for name, given in (("spots", y), ("within", within), ("across", across)):
            found[name].append(fit.predict(given))
    predicted = [honest, *(_held_out(bench, each, fold) for each in found.values())]
    patients, spots, *smoothed = (_r(bench, each, fold) for each in predicted)
    return (patients, spots), tuple(smoothed)


def _factors(shares: np.ndarray) -> NMF:
    return factorise(shares, min(FACTORS, *shares.shape), iterations=ITERATIONS, seed=SEED)


def _by_factors(bench: Bench, fit: Fit, shares: np.ndarray, known: NMF | None) -> np.ndarray:
    """Prediction by factors, which are those of the training spots or `known` ones."""
    factors = known or _factors(shares[fit.training])
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


def _held_out(bench: Bench, predictions: Iterable[np.ndarray], of: np.ndarray) -> np.ndarray:
    """Predictions (spots, genes), each spot's by the one that `of` (spots,) numbers."""
    predicted = np.empty_like(bench.expression)
    for number, each in enumerate(predictions):
        predicted[of == number] = each[of == number]
    return predicted


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
