"""Claims about a cohort: what they say, and where the results of a run answer them."""

import math
import re
from csv import QUOTE_NONE
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from stnet.core.errors import InputError, reason_of
from stnet.core.suggest import suggest
from stnet.core.tables import gene_names

# What a claim is judged by (`stnet.report.verdicts.judge`), in words for its page.
COMPARISONS = {
    "equal": "the same number",
    "absolute": "within {margin:g} of it",
    "relative": "within {margin:.0%} of it",
    "above": "above {margin:g}",
    "below": "below {margin:g}",
    "similar": "within {margin:g} of 0",
    "at_most": "a P value of at most {value}",
    "names": "at least {margin:g} names in common",
}
# Comparisons of a number with the claim's; the others have no value, or names.
WITH_VALUE = {"equal", "absolute", "relative", "at_most"}
COLUMNS = [
    *("id", "group", "quantity", "value", "comparison", "margin", "null", "sign", "requires"),
    *("table", "where", "order", "column", "interval", "how", "settled"),
]
# Of claims on consistent genes: r > 0 in at least that many of these patients.
THRESHOLD_COLUMNS = ["at_least", "of_patients"]
FURTHER = ["section", "note", "ci_low", "ci_high", *THRESHOLD_COLUMNS]
CONDITION = re.compile(r"\s*([^=<>!]+?)\s*(<=|>=|=|<|>)(?!=)\s*(.*?)\s*")
ORDER = re.compile(r"([1-9]\d*)(?:-([1-9]\d*))? of (\w+)")
# How the columns of an interval end.
ENDS = ("low", "high")
# The side of chance on which a value must be; without it, that of the claim.
SIDES = {"<": -1, ">": 1}


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
    in at least that many of these patients. Raises InputError for a missing column, a repeated id,
    an unknown comparison, or a value, margin, order or condition that cannot be read.
    """
    if path is None:
        return pd.DataFrame(columns=[*COLUMNS, *FURTHER], dtype=str)
    try:
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, quoting=QUOTE_NONE)
    except ValueError as error:
        raise InputError(
            f"{path}: not a table of claims ({reason_of(error)}); correct it"
        ) from error
    missing = [name for name in COLUMNS if name not in table]
    if missing:
        raise InputError(f"{path}: no column {', '.join(missing)}; add it")
    if table.empty:
        raise InputError(f"{path}: has no claims; add a row for each")
    if repeated := table["id"][table["id"].duplicated()].tolist():
        raise InputError(f"{path}: {repeated[0]} is repeated; rename or remove one")
    for claim in table.itertuples():
        _check(claim, f"{path}: {claim.id}")
    return table.assign(**{name: "" for name in ("section", "note") if name not in table})


def _check(claim: tuple, where: str) -> None:
    if claim.comparison not in COMPARISONS:
        raise InputError(
            f"{where}: comparison {claim.comparison!r} is not one of {', '.join(COMPARISONS)}"
        )
    if (claim.comparison == "names") != (claim.column == "symbol"):
        raise InputError(f"{where}: comparison names and column symbol go together; correct one")
    required = {"value"} if claim.comparison in WITH_VALUE else set()
    required |= set() if claim.comparison in ("equal", "at_most") else {"margin"}
    numbers = {"margin": claim.margin}
    if claim.comparison != "names":
        numbers["value"] = claim.value
    for column, text in numbers.items():
        number = _number(text)
        if (text or column in required) and (number is None or not math.isfinite(number)):
            raise InputError(f"{where}: {column} {text!r} is not a number; correct it")
    if claim.margin.startswith("-") and claim.comparison not in ("above", "below"):
        raise InputError(f"{where}: margin {claim.margin} is below 0; correct it")
    if claim.null and claim.comparison in ("names", "similar"):
        raise InputError(f"{where}: {claim.comparison} has no null; leave it empty")
    if claim.comparison == "at_most" and not 0 < float(claim.value) < 1:
        raise InputError(f"{where}: value {claim.value} is no limit of P; give one between 0 and 1")
    n_names = claim.value.count(",") + 1
    if claim.comparison == "names" and not 1 <= float(claim.margin) <= n_names:
        raise InputError(
            f"{where}: margin {claim.margin} is not from 1 to {n_names}, the number of names; "
            "correct it"
        )
    if claim.sign and claim.comparison != "at_most":
        raise InputError(f"{where}: sign is for at_most only; use above or below")
    first, last, _ = ranks if (ranks := _order(claim.order)) else (1, 1, "")
    if claim.order and (ranks is None or last < first):
        raise InputError(f"{where}: order {claim.order!r} is not like '2 of r' or '1-5 of r'")
    for part in [*_parts(claim.where), *_parts(claim.requires), *_parts(claim.sign)]:
        if not CONDITION.fullmatch(part):
            raise InputError(f"{where}: {part!r} is not a condition such as symbol=FASN")


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
    ranks = _order(claim.order)
    chosen_by = [CONDITION.fullmatch(part)[1] for part in _parts(claim.where)]
    for name in [*chosen_by, *([ranks[2]] if ranks else []), claim.column]:
        if name not in table and name != "symbol":
            absent = f"table {claim.table} has no column {name}{suggest(name, table.columns)}"
            return Finding(MISSING, how=absent)
    ends = [f"{claim.interval}_{end}" for end in ENDS] if claim.interval else []
    if not {*ends} <= {*table}:
        known = [name.removesuffix("_low") for name in table if str(name).endswith("_low")]
        close = suggest(claim.interval, known)
        return Finding(
            MISSING, how=f"table {claim.table} has no columns {' and '.join(ends)}{close}"
        )
    rows, close = table, ""
    for part in _parts(claim.where):
        name, sign, text = CONDITION.fullmatch(part).groups()
        known, rows = rows[name], rows[[_holds(value, sign, text) for value in rows[name]]]
        if rows.empty and len(known) and _number(text) is None:
            close = suggest(text, known.dropna().astype(str).unique())
            break
    if ranks:
        first, last, by = ranks
        ranked = pd.to_numeric(rows[by], errors="coerce").dropna().nlargest(last, keep="first")
        rows = rows.loc[ranked.index[first - 1 :] if len(ranked) >= last else []]
    asked = " and ".join(filter(None, [claim.where, claim.order])) or "no condition"
    if rows.empty:
        return Finding(MISSING, how=f"no row with {asked} in table {claim.table}{close}")
    facts = _Facts(table, rows.iloc[0])
    how = re.sub(r"\{(.+?)\}", lambda found: _text(facts.value(found[1])), claim.how)
    if unmet := [part for part in _parts(claim.requires) if not facts.hold(part)]:
        return Finding(MISSING, how=f"not judged without {unmet[0]}{facts.like(unmet[0])}")
    if claim.column == "symbol":
        if not {"gene", "symbol"} <= {*rows}:
            return Finding(MISSING, how=f"table {claim.table} has no column gene or symbol")
        return Finding(Value(",".join(gene_names(rows))), how=how)
    if len(rows) > 1:
        return Finding(MISSING, how=f"{len(rows)} rows with {asked} in table {claim.table}")
    unknown = [part for part in _parts(claim.sign) if not facts.know(part)]
    if unknown:
        return Finding(
            MISSING, how=f"not judged: {unknown[0]} has no value{facts.like(unknown[0])}"
        )
    found = facts.with_interval(claim.column, claim.interval)
    if _number(found.value) is None:
        # A word in place of the number, or a note, says why there is none.
        why = _text(facts.value(claim.column)) or _text(facts.value("note"))
        return Finding(MISSING, how=why or f"{claim.column} is missing in {claim.table}")
    if claim.comparison == "at_most" and not 0 <= found.value <= 1:
        return Finding(MISSING, how=f"{claim.column} is {_text(found.value)}, which is no P value")
    unit = facts.value("unit")
    return Finding(
        found,
        "" if pd.isna(found.low) else _text(unit) or "patients",
        facts.null(claim.null.lstrip("<>")) if claim.null else None,
        opposed=not all(map(facts.hold, _parts(claim.sign))),
        how=how,
    )


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
        ends = (_number(self._row.get(f"{prefix}_{end}")) for end in ENDS)
        found = _number(self._row.get(column))
        ends = list(ends)
        if None in ends:
            ends = [float("nan"), float("nan")]
        return Value(float("nan") if found is None else found, *ends)

    def null(self, name: str) -> Value:
        """A number, or a column or quantity with its range."""
        if (number := _number(name)) is not None:
            return Value(number)
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


def _order(order: str) -> tuple[int, int, str] | None:
    """First and last rank, and the column; None if there is no order or it is none."""
    if not (found := ORDER.fullmatch(order)):
        return None
    return int(found[1]), int(found[2] or found[1]), found[3]


def _parts(conditions: str) -> list[str]:
    return [part.strip() for part in conditions.split(";") if part.strip()]


def _holds(value: object, sign: str, text: str) -> bool:
    if pd.isna(value):
        return False
    one, two = _number(value), _number(text)
    if one is None or two is None:
        return sign == "=" and str(value) == text
    return {"=": one == two, "<": one < two, ">": one > two, "<=": one <= two, ">=": one >= two}[
        sign
    ]


def _number(value: object) -> float | None:
    """A number, or the number that a text is; None for other text and for what is missing."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return None if pd.isna(number) else number


def _text(value: object) -> str:
    number = _number(value)
    if number is not None:
        return str(int(number)) if number.is_integer() else f"{number:.3g}"
    return "" if pd.isna(value) else str(value)
