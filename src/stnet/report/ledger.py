"""The ledger: every claim about a cohort, the value from this run, and whether it bears it out."""

import logging
from collections.abc import Collection, Mapping
from pathlib import Path

import pandas as pd

from stnet.core.printed import alike, short
from stnet.core.tables import read_table, write_table
from stnet.report.axis import Axis, axes_of, marks_of
from stnet.report.claim_rules import COMPARISONS, limits_of
from stnet.report.claims import MISSING, Finding, look_up, read_claims
from stnet.report.page import italic_genes, write_html
from stnet.report.verdicts import (
    DIFFERS,
    INCONCLUSIVE,
    NOT_EVALUATED,
    OTHER_COHORT,
    REPRODUCED,
    Verdict,
    judge,
    side_of_chance,
)

logger = logging.getLogger(__name__)

# Claims without a value that the terminal names.
NAMED = 3
NO_TABLE = "no table"
# In the order of the page's summary. The marks repeat in black and white what colours show.
VERDICTS = {
    REPRODUCED: ("✓", "the result bears the claim out"),
    INCONCLUSIVE: ("?", "the interval cannot tell, or chance does as well"),
    DIFFERS: ("✗", "the result contradicts the claim"),
    OTHER_COHORT: ("○", "the claim is about other data; no verdict"),
    NOT_EVALUATED: ("–", "this run has no value for it"),
}
# How `settled` begins where a comparison was chosen before any run.
BEFORE = ("before", "with the simulation")
COLUMNS = [
    *("id", "group", "quantity", "claimed", "found", "ci_low", "ci_high", "unit"),
    *("null", "null_low", "null_high", "verdict", "why", "rule", "how"),
]


def write_ledger(
    claims: str | Path,
    results: Mapping[str, str | Path],
    tsv: str | Path,
    html: str | Path,
    *,
    about: Mapping[str, str],
    judged: bool,
    rules: Mapping[str, str],
    other_data: Collection[str] = (),
) -> None:
    """Write the ledger as a table and as a page, and log which claims could not be evaluated.

    Args:
        claims: table of `read_claims`.
        results: paths of the tables of this run, by the names that claims use.
        tsv: table to write.
        html: page to write.
        about: `title` of the page, `about` the claims, and the `main` experiment.
        judged: as in `make_ledger`.
        rules: as in `make_ledger`.
        other_data: as in `make_ledger`.

    Raises:
        InputError: as `read_claims`.
    """
    listed = read_claims(claims)
    tables = {name: read_table(path) for name, path in results.items()}
    ledger = make_ledger(listed, tables, judged=judged, rules=rules, other_data=other_data)
    write_table(ledger, tsv)
    if said := not_evaluated(ledger):
        logger.warning("%s: %s", html, said)
    counts = ledger["verdict"].value_counts()
    write_html(
        html,
        "ledger.html",
        title=about["title"],
        about=about["about"],
        main=about["main"] + _origin(tables),
        judged=judged,
        verdicts=[
            {"name": name, "mark": mark, "words": words, "count": counts.get(name, 0)}
            for name, (mark, words) in VERDICTS.items()
            if name in counts or (judged and name in (REPRODUCED, INCONCLUSIVE, DIFFERS))
        ],
        total=len(ledger),
        lost=not_evaluated(ledger),
        late=int((~listed["settled"].str.lower().str.startswith(BEFORE)).sum()),
        groups=[
            {"name": name, "claims": _shown_group(listed[rows], ledger[rows])}
            for name in listed["group"].unique()
            if (rows := listed["group"] == name).any()
        ],
    )


def make_ledger(
    claims: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    *,
    judged: bool,
    rules: Mapping[str, str],
    other_data: Collection[str] = (),
) -> pd.DataFrame:
    """Make the ledger, one row per claim.

    Args:
        claims: table of `read_claims`.
        tables: results by the names that claims use; those that this run has.
        judged: whether the claims are about this run's cohort.
        rules: the rule of the workflow that makes each table.
        other_data: names of the tables that come from other external data than the claims'.

    Returns:
        `id group quantity claimed found ci_low ci_high unit null null_low null_high verdict why
        rule how`. The verdict is that of `judge`, `other cohort` if the value comes from other data
        than the claim's, and `not evaluated` if there is no value.
    """
    rows = []
    for claim in claims.itertuples():
        table = tables.get(claim.table)
        finding = Finding(MISSING) if table is None else look_up(claim, table)
        null = finding.null or MISSING
        if pd.isna(finding.found.value):
            verdict = Verdict(NOT_EVALUATED, finding.how or f"{NO_TABLE} {claim.table} in this run")
        elif not judged or claim.table in other_data:
            verdict = Verdict(OTHER_COHORT, "")
        else:
            verdict = judge(claim, finding)
        known = [claim.id, claim.group, claim.quantity, claim.value]
        numbers = [*finding.found, finding.unit, *null, *verdict]
        rows.append([*known, *numbers, rules.get(claim.table, ""), finding.how])
    return pd.DataFrame(rows, columns=COLUMNS)


