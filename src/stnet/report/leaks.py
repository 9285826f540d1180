"""Table and page of what may leak from the test into the training."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stnet.checks.leaks import CLEAR, ERROR, KNOWN, WARNING, find_leaks
from stnet.core.tables import write_table
from stnet.report.page import page_table, write_page

logger = logging.getLogger(__name__)

# Columns of the page, and what they mean.
COLUMNS = {
    "Check": "What was looked for.",
    "Severity": "An error ends the run before training, a warning does not; what is known is the"
    " paper's choice or a reference.",
    "Where": "Sections, patients, targets or experiments.",
    "Evidence": "What was measured, or why it cannot happen.",
    "Remedy": "What to do.",
}


def write_leaks(
    sections: Sequence[str | Path],
    tsv: str | Path,
    html: str | Path,
    **about: Mapping[str, Any] | Sequence[str],
) -> None:
    """Write the findings of `find_leaks`, as a table and as a page.

    `sections` and `about` are its arguments. A finding that is an error does not end this job: the
    page is to show it. It ends the jobs that make targets, and so all training.
    """
    table = find_leaks(sections, **about)
    write_table(table, tsv)
    for row in table[table["severity"] == WARNING].itertuples():
        logger.warning(f"{row.check}: {row.where}: {row.evidence}; {row.remedy}")
    found, shown = table["severity"] != CLEAR, table.rename(columns=str.capitalize)
    counts = Counter(table["severity"])
    said = ", ".join(
        f"{counts[name]} {name}{'s' * (counts[name] > 1 and name != KNOWN)}"
        for name in (ERROR, WARNING, KNOWN)
        if counts[name]
    )
    write_page(
        html,
        "What may leak from the test into the training?",
        [
            f"Of {table['check'].nunique()} checks, {table['check'][found].nunique()} found"
            f" something: {said}."
            if said
            else "No check found anything.",
            "An error ends the run before any training. A warning is a leak of an experiment that"
            " was configured so. What is known is the paper's own choice, or is called a reference"
            " on all pages.",
        ],
        [
            page_table(shown[found].reset_index(drop=True), "Found", explained=COLUMNS),
            page_table(
                shown.loc[~found, ["Check", "Where", "Evidence"]].reset_index(drop=True),
                "Not found, and how it was checked",
                explained=COLUMNS,
            ),
        ],
        tsv=[tsv],
    )
