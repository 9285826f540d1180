"""Which methods enter an arena, under its genes and its split, and why others cannot."""

from collections.abc import Collection
from typing import TypedDict

from stnet.config.base import Row
from stnet.config.experiments import Experiment
from stnet.config.faults import fault
from stnet.config.names import check_id

Rows = dict[str, Row]


class Entries(TypedDict):
    """The experiment of each method of an arena, and why other methods have none."""

    entered: dict[str, str]
    refused: dict[str, str]


def enter_arenas(rows: dict[str, Rows], shown: Collection[str]) -> dict[str, Entries]:
    """The methods of the arenas of reported cohorts, `shown`, by cohort.

    A method with other targets than the arena's becomes another experiment, `METHOD-arena`, which
    is added to `rows`: with the arena's targets and their split, and else the same keys. If there
    is such an experiment already, that is taken. Raises InputError for an arena whose targets are
    no genes, or are chosen with the held-out patient.
    """
    reports = {name: rows["cohorts"][name].report for name in shown}
    return {
        name: _entries(f"cohorts.{name}.report", report, rows)
        for name, report in reports.items()
        if report.arena
    }


def _entries(where: str, report: Row, rows: dict[str, Rows]) -> Entries:
    experiments, name = rows["experiments"], report.arena.targets
    targets = rows["targets"][name]
    if reason := _leak_of_targets(targets) or (targets.fitted and _leak_of_split(targets.split)):
        raise fault(
            f"{where}.arena.targets",
            f"{name}: {reason}; name targets with choice: training and split: patient, or with a"
            " list of genes",
        )
    found = Entries(entered={}, refused={})
    recipes: dict[str, str] = {}
    for method in report.arena.methods or report.shown:
        keys = experiments[method]
        if reason := _leak(keys, name, rows):
            found["refused"][method] = reason
            continue
        split = targets.split if targets.fitted else keys.split
        entry = keys.model_copy(update={"targets": name, "split": split})
        recipe = _recipe(entry)
        if recipe in recipes:
            other = experiments[recipes[recipe]].title
            found["refused"][method] = f"differs from {other} in its targets only"
            continue
        recipes[recipe] = method
        # Networks are not trained twice.
        same = [each for each, other in experiments.items() if _recipe(other) == recipe]
        known = [method] if entry == keys else same
        found["entered"][method] = known[0] if known else f"{method}-arena"
        if not known:
            _add(experiments, found["entered"][method], entry, where)
    ranked = [method for method in found["entered"] if not experiments[method].sees_held_out]
    if not ranked and not report.arena.methods:
        # Who asks for the target `arena` is told.
        return Entries(entered={}, refused=found["refused"])
    if not ranked:
        raise fault(f"{where}.arena.methods", "none can be ranked; name a method that obeys")
    if (reference := report.arena.reference) not in (None, *ranked):
        reason = found["refused"].get(reference, "no method that is ranked")
        raise fault(
            f"{where}.arena.reference", f"{reference}: {reason}; name one of {', '.join(ranked)}"
        )
    return found


def _recipe(keys: Experiment) -> str:
    """What decides an experiment's predictions."""
    unimportant = {"title": "", "latent": False}
    return repr(
        keys.model_copy(
            update={key: each for key, each in unimportant.items() if hasattr(keys, key)}
        )
    )


def _add(experiments: Rows, name: str, entry: Experiment, where: str) -> None:
    try:
        check_id(name)
    except ValueError as error:
        raise fault(f"{where}.arena.methods", f"{name}: {error}") from None
    if name in experiments:
        raise fault(f"{where}.arena.methods", f"{name} already exists; rename that experiment")
    experiments[name] = entry


def _leak(keys: Experiment, targets: str, rows: dict[str, Rows]) -> str:
    """What of the protocol a method does not obey under any targets; "" if it can obey."""
    own = rows["targets"][keys.targets]
    if hasattr(own, "of"):
        return _leak_of_targets(own)
    if keys.sees_held_out and keys.kind != "depth":
        return "its penalty is chosen on the held-out spots"
    if keys.kind == "precomputed" and keys.targets != targets:
        return f"its files predict {own.title}: " + (
            _leak_of_targets(own) or f"the arena's are {rows['targets'][targets].title}"
        )
    return _leak_of_split(keys.split)


def _leak_of_targets(targets: Row) -> str:
    if hasattr(targets, "of"):
        return "predicts factors, not genes"
    if isinstance(targets.genes, int) and not targets.fitted:
        return "genes are chosen with the held-out patient"
    return ""


def _leak_of_split(split: str | int) -> str:
    if split == "section":
        return "holds out sections, and is trained on others of the same patient"
    return ""
