"""A claim's value, a run's and what chance gives, on one axis of a page."""

from typing import NamedTuple

import pandas as pd

from stnet.report.claim_rules import INFINITY, accepted_by

WIDTH, EDGE = 240, 10  # pixels
# Share of the axis beyond the numbers, where one end of what is accepted is open.
ROOM = 0.15


class Marks(NamedTuple):
    """The numbers of a claim that an axis shows, or their places on it; None for what is not there.

    Attributes:
        found: value of this run.
        interval: ends of its 95% interval.
        claimed: the claimed value.
        accepted: ends of the range in which a value is accepted; infinite if open.
        null: ends of the 95% range of the value by chance.
    """

    found: float
    interval: tuple[float, float] | None
    claimed: float | None
    accepted: tuple[float, float]
    null: tuple[float, float] | None


class Axis(NamedTuple):
    """Places of the marks in pixels from the left, and the numbers at the ends of the axis."""

    marks: Marks
    least: float
    most: float


def marks_of(claim: tuple, row: tuple) -> Marks | None:
    """Marks of a row of the ledger; None for names, P values, equal numbers and missing values."""
    if claim.comparison in ("equal", "at_most", "names") or pd.isna(row.found):
        return None
    claimed = float(claim.value) if claim.value else None
    interval = None if pd.isna(row.ci_low) else (row.ci_low, row.ci_high)
    null = None
    if not pd.isna(row.null):
        null = (row.null, row.null) if pd.isna(row.null_low) else (row.null_low, row.null_high)
    return Marks(row.found, interval, claimed, accepted_by(claim), null)


def axes_of(rows: list[Marks], limits: tuple[float, float] = (-INFINITY, INFINITY)) -> list[Axis]:
    """One axis for several claims, which ends where values are not possible (`limits_of`)."""
    numbers = [end for marks in rows for end in _ends(marks) if abs(end) < INFINITY]
    numbers = [min(max(end, limits[0]), limits[1]) for end in numbers]
    least, most = min(numbers), max(numbers)
    if least == most:
        least, most = least - 1, most + 1
    room = ROOM * (most - least)
    least -= room * any(marks.accepted[0] == -INFINITY for marks in rows)
    most += room * any(marks.accepted[1] == INFINITY for marks in rows)
    least, most = max(least, limits[0]), min(most, limits[1])

    def place(number: float) -> float:
        share = (min(max(number, least), most) - least) / (most - least)
        return round(EDGE + share * (WIDTH - 2 * EDGE), 1)

    def moved(mark: float | tuple[float, float] | None) -> float | tuple[float, ...] | None:
        if mark is None:
            return None
        return tuple(map(place, mark)) if isinstance(mark, tuple) else place(mark)

    return [Axis(Marks(*map(moved, marks)), least, most) for marks in rows]


def _ends(marks: Marks) -> list[float]:
    pairs = [marks.interval, marks.accepted, marks.null]
    alone = [mark for mark in (marks.found, marks.claimed) if mark is not None]
    return [*alone, *(end for pair in pairs if pair for end in pair)]
