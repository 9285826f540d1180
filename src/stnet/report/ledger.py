"""The ledger: every claim of the paper, the value from this run, and whether they agree."""

from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from stnet.core.atomic import atomic_path
from stnet.core.tables import read_table
from stnet.report.analyses import answer
from stnet.report.claims import agrees, margin_of, read_claims, read_margins
from stnet.report.page import Table, page_table, short, write_page

# Repeat in black and white what the colours of the page show.
MARKS = {"agrees": "✓", "differs": "✗", "other cohort": "○", "not evaluated": "–"}
STYLES = {name: name.replace(" ", "-") for name in MARKS}


def write_ledger(
    inputs: Mapping[str, str | Path],
    tsv: str | Path,
    html: str | Path,
    *,
    cohort: str,
    main: str,
    is_paper_cohort: bool,
    rules: Mapping[str, str],
    other_data: Collection[str] = (),
) -> None:
    """Write the ledger as a table and as a page.

    Args:
        inputs: paths by name: `claims`, `margins`, and the tables of `answer` that this run has.
        tsv: table to write.
        html: page to write.
        cohort: name of the cohort, for the title.
        main: name of the main experiment.
        is_paper_cohort: as in `make_ledger`.
        rules: as in `make_ledger`.
        other_data: as in `make_ledger`.

    Raises:
        InputError: a claim has no margin, or a column is missing.
    """
    results = dict(inputs)
    claims, margins = read_claims(results.pop("claims")), read_margins(results.pop("margins"))
    tables = {name: read_table(path) for name, path in results.items()}
    ledger = make_ledger(claims, margins, tables, is_paper_cohort, other_data, rules)
    with atomic_path(tsv) as temporary:
        ledger.to_csv(temporary, sep="\t", index=False)
    counts = ledger["verdict"].value_counts()
    verdicts = ", ".join(f"{name} {counts[name]}" for name in MARKS if name in counts)
    write_page(
        html,
        f"The paper's claims and the results on cohort {cohort}",
        [
            f"{len(ledger)} claims: {verdicts}. Predictions are those of {main}{_origin(tables)}.",
            "Each verdict follows from a margin that was fixed before any run. Claims are judged "
            "only on the paper's own data; on any other data the verdict is 'other cohort'. "
            "Intervals are 95%, over the unit in brackets.",
        ],
        [_shown(ledger)],
    )


def make_ledger(
    claims: pd.DataFrame,
    margins: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    is_paper_cohort: bool,
    other_data: Collection[str] = (),
    rules: Mapping[str, str] = MappingProxyType({}),
) -> pd.DataFrame:
    """Make the ledger, one row per claim.

    Args:
        claims: table of `read_claims`.
        margins: table of `read_margins`.
        tables: results by name, as in `answer`.
        is_paper_cohort: whether the networks were trained on the paper's cohort.
        other_data: names of the tables that come from external data other than the paper's.
        rules: the rule of the workflow that makes each table.

    Returns:
        `id section quantity paper reproduced ci_low ci_high unit verdict rule how`, all text. The
        verdict is `agrees` or `differs` by the claim's margin, `other cohort` if the value comes
        from other data than the paper's, and `not evaluated` if there is no value.

    Raises:
        InputError: a claim has no margin.
    """
    rows = []
    for claim in claims.itertuples():
        margin = margin_of(claim.id, margins)
        found = answer(claim.id, tables)
        verdict = "not evaluated"
        if found is not None and not pd.isna(found.value):
            verdict = "other cohort"
            if is_paper_cohort and not set(found.tables) & set(other_data):
                same = agrees(margin, claim.value, found.value, found.ci_low)
                verdict = "agrees" if same and not found.opposed else "differs"
        rows.append(
            {
                "id": claim.id,
                "section": claim.section,
                "quantity": claim.quantity,
                "paper": claim.value,
                "reproduced": _text(found and found.value),
                "ci_low": _text(found and found.ci_low),
                "ci_high": _text(found and found.ci_high),
                "unit": found.unit if found else "",
                "verdict": verdict,
                "rule": rules.get(found.tables[0], "") if found else "",
                "how": found.how if found else "",
            }
        )
    return pd.DataFrame(rows)


def _origin(tables: Mapping[str, pd.DataFrame]) -> str:
    # The page says where predictions are from, or from which weights the network was trained.
    if "summary" not in tables:
        return ""
    values = tables["summary"].set_index("quantity")["value"]
    if "origin" in values:
        return f", {values['origin']}"
    return f", trained from {values['initial_weights']}" if "initial_weights" in values else ""


def _text(value: float | str | None) -> str:
    if value is None or pd.isna(value):
        return ""
    return value if isinstance(value, str) else f"{value:.6g}"


def _shown(ledger: pd.DataFrame) -> Table:
    shown = pd.DataFrame(
        {
            "Claim": ledger["quantity"] + " (" + ledger["section"] + ")",
            "Id": ledger["id"],
            # With spaces, so that lists of genes wrap.
            "Paper": ledger["paper"].str.replace(",", ", "),
            "This run": ledger["reproduced"].str.replace(",", ", ").map(short),
            "95% interval": [
                f"{short(row.ci_low)} to {short(row.ci_high)} ({row.unit})" if row.ci_low else ""
                for row in ledger.itertuples()
            ],
            "Verdict": [f"{MARKS[verdict]} {verdict}" for verdict in ledger["verdict"]],
            "Rule": ledger["rule"],
            "How": ledger["how"],
        }
    )
    return page_table(shown, row_styles=ledger["verdict"].map(STYLES).tolist())
