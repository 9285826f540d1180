"""Table and page of what leaks buy."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from stnet.analysis.leak_lab import AVERAGES, leak_lab
from stnet.core.printed import decimals
from stnet.core.tables import write_table
from stnet.report.comparison import estimates
from stnet.report.page import page_table, write_page
from stnet.report.words import INTERVALS

# Columns of the page, and what they mean.
EXPLAINED = {
    "Leak": "What the test gives to the training.",
    "Planted": "How it was planted, and what is compared.",
    "Mean r without": "Mean over genes of the mean r over patients.",
    "Mean r with": "The same with the leak.",
    "Mean r gained": "With the leak minus without, and its 95% interval.",
    "Median r without": "Median over genes of the median r over patients.",
    "Median r with": "The same with the leak.",
    "Median r gained": "With the leak minus without, and its 95% interval.",
    "Named by": "The check of leaks.html that names it, or why no configuration has it.",
}


def write_leak_lab(
    sections: Sequence[str | Path],
    features: str | Path,
    tsv: str | Path,
    html: str | Path,
    **about: Any,
) -> None:
    """Write what `leak_lab` measures, as a table and as a page. `about` are its settings."""
    table = leak_lab(sections, features, **about)
    write_table(table, tsv)
    shown = pd.DataFrame({"Leak": table["leak"], "n_patients": table["n_patients"]})
    shown["n_genes"] = table["n_genes"]
    for name in AVERAGES:
        heading = f"{name.capitalize()} r"
        for part in ("without", "with"):
            shown[f"{heading} {part}"] = table[f"{name}_{part}"].map(decimals, na_action="ignore")
        shown[f"{heading} gained"] = estimates(table, f"{name}_gain", digits=3)
    words = table[["leak", "planted", "linter"]].set_axis(["Leak", "Planted", "Named by"], axis=1)
    surely = table["mean_gain_low"] > 0
    most = table.loc[table["mean_gain"].idxmax()]
    write_page(
        html,
        "What do leaks buy?",
        [
            f"{surely.sum()} of {len(table)} leaks surely raise the mean r here (their interval is"
            f" above zero); most is bought by: {most['leak'].lower()}"
            f" ({decimals(most['mean_gain'])}).",
            "Each leak is planted in ridge regression on the cohort's features, and r is compared"
            " with that without it; everything else is equal. Patients, genes and draws are the"
            f" same on both sides, but where the choice of genes is the leak. {INTERVALS} A leak"
            " of which two sections of a patient are needed is measured on patients who have them.",
        ],
        [
            page_table(shown, "What is gained", explained=EXPLAINED),
            page_table(words, "What they are, and what names them", explained=EXPLAINED),
        ],
        tsv=[tsv],
    )
