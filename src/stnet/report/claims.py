"""The paper's claims, and the margins within which a reproduced value agrees with one."""

from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path

import pandas as pd

from stnet.core.errors import InputError


def read_claims(path: str | Path) -> pd.DataFrame:
    """The claims in the paper's order, all text: `id section quantity value …`.

    Of claims on consistent genes, r is above 0 in `at_least` so many `of_patients`.
    """
    return _read(path, ["id", "section", "quantity", "value", "at_least", "of_patients"])


def read_margins(path: str | Path) -> pd.DataFrame:
    """The margins, all text: `id` (a claim's, or a pattern with *), `kind margin why`."""
    margins = _read(path, ["id", "kind", "margin"])
    for margin in margins.itertuples():
        if margin.kind not in KINDS:
            raise InputError(
                f"{path}: {margin.id}: kind {margin.kind!r} is not one of {', '.join(KINDS)}"
            )
    return margins


def margin_of(claim: str, margins: pd.DataFrame) -> pd.Series:
    """The first of the margins whose id or pattern fits the claim's id; InputError if none does."""
    for _, margin in margins.iterrows():
        if fnmatchcase(claim, margin["id"]):
            return margin
    raise InputError(f"margins: none for the claim {claim}; add a row to the table of margins")


def agrees(margin: pd.Series, paper: str, value: float | str, ci_low: float = float("nan")) -> bool:
    """Whether a reproduced value agrees with the paper's, by the kind of the margin.

    - `exact`: the same number;
    - `absolute`, `relative`: no further apart than the margin, as it is or times the paper's value;
    - `below`: a p or adjusted p, no larger than the paper's plus the margin;
    - `list`: at least as many names in common as the margin, in any order;
    - `above`, for directions: a value above the margin, and so the lower end of its interval where
      it has one;
    - `near_zero`, for likenesses: a difference of at most the margin.

    Source: ours, written down before any run.
    """
    return KINDS[margin["kind"]](paper, value, ci_low, margin["margin"])


def _read(path: str | Path, columns: list[str]) -> pd.DataFrame:
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    missing = [name for name in columns if name not in table]
    if missing:
        raise InputError(f"{path}: no column {', '.join(missing)}; restore the file")
    return table


def _apart(value: float, paper: str) -> float:
    # Without the last digits of binary fractions: 0.34 is 0.05 from 0.29.
    return round(abs(value - float(paper)), 9)


def _in_common(names: str, paper: str) -> int:
    return len(set(paper.split(",")) & set(names.split(",")))


KINDS: dict[str, Callable[[str, float | str, float, str], bool]] = {
    "exact": lambda paper, value, low, margin: value == float(paper),
    "absolute": lambda paper, value, low, margin: _apart(value, paper) <= float(margin),
    "relative": lambda paper, value, low, margin: (
        _apart(value, paper) <= float(margin) * float(paper)
    ),
    "below": lambda paper, value, low, margin: value <= float(paper) + float(margin),
    "list": lambda paper, value, low, margin: _in_common(value, paper) >= int(margin),
    "above": lambda paper, value, low, margin: value > float(margin) and not low <= float(margin),
    "near_zero": lambda paper, value, low, margin: abs(value) <= float(margin),
}
