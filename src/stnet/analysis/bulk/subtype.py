"""Classify two histological subtypes of patients from four sets of features."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

from stnet.analysis.bulk.classifier import Split, classify, split_patients
from stnet.analysis.bulk.correlation import correlate
from stnet.core.h5ad import read_h5ad
from stnet.core.tables import read_table, write_table

logger = logging.getLogger(__name__)

# Sets of features, and why one may be empty.
EMPTY = {
    "pseudobulk": "no gene's pseudo-bulk follows bulk significantly",
    "pseudobulk_split_first": "no gene's pseudo-bulk follows bulk significantly on the training"
    " patients",
    "bulk": "no patient has bulk expression",
    "image": "the slides have no features of an encoder",
}
NONE, SEVERAL = "neither", "both"
COLUMNS = [
    "features",
    "n_features",
    "n_train",
    "n_test",
    "C",
    "auroc",
    "ci_low",
    "ci_high",
    "note",
    "compared",
]
UNDEFINED = (np.nan,) * 4
SCORES = ["features", "patient", "class", "score"]


def write_subtype(
    patients: str | Path,
    genes: str | Path,
    outputs: Mapping[str, str | Path],
    *,
    classes: Mapping[str, Sequence[str]],
    test_share: float,
    folds: int,
    regularisation: Sequence[float],
    seed: int,
) -> None:
    """Write how well logistic regression classifies two histological subtypes.

    All four sets of features use the same patients in the same split:

    - `pseudobulk`: genes with a significantly positive correlation over all patients, including
      the test patients (as in the paper);
    - `pseudobulk_split_first`: genes with a significantly positive correlation over the training
      patients, so that nothing of the test patients is used (ours);
    - `bulk`: bulk expression of all matched genes;
    - `image`: features of an ImageNet network, averaged over tiles. The last layer is linear, so
      its output for the mean of the tiles is the mean of its outputs. This is "fine-tuning the
      final layer" with a patient's tiles pooled.

    A patient belongs to a class if one of its ICD-O-3 codes does. Patients in neither or both
    classes are left out. Patients without bulk or without image features are also left out; if no
    patient has them, that set is undefined instead. All are counted.

    Args:
        patients: of `write_pseudobulk`.
        genes: gene table of `write_pseudobulk`.
        outputs: `table`, a row per set: features, n_features, n_train, n_test, C, auroc, ci_low,
            ci_high, note (why an AUROC is undefined), compared (numbers of patients in words); and
            `scores`, a row per set and test patient: features, patient, class, score (log odds of
            the first class).
        classes: ICD-O-3 morphology codes of the two, by name.
        test_share, folds, regularisation, seed: of `split_patients` and `classify`.

    Source: Methods, "To distinguish subtypes".
    """
    everyone = read_h5ad(patients)
    names = [*classes]
    subtype = subtypes(everyone.obs["histology"].astype(str), classes)
    of_class = np.isin(subtype, names)
    complete = _complete(everyone, of_class)
    words = _count(subtype, of_class, complete, names)
    logger.info(words)
    compared = everyone[of_class & complete].copy()
    compared.obs["class"] = subtype[of_class & complete]
    positive = (compared.obs["class"] == names[0]).to_numpy()
    split = split_patients(positive, test_share, folds, seed)
    listed = read_table(genes)
    significant = listed.loc[listed["significant_positive"].astype(bool), "gene"]
    rows, scored = [], [pd.DataFrame(columns=SCORES)]
    for name, features in _feature_sets(compared, significant, split).items():
        note = split.note or ("" if features.shape[1] else EMPTY[name])
        result = None
        if not note:
            result = classify(
                features, positive, split, folds=folds, regularisation=regularisation, seed=seed
            )
            tested = compared.obs.iloc[split.test]
            found = zip(tested.index, tested["class"], result.scores, strict=True)
            scored.append(pd.DataFrame([(name, *each) for each in found], columns=SCORES))
        sizes = (features.shape[1], len(split.train), len(split.test))
        rows.append((name, *sizes, *(result[:4] if result else UNDEFINED), note, words))
    write_table(pd.DataFrame(rows, columns=COLUMNS), outputs["table"])
    write_table(pd.concat(scored[1:] or scored, ignore_index=True), outputs["scores"])


def subtypes(histology: pd.Series, classes: Mapping[str, Sequence[str]]) -> np.ndarray:
    """Class of each patient from its codes (joined by `;`), or `neither` or `both`."""
    found = []
    for codes in histology:
        named = [name for name, of in classes.items() if set(codes.split(";")) & set(of)]
        found.append(named[0] if len(named) == 1 else SEVERAL if named else NONE)
    return np.array(found, dtype=object)


def _complete(patients: ad.AnnData, of_class: np.ndarray) -> np.ndarray:
    """Patients with bulk and image features; either is not required if no patient has it."""
    complete = np.full(patients.n_obs, True)
    for values in (patients.layers["observed"], patients.obsm.get("features")):
        if values is not None:
            has = np.isfinite(values).any(axis=1)
            if (has & of_class).any():
                complete &= has
    return complete


def _feature_sets(
    patients: ad.AnnData, significant: pd.Series, split: Split
) -> dict[str, np.ndarray]:
    """Features of the compared patients, (patients, features) by set."""
    predicted, observed = patients.X, patients.layers["observed"]
    on_train = correlate(predicted[split.train], observed[split.train])
    shared = np.isfinite(observed).all(axis=0) & (patients.n_obs > 0)
    return {
        "pseudobulk": predicted[:, patients.var_names.isin(significant)],
        "pseudobulk_split_first": predicted[:, on_train["significant_positive"].to_numpy()],
        "bulk": observed[:, shared],
        "image": patients.obsm.get("features", np.empty((patients.n_obs, 0))),
    }


def _count(
    subtype: np.ndarray, of_class: np.ndarray, complete: np.ndarray, names: list[str]
) -> str:
    """Numbers of patients compared and left out, in words."""
    kept = ", ".join(f"{((subtype == name) & complete).sum()} {name}" for name in names)
    return (
        f"{kept}; left out: {(subtype == NONE).sum()} of neither class,"
        f" {(subtype == SEVERAL).sum()} of both, {(of_class & ~complete).sum()} without bulk or"
        " features"
    )
