"""Result tables as TSV; ids stay text when they are read back."""

import zlib
from collections.abc import Mapping
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from stnet.core.checksums import Damaged, check_record, recorded_path
from stnet.core.errors import check_system

FORMAT = {"sep": "\t", "index": False, "float_format": "%.6g"}
# In place of a number of consistent genes, with fewer patients than these. With fewer, luck that
# the genes of a patient share passes as consistent more often than the tests state (ours,
# benchmarks/few_patients.py): all genes have r > 0 in all of 4 patients once in 16 cohorts, in all
# of 5 once in 32.
TOO_FEW = "too few patients"
FEWEST_PATIENTS = 5
IDS = ["gene", "symbol", "patient", "section", "sample", "slide"]


def write_table(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a TSV atomically, without index: six significant digits, undefined values empty.

    Its checksum is recorded beside it (`stnet.core.checksums.record`).
    """
    with recorded_path(path) as temporary:
        # Without the time that gzip would write.
        frame.to_csv(temporary, compression={"method": "infer", "mtime": 0}, **FORMAT)


def as_text(frame: pd.DataFrame) -> str:
    """The text of a table as `write_table` writes it."""
    return frame.to_csv(**FORMAT)


def read_table(path: str | Path, *, text: bool = False) -> pd.DataFrame:
    """Read a table written by `write_table`; ids such as `01` and a gene named `NA` stay text.

    With `text`, everything stays as it was written, also empty cells and digits of numbers. Raises
    InputError if it is not as it was written.
    """
    try:
        check_record(path)
        kinds, missing = (str, []) if text else (dict.fromkeys(IDS, str), [""])
        return pd.read_csv(path, sep="\t", dtype=kinds, keep_default_na=False, na_values=missing)
    except (OSError, ValueError, EOFError, zlib.error) as error:
        check_system(error, path)
        raise Damaged(path, error) from error


def read_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """Read a `.npz` file whose checksum was recorded. Raises InputError if it is damaged."""
    try:
        check_record(path)
        with np.load(path) as arrays:
            return dict(arrays)
    except (OSError, ValueError, EOFError, BadZipFile, zlib.error) as error:
        check_system(error, path)
        raise Damaged(path, error) from error


def gene_names(genes: pd.DataFrame) -> pd.Series:
    """Display names of a table's genes: symbols, or ids where there is no symbol."""
    return genes["symbol"].fillna(genes["gene"])


def gene_name(gene: pd.Series | tuple) -> str:
    """Display name of the gene of a table's row: its symbol, or its id if it has no symbol."""
    return gene.gene if pd.isna(gene.symbol) else gene.symbol


def count_consistent(consistent: pd.Series) -> int | str:
    """Number of consistent genes in a column of the gene table, or that patients are too few."""
    return TOO_FEW if len(consistent) and consistent.isna().all() else int(consistent.sum())


def by_patient(table: pd.DataFrame, column: str, genes: list[str]) -> np.ndarray:
    """A column of `patient_performance` as (patients, genes), patients in order of appearance.

    NaN where a patient has no row for a gene.
    """
    wide = table.pivot(index="patient", columns="gene", values=column)
    return wide.reindex(index=table["patient"].unique(), columns=genes).to_numpy(dtype=float)


def summary_table(
    found: Mapping[str, object],
    intervals: Mapping[str, np.ndarray] | None = None,
    unit: str = "patients",
) -> pd.DataFrame:
    """Table `quantity value ci_low ci_high unit` of named numbers and words.

    `intervals` has 95% intervals over `unit`, (low, high), of some quantities. Undefined numbers
    are empty.
    """
    intervals = intervals or {}
    rows = []
    for name, value in found.items():
        # The column also has words, so `write_table` would not format its numbers.
        text = f"{value:.6g}" if isinstance(value, float) else str(value)
        low, high = intervals.get(name, (np.nan, np.nan))
        of_interval = "" if np.isnan(low) else unit
        rows.append((name, "" if text == "nan" else text, low, high, of_interval))
    return pd.DataFrame(rows, columns=["quantity", "value", "ci_low", "ci_high", "unit"])
