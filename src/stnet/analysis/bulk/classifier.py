"""Classify patients by logistic regression: split, choice of C, AUROC."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stnet.evaluation.bootstrap import patient_draws, percentile_interval
from stnet.evaluation.correlation import auroc

# Enough for the weakest regularisation of a thousand features.
MAX_ITERATIONS = 10_000
# With a single test patient in a class an AUROC is meaningless.
FEWEST_TESTED = 2


class Split(NamedTuple):
    """Rows of the training and test patients; without a split, `note` has the reason."""

    train: np.ndarray
    test: np.ndarray
    note: str = ""


class Classification(NamedTuple):
    """Performance on the test patients; `scores` (test patients,) are log odds."""

    c: float
    auroc: float
    ci_low: float
    ci_high: float
    scores: np.ndarray


def split_patients(positive: np.ndarray, test_share: float, folds: int, seed: int) -> Split:
    """Random split of patients, stratified by class; `positive` is boolean (patients,).

    There is no split if a class has fewer training patients than `folds`, or fewer than two test
    patients. Source: Methods, "training and test set, consisting of 70 and 30% of the patients";
    stratification is ours.
    """
    none = np.empty(0, dtype=int)
    try:
        train, test = train_test_split(
            np.arange(len(positive)), test_size=test_share, stratify=positive, random_state=seed
        )
    except ValueError:
        # scikit-learn refuses to split fewer patients than it can stratify.
        train, test = none, none
    in_train, in_test = (
        min(int(positive[rows].sum()), int((~positive[rows]).sum())) for rows in (train, test)
    )
    if in_train < folds or in_test < FEWEST_TESTED:
        note = (
            f"{positive.sum()} and {(~positive).sum()} patients of the two classes are too few:"
            f" each needs {folds} training patients, one per fold, and"
            f" {FEWEST_TESTED} test patients"
        )
        return Split(none, none, note)
    return Split(np.sort(train), np.sort(test))


def classify(
    features: np.ndarray,
    positive: np.ndarray,
    split: Split,
    *,
    folds: int,
    regularisation: Sequence[float],
    seed: int,
) -> Classification:
    """Fit a logistic regression on the training patients and score the test patients.

    Args:
        features: (patients, features); each fit standardises them on its training patients.
        positive: (patients,), boolean: the class that has high scores.
        split: of `split_patients`.
        folds: number of stratified folds of the training patients. C is chosen by mean AUROC over
            them; ties go to the smallest C.
        regularisation: values of C, the inverse of the penalty on the squared weights.
        seed: of the folds.

    Returns:
        The chosen C, AUROC over the test patients with a 95% percentile interval of the bootstrap
        over them (resamples with a single class are left out), and their scores.

    Source: Methods, "Cross validation using five folds of the training set was used to select the
    regularization parameter". Selection by AUROC and standardisation are ours.
    """
    search = GridSearchCV(
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=MAX_ITERATIONS)),
        {"logisticregression__C": sorted(regularisation)},
        scoring="roc_auc",
        cv=StratifiedKFold(folds, shuffle=True, random_state=seed),
    ).fit(features[split.train], positive[split.train])
    scores = search.decision_function(features[split.test])
    tested = positive[split.test]
    draws = patient_draws(len(tested))
    low, high = percentile_interval(auroc(scores[draws], tested[draws], ~tested[draws]))
    area = float(auroc(scores, tested, ~tested))
    return Classification(search.best_params_["logisticregression__C"], area, low, high, scores)
