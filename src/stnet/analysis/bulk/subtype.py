"""Telling two histological subtypes of patients apart, from four sets of features."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

from stnet.analysis.bulk.classifier import Split, classify, split_patients
from stnet.analysis.bulk.correlation import correlate
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
    """Write how well logistic regression tells two classes of patients apart.

    The same patients, in the same split, are compared under all four sets of features:

    - `pseudobulk`: the genes that `genes` says are significantly positive over all patients, the
      test patients among them (the paper's way);
    - `pseudobulk_split_first`: those that are so over the training patients alone, so that nothing
      of the test patients is seen (ours);
    - `bulk`: bulk expression of all genes found there;
    - `image`: the mean over tiles of the features of a network trained on ImageNet. As the last
      layer is linear, the mean of its output over tiles is its output for their mean: so this is
      "fine-tuning the final layer" with a patient's tiles pooled.

    A patient is of a class if one of its ICD-O-3 codes is; those of neither or both classes are
    left out, and so are those without bulk or without features, unless no patient has them, and
    the set is undefined. All these are counted.

    Args:
        patients: of `write_pseudobulk`.
        genes: its table of genes.
        outputs: `table`, a row a set: features, n_features, n_train, n_test, C, auroc, ci_low,
            ci_high, note (why an AUROC is undefined), compared (numbers of patients in words); and
            `scores`: features, patient, class, score, the log odds of the first class; a row a set
            and test patient.
        classes: ICD-O-3 morphology codes of the two, by name.
        test_share, folds, regularisation, seed: of `split_patients` and `classify`.

    Source: Methods, "To distinguish subtypes".
    """
    everyone = ad.read_h5ad(patients)
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
        told = None
        if not note:
            told = classify(
                features, positive, split, folds=folds, regularisation=regularisation, seed=seed
            )
            tested = compared.obs.iloc[split.test]
            found = zip(tested.index, tested["class"], told.scores, strict=True)
            scored.append(pd.DataFrame([(name, *each) for each in found], columns=SCORES))
        sizes = (features.shape[1], len(split.train), len(split.test))
        rows.append((name, *sizes, *(told[:4] if told else UNDEFINED), note, words))
    write_table(pd.DataFrame(rows, columns=COLUMNS), outputs["table"])
    write_table(pd.concat(scored[1:] or scored, ignore_index=True), outputs["scores"])


def subtypes(histology: pd.Series, classes: Mapping[str, Sequence[str]]) -> np.ndarray:
    """The class of each patient's codes, joined by `;`, or `neither` or `both`."""
    found = []
    for codes in histology:
        named = [name for name, of in classes.items() if set(codes.split(";")) & set(of)]
        found.append(named[0] if len(named) == 1 else SEVERAL if named else NONE)
    return np.array(found, dtype=object)


def _complete(patients: ad.AnnData, of_class: np.ndarray) -> np.ndarray:
    """Patients that have all that any of a class has: of bulk, and of image features."""
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
    """Features of the patients compared, (patients, features) by set."""
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
    """In words, how many patients are compared and how many left out."""
    kept = ", ".join(f"{((subtype == name) & complete).sum()} {name}" for name in names)
    return (
        f"{kept}; left out: {(subtype == NONE).sum()} of neither class,"
        f" {(subtype == SEVERAL).sum()} of both, {(of_class & ~complete).sum()} without bulk or"
        " features"
    )
