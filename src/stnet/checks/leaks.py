"""Ways in which a test leaks into its training, looked for before any training (ours).

Sections, the files that jobs before the training wrote, and the resolved configuration are read.
What a job was trained on is compared with what it predicts when predictions are read
(`stnet.evaluation.held_out.read_predictions`).
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import anndata as ad
import numpy as np
import pandas as pd

from stnet.checks.alike import LEAD, alike_patients, distances
from stnet.checks.severity import CLEAR, ERROR, KNOWN, WARNING
from stnet.config.split import held_out_groups, sections_by_patient
from stnet.core.h5ad import open_h5ad, read_h5ad
from stnet.core.printed import decimals
from stnet.expression.copies import SAME_COUNTS, SAME_IMAGE, compare_sections, gene_sums
from stnet.expression.factors import are_factors, gene_targets, shares
from stnet.expression.targets import choose_genes, read_cohort, section_expression

# Features whose means over the cohort are less, in s.d., were standardised or projected with all of
# it. Targets that differ by more are not those of the spot's own counts.
CENTRED, ROUNDING, COMPARED_SPOTS = 1e-3, 1e-3, 20
COLUMNS = ["check", "severity", "where", "evidence", "remedy"]
AGAIN = "delete the file and rerun"
SIMULATED = "simulated patients differ in their tissue only, so they are not compared"

# Severity, where, evidence and remedy; how it was checked comes before the findings of a check.
Found = tuple[str, list[tuple[str, str, str, str]]]


class Cohort(NamedTuple):
    """A cohort's sections, and the summed counts of each (genes, sections)."""

    sections: list[ad.AnnData]
    rows: list[dict[str, str]]
    sums: pd.DataFrame


def find_leaks(
    sections: Sequence[str | Path],
    experiments: Mapping[str, Mapping[str, Any]],
    targets: Mapping[str, Mapping[str, Any]],
    features: Sequence[str | Path],
    weights: Mapping[str, str],
    *,
    simulated: bool = False,
) -> pd.DataFrame:
    """Look for leaks in a cohort and its experiments.

    Args:
        sections: the cohort's section files.
        experiments: kind, split, targets and inner_folds of each of the cohort's experiments, and
            whether it `sees_held_out`.
        targets: genes, choice and split of the targets that they name, and their `files` by
            held-out group.
        features: files of the features of other programs.
        weights: files of initial weights and of encoders, by the row that names them.
        simulated: whether patients are simulated, who differ in their tissue only.

    Returns:
        Table of `COLUMNS`, the worst first. Severity is `error`, which ends the run; `warning`;
        `known`, the paper's choice or a reference that says so; or `clear`: a check without a
        finding has a row, too, which says what it looked at.

    Raises:
        InputError: a file is damaged, or genes cannot be united.
    """
    parts, _ = read_cohort(sections)
    sums = pd.concat([gene_sums(section) for section in parts], axis=1).fillna(0.0)
    rows = [_row(path) for path in sections]
    cohort = Cohort(parts, rows, sums.set_axis([row["section"] for row in rows], axis=1))
    found = {
        "one section twice": _copies(cohort, sections),
        "one patient under two ids": (SIMULATED, []) if simulated else _alike(cohort),
        **_of_experiments(experiments, cohort),
        "genes chosen with the test": _genes(experiments, targets, cohort),
        **dict(_in_files(targets, cohort)),
        "features scaled or projected with the test": _centred(features),
        "weights trained on this cohort": _weights(weights, cohort),
    }
    table = pd.DataFrame(
        [
            (check, *each)
            for check, (how, findings) in found.items()
            for each in findings or [(CLEAR, "all", how, "")]
        ],
        columns=COLUMNS,
    )
    order = [ERROR, WARNING, KNOWN, CLEAR]
    return table.sort_values("severity", key=lambda s: s.map(order.index), kind="stable")


def _row(path: str | Path) -> dict[str, str]:
    """Patient and section of a file, of whose spots none need be used."""
    with open_h5ad(path) as file:
        return {key: ad.io.read_elem(file[f"obs/{key}"])[0] for key in ("patient", "section")}


def _copies(cohort: Cohort, paths: Sequence[str | Path]) -> Found:
    copies, correlation, lead = compare_sections(cohort.sections, paths)
    found = []
    for copy in copies:
        one, other = (Path(path).stem for path in copy.where)
        said = ("", ERROR) if not copy.confirmed else ("; confirmed in the section sheet", WARNING)
        found.append((said[1], one, f"{copy.found} {other}{said[0]}", copy.remedy))
    n = len(paths)
    how = [f"pairs of sections: {n * (n - 1) // 2}"]
    if correlation > -1:
        how += [f"images correlate by at most {correlation:.2f} (one image from {SAME_IMAGE:g} on)"]
    if lead > -1:
        limit = f"(a copy from {SAME_COUNTS:g} on)"
        how += [f"a spot's partner in counts is at most {lead:.2f} s.e. ahead {limit}"]
    return "; ".join(how), found


