"""What a row of a table of claims may say, and whether a run could bear it out or contradict it.

The workflow's rules read claims before the run, so this module does not import pandas.
"""

import math
import re
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

from stnet.core.errors import InputError
from stnet.core.tsv import read_tsv

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
# Which of value, margin, null and sign a comparison needs, and which it may have.
CELLS = {
    "equal": (["value"], ["null"]),
    "absolute": (["value", "margin"], ["null"]),
    "relative": (["value", "margin"], ["null"]),
    "above": (["margin"], ["null"]),
    "below": (["margin"], ["null"]),
    "similar": (["margin"], []),
    "at_most": (["value"], ["margin", "null", "sign"]),
    "names": (["value", "margin"], []),
}
COLUMNS = [
    *("id", "group", "quantity", "value", "comparison", "margin", "null", "sign", "requires"),
    *("table", "where", "order", "column", "interval", "how", "settled"),
]
FILLED = ("id", "group", "quantity", "comparison", "table", "column", "settled")
# Of claims on consistent genes: r > 0 in at least that many of these patients.
THRESHOLD_COLUMNS = ["at_least", "of_patients"]
FURTHER = ["section", "note", "ci_low", "ci_high", *THRESHOLD_COLUMNS]
CONDITION = re.compile(r"\s*([^=<>!]+?)\s*(<=|>=|=|<|>)(?!=)\s*(.*?)\s*")
ORDER = re.compile(r"([1-9]\d*)(?:-([1-9]\d*))? of (\w+)")
# The side of chance on which a value must be; without it, that of the claim.
SIDES = {"<": -1, ">": 1}
INFINITY = math.inf
# Least and greatest possible values of columns and quantities, by table and name. The first pattern
# that fits holds, so counts and differences come before what they are of.
LIMITS = {
    r"\w+\.(n_\w+|\w*genes\w*|(patients|sections|spots|slides|patches|drops)\w*|tiles|samples"
    r"|(predicted|rest)(_total)?|median_counts|rmse|odds_ratio|\w*distance\w*|factors|folds"
    r"|threshold)": (0, INFINITY),
    r"\w+\.(mean_r_gain|median_pearson_gain|neighbour_gain\w*|lead_\w+"
    r"|(median|mean)_(pearson\w*|partial|spearman|auroc)_difference\w*)": (-2, 2),
    r"single_genes\.mean_difference": (-2, 2),
    r"\w+\.(p|p_\w+|ease\w*|\w*fdr\w*|\w*auroc\w*|not_adjacent\w*|nuclear_share|majority_mean\w*"
    r"|purity_(mean|sd)\w*)": (0, 1),
    r"\w+\.(r(_10x)?|\w+_r(_released)?|((mean|median)_)?(pearson|spearman|partial|depth)(_s\w+)?"
    r"|ari_\w+|mean_together|purity_gain\w*)": (-1, 1),
    r"\w+\.median_pct_mt": (0, 100),
    r"\w+\.explained\w*": (-INFINITY, 1),
}

Claim = namedtuple("Claim", [*COLUMNS, *FURTHER])


def read_rows(path: str | Path) -> list[Claim]:
    """Rows of a table of claims, all cells as text (`stnet.report.claims.read_claims`).

    Raises InputError naming line, id and column, as `read_tsv` and if an id is repeated, a cell
    cannot be read, or no result could contradict the claim or bear it out.
    """
    claims: dict[str, Claim] = {}
    for line, row in read_tsv(path, COLUMNS, "claims", optional=FURTHER).items():
        claim = Claim(**row)
        for fault in _faults(claim):
            raise InputError(f"{path} line {line}: {claim.id}: {fault}")
        if claim.id in claims:
            raise InputError(f"{path} line {line}: {claim.id} is repeated; rename or remove one")
        claims[claim.id] = claim
    return [*claims.values()]


def _faults(claim: Claim) -> Iterator[str]:
    """What is wrong with a claim, and what to do. A fault may be one only without those before."""
    for name in FILLED:
        if not getattr(claim, name):
            yield f"{name} is empty; fill it in, and look for a missing cell before it"
    if claim.comparison not in COMPARISONS:
        yield f"comparison {claim.comparison!r} is not one of {', '.join(COMPARISONS)}"
    if (claim.comparison == "names") != (claim.column == "symbol"):
        yield "comparison names and column symbol go together; correct one"
    needed, possible = CELLS[claim.comparison]
    for name in ("value", "margin", "null", "sign"):
        text = getattr(claim, name)
        if text and name not in (*needed, *possible):
            yield f"{claim.comparison} has no {name}; leave it empty"
        found = number(text.lstrip("<>") if name == "null" else text)
        # A null may be a name, and so are the values of names.
        is_number = name == "margin" or (name == "value" and claim.comparison != "names")
        is_missing = found is None and is_number and (text or name in needed)
        if is_missing or math.isinf(found or 0):
            yield f"{name} {text!r} is not a number; correct it"
    if claim.margin.startswith("-") and claim.comparison not in ("above", "below"):
        yield f"margin {claim.margin} is below 0; correct it"
    ranks = ranks_of(claim.order)
    if claim.order and (ranks is None or ranks[1] < ranks[0]):
        yield f"order {claim.order!r} is not like '2 of r' or '1-5 of r'"
    for name in ("where", "requires", "sign"):
        for part in parts_of(getattr(claim, name)):
            if not CONDITION.fullmatch(part):
                yield f"{name} {part!r} is not a condition such as symbol=FASN"
    yield from {"names": _faults_of_names, "at_most": _faults_of_p}.get(
        claim.comparison, _faults_of_number
    )(claim)


