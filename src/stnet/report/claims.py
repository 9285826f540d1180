"""Claims about a cohort: what they say, and where the results of a run answer them."""

import re
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from stnet.core.suggest import suggest
from stnet.core.tables import gene_names
from stnet.report.claim_rules import CONDITION, Claim, number, parts_of, ranks_of, read_rows

# How the columns of an interval end.
ENDS = ("low", "high")
# Up to as many values of a column are listed if none is close to the one that a claim names.
FEW = 6


class Value(NamedTuple):
    """A number of a run with its 95% interval, which is NaN if there is none."""

    value: float | str
    low: float = float("nan")
    high: float = float("nan")


class Finding(NamedTuple):
    """What a run says of a claim.

    Attributes:
        found: a number, or names joined by commas.
        unit: what the interval was resampled over.
        null: the number, if there were nothing to find; None if the claim names none.
        opposed: the effect has the other sign than the claim's.
        how: how the number was obtained, or why there is none.
    """

    found: Value
    unit: str = ""
    null: Value | None = None
    opposed: bool = False
    how: str = ""


MISSING = Value(float("nan"))


def read_claims(path: str | Path | None) -> pd.DataFrame:
    """Read claims, all columns as text, in the order of their page. Without a path there are none.

    - `id`, `quantity` (in words), `group` (heading of the page), `value` (what is claimed; empty
      for directions), `section` (place in the source) and `note`, which may be missing;
    - `comparison`, `margin`, `null`, `sign`, `requires`: how it is judged (`verdicts.judge`);
    - `table`, `where`, `order`, `column`, `interval`, `how`: where its value is (`look_up`);
    - `settled`: when comparison and margin were chosen.

    For claims on consistent genes, `at_least` and `of_patients` are the source's threshold: r > 0
    in at least that many of these patients. Raises InputError as `read_rows`.
    """
    return pd.DataFrame([] if path is None else read_rows(path), columns=Claim._fields, dtype=str)


def look_up(claim: tuple, table: pd.DataFrame) -> Finding:
    """What a table of results says of a claim, a row of `read_claims`.

    The rows are those for which all conditions in `where` hold, separated by semicolons. `order`
    chooses among them: `2 of r` is the row with the second largest r, `1-5 of r` are the first
    five; without it there must be a single row. The value is in `column` (`symbol` gives the genes'
    names), its interval in `{interval}_low` and `{interval}_high`.

    `null`, and names in braces in `how`, are columns of the row or, in a table `quantity value …`,
    other quantities; `null` may also be a number. So are the names in the conditions `requires`,
    without which the claim is not judged, and `sign`, without which its effect is opposed. Numbers
    are compared as numbers. Names that the table does not have are missing, with those close to
    them.
    """
    try:
        return _finding(claim, table, _rows(claim, table))
    except _NoValue as why:
        return Finding(MISSING, how=str(why))


class _NoValue(Exception):
    """Why a run has no value for a claim."""


def _rows(claim: tuple, table: pd.DataFrame) -> pd.DataFrame:
    """The rows that a claim is about. Raises _NoValue if there are none."""
    rows, before = table, ""
    for part in parts_of(claim.where):
        name, sign, text = CONDITION.fullmatch(part).groups()
        _need(claim, table, name)
        known, rows = rows[name], rows[[_holds(value, sign, text) for value in rows[name]]]
        if rows.empty and sign == "=":
            among = known.dropna().astype(str).unique()
            close = suggest(text, among) if number(text) is None else ""
            listed = f"; there are {', '.join(among)}" if 0 < len(among) <= FEW else ""
            raise _NoValue(f"table {claim.table} has no {name} {text}{before}{close or listed}")
        before = f"{before} and {part}" if before else f" where {part}"
    if ranks := ranks_of(claim.order):
        first, last, by = ranks
        _need(claim, table, by)
        ranked = pd.to_numeric(rows[by], errors="coerce").dropna().nlargest(last, keep="first")
        rows = rows.loc[ranked.index[first - 1 :] if len(ranked) >= last else []]
    if rows.empty:
        asked = f" with {claim.order}" if claim.order else ""
        raise _NoValue(f"table {claim.table} has no row{asked}{before}")
    if len(rows) > 1 and claim.column != "symbol":
        raise _NoValue(f"table {claim.table} has {len(rows)} rows{before}, of which none is chosen")
    return rows


