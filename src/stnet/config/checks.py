"""Checks between rows of the configuration that refer to each other."""

from collections.abc import Collection

from stnet.config.base import Row
from stnet.config.faults import fault
from stnet.config.report_section import Report

Rows = dict[str, Row]


def check_rows(
    rows: dict[str, Rows], shown: Collection[str], alone: dict[str, dict[str, str]]
) -> None:
    """Raise InputError, naming the key, if a row refers to a row that does not fit.

    `rows` has the rows of every table, `shown` the reported cohorts, and `alone` the single-gene
    experiments of each row with `genes`.
    """
    for name, keys in rows["targets"].items():
        if of := getattr(keys, "of", None):
            _check_factors(f"targets.{name}", keys, of, rows["targets"][of])
    for name, keys in rows["experiments"].items():
        _check_experiment(f"experiments.{name}.targets", keys, rows["targets"][keys.targets])
    for name, keys in rows["external"].items():
        if keys.kind == "slides" and name in rows["cohorts"]:
            raise fault(
                f"external.{name}", f"cohort {name} has the same folder; rename one of them"
            )
    for name in shown:
        if rows["cohorts"][name].report is None:
            raise fault(f"cohorts.{name}.report", "missing; add a report to the cohort")
        _check_report(name, rows["cohorts"][name].report, rows, alone)


def _check_factors(key: str, keys: Row, name: str, of: Row) -> None:
    if hasattr(of, "of"):
        raise fault(f"{key}.of", f"{name} are factors, not genes; name targets with genes")
    if of.fitted and of.split != keys.split:
        raise fault(
            f"{key}.split", f"the genes of {name} are chosen for split {of.split}; use that split"
        )


def _check_experiment(key: str, keys: Row, targets: Row) -> None:
    if hasattr(targets, "of") and not keys.predicts_factors:
        raise fault(key, f"{keys.targets} are factors, which only a network predicts")
    if targets.fitted and targets.split != keys.split:
        raise fault(
            key,
            f"{keys.targets} are made for split {targets.split}, the experiment's is {keys.split}",
        )


def _check_report(
    cohort: str, report: Report, rows: dict[str, Rows], alone: dict[str, dict[str, str]]
) -> None:
    key, experiments = f"cohorts.{cohort}.report", rows["experiments"]
    for name, of_key in _named(report, alone):
        if name in alone:
            raise fault(f"{key}.{of_key}", f"{name} has one experiment per gene; name one of them")
        if experiments[name].cohort != cohort:
            of_cohort = experiments[name].cohort
            raise fault(f"{key}.{of_key}", f"experiment {name} belongs to cohort {of_cohort}")
    titles = {}
    shown = [("experiments", name) for name, _ in _named(report, alone)]
    for table, name in [*shown, *(("external", name) for name in report.visium)]:
        other = titles.setdefault((table, rows[table][name].title), name)
        if other != name:
            raise fault(f"{table}.{name}.title", f"that of {other} too; figures would mix them")
    if report.single_genes and report.single_genes not in alone:
        raise fault(f"{key}.single_genes", f"{report.single_genes} has no key genes; add it")
    for part, kind in (("label", "label"), ("features", "forest"), ("composition", "network")):
        name = getattr(report, part)
        if name and experiments[name].kind != kind:
            raise fault(f"{key}.{part}", f"{name} is not an experiment of kind {kind}")
    main = experiments[report.main]
    if hasattr(rows["targets"][main.targets], "of"):
        raise fault(f"{key}.main", f"{report.main} does not predict genes")
    if report.composition:
        targets = experiments[report.composition].targets
        if not hasattr(rows["targets"][targets], "of"):
            raise fault(
                f"{key}.composition",
                f"{report.composition} predicts {targets}, which are not factors",
            )
    if report.features:
        features = experiments[report.features].features
        if rows["features"][features].kind != "nuclei":
            raise fault(
                f"{key}.features",
                f"{report.features} uses {features}, which are not nuclear features",
            )
    elif report.nuclear_gene:
        raise fault(f"{key}.nuclear_gene", "needs nuclear features; set features too")
    _check_network(key, report, main)
    for part, kind in (("visium", "sections"), ("slides", "slides")):
        for name in getattr(report, part):
            if rows["external"][name].kind != kind:
                raise fault(f"{key}.{part}", f"{name} is not a source of kind {kind}")


def _check_network(key: str, report: Report, main: Row) -> None:
    of_networks = [*report.visium, *report.slides]
    of_networks += [part for part in ("interpretation", "latent") if getattr(report, part)]
    if of_networks and main.kind != "network":
        raise fault(
            key,
            f"{report.main} is not a network, which {of_networks[0]} needs; remove visium, slides,"
            " interpretation and latent",
        )
    if report.latent and not main.latent:
        raise fault(
            f"{key}.latent",
            f"experiment {report.main} does not save its latent space; set its latent to true",
        )
    if report.latent and main.split == "section":
        raise fault(
            f"{key}.latent",
            f"{report.main} holds out sections, so a patient's spots lie in the latent spaces of"
            " several networks; hold out patients, or remove latent",
        )


def _named(report: Report, alone: dict[str, dict[str, str]]) -> list[tuple[str, str]]:
    """Experiments that a report names, each with the key that names it."""
    parts = ("main", "label", "features", "composition")
    named = [(getattr(report, part), part) for part in parts if getattr(report, part)]
    named += [(name, "others") for name in report.others]
    if report.arena:
        named += [(name, "arena.methods") for name in report.arena.methods]
    for study, keys in report.studies.items():
        named += [(name, f"studies.{study}") for name in keys.experiments]
    return named + [(name, "single_genes") for name in alone.get(report.single_genes, {}).values()]
