"""Paired comparison of two experiments over the same genes and patients."""

import numpy as np
import pandas as pd

from stnet.core.tables import by_patient
from stnet.evaluation.averages import mean, median
from stnet.evaluation.bootstrap import resampled_medians, with_interval
from stnet.evaluation.performance_summary import estimates

KEYS = ["gene", "patient"]


def paired(patients: pd.DataFrame, other: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows that are in both patient tables, in the same order.

    A row is a gene in a patient; rows without spots do not count. A statistic that is undefined in
    one table (r of a constant prediction, for instance) is missing in both.
    """
    one, two = (table[table["n_spots"] > 0].set_index(KEYS) for table in (patients, other))
    shared = one.index.intersection(two.index, sort=False)
    one, two = one.loc[shared], two.loc[shared]
    undefined = one.isna() | two.isna()
    return one.mask(undefined).reset_index(), two.mask(undefined).reset_index()


def differences(
    patients: pd.DataFrame, other: pd.DataFrame, quantities: list[str]
) -> dict[str, tuple[float, float, float]]:
    """Difference of each quantity of `estimates` with a 95% interval: (difference, low, high).

    The first table minus the other, over the genes and patients in both. Each resample draws the
    same patients in both. Source: ours; the paper gives no interval of a difference.
    """
    tables = paired(patients, other)
    names, n_patients = _genes(tables[0]), tables[0]["patient"].nunique()
    one, two = (estimates(table, names) for table in tables)
    return {
        quantity: with_interval(
            lambda draws, of=quantity: one[of](draws) - two[of](draws), n_patients
        )
        for quantity in quantities
    }


def mean_gain(patients: pd.DataFrame, other: pd.DataFrame) -> tuple[float, float, float]:
    """Difference in median r over patients, averaged over genes: (gain, low, high).

    The first table minus the other, both over the patients in which both r are defined. The 95%
    interval is over patients. Genes without r are left out. Source: "a mean correlation
    improvement" (Comparison with tumour/normal predictions …), read as the mean of the values in
    Supp. Fig. 7b.
    """
    tables = paired(patients, other)
    one, two = (by_patient(table, "pearson", _genes(table)) for table in tables)

    def gain(draws: np.ndarray) -> np.ndarray:
        return mean(resampled_medians(one, draws) - resampled_medians(two, draws), axis=1)

    return with_interval(gain, len(one))


def gene_medians(patients: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Median r over the shared patients of every shared gene: `gene median median_other`."""
    tables = paired(patients, other)
    names = _genes(tables[0])
    medians = [_medians(table, names) for table in tables]
    return pd.DataFrame({"gene": names, "median": medians[0], "median_other": medians[1]})


def _genes(table: pd.DataFrame) -> list[str]:
    return table["gene"].unique().tolist()


def _medians(table: pd.DataFrame, names: list[str]) -> np.ndarray:
    if not names:
        return np.empty(0)
    return median(by_patient(table, "pearson", names), axis=0)