def _alike(cohort: Cohort) -> Found:
    """Patients with the expression of one."""
    patients = [row["patient"] for row in cohort.rows]
    groups, least, limit = alike_patients(distances(cohort.sums), patients)
    found = []
    for group in groups:
        said = f"their expression is apart by {decimals(group.inner)} only (s.d. of ln ratios)"
        if group.outer < np.inf:
            said += f"; the next patient's, by {decimals(group.outer)}"
        where = " and ".join(group.patients) if len(group.patients) == 2 else _some(group.patients)
        remedy = "if it is one patient, give the sections the same patient in the section sheet"
        found.append((WARNING, where, said, remedy))
    if least == np.inf:
        return "no sections of two patients have enough counts to compare", []
    how = (
        f"expression of two patients is apart by {decimals(least)} or more (s.d. of ln ratios over"
        f" genes); one patient's by at most {decimals(limit)}, and others' {LEAD:g} times as far"
    )
    return how, found


def _of_experiments(experiments: Mapping, cohort: Cohort) -> dict[str, Found]:
    """What the keys of experiments say."""
    torn, tuned, seeing, declared = [], [], [], []
    for name, keys in experiments.items():
        groups = [set(each) for each in held_out_groups(cohort.rows, keys["split"]).values()]
        patients = [
            patient
            for patient, parts in sections_by_patient(cohort.rows).items()
            if not any(group.issuperset(parts) for group in groups)
        ]
        if patients:
            said = f"split {keys['split']} trains on other sections of the held-out patient"
            torn.append((WARNING, name, f"{said}: {_some(patients)}", "split by patient"))
        if keys.get("inner_folds") == "held_out":
            said = "the penalty is the one that fits the held-out spots best"
            tuned.append((WARNING, name, said, "set inner_folds to a number"))
        elif keys["sees_held_out"]:
            said = "sees measurements of the held-out spots; pages call it a reference"
            seeing.append((KNOWN, name, said, "do not compare it with methods"))
        if keys["kind"] == "precomputed":
            said = "what their model saw is declared (trained_on), and refused if it has a held-out"
            said += " patient; that it is true cannot be checked"
            declared.append((KNOWN, name, said, "ask whoever made them"))
    n = f"(experiments: {len(experiments)})"
    return {
        "sections of a patient in training and test": (
            f"held-out groups have whole patients {n}",
            torn,
        ),
        "validation is the test": (f"inner folds are of training sections {n}", tuned),
        "the measurement enters the prediction": (
            f"kinds see images, labels or positions only {n}",
            seeing,
        ),
        "predictions made elsewhere": (f"none {n}", declared),
    }


def _genes(experiments: Mapping, targets: Mapping, cohort: Cohort) -> Found:
    """What the configuration says of the choice of genes, and what the paper's costs."""
    found = []
    for name, keys in targets.items():
        splits = {each["split"] for each in experiments.values() if each["targets"] == name}
        groups = [g for split in splits for g in held_out_groups(cohort.rows, split).values()]
        if isinstance(keys["genes"], list) and len(keys["genes"]) > 1:
            said = f"{len(keys['genes'])} genes are listed; how they were chosen is not known"
            remedy = "if by an r in this cohort, choose them by counts, or in other data"
            found.append((KNOWN, name, said, remedy))
        elif isinstance(keys["genes"], int) and keys["choice"] == "cohort" and groups:
            chosen = set(_chosen(cohort, keys["genes"]))
            others = [len(chosen.difference(_chosen(cohort, keys["genes"], g))) for g in groups]
            said = f"the {keys['genes']} genes would be the same without any held-out group"
            if any(others):
                said = f"without a held-out group, {min(others)} to {max(others)} of the"
                said += f" {keys['genes']} genes would be others (mean {np.mean(others):.1f})"
            said = (
                f"the paper's choice, on the whole cohort; {said}; the leak lab measures its gain"
            )
            found.append((KNOWN, name, said, "set choice to training"))
    return "genes have the highest counts outside the held-out group", found


def _chosen(cohort: Cohort, n_genes: int, without: Collection[str] = ()) -> list[str]:
    return choose_genes(cohort.sums.drop(columns=list(without)).sum(axis=1), n_genes)


