"""Compare two experiments per gene."""

from pathlib import Path

import numpy as np
import pandas as pd

from stnet.core.errors import InputError
from stnet.core.tables import by_patient, read_table, write_table
from stnet.evaluation.averages import median


def write_comparison(
    gene_table: str | Path,
    patient_table: str | Path,
    other_patient_table: str | Path,
    output: str | Path,
) -> None:
    """Write `compare` of two experiments' patient tables; the gene table gives the symbols.

    Raises InputError if they have no gene in common.
    """
    genes = read_table(gene_table)
    symbols = genes.set_index("gene")["symbol"]
    table = compare(read_table(patient_table), read_table(other_patient_table), symbols)
    if table.empty:
        raise InputError(
            f"{other_patient_table}: no gene in common with {patient_table}; "
            "compare experiments of the same targets"
        )
    write_table(table, output)


def compare(patients: pd.DataFrame, other: pd.DataFrame, symbols: pd.Series) -> pd.DataFrame:
    """Median r over patients of the genes in both patient tables, a row per gene.

    `median_pearson` and `median_pearson_other` are over all patients in which that experiment's r
    is defined, as in Fig. 2d. `median_pearson_shared` is the first experiment's over the patients
    in which the other's r is defined; against the label baseline this leaves out patients with a
    single label class. `ahead` and `ahead_shared` are whether the first experiment's median is
    higher (not where a median is undefined or the two are tied). `symbols` maps genes to symbols.
    """
    names = [gene for gene in symbols.index if gene in set(other["gene"])]
    shared = patients.merge(other, on=["gene", "patient"], how="left", suffixes=("", "_other"))
    shared.loc[shared["pearson_other"].isna(), "pearson"] = np.nan
    medians = {
        "median_pearson": _median(patients, names),
        "median_pearson_other": _median(other, names),
        "median_pearson_shared": _median(shared, names),
    }
    table = pd.DataFrame({"gene": names, "symbol": symbols.reindex(names).to_numpy(), **medians})
    table["ahead"] = table["median_pearson"] > table["median_pearson_other"]
    table["ahead_shared"] = table["median_pearson_shared"] > table["median_pearson_other"]
    return table


def _median(patients: pd.DataFrame, names: list[str]) -> np.ndarray:
    return median(by_patient(patients, "pearson", names), axis=0)
