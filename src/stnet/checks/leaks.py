"""Ways in which a test leaks into its training, looked for in a cohort and its experiments (ours).

Copies of sections are refused before any training, by the job that makes targets. What experiments
leak on purpose, or by the paper's own choice, is named here and does not end the run.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import anndata as ad
import numpy as np
import pandas as pd

from stnet.config.split import held_out_groups, sections_by_patient
from stnet.core.errors import InputError
from stnet.expression.copies import (
    SAME_COUNTS,
    SAME_IMAGE,
    compare_sections,
    gene_sums,
    published_patients,
)
from stnet.expression.targets import choose_genes, read_cohort

# Sections of two patients look like one patient's if their summed expression (ln of counts per
# million of the 1,000 genes with most counts, minus the cohort's mean) correlates by more. Of
# HER2ST's 27 sections those of one patient correlate by 0.65 and more, those of two by 0.32 at
# most; the demo's by -0.01 at most.
GENES, SAME_PATIENT = 1000, 0.6
ERROR, WARNING, KNOWN, CLEAR = "error", "warning", "known", "clear"
COLUMNS = ["check", "severity", "where", "evidence", "remedy"]


class Finding(NamedTuple):
    """A row of the table of leaks.

    Attributes:
        check: what was looked for.
        severity: `error`, which ends the run before any training; `warning`; `known`, the paper's
            choice or a reference that says so; `clear`.
        where: sections, targets or experiments.
        evidence: what was measured, or why it cannot happen.
        remedy: what to do.
    """

    check: str
    severity: str
    where: str
    evidence: str
    remedy: str


def find_leaks(
    sections: Sequence[str | Path],
    experiments: Mapping[str, Mapping[str, Any]],
    targets: Mapping[str, Mapping[str, Any]],
    references: Sequence[str],
    weights: Mapping[str, str],
) -> pd.DataFrame:
    """Look for leaks in a cohort and its experiments.

    Args:
        sections: the cohort's section files.
        experiments: keys of each of the cohort's experiments.
        targets: keys of the targets that they name.
        references: experiments that see what they predict.
        weights: files of initial weights and of encoders, by the row that names them.

    Returns:
        Table `check severity where evidence remedy`, the worst first (`Finding`). A check without a
        finding has a row, too, which says how it was checked.

    Raises:
        InputError: a file is damaged, or genes cannot be united.
    """
    cohort, _ = read_cohort(sections)
    rows = [
        {name: str(section.obs[name].iloc[0]) for name in ("patient", "section")}
        for section in cohort
        if section.n_obs
    ]
    sums = pd.concat([gene_sums(section) for section in cohort], axis=1).fillna(0.0)
    sums.columns = [str(section.obs["section"].iloc[0]) for section in cohort]
    found = [
        *_copies(cohort, sections),
        *_published(cohort, sections),
        *_alike(sums, rows),
        *_split_patients(experiments, rows),
        *_references(experiments, references),
        *_chosen_genes(experiments, targets, sums, rows),
        *_weights(weights, [row["section"] for row in rows]),
        *_declared(experiments),
        *IMPOSSIBLE,
    ]
    order = [ERROR, WARNING, KNOWN, CLEAR]
    return pd.DataFrame(sorted(found, key=lambda each: order.index(each.severity)), columns=COLUMNS)


def _copies(cohort: Sequence[ad.AnnData], paths: Sequence[str | Path]) -> Iterator[Finding]:
    check, compared = "one section twice", compare_sections(cohort, paths)
    for copy in compared.copies:
        one, other = (Path(path).stem for path in copy.where)
        severity = WARNING if copy.confirmed else ERROR
        said = "; confirmed in the section sheet" if copy.confirmed else ""
        yield Finding(check, severity, one, f"{copy.found} {other}{said}", copy.remedy)
    if not compared.copies:
        pairs, limits = len(cohort) * (len(cohort) - 1) // 2, (compared.correlation, compared.lead)
        seen = [
            text
            for value, text in zip(
                limits,
                (
                    f"images correlate by at most {compared.correlation:.2f} (one image from"
                    f" {SAME_IMAGE:g} on)",
                    f"a spot's best partner in counts is at most {compared.lead:.2f} s.e. ahead (a"
                    f" copy from {SAME_COUNTS:g} on)",
                ),
                strict=True,
            )
            if value > -1
        ]
        yield Finding(check, CLEAR, "all sections", "; ".join([f"{pairs} pairs", *seen]), "")


def _published(cohort: Sequence[ad.AnnData], paths: Sequence[str | Path]) -> Iterator[Finding]:
    check = "one published patient, two in the sheet"
    named = sum("published" in section.uns for section in cohort)
    try:
        published_patients(cohort, paths)
    except InputError as error:
        yield Finding(check, ERROR, "section sheet", *str(error).split("; ", 1))
        return
    evidence = f"{named} of {len(cohort)} sections name the published patient"
    yield Finding(check, CLEAR, "all sections", evidence, "")


def _alike(sums: pd.DataFrame, rows: Sequence[dict[str, str]]) -> Iterator[Finding]:
    """Sections of two patients with the expression of one."""
    check = "one patient under two ids"
    common = sums.loc[sums.sum(axis=1).sort_values(ascending=False, kind="stable").index[:GENES]]
    logs = np.log1p(1e6 * common / sums.sum())
    r = logs.sub(logs.mean(axis=1), axis=0).corr()
    patient = {row["section"]: row["patient"] for row in rows}
    of_two = {(a, b): r.loc[a, b] for a, b in combinations(patient, 2) if patient[a] != patient[b]}
    alike: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    for pair, value in of_two.items():
        if value > SAME_PATIENT:
            alike.setdefault(tuple(sorted(patient[each] for each in pair)), []).append(pair)
    for patients, pairs in alike.items():
        a, b = max(pairs, key=of_two.get)
        yield Finding(
            check,
            WARNING,
            " and ".join(patients),
            f"expression of {a} and {b} correlates by {of_two[a, b]:.2f}, as in one patient",
            "if it is one patient, give the sections the same patient in the section sheet",
        )
    if not alike:
        most = max(of_two.values(), default=np.nan)
        evidence = f"expression of two patients correlates by at most {most:.2f}"
        evidence += f" (as in one from {SAME_PATIENT:g} on); ids that differ in zeros or separators"
        yield Finding(check, CLEAR, "all patients", f"{evidence} would be warned of", "")


def _split_patients(experiments: Mapping, rows: Sequence[dict[str, str]]) -> Iterator[Finding]:
    check = "sections of a patient in training and test"
    torn = {}
    for name, keys in experiments.items():
        groups = held_out_groups(rows, keys["split"])
        group_of = {section: group for group, parts in groups.items() for section in parts}
        patients = [
            patient
            for patient, parts in sections_by_patient(rows).items()
            if len({group_of[section] for section in parts}) > 1
        ]
        if patients:
            torn[name] = patients
    for name, patients in torn.items():
        yield Finding(
            check,
            WARNING,
            name,
            f"split {experiments[name]['split']} trains on other sections of the held-out"
            f" patient: {', '.join(patients[:3])}{', …' * (len(patients) > 3)}",
            "split by patient; the page on protocols shows what this split adds",
        )
    if not torn:
        yield Finding(check, CLEAR, "all experiments", "every group has whole patients", "")


def _references(experiments: Mapping, references: Sequence[str]) -> Iterator[Finding]:
    check = "the test chooses or enters the prediction"
    for name in references:
        if experiments[name].get("inner_folds") == "held_out":
            evidence = "the penalty is the one that fits the held-out spots best"
            yield Finding(check, WARNING, name, evidence, "set inner_folds to a number")
        else:
            evidence = "sees measurements of the held-out spots; pages call it a reference"
            yield Finding(check, KNOWN, name, evidence, "do not compare it with methods")
    if not references:
        evidence = "penalties and epochs are chosen by inner folds of the training patients"
        yield Finding(check, CLEAR, "all experiments", evidence, "")


def _chosen_genes(
    experiments: Mapping, targets: Mapping, sums: pd.DataFrame, rows: Sequence[dict[str, str]]
) -> Iterator[Finding]:
    check = "genes chosen with the test"
    chosen_on_all = {
        name: keys["genes"]
        for name, keys in targets.items()
        if keys.get("choice") == "cohort" and isinstance(keys["genes"], int)
    }
    for name, n_genes in chosen_on_all.items():
        splits = {keys["split"] for keys in experiments.values() if keys["targets"] == name}
        groups = [g for split in splits for g in held_out_groups(rows, split).values()]
        if n_genes > len(sums) or not groups:
            continue
        chosen = set(choose_genes(sums.sum(axis=1), n_genes))
        others = [
            len(chosen.difference(choose_genes(sums.drop(columns=group).sum(axis=1), n_genes)))
            for group in groups
            if len(group) < sums.shape[1]
        ]
        yield Finding(
            check,
            KNOWN,
            name,
            f"the paper's choice, on the whole cohort; without the held-out group"
            f" {min(others)} to {max(others)} of the {n_genes} genes would be others (mean"
            f" {np.mean(others):.1f})",
            "set choice to training",
        )
    if not chosen_on_all:
        yield Finding(check, CLEAR, "all targets", "chosen on the training part, or listed", "")


def _weights(weights: Mapping[str, str], sections: Sequence[str]) -> Iterator[Finding]:
    check, cards, found = "weights trained on this cohort", 0, False
    for name, path in weights.items():
        trained_on = _card(path).get("training_sections")
        cards += trained_on is not None
        seen = sorted(set(trained_on or ()) & set(sections))
        if seen:
            found = True
            yield Finding(
                check,
                WARNING,
                name,
                f"the card beside {path} says that they were trained on {_some(seen)}",
                "start from weights that no section of the cohort has trained",
            )
    if not found:
        evidence = f"{len(weights)} files of weights, {cards} of them with a card beside it"
        yield Finding(check, CLEAR, "all experiments", evidence, "")


def _declared(experiments: Mapping) -> Iterator[Finding]:
    for name, keys in experiments.items():
        if keys["kind"] == "precomputed":
            yield Finding(
                "predictions made elsewhere",
                KNOWN,
                name,
                "what their model saw is declared (trained_on), and refused if it has a held-out"
                " patient; that it is true cannot be checked",
                "ask whoever made them",
            )


def _card(weights: str) -> dict[str, Any]:
    """The card that training wrote beside weights; empty for those from elsewhere."""
    try:
        card = json.loads(Path(weights).with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return card if isinstance(card, dict) else {}


def _some(names: Sequence[str]) -> str:
    return f"{len(names)} sections ({', '.join(names[:3])}{', …' * (len(names) > 3)})"


# What no configuration can do, and why.
IMPOSSIBLE = [
    Finding(check, CLEAR, "all experiments", evidence, "")
    for check, evidence in {
        "factors fitted with the test": "targets of factors have a file for each held-out group; a"
        " job refuses one that was fitted without other sections than its own",
        "scaler or principal components fitted with the test": "they are fitted on the training"
        " spots, in the job of each held-out group",
        "validation is the test": "epochs and penalties are chosen on inner folds, which are made"
        " of the training sections; a network's card lists them",
        "smoothing across folds": "a spot is smoothed within its section, after prediction, and a"
        " held-out group is made of whole sections",
    }.items()
]
