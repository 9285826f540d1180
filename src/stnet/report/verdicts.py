"""Whether a value of a run bears out a claim, and why."""

from typing import NamedTuple

import pandas as pd

from stnet.core.printed import short
from stnet.report.claims import SIDES, Finding, Value

REPRODUCED = "reproduced"
INCONCLUSIVE = "inconclusive"
DIFFERS = "differs"
OTHER_COHORT = "other cohort"
NOT_EVALUATED = "not evaluated"
# Up to this P, random draws (a claim's `null`, if the claim is a P value) count as beaten.
LEVEL = 0.05


class Verdict(NamedTuple):
    """One of the names above, and the reason in words."""

    name: str
    why: str


def judge(claim: tuple, finding: Finding) -> Verdict:
    """Compare what a run found with a claim, a row of `read_claims`.

    The claim's `comparison` sets the test, m is its `margin`:

    - `equal`: the same number;
    - `absolute`, `relative`: the value is within m of the claimed one, or within m times it. If it
      is not but its interval reaches there, the verdict is inconclusive;
    - `above`, `below`: the whole interval is above or below m. It differs if the whole interval is
      on the other side. Without an interval, only a `null` can show that the value is more than
      chance;
    - `similar`: the whole interval is within m of 0. It differs if no part of it is;
    - `at_most`, for P values: at most the claimed value. A larger P is inconclusive, a small one of
      an effect in the other direction (`sign`) differs;
    - `names`: at least m names in common, in any order.

    A claim that is met must also beat its `null`, the value if there were nothing to find: the
    interval, or the value without one, must lie beyond the null's 95% range, on the side of the
    claim or, if the null begins with < or >, on that side. On the other side it differs; if the two
    overlap, the verdict is inconclusive. The null of a P value is the P value by random draws.

    Source: ours.
    """
    found, null = finding.found, finding.null
    verdict = TESTS[claim.comparison](claim, finding)
    if verdict.name != REPRODUCED or null is None:
        return verdict
    if pd.isna(null.value):
        return Verdict(INCONCLUSIVE, f"what chance gives ({claim.null}) is missing")
    if claim.comparison == "at_most":
        if null.value > LEVEL:
            return Verdict(INCONCLUSIVE, f"random draws do as well (P {short(null.value)})")
        return verdict
    # Without the sign of zero.
    by_chance = f"chance gives {round(null.value, 3) + 0.0:g}"
    low, high = _ends(found, found.value)
    null_low, null_high = _ends(null, null.value)
    side = side_of_chance(claim, null.value)
    if low <= null_high and null_low <= high:
        return Verdict(INCONCLUSIVE, f"not told from chance: {by_chance}")
    if (low > null_high) != (side > 0):
        return Verdict(DIFFERS, f"on the other side of chance: {by_chance}")
    if null == Value(float(claim.margin or "nan")):
        return verdict
    return Verdict(REPRODUCED, f"{verdict.why}; {by_chance}")


def side_of_chance(claim: tuple, null: float) -> int:
    """1 if the claim is that the value is above what chance gives, -1 if below."""
    if claim.null[:1] in SIDES:
        return SIDES[claim.null[0]]
    if claim.comparison in ("above", "below"):
        return 1 if claim.comparison == "above" else -1
    return 1 if float(claim.value) > null else -1


def _equal(claim: tuple, finding: Finding) -> Verdict:
    if finding.found.value == float(claim.value):
        return Verdict(REPRODUCED, "the same number")
    return Verdict(DIFFERS, "another number")


def _near(claim: tuple, finding: Finding) -> Verdict:
    claimed, margin = float(claim.value), float(claim.margin)
    margin *= abs(claimed) if claim.comparison == "relative" else 1
    # Rounded, because 0.34 - 0.29 is not exactly 0.05 in binary.
    low, high = round(claimed - margin, 9), round(claimed + margin, 9)
    if low <= round(finding.found.value, 9) <= high:
        return Verdict(REPRODUCED, f"within {margin:.3g} of it")
    from_, to = finding.found.low, finding.found.high
    if from_ <= high and to >= low:
        return Verdict(INCONCLUSIVE, f"farther than {margin:.3g} from it, but not its interval")
    return Verdict(DIFFERS, f"farther than {margin:.3g} from it")


def _direction(claim: tuple, finding: Finding) -> Verdict:
    margin = float(claim.margin)
    default = finding.found.value if finding.null is not None else float("nan")
    low, high = _ends(finding.found, default)
    if pd.isna(low):
        return Verdict(INCONCLUSIVE, "no interval")
    if claim.comparison == "below":
        low, high, margin = -high, -low, -margin
    beyond = f"{claim.comparison} {claim.margin}"
    if low > margin:
        what = "its whole interval is" if low < high else "it is"
        return Verdict(REPRODUCED, f"{what} {beyond}")
    if high <= margin:
        what = "no part of its interval is" if low < high else "it is not"
        return Verdict(DIFFERS, f"{what} {beyond}")
    return Verdict(INCONCLUSIVE, f"its interval includes {claim.margin}")


def _similar(claim: tuple, finding: Finding) -> Verdict:
    low, high = finding.found.low, finding.found.high
    margin = float(claim.margin)
    if pd.isna(low):
        return Verdict(INCONCLUSIVE, "no interval")
    if -margin <= low and high <= margin:
        return Verdict(REPRODUCED, f"its whole interval is within {claim.margin} of 0")
    if low > margin or high < -margin:
        return Verdict(DIFFERS, f"no part of its interval is within {claim.margin} of 0")
    return Verdict(INCONCLUSIVE, f"its interval reaches farther than {claim.margin} from 0")


def _at_most(claim: tuple, finding: Finding) -> Verdict:
    if finding.found.value > float(claim.value) + float(claim.margin or 0):
        return Verdict(INCONCLUSIVE, f"P is above {claim.value}")
    if finding.opposed:
        return Verdict(DIFFERS, "an effect in the other direction")
    return Verdict(REPRODUCED, f"P is at most {claim.value}")


def _names(claim: tuple, finding: Finding) -> Verdict:
    claimed = [name.strip() for name in claim.value.split(",")]
    common = len(set(claimed) & set(finding.found.value.split(",")))
    why = f"{common} of {len(claimed)} in common"
    return Verdict(REPRODUCED if common >= float(claim.margin) else DIFFERS, why)


def _ends(value: Value, default: float) -> tuple[float, float]:
    """Ends of an interval; those of a value without one are `default`."""
    return (default, default) if pd.isna(value.low) else (value.low, value.high)


TESTS = {
    "equal": _equal,
    "absolute": _near,
    "relative": _near,
    "above": _direction,
    "below": _direction,
    "similar": _similar,
    "at_most": _at_most,
    "names": _names,
}
