"""What a result says on a claim of the paper, and how it is looked up in the results' tables."""

from collections.abc import Callable
from typing import NamedTuple

import pandas as pd


class Finding(NamedTuple):
    """A reproduced value: a number, or names joined by commas; NaN where the run has none.

    The interval is NaN where there is none; `unit` is what it was resampled over. `opposed` says
    that the effect goes the other way than the claim's, which no p can tell. `rule` is the stage of
    the workflow that made the value, `how` says in words how; `tables` are those it was found in.
    """

    value: float | str
    ci_low: float = float("nan")
    ci_high: float = float("nan")
    unit: str = ""
    opposed: bool = False
    rule: str = ""
    how: str = ""
    tables: tuple[str, ...] = ()


class Answer(NamedTuple):
    """The tables that answer a claim, by their names in `answer`, and how to look it up in them.

    `find` takes the claim's id and the tables. `how` holds unless the finding brings its own.
    """

    tables: tuple[str, ...]
    find: Callable[..., Finding]
    how: str


def quantity(name: str, reason: str | None = None) -> Callable[..., Finding]:
    """Row of a table `quantity value`; `{}` in the name is the last part of the claim's id."""

    def find(claim: str, table: pd.DataFrame) -> Finding:
        rows = table.set_index("quantity")
        row = rows.loc[name.format(claim.rsplit(".", 1)[-1])]
        return Finding(
            float(row["value"]),
            row.get("ci_low", float("nan")),
            row.get("ci_high", float("nan")),
            "" if pd.isna(row.get("unit")) else row["unit"],
            how=rows.loc[reason, "value"] if reason else "",
        )

    return find
