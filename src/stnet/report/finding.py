"""What a result says on a claim of the paper, and how it is looked up in the results' tables.

The rules import this too, so pandas is not imported here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pandas as pd


class Finding(NamedTuple):
    """A reproduced value: a number, or names joined by commas; NaN where the run has none.

    The interval is NaN where there is none; `unit` is what it was resampled over. `opposed` says
    that the effect goes the other way than the claim's, which no p can tell. `how` says in words
    how it was found; `tables` are those it was found in.
    """

    value: float | str
    ci_low: float = float("nan")
    ci_high: float = float("nan")
    unit: str = ""
    opposed: bool = False
    how: str = ""
    tables: tuple[str, ...] = ()


class Answer(NamedTuple):
    """The tables that answer a claim, by their names in `answer`, and how to look it up in them.

    `find` takes the claim's id and the tables. `how` holds unless the finding brings its own.
    """

    tables: tuple[str, ...]
    find: Callable[..., Finding]
    how: str


def is_missing(value: float | str | None) -> bool:
    """Whether a cell of a table is empty."""
    return value is None or value != value


def quantity(name: str, reason: str | None = None) -> Callable[..., Finding]:
    """Row of a table `quantity value`; `{}` in the name is the last part of the claim's id."""

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
