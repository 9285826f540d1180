"""A random forest on features of patches: the paper's comparison with nuclear features."""

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
    """Predict held-out spots by a forest on their features and write `predictions.h5ad`.

    Source: Results, "We used a random forest over these features"; 100 trees and scikit-learn's
    other defaults are the released code's.

    Args:
        targets: a file of `write_targets`.
        features: a file of `collect_features`.
        predictions: output.
        job: whose sections are held out; its threads grow trees at once.
        trees, max_features, min_samples_leaf, seed: as in `grow_and_predict`.

    Raises:
        InputError: no spot to predict or to train on, or features of other spots.
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
    """Predictions (held-out spots, genes) of scikit-learn's forest of the same seed.

    Args:
        features: (training spots, features); where one is missing, each split sends the spot to the
            side that suits the training spots that miss it (scikit-learn's own rule).
        expression: (training spots, genes), all of which a tree predicts together.
        predicted_from: (held-out spots, features).
        trees: how many.
        max_features: share of the features that each split is sought among, above 0 to 1.
        min_samples_leaf: fewest spots of a leaf.
        seed: of bootstrap and splits.
        threads: trees that grow at once; the result does not depend on it.

    A tree has most spots in a leaf of their own, and a leaf has a value a gene: of 30,000 spots and
    250 genes 76 MB. So only the trees that are growing are kept, and of the others the sum of what
    they predict.
    """
    # Drawn from tree by tree, as by one forest that grows them all.
    stream = np.random.RandomState(seed)
    total = np.zeros((len(predicted_from), expression.shape[1]))
    for begin in range(0, trees, threads):
        forest = RandomForestRegressor(
            n_estimators=min(threads, trees - begin),
            # A whole number would be a number of features.
            max_features=float(max_features),
            min_samples_leaf=min_samples_leaf,
            random_state=stream,
            n_jobs=threads,
        ).fit(features, expression)
        for tree in forest.estimators_:
            total += tree.predict(predicted_from)
    return total / trees
