"""Table and page of what leaks buy."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from stnet.analysis.leak_lab import AVERAGES, FACTORS, KEPT, SPOT_FOLDS, leak_lab
from stnet.core.printed import decimals
from stnet.core.tables import write_table
from stnet.report.comparison import estimates
from stnet.report.page import page_table, write_page
from stnet.report.words import INTERVALS


class Leak(NamedTuple):
    """A leak in words: what it is, how it is planted, and which check of `stnet.checks.leaks` names
    it or why no configuration has it."""

    leak: str
    planted: str
    linter: str


BY_CONSTRUCTION = "cannot be configured: "
LEAKS = {
    "copy": Leak(
        "A patient under two ids",
        f"each held-out section is also trained on, with {KEPT:.0%} of its counts and altered"
        " features",
        "one section twice; one patient under two ids",
    ),
    "sections": Leak(
        "Serial sections in training and test",
        "a section is held out, not a patient; patients of several sections",
        "sections of a patient in training and test",
    ),
    "spots": Leak(
        "Spots of a section in training and test",
        f"a random {SPOT_FOLDS}th of all spots is held out, not a patient",
        BY_CONSTRUCTION + "groups have whole sections; predictions that are read are compared with"
        " the sections of their training",
    ),
    "epoch": Leak(
        "Validation is the test: the epoch",
        "epochs of gradient descent are those that fit the test best, not the inner folds",
        BY_CONSTRUCTION + "inner folds are made of the training sections; predictions that are read"
        " are compared with the sections of their validation",
    ),
    "penalty": Leak(
        "Penalty tuned on the test",
        "the penalty is the one that fits the test best, not the inner folds",
        "validation is the test",
    ),
    "best": Leak(
        "Genes chosen by r in the test",
        "the genes with the highest r are those of the test, not of the other patients",
        "genes chosen with the test (a list of genes); the page on protocols marks it",
    ),
    "scaler": Leak(
        "Standardisation and PCA fitted on all spots",
        "fitted with the held-out spots",
        "features scaled or projected with the test; what a job records is compared when read",
    ),
    "factors": Leak(
        "Factors (NMF) fitted on all spots",
        f"{FACTORS} factors are predicted, fitted with the held-out spots",
        "factors fitted with the test",
    ),
    "smoothing": Leak(
        "Smoothing across folds",
        f"random {SPOT_FOLDS}ths of the spots are held out in both; training targets are smoothed"
        " over all spots, not over the training's",
        "targets smoothed over spots",
    ),
    "choice": Leak(
        "Targets of the test in the choice of genes",
        "genes have the highest counts of the whole cohort, not of the other patients",
        "genes chosen with the test (the paper's choice: known)",
    ),
}

# Columns of the page, and what they mean.
EXPLAINED = {
    "Leak": "What the test gives to the training.",
    "Planted": "How it was planted, and what is compared.",
    "Mean r without": "Mean over genes of the mean r over patients.",
    "Mean r with": "The same with the leak.",
    "Mean r gained": "With the leak minus without, and its 95% interval.",
    "Median r without": "Median over genes of the median r over patients. Where patients differ in"
    " their genes, a gene is that of the same rank.",
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
    table = leak_lab(sections, features, **about).set_index("leak").loc[[*LEAKS]].reset_index()
    write_table(table, tsv)
    words = pd.DataFrame(LEAKS.values()).set_axis(["Leak", "Planted", "Named by"], axis=1)
    shown = pd.DataFrame({"Leak": words["Leak"], "n_patients": table["n_patients"]})
    shown["n_genes"] = table["n_genes"]
    for name in AVERAGES:
        heading = f"{name.capitalize()} r"
        for part in ("without", "with"):
            shown[f"{heading} {part}"] = table[f"{name}_{part}"].map(decimals, na_action="ignore")
        shown[f"{heading} gained"] = estimates(table, f"{name}_gain", digits=3)
    above = table["mean_gain_low"] > 0
    most = table["mean_gain"].idxmax()
    write_page(
        html,
        "What do leaks buy?",
        [
            f"Of {len(table)} leaks, {above.sum()} have an interval of what they add to the mean r"
            " that is above zero (not adjusted for the number of leaks); most is bought by:"
            f" {words['Leak'][most].lower()}"
            f" ({decimals(table['mean_gain'][most])}).",
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