def not_evaluated(ledger: pd.DataFrame) -> str:
    """How many claims have no value, the first of them with the reason; "" if all have one.

    Those whose table this run does not make come last.
    """
    lost = ledger[ledger["verdict"] == NOT_EVALUATED]
    if lost.empty:
        return ""
    lost = lost.iloc[lost["why"].str.startswith(NO_TABLE).argsort(kind="stable")]
    named = [f"{row.id} ({row.why})" for row in lost.head(NAMED).itertuples()]
    more = f", and {len(lost) - NAMED} more" if len(lost) > NAMED else ""
    return f"{len(lost)} of {len(ledger)} claims could not be evaluated: {', '.join(named)}{more}"


def _shown_group(claims: pd.DataFrame, ledger: pd.DataFrame) -> list[dict[str, object]]:
    """What the page shows of a group's claims. Those of one column of a table share an axis."""
    pairs = list(zip(claims.itertuples(), ledger.itertuples(), strict=True))
    marks = {claim.id: found for claim, row in pairs if (found := marks_of(claim, row))}
    alike: dict[tuple, list[str]] = {}
    for claim, _ in pairs:
        if claim.id in marks:
            where = claim.where if claim.column == "value" else ""
            key = claim.table, claim.column, where, limits_of(claim)
            alike.setdefault(key, []).append(claim.id)
    axes = {}
    for (*_, limits), ids in alike.items():
        axes |= zip(ids, axes_of([marks[each] for each in ids], limits), strict=True)
    return [_shown(claim, row, axes.get(claim.id)) for claim, row in pairs]


def _shown(claim: tuple, row: tuple, axis: Axis | None) -> dict[str, object]:
    """What the page shows of a claim."""
    margin = float(claim.margin) if claim.margin else 0.0
    rule = COMPARISONS[claim.comparison].format(margin=margin, value=claim.value)
    said = italic_genes if claim.comparison == "names" else short
    if isinstance(row.found, str):
        found, interval = said(row.found), ""
    else:
        found, *ends = alike(row.found, row.ci_low, row.ci_high)
        interval = " to ".join(ends) if row.unit else ""
    return {
        "id": claim.id,
        "quantity": claim.quantity,
        "section": claim.section,
        "claimed": said(claim.value) if claim.value else rule,
        "found": found,
        "interval": interval,
        "verdict": row.verdict,
        "style": row.verdict.replace(" ", "-"),
        "mark": VERDICTS[row.verdict][0],
        "why": row.why,
        "axis": axis,
        "facts": {
            "Obtained as": row.how,
            "95% interval": interval and f"{interval}, over {row.unit}",
            "By chance": _null(row),
            "Judged by": rule,
            "Least that would do": _least(claim, row),
            "Comparison settled": claim.settled,
            "Note": claim.note,
            "Made by rule": row.rule,
            "Id": claim.id,
        },
    }


def _null(row: tuple) -> str:
    if pd.isna(row.null):
        return ""
    null, *ends = alike(row.null, row.null_low, row.null_high)
    return null if pd.isna(row.null_low) else f"{null} ({' to '.join(ends)})"


def _least(claim: tuple, row: tuple) -> str:
    """The smallest value that would bear a direction out, were its interval as wide."""
    if claim.comparison not in ("above", "below") or pd.isna(row.ci_low):
        return ""
    ends = [float(claim.margin)]
    side = 1 if claim.comparison == "above" else -1
    if not pd.isna(row.null) and side_of_chance(claim, row.null) == side:
        ends += [end for end in (row.null_low, row.null_high, row.null) if not pd.isna(end)]
    if side > 0:
        return short(max(ends) + row.found - row.ci_low)
    return short(min(ends) - (row.ci_high - row.found))


def _origin(tables: Mapping[str, pd.DataFrame]) -> str:
    """Where predictions are from, or from which weights the network was trained."""
    if "summary" not in tables:
        return ""
    values = tables["summary"].set_index("quantity")["value"]
    if "origin" in values:
        return f", {values['origin']}"
    return f", trained from {values['initial_weights']}" if "initial_weights" in values else ""
