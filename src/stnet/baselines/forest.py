"""Baseline: a random forest on features of patches, as the paper compares nuclear features."""

from pathlib import Path

import numpy as np
from sklearn.ensemble import RandomForestRegressor

from stnet.baselines.estimator import read_spots, write_held_out
from stnet.expression.held_out_job import HeldOutJob


def predict_forest(
    targets: str | Path,
    features: str | Path,
    predictions: str | Path,
    job: HeldOutJob,
    *,
    trees: int,
    max_features: float,
    min_samples_leaf: int,
    seed: int,
) -> None:
    """Predict held-out spots with a random forest on their features; write `predictions.h5ad`.

    Source: Results, "We used a random forest over these features"; the released code
    uses 100 trees and scikit-learn's defaults otherwise.

    Args:
        targets: a file of `write_targets`.
        features: a file of `collect_features`.
        predictions: output.
        job: its sections are held out; each of its threads grows a tree at a time.
        trees, max_features, min_samples_leaf, seed: as in `grow_and_predict`.

    Raises:
        InputError: no spot to predict or to train on, or the features are of other spots.
    """
    spots = read_spots(targets, job)
    training, predicted_from = spots.features(features)
    settings = {"trees": trees, "max_features": max_features, "min_samples_leaf": min_samples_leaf}
    predicted = grow_and_predict(
        training, spots.expression, predicted_from, **settings, seed=seed, threads=job.threads
    )
    write_held_out(
        predictions,
        spots,
        predicted,
        job,
        packages=["scikit-learn"],
        **settings,
        seed=seed,
    )


def grow_and_predict(
    features: np.ndarray,
    expression: np.ndarray,
    predicted_from: np.ndarray,
    *,
    trees: int,
    max_features: float,
    min_samples_leaf: int,
    seed: int,
    threads: int,
) -> np.ndarray:
    """The predictions of one scikit-learn forest with this seed, in little memory.

    Most leaves of a tree hold one spot, and each leaf has a value per gene: with 30,000 spots and
    250 genes a tree takes 76 MB. So only `threads` trees are kept at a time, and the predictions of
    finished trees are summed.

    Args:
        features: (training spots, features). Missing values are allowed: each split sends them to
            the side that fits the training spots better (scikit-learn's rule).
        expression: (training spots, genes); a tree predicts all genes.
        predicted_from: (held-out spots, features).
        trees: number of trees.
        max_features: share of the features that each split considers, in (0, 1].
        min_samples_leaf: smallest number of spots in a leaf.
        seed: of bootstrap and splits.
        threads: trees that grow at once; the result does not depend on it.

    Returns:
        Predictions, float64 (held-out spots, genes).
    """
    # Shared by all parts, so that each tree gets the seed it would get in one large forest.
    stream = np.random.RandomState(seed)
    total = np.zeros((len(predicted_from), expression.shape[1]))
    for begin in range(0, trees, threads):
        forest = RandomForestRegressor(
            n_estimators=min(threads, trees - begin),
            # scikit-learn reads an int as a number of features.
            max_features=float(max_features),
            min_samples_leaf=min_samples_leaf,
            random_state=stream,
            n_jobs=threads,
        ).fit(features, expression)
        for tree in forest.estimators_:
            total += tree.predict(predicted_from)
    return total / trees
