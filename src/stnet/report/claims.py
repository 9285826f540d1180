"""The paper's claims, and the margins within which a reproduced value agrees with them."""

from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path

import pandas as pd

from stnet.core.errors import InputError


def read_claims(path: str | Path) -> pd.DataFrame:
    """Read the claims in the paper's order, all columns as text: `id section quantity value …`.

    For claims on consistent genes, `at_least` and `of_patients` are the paper's threshold: r > 0 in
    at least that many of these patients. Raises InputError for a missing column.
    """
    return _read(path, ["id", "section", "quantity", "value", "at_least", "of_patients"])


def read_margins(path: str | Path) -> pd.DataFrame:
    """Read the margins, all columns as text: `id kind margin why`.

    `id` is a claim's id or a pattern with *. Raises InputError for a missing column or an unknown
    kind of margin.
    """
    margins = _read(path, ["id", "kind", "margin"])
    for margin in margins.itertuples():
        if margin.kind not in KINDS:
            raise InputError(
                f"{path}: {margin.id}: kind {margin.kind!r} is not one of {', '.join(KINDS)}"
            )
    return margins


def margin_of(claim: str, margins: pd.DataFrame) -> pd.Series:
    """The first margin whose id or pattern matches the claim; InputError if there is none."""
    for _, margin in margins.iterrows():
        if fnmatchcase(claim, margin["id"]):
            return margin
    raise InputError(f"margins: none for the claim {claim}; add a row to the table of margins")


def agrees(margin: pd.Series, paper: str, value: float | str, ci_low: float = float("nan")) -> bool:
    """Whether a reproduced value agrees with the paper's. The kind of the margin sets the test.

    - `exact`: the same number;
    - `absolute`: the difference is at most the margin;
    - `relative`: the difference is at most the margin times the paper's value;
    - `below`, for p values: at most the paper's value plus the margin;
    - `list`: at least as many names in common as the margin says, in any order;
    - `above`, for directions: the value is above the margin, and the lower end of its interval too
      if it has one;
    - `near_zero`, for "similar": the difference is at most the margin.

    Source: ours, fixed before any run.
    """
    return KINDS[margin["kind"]](paper, value, ci_low, margin["margin"])


def _read(path: str | Path, columns: list[str]) -> pd.DataFrame:
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    missing = [name for name in columns if name not in table]
    if missing:
        raise InputError(f"{path}: no column {', '.join(missing)}; restore the file")
    return table


def _difference(value: float, paper: str) -> float:
    # Rounded, because 0.34 - 0.29 is not exactly 0.05 in binary.
    return round(abs(value - float(paper)), 9)


def _in_common(names: str, paper: str) -> int:
    return len(set(paper.split(",")) & set(names.split(",")))


KINDS: dict[str, Callable[[str, float | str, float, str], bool]] = {
    "exact": lambda paper, value, low, margin: value == float(paper),
    "absolute": lambda paper, value, low, margin: _difference(value, paper) <= float(margin),
    "relative": lambda paper, value, low, margin: (
        _difference(value, paper) <= float(margin) * float(paper)
    ),
    "below": lambda paper, value, low, margin: value <= float(paper) + float(margin),
    "list": lambda paper, value, low, margin: _in_common(value, paper) >= int(margin),
    "above": lambda paper, value, low, margin: value > float(margin) and not low <= float(margin),
    "near_zero": lambda paper, value, low, margin: abs(value) <= float(margin),
}
