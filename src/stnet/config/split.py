"""Held-out groups and inner folds of a cohort's sections."""

from collections.abc import Sequence

HELD_OUT = "{held_out}"  # stands for the held-out group in the paths of a configuration
ALL = "all"  # reserved held-out id: nothing is held out, for use on external images


def held_out_groups(rows: Sequence[dict[str, str]], split: str | int) -> dict[str, list[str]]:
    """Map each held-out group to its sections. `rows` are rows of a section sheet.

    `patient` is the paper's split (Methods, "leave-one-out cross validation" over patients).
    `section` holds out single sections. A number k makes k folds of the patients sorted by id,
    fold f = patients[f::k], named f0 …. Groups are sorted by id.
    """
    if split == "section":
        return {row["section"]: [row["section"]] for row in sorted_by(rows, "section")}
    patients = sections_by_patient(rows)
    if split == "patient":
        return patients
    names = list(patients)
    return {
        f"f{fold}": [section for name in names[fold::split] for section in patients[name]]
        for fold in range(min(split, len(names)))
    }


def inner_folds(rows: Sequence[dict[str, str]], n_folds: int) -> tuple[str, list[list[str]]]:
    """Inner folds over the training sections, after a description of how they were made.

    Methods, "an internal four-fold cross validation on the 22 patients"; the released code sorts
    the patients by id and takes fold f = patients[f::4]. Ours for small cohorts: with fewer
    patients than folds, one fold per patient; with one patient, folds of its sections; with one
    section, or `n_folds` 0, no folds.
    """
    patients = sections_by_patient(rows)
    if n_folds < 2:
        return "configured number of epochs (inner_folds is 0)", []
    if len(patients) > 1:
        units, name = list(patients.values()), "patients"
    else:
        units, name = [[row["section"]] for row in sorted_by(rows, "section")], "sections"
    if len(units) < 2:
        return "configured number of epochs (nothing to split)", []
    n_folds = min(n_folds, len(units))
    folds = [[section for unit in units[f::n_folds] for section in unit] for f in range(n_folds)]
    return f"{n_folds} inner folds of {name}", folds


def sections_by_patient(rows: Sequence[dict[str, str]]) -> dict[str, list[str]]:
    """Sections of each patient, patients sorted by id, sections in the order of the rows."""
    patients: dict[str, list[str]] = {}
    for row in sorted_by(rows, "patient"):
        patients.setdefault(row["patient"], []).append(row["section"])
    return patients


def sorted_by(rows: Sequence[dict[str, str]], column: str) -> list[dict[str, str]]:
    """Rows sorted by a column; equal rows keep their order."""
    return sorted(rows, key=lambda row: row[column])