def _finding(claim: tuple, table: pd.DataFrame, rows: pd.DataFrame) -> Finding:
    """What these rows of a table say of a claim. Raises _NoValue if they have no value for it."""
    needed = ["gene", "symbol"] if claim.column == "symbol" else [claim.column]
    _need(claim, table, *needed, *(f"{claim.interval}_{end}" for end in ENDS if claim.interval))
    facts = _Facts(table, rows.iloc[0])
    how = re.sub(r"\{(.+?)\}", lambda found: _text(facts.value(found[1])), claim.how)
    if unmet := [part for part in parts_of(claim.requires) if not facts.hold(part)]:
        raise _NoValue(f"not judged without {unmet[0]}{facts.like(unmet[0])}")
    if unknown := [part for part in parts_of(claim.sign) if not facts.know(part)]:
        raise _NoValue(f"not judged: {unknown[0]} has no value{facts.like(unknown[0])}")
    if claim.column == "symbol":
        return Finding(Value(",".join(gene_names(rows))), how=how)
    found = facts.with_interval(claim.column, claim.interval)
    if number(found.value) is None:
        # A word in place of the number, or a note, says why there is none.
        why = _text(facts.value(claim.column)) or _text(facts.value("note"))
        raise _NoValue(why or f"{claim.column} is missing in {claim.table}")
    if claim.comparison == "at_most" and not 0 <= found.value <= 1:
        raise _NoValue(f"{claim.column} is {_text(found.value)}, which is no P value")
    return Finding(
        found,
        "" if pd.isna(found.low) else _text(facts.value("unit")) or "patients",
        facts.null(claim.null.lstrip("<>")) if claim.null else None,
        opposed=not all(map(facts.hold, parts_of(claim.sign))),
        how=how,
    )


def _need(claim: tuple, table: pd.DataFrame, *columns: str) -> None:
    """Raise _NoValue, with those close to it, if a table lacks a column."""
    if absent := [name for name in columns if name not in table]:
        close = suggest(absent[0], map(str, table.columns))
        raise _NoValue(f"table {claim.table} has no column {absent[0]}{close}")


class _Facts:
    """A row of a table, and in a table `quantity value …` the other quantities."""

    def __init__(self, table: pd.DataFrame, row: pd.Series):
        self._row = row
        listed = "quantity" in table and "value" in table
        self._others = pd.DataFrame()
        if listed:
            self._others = table.drop_duplicates("quantity").set_index("quantity")

    def value(self, name: str) -> object:
        """The column, or the quantity, of that name; NaN if there is neither."""
        if name in self._row.index:
            return self._row[name]
        return self._others["value"].get(name, float("nan")) if len(self._others) else float("nan")

    def with_interval(self, column: str, interval: str) -> Value:
        """A cell of the row with its interval."""
        prefix = interval or ("ci" if column == "value" else column)
        ends = [number(self._row.get(f"{prefix}_{end}")) for end in ENDS]
        found = number(self._row.get(column))
        return Value(float("nan") if found is None else found, *([] if None in ends else ends))

    def null(self, name: str) -> Value:
        """A number, or a column or quantity with its range."""
        if (stated := number(name)) is not None:
            return Value(stated)
        if name in self._row.index:
            return self.with_interval(name, name)
        if name not in self._others.index:
            return MISSING
        return _Facts(pd.DataFrame(), self._others.loc[name]).with_interval("value", "ci")

    def like(self, condition: str) -> str:
        """If there is no fact of that name, those close to it."""
        name, names = CONDITION.fullmatch(condition)[1], [*self._row.index, *self._others.index]
        return "" if name in names else suggest(name, names)

    def know(self, condition: str) -> bool:
        """Whether there is a value for the fact of a condition."""
        return not pd.isna(self.value(CONDITION.fullmatch(condition)[1]))

    def hold(self, condition: str) -> bool:
        """Whether a condition on the facts is true; not if the fact is missing."""
        name, sign, text = CONDITION.fullmatch(condition).groups()
        return _holds(self.value(name), sign, text)


def _holds(value: object, sign: str, text: str) -> bool:
    if pd.isna(value):
        return False
    one, two = number(value), number(text)
    if one is None or two is None:
        return sign == "=" and str(value) == text
    return {"=": one == two, "<": one < two, ">": one > two, "<=": one <= two, ">=": one >= two}[
        sign
    ]


def _text(value: object) -> str:
    if (found := number(value)) is not None:
        return str(int(found)) if found.is_integer() else f"{found:.3g}"
    return "" if pd.isna(value) else str(value)
