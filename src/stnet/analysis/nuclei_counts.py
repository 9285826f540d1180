"""The number of nuclei in patches of tumour and of normal tissue."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from stnet.analysis.nuclear_relations import COUNT, read_nuclei
from stnet.core.h5ad import read_h5ad
from stnet.core.tables import write_table
from stnet.evaluation.averages import mean
from stnet.evaluation.bootstrap import mean_interval
from stnet.evaluation.correlation import auroc


def write_counts(
    targets: str | Path, features: str | Path, outputs: Mapping[str, str | Path]
) -> None:
    """Write how well the number of nuclei separates tumour from normal patches.

    `targets` has the labels of all spots of the cohort, `features` their nuclear features.
    `outputs` are paths by name: `patients` (`counts_by_patient`), `distribution` (number of `spots`
    by `label` and `nuclei`) and `summary` (`summarise`). Source: Results, "The nuclei count was a
    particularly informative signal" (Supp. Fig. 6).
    """
    obs = read_h5ad(targets, backed=True).obs
    spots = pd.DataFrame(
        {
            "patient": obs["patient"].astype(str),
            "label": obs["label"].astype(object),
            "nuclei": read_nuclei(features, obs.index.tolist())[COUNT].astype(int),
        }
    ).dropna(subset="label")
    patients = counts_by_patient(spots)
    write_table(patients, outputs["patients"])
    distribution = spots.groupby(["label", "nuclei"]).size().rename("spots").reset_index()
    write_table(distribution, outputs["distribution"])
    write_table(summarise(spots, patients), outputs["summary"])


def counts_by_patient(spots: pd.DataFrame) -> pd.DataFrame:
    """A row per patient: spots and median number of nuclei per class, and `auroc`.

    `spots` has a row per labelled spot (`patient label nuclei`). `auroc` is that of the number of
    nuclei for tumour against normal spots; missing if the patient has only one class.
    """
    rows = []
    for patient, of_patient in spots.groupby("patient", sort=False):
        is_tumour = (of_patient["label"] == "tumour").to_numpy()
        nuclei = of_patient["nuclei"]
        rows.append(
            {
                "patient": patient,
                "n_tumour": is_tumour.sum(),
                "n_normal": (~is_tumour).sum(),
                "median_tumour": nuclei[is_tumour].median(),
                "median_normal": nuclei[~is_tumour].median(),
                "auroc": float(auroc(nuclei.to_numpy(), is_tumour, ~is_tumour)),
            }
        )
    names = ["patient", "n_tumour", "n_normal", "median_tumour", "median_normal", "auroc"]
    return pd.DataFrame(rows, columns=names)


def summarise(spots: pd.DataFrame, patients: pd.DataFrame) -> pd.DataFrame:
    """One row: number of patients with both classes, mean AUROC and pooled AUROC.

    The mean AUROC has its 95% t interval over patients. The pooled AUROC is over all spots.
    """
    of_patients = patients[["auroc"]].to_numpy(dtype=float)
    low, high = mean_interval(of_patients)
    is_tumour = (spots["label"] == "tumour").to_numpy()
    return pd.DataFrame(
        {
            "n_patients": np.isfinite(of_patients).sum(axis=0),
            "mean_auroc": mean(of_patients, axis=0),
            "mean_auroc_low": low,
            "mean_auroc_high": high,
            "auroc_pooled": float(auroc(spots["nuclei"].to_numpy(), is_tumour, ~is_tumour)),
        }
    )
