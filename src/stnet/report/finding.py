"""A reproduced value, and how it is looked up in tables of results.

The workflow's rules import this module, so it does not import pandas.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pandas as pd


class Finding(NamedTuple):
    """A reproduced value.

    Attributes:
        value: a number, or names joined by commas; NaN if the run has none.
        ci_low: lower end of the 95% interval; NaN without an interval.
        ci_high: upper end.
        unit: what the interval was resampled over.
        opposed: the effect has the opposite sign of the claim's, which a P value does not show.
        how: how the value was obtained, or why there is none.
        tables: names of the tables it was looked up in.
    """

    value: float | str
    ci_low: float = float("nan")
    ci_high: float = float("nan")
    unit: str = ""
    opposed: bool = False
    how: str = ""
    tables: tuple[str, ...] = ()


class Answer(NamedTuple):
    """How a claim is looked up.

    Attributes:
        find: function of the claim's id and the tables.
        how: how the value was obtained, unless the finding says so itself.
        tables: names of the tables that answer it.
    """

    find: Callable[..., Finding]
    how: str = ""
    tables: tuple[str, ...] = ()


def is_missing(value: float | str | None) -> bool:
    """Whether a cell of a table is empty."""
    return value is None or value != value


def quantity(name: str, reason: str | None = None) -> Callable[..., Finding]:
    """Look up a row of a table `quantity value …`.

    `{}` in `name` stands for the last part of the claim's id. `reason` is the row that says how the
    value was obtained.
    """

    def find(claim: str, table: pd.DataFrame) -> Finding:
        rows = table.set_index("quantity")
        row = rows.loc[name.format(claim.rsplit(".", 1)[-1])]
        return Finding(
            float(row["value"]),
            row.get("ci_low", float("nan")),
            row.get("ci_high", float("nan")),
            "" if is_missing(row.get("unit")) else row["unit"],
            how=rows.loc[reason, "value"] if reason else "",
        )

    return find
