"""Table and page of what may leak from the test into the training."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stnet.checks.leaks import find_leaks
from stnet.checks.severity import CLEAR, ERROR, KNOWN, WARNING
from stnet.core.errors import InputError
from stnet.core.tables import write_table
from stnet.report.page import page_table, write_page

logger = logging.getLogger(__name__)

# Columns of the page, and what they mean.
EXPLAINED = {
    "Check": "What was looked for.",
    "Severity": "An error ends the run before training, a warning does not; what is known is the"
    " paper's choice or a reference.",
    "Where": "Sections, patients, targets, files or experiments.",
    "Evidence": "What was measured or read.",
    "Remedy": "What to do.",
}


def write_leaks(
    sections: Sequence[str | Path],
    tsv: str | Path,
    html: str | Path,
    **about: Mapping[str, Any] | Sequence[str] | bool,
) -> None:
    """Write the findings of `find_leaks`, as a table and as a page.

    `sections` and `about` are its arguments. Raises InputError for a finding that is an error.
    """
    table = find_leaks(sections, **about)
    said = (table["where"] + ": " + table["check"] + ": " + table["evidence"]).str.cat(
        table["remedy"], sep="; "
    )
    if (table["severity"] == ERROR).any():
        raise InputError(said.iloc[0])
    for each in said[table["severity"] == WARNING]:
        logger.warning(each)
    write_table(table, tsv)
    found, shown = table["severity"] != CLEAR, table.rename(columns=str.capitalize)
    counts = table["severity"].value_counts()
    n_warnings, n_known = (int(counts.get(name, 0)) for name in (WARNING, KNOWN))
    write_page(
        html,
        "What may leak from the test into the training?",
        [
            f"{table['check'].nunique()} checks: {n_warnings} warning{'s' * (n_warnings != 1)},"
            f" {n_known} known.",
            "A warning is a leak of an experiment that was configured so. What is known is the"
            " paper's own choice, or is called a reference on all pages. An error would have ended"
            " the run before any training.",
        ],
        [
            page_table(shown[found].reset_index(drop=True), "Found", explained=EXPLAINED),
            page_table(
                shown.loc[~found, ["Check", "Evidence"]].reset_index(drop=True),
                "Not found",
                explained=EXPLAINED,
            ),
        ],
        tsv=[tsv],
    )
