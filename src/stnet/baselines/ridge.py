"""Baseline: ridge regression on the features of a frozen encoder."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from stnet.baselines.estimator import Spots, read_spots, write_held_out
from stnet.config.split import inner_folds as fold_sections
from stnet.core.errors import InputError
from stnet.expression.held_out_job import HeldOutJob

logger = logging.getLogger(__name__)


class Choice(NamedTuple):
    """The chosen penalty, the rule, and the squared error over the inner folds of each penalty."""

    penalty: float
    rule: str
    errors: dict[float, float]


def predict_ridge(
    targets: str | Path,
    features: str | Path,
    predictions: str | Path,
    job: HeldOutJob,
    *,
    components: int,
    penalties: Sequence[float],
    inner_folds: int | str,
    seed: int,
) -> None:
    """Predict held-out spots by ridge regression on their features and write `predictions.h5ad`.

    Features are standardised and projected on `components` principal components (fewer if there are
    fewer spots or features). The regression has an intercept. Every step is fitted to the training
    spots alone. Source: ours, after HEST's benchmark, which uses 256 components, no intercept and a
    penalty of 100 / (components x genes).

    Args:
        targets: a file of `write_targets`.
        features: a file of `collect_features`.
        predictions: output.
        job: whose sections are held out.
        components: of the PCA.
        penalties: candidates; the one with the smallest squared error over the inner folds is used.
        inner_folds: number of inner folds of the training patients; `held_out` chooses the penalty
            on the held-out spots, which leaks.
        seed: of the PCA's solver.

    Raises:
        InputError: missing features, or several penalties and nothing to split for the choice.
    """
    spots = read_spots(targets, job)
    training, predicted_from = spots.features(features)
    if np.isnan(training).any() or np.isnan(predicted_from).any():
        raise InputError(
            f"{features}: features are missing (patches without nuclei, for instance), and ridge"
            f" regression needs all of them; use kind forest for experiment {job.experiment}"
        )
    settings = {"components": components, "seed": seed}
    projection = project(training, **settings)
    if inner_folds == "held_out":
        fitted, tested = projection.transform(training), projection.transform(predicted_from)
        measured = np.asarray(spots.held_out.X, dtype=np.float64)
        errors = squared_errors(fitted, spots.expression, tested, measured, penalties)
        choice = Choice(min(errors, key=errors.get), "held-out spots (a leak)", errors)
    else:
        choice = choose_penalty(training, spots, penalties, inner_folds, **settings)
    if len(penalties) > 1 and choice.penalty in (min(penalties), max(penalties)):
        logger.warning(
            f"{job.held_out}: the penalty {choice.penalty:g} was chosen, the first or last of the"
            f" range; add penalties beyond it to experiment {job.experiment}"
        )
    estimator = Ridge(choice.penalty).fit(projection.transform(training), spots.expression)
    write_held_out(
        predictions,
        spots,
        estimator.predict(projection.transform(predicted_from)),
        job,
        packages=["scikit-learn"],
        **settings,
        projection_spots=int(projection[0].n_samples_seen_),
        penalty=choice.penalty,
        penalty_rule=choice.rule,
        squared_error={f"{penalty:g}": error for penalty, error in choice.errors.items()},
    )


def project(features: np.ndarray, *, components: int, seed: int) -> Pipeline:
    """Standardisation and PCA, fitted to the features (spots, features) of training spots."""
    n_components = min(components, *features.shape)
    return make_pipeline(StandardScaler(), PCA(n_components, random_state=seed)).fit(features)


def choose_penalty(
    features: np.ndarray,
    spots: Spots,
    penalties: Sequence[float],
    inner_folds: int,
    *,
    components: int,
    seed: int,
) -> Choice:
    """Choose the penalty with the smallest squared error over inner folds of the patients.

    Each fold is predicted by a fit, projection included, to the other folds. Errors are summed over
    spots and genes of all folds; ties go to the first. A single penalty is used as it is.

    Args:
        features: of the training spots, (training spots, features).
        spots: of the job.
        penalties: candidates.
        inner_folds: number of folds (`stnet.config.split.inner_folds`).
        components, seed: of the PCA.

    Returns:
        The chosen penalty, how it was chosen, and the error of each candidate.

    Raises:
        InputError: several penalties, and nothing to split.
    """
    if len(penalties) == 1:
        return Choice(penalties[0], "configured", {})
    obs = spots.training.obs[["patient", "section"]].astype(str)
    rule, folds = fold_sections(obs.drop_duplicates().to_dict("records"), inner_folds)
    if not folds:
        raise InputError(
            "experiments.*.penalties: one training section cannot be split to choose among"
            f" {len(penalties)}; give one penalty"
        )
    expression, sections = spots.expression, obs["section"].to_numpy(str)
    errors = dict.fromkeys(penalties, 0.0)
    for fold in folds:
        inside = np.isin(sections, fold)
        projection = project(features[~inside], components=components, seed=seed)
        fitted, tested = (projection.transform(features[rows]) for rows in (~inside, inside))
        of_fold = squared_errors(fitted, expression[~inside], tested, expression[inside], penalties)
        errors = {penalty: errors[penalty] + of_fold[penalty] for penalty in penalties}
    return Choice(min(errors, key=errors.get), rule, errors)


def squared_errors(
    fitted: np.ndarray,
    expression: np.ndarray,
    tested: np.ndarray,
    measured: np.ndarray,
    penalties: Sequence[float],
) -> dict[float, float]:
    """Squared error of each penalty on the tested spots, summed over spots and genes."""
    return {
        penalty: float(
            np.square(Ridge(penalty).fit(fitted, expression).predict(tested) - measured).sum()
        )
        for penalty in penalties
    }
