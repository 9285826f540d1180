"""A result in a few numbers, as the ledger and the report read it."""

from collections.abc import Mapping

import numpy as np
import pandas as pd


def quantity_table(
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
