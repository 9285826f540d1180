"""Tables of performance as text: written whole, read back with their ids as text."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from stnet.core.atomic import atomic_path

IDS = ["gene", "symbol", "patient", "section", "sample", "slide"]


def write_table(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a TSV without index, six digits a number, undefined values empty."""
    with atomic_path(path) as temporary:
        frame.to_csv(temporary, sep="\t", index=False, float_format="%.6g")


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a table of `write_table`; ids such as `01` or a gene called `NA` stay text."""
    return pd.read_csv(
        path, sep="\t", dtype=dict.fromkeys(IDS, str), keep_default_na=False, na_values=[""]
    )


def gene_names(genes: pd.DataFrame) -> pd.Series:
    """What the genes of a table are called: their symbols, or ids where they have none."""
    return genes["symbol"].fillna(genes["gene"])


def gene_name(gene: pd.Series | tuple) -> str:
    """What the gene of a table's row is called: its symbol, or its id where it has none."""
    return gene.gene if pd.isna(gene.symbol) else gene.symbol


def by_patient(table: pd.DataFrame, column: str, genes: list[str]) -> np.ndarray:
    """A column of `patient_performance` as (patients, genes), patients in order of appearance.

    Missing where a patient has no row for a gene.
    """
    wide = table.pivot(index="patient", columns="gene", values=column)
    return wide.reindex(index=table["patient"].unique(), columns=genes).to_numpy(dtype=float)


def summary_table(
    found: Mapping[str, object], intervals: Mapping[str, np.ndarray] | None = None
) -> pd.DataFrame:
    """Table `quantity value ci_low ci_high unit` of numbers and words by name.

    `intervals` are 95% intervals over patients, (low, high), of some of them. Undefined numbers
    are empty.
    """
    intervals = intervals or {}
    rows = []
    for name, value in found.items():
        # The column has words in it too, so numbers are not formatted with the others.
        text = f"{value:.6g}" if isinstance(value, float) else str(value)
        low, high = intervals.get(name, (np.nan, np.nan))
        unit = "" if np.isnan(low) else "patients"
        rows.append((name, "" if text == "nan" else text, low, high, unit))
    return pd.DataFrame(rows, columns=["quantity", "value", "ci_low", "ci_high", "unit"])
