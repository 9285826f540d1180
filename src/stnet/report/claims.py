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
NAN = float("nan")
# Up to as many values of a column are listed if none is close to the one that a claim names.
FEW = 6


class Value(NamedTuple):
    """A number of a run with its 95% interval, which is NaN if there is none."""

    value: float | str
    low: float = NAN
    high: float = NAN


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


MISSING = Value(NAN)


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
    facts = _facts(table, rows.iloc[0])
    for part in parts_of(claim.requires):
        if not _hold(facts, part):
            raise _NoValue(f"not judged without {part}{_like(facts, part)}")
    for part in parts_of(claim.sign):
        if pd.isna(facts.get(CONDITION.fullmatch(part)[1], NAN)):
            raise _NoValue(f"not judged: {part} has no value{_like(facts, part)}")
    how = re.sub(r"\{(.+?)\}", lambda found: _text(facts.get(found[1], NAN)), claim.how)
    if claim.column == "symbol":
        return Finding(Value(",".join(gene_names(rows))), how=how)
    ends = claim.interval or ("ci" if claim.column == "value" else claim.column)
    found = _value(facts, claim.column, ends)
    if pd.isna(found.value):
        # A word in place of the number, or a note, says why there is none.
        why = _text(facts[claim.column]) or _text(facts.get("note", NAN))
        raise _NoValue(why or f"{claim.column} is missing in {claim.table}")
    if claim.comparison == "at_most" and not 0 <= found.value <= 1:
        raise _NoValue(f"{claim.column} is {_text(found.value)}, which is no P value")
    null = claim.null.lstrip("<>")
    return Finding(
        found,
        "" if pd.isna(found.low) else _text(facts.get("unit", NAN)) or "patients",
        _value({null: null} if number(null) is not None else facts, null, null) if null else None,
        opposed=not all(_hold(facts, part) for part in parts_of(claim.sign)),
        how=how,
    )


def _need(claim: tuple, table: pd.DataFrame, *columns: str) -> None:
    """Raise _NoValue, with those close to it, if a table lacks a column."""
    if absent := [name for name in columns if name not in table]:
        close = suggest(absent[0], map(str, table.columns))
        raise _NoValue(f"table {claim.table} has no column {absent[0]}{close}")


def _facts(table: pd.DataFrame, row: pd.Series) -> dict[str, object]:
    """A row of a table and, in a table `quantity value …`, the other quantities with intervals."""
    facts = {}
    if {"quantity", "value"} <= {*table}:
        # The first of quantities that are there twice.
        for other in table[::-1].to_dict("records"):
            facts[other["quantity"]] = other["value"]
            ends = {f"{other['quantity']}_{end}": other.get(f"ci_{end}", NAN) for end in ENDS}
            facts |= {name: value for name, value in ends.items() if not pd.isna(value)}
    return facts | row.to_dict()


def _value(facts: dict[str, object], name: str, ends: str) -> Value:
    """The number of that name with its interval, whose names begin with `ends`."""
    found, *interval = (number(facts.get(each)) for each in (name, *(f"{ends}_{e}" for e in ENDS)))
    return Value(NAN if found is None else found, *([] if None in interval else interval))


def _like(facts: dict[str, object], condition: str) -> str:
    """If there is no fact of a condition's name, those close to it."""
    name = CONDITION.fullmatch(condition)[1]
    return "" if name in facts else suggest(name, facts)


def _hold(facts: dict[str, object], condition: str) -> bool:
    """Whether a condition on the facts is true; not if the fact is missing."""
    name, sign, text = CONDITION.fullmatch(condition).groups()
    return _holds(facts.get(name, NAN), sign, text)


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
