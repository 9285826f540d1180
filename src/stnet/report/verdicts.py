"""Whether a value of a run bears out a claim, and why."""

from typing import NamedTuple

import pandas as pd

from stnet.report.claim_rules import COMPARISONS, SIDES, accepted_by, is_beyond, names_of
from stnet.report.claims import Finding, Value

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
    overlap, or a null without < or > is farther from 0 than the claimed value, the verdict is
    inconclusive. The null of a P value is the P value by random draws.

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
            return Verdict(INCONCLUSIVE, f"random draws do as well (P {null.value:.2g})")
        return verdict
    # Without the sign of zero.
    by_chance = f"chance gives {round(null.value, 3) + 0.0:g}"
    low, high = _ends(found, found.value)
    null_low, null_high = _ends(null, null.value)
    side = side_of_chance(claim, null.value)
    if claim.value and claim.null[:1] not in SIDES and is_beyond(claim, null.value):
        return Verdict(INCONCLUSIVE, f"{by_chance}, which is no worse than the claim")
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
    # Rounded, because 0.34 - 0.29 is not exactly 0.05 in binary.
    low, high = (round(end, 9) for end in accepted_by(claim))
    within = f"within {(high - low) / 2:.3g} of it"
    if low <= round(finding.found.value, 9) <= high:
        return Verdict(REPRODUCED, within)
    if finding.found.low <= high and finding.found.high >= low:
        return Verdict(INCONCLUSIVE, f"not {within}, but part of its interval is")
    return Verdict(DIFFERS, f"not {within}")


def _whole(claim: tuple, finding: Finding) -> Verdict:
    """Whether a whole interval is accepted; that of a value without one is the value itself."""
    found = finding.found
    # Only a null can show that a value without an interval is more than chance.
    low, high = _ends(found, float("nan") if finding.null is None else found.value)
    if pd.isna(low):
        return Verdict(INCONCLUSIVE, "no interval")
    least, most = accepted_by(claim)
    rule = COMPARISONS[claim.comparison].format(margin=float(claim.margin))
    if least <= low and high <= most:
        return Verdict(REPRODUCED, f"{'its whole interval' if low < high else 'it'} is {rule}")
    if high < least or low > most:
        return Verdict(
            DIFFERS, f"{'no part of its interval is' if low < high else 'it is not'} {rule}"
        )
    return Verdict(INCONCLUSIVE, f"only part of its interval is {rule}")


def _at_most(claim: tuple, finding: Finding) -> Verdict:
    if finding.found.value > float(claim.value) + float(claim.margin or 0):
        return Verdict(INCONCLUSIVE, f"P is above {claim.value}")
    if finding.opposed:
        return Verdict(DIFFERS, "an effect in the other direction")
    return Verdict(REPRODUCED, f"P is at most {claim.value}")


def _names(claim: tuple, finding: Finding) -> Verdict:
    claimed = names_of(claim.value)
    common = len(claimed & names_of(finding.found.value))
    why = f"{common} of {len(claimed)} in common"
    return Verdict(REPRODUCED if common >= float(claim.margin) else DIFFERS, why)


def _ends(value: Value, default: float) -> tuple[float, float]:
    """Ends of an interval; those of a value without one are `default`."""
    return (default, default) if pd.isna(value.low) else (value.low, value.high)


TESTS = {
    "equal": _equal,
    "absolute": _near,
    "relative": _near,
    "above": _whole,
    "below": _whole,
    "similar": _whole,
    "at_most": _at_most,
    "names": _names,
}