def _faults_of_names(claim: Claim) -> Iterator[str]:
    most = len(names_of(claim.value))
    if ranks := ranks_of(claim.order):
        most = min(most, ranks[1] - ranks[0] + 1)
    if not 1 <= float(claim.margin) <= most:
        yield (
            f"margin {claim.margin} is not from 1 to {most}, the number of names that value and "
            "order allow; correct it"
        )


def _faults_of_p(claim: Claim) -> Iterator[str]:
    value, margin = float(claim.value), float(claim.margin or 0)
    if not 0 < value <= value + margin < 1:
        added = f" with margin {claim.margin}" if claim.margin else ""
        yield f"value {claim.value}{added} is no limit of P; give one between 0 and 1"
    if number(claim.null) is not None:
        yield f"null {claim.null} is a number; name the P value of random draws, or leave it empty"


def _faults_of_number(claim: Claim) -> Iterator[str]:
    """Whether all possible numbers bear the claim out, or none."""
    least, most = limits_of(claim)
    known = f"{name_of(claim)} is {_between(least, most)}"
    value, null = number(claim.value), number(claim.null.lstrip("<>"))
    side = {"above": 1, "below": -1}.get(claim.comparison, 0)
    bounds = {"value": value, "null": null, "margin": float(claim.margin) if side else None}
    for name, bound in bounds.items():
        # Nothing lies above the greatest value, or below the least.
        is_last = side and bound == (most if side > 0 else least)
        if bound is not None and (is_last or not least <= bound <= most):
            yield f"{name} {getattr(claim, name)} leaves nothing to judge: {known}; correct it"
    if null is not None and claim.null[0] in SIDES:
        if SIDES[claim.null[0]] == -side:
            yield f"null {claim.null} is on the other side than {claim.comparison}; correct one"
    elif null is not None and value is not None and is_beyond(claim, null):
        yield (
            f"null {claim.null} is not between 0 and the value {claim.value}: chance does no "
            "worse; correct it, or begin it with < or > for the side on which the value must be"
        )
    low, high = accepted_by(claim)
    is_all = low <= least and high >= most
    if value:
        # A count has no known maximum, and a claim that accepts its opposite says nothing.
        is_all |= low < least == 0 and math.isinf(most)
        is_all |= not claim.null and low <= -abs(value) and high >= abs(value)
    if is_all and not side:
        yield (
            f"margin {claim.margin} accepts {_between(low, high)}, but {known}: nothing, or hardly "
            "anything, would contradict the claim; give a smaller one"
        )


def _between(low: float, high: float) -> str:
    if math.isinf(low):
        return "any number" if math.isinf(high) else f"at most {high:g}"
    return f"at least {low:g}" if math.isinf(high) else f"from {low:g} to {high:g}"


def name_of(claim: Claim) -> str:
    """The column or quantity that a claim is about."""
    conditions = map(CONDITION.fullmatch, parts_of(claim.where))
    named = {found[1]: found[3] for found in conditions}
    return named.get("quantity", "value") if claim.column == "value" else claim.column


def limits_of(claim: Claim) -> tuple[float, float]:
    """The least and the greatest value that a claim's number can have; infinite if unknown."""
    # Quantities may be of a stratum, which comes first, or of a section, which comes last.
    name = re.sub(r"^(all|tumour|normal)\.", "", name_of(claim)).split(".")[0]
    known = (each for names, each in LIMITS.items() if re.fullmatch(names, f"{claim.table}.{name}"))
    return next(known, (-INFINITY, INFINITY))


def accepted_by(claim: Claim) -> tuple[float, float]:
    """The ends of the range in which a number bears a claim out; infinite if open."""
    value, margin = float(claim.value or 0), float(claim.margin or 0)
    if claim.comparison == "relative":
        margin *= abs(value)
    return {
        "above": (math.nextafter(margin, INFINITY), INFINITY),
        "below": (-INFINITY, math.nextafter(margin, -INFINITY)),
    }.get(claim.comparison, (value - margin, value + margin))


def is_beyond(claim: Claim, null: float) -> bool:
    """Whether what chance gives is no closer to 0 than the claimed value, on its side of 0."""
    value = float(claim.value)
    return null <= value < 0 or null >= value >= 0


def names_of(text: str) -> set[str]:
    """Names joined by commas."""
    return {name.strip() for name in text.split(",") if name.strip()}


def ranks_of(order: str) -> tuple[int, int, str] | None:
    """First and last rank, and the column; None if there is no order or it is none."""
    if not (found := ORDER.fullmatch(order)):
        return None
    return int(found[1]), int(found[2] or found[1]), found[3]


def parts_of(conditions: str) -> list[str]:
    """Conditions separated by semicolons."""
    return [part.strip() for part in conditions.split(";") if part.strip()]


def number(value: object) -> float | None:
    """A number, or the number that a text is; None for other text and for what is missing."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return None if math.isnan(found) else found