def _in_files(targets: Mapping, cohort: Cohort) -> Iterator[tuple[str, Found]]:
    """Checks of the files of targets, each of which is read once."""
    found: dict[str, list] = {}
    for keys in targets.values():
        groups = held_out_groups(cohort.rows, keys["split"])
        for group, path in keys["files"].items():
            file = read_h5ad(path)
            without = groups.get(group, []) if keys["choice"] == "training" else []
            said = {
                "genes in a file chosen with the test": _other_genes(file, keys, without, cohort),
                "factors fitted with the test": _other_factors(file),
                "targets smoothed over spots": _other_values(gene_targets(file), cohort),
            }
            for check, evidence in said.items():
                of_check = found.setdefault(check, [])
                of_check += [(ERROR, str(path), evidence, AGAIN)] if evidence else []
    n = sum(len(keys["files"]) for keys in targets.values())
    for check, findings in found.items():
        yield check, (f"files of targets: {n}", findings)


def _other_genes(file: ad.AnnData, keys: Mapping, without: list[str], cohort: Cohort) -> str:
    if not isinstance(keys["genes"], int):
        return ""
    expected = _chosen(cohort, keys["genes"], without)
    same = gene_targets(file).var_names.tolist() == expected
    return "" if same else "has other genes than those with the highest counts outside the test"


def _other_factors(file: ad.AnnData) -> str:
    """Where a factorisation was fitted, its squared error has no slope in `to_genes`.

    Over the spots of the fit it is at most 0.001 of its terms in the demo, over all 0.006 to 0.010.
    """
    if not are_factors(file):
        return ""
    measured = shares(gene_targets(file))
    training = ~file.obs["section"].isin(file.uns["targets"]["held_out_sections"]).to_numpy()
    slopes = []
    for rows in (training, np.full(len(training), True)):
        made, to_genes = file.X[rows].astype(float), file.varm["to_genes"]
        terms = [to_genes * (made.T @ each) for each in (made @ to_genes, measured[rows])]
        slopes.append(np.abs(terms[0] - terms[1]).sum() / terms[1].sum())
    # A small held-out group hardly changes a fit, which need not have converged either.
    if training.all() or slopes[0] <= 2 * slopes[1]:
        return ""
    return (
        f"its factors fit all spots (slope {slopes[1]:.1g}), not the training's ({slopes[0]:.1g})"
    )


def _other_values(file: ad.AnnData, cohort: Cohort) -> str:
    """Some targets of each section are compared with those of each spot's own counts."""
    about, section_of, worst = file.uns["targets"], file.obs["section"].to_numpy(str), 0.0
    unit = int(about["universe"]), about["transform"]
    for row, section in zip(cohort.rows, cohort.sections, strict=True):
        some = slice(None, None, max(1, section.n_obs // COMPARED_SPOTS))
        given = file.X[section_of == row["section"]][some]
        own = section_expression(section[some], file.var_names, *unit)
        worst = max(worst, np.abs(given - own).max(initial=0.0))
    if worst <= ROUNDING:
        return ""
    return f"differs by up to {worst:.2g} from targets of the spots' own counts, as if smoothed"


def _centred(features: Sequence[str | Path]) -> Found:
    """Features with mean zero over the cohort, but not in each of its sections."""
    found = []
    for path in features:
        file = read_h5ad(path)
        values = np.asarray(file.X, dtype=float)
        sd = values.std(axis=0)
        values = values[:, sd > 0] / sd[sd > 0]
        of_sections = [
            values[rows].mean(axis=0) for rows in file.obs.groupby("section").indices.values()
        ]
        worst, within = (
            np.abs(each).max(initial=0.0) for each in (values.mean(axis=0), np.array(of_sections))
        )
        if worst < CENTRED < within:
            said = "every feature has mean zero over all spots, as if a scaler or PCA was fitted"
            remedy = "give features as the encoder makes them; ridge regression standardises them"
            found.append((WARNING, str(path), f"{said} with the test", remedy))
    return f"own encoders are not fitted; files of other programs: {len(features)}", found


def _weights(weights: Mapping[str, str], cohort: Cohort) -> Found:
    """Weights whose card, which training writes beside them, names sections of the cohort."""
    found, cards, own = [], 0, {row["section"] for row in cohort.rows}
    for name, path in weights.items():
        try:
            card = json.loads(Path(path).with_suffix(".json").read_text(encoding="utf-8"))
            trained_on = set(card["training_sections"])
        except (OSError, ValueError, LookupError, TypeError):
            continue
        cards += 1
        if seen := sorted(own.intersection(trained_on)):
            said = f"the card beside {path} says that they were trained on {_some(seen)}"
            remedy = "start from weights that no section of the cohort has trained"
            found.append((WARNING, name, said, remedy))
    return f"files of weights: {len(weights)}, with a card beside it: {cards}", found


def _some(names: Sequence[str]) -> str:
    return f"{len(names)} ({', '.join(names[:3])}{', …' * (len(names) > 3)})"
