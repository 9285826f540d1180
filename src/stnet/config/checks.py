"""What rows of the configuration say of one another: whether they fit."""

from collections.abc import Collection

from stnet.config.base import Row
from stnet.config.faults import fault
from stnet.config.report_section import Report

Rows = dict[str, Row]


def check_rows(
    rows: dict[str, Rows], shown: Collection[str], alone: dict[str, dict[str, str]]
) -> None:
    """Refuse, naming the key, a row that names another which does not fit.

    `rows` are those of every table, `shown` the cohorts that are shown, `alone` the experiments
    with one gene each by the row that stands for them.
    """
    for name, keys in rows["targets"].items():
        if of := getattr(keys, "of", None):
            _check_factors(f"targets.{name}", keys, of, rows["targets"][of])
    for name, keys in rows["experiments"].items():
        _check_experiment(f"experiments.{name}.targets", keys, rows["targets"][keys.targets])
    for name in shown:
        if rows["cohorts"][name].report is None:
            raise fault(f"cohorts.{name}.report", "missing; say what to show")
        _check_report(name, rows["cohorts"][name].report, rows, alone)


def _check_factors(key: str, keys: Row, name: str, of: Row) -> None:
    if hasattr(of, "of"):
        raise fault(f"{key}.of", f"{name} are factors, not genes; name targets of genes")
    if of.fitted and of.split != keys.split:
        raise fault(f"{key}.split", f"genes of {name} are chosen for split {of.split}; write that")


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
            raise fault(
                f"{key}.{of_key}", f"{name} is an experiment for each of its genes; name one"
            )
        if experiments[name].cohort != cohort:
            of_cohort = experiments[name].cohort
            raise fault(f"{key}.{of_key}", f"experiment {name} is of cohort {of_cohort}")
    if report.single_genes and report.single_genes not in alone:
        raise fault(f"{key}.single_genes", f"{report.single_genes} has no genes; add them to it")
    for part, kind in (("label", "label"), ("features", "forest"), ("composition", "network")):
        name = getattr(report, part)
        if name and experiments[name].kind != kind:
            raise fault(f"{key}.{part}", f"{name} is no experiment of kind {kind}")
    main = experiments[report.main]
    if hasattr(rows["targets"][main.targets], "of"):
        raise fault(f"{key}.main", f"{report.main} does not predict genes")
    if report.composition:
        targets = experiments[report.composition].targets
        if not hasattr(rows["targets"][targets], "of"):
            raise fault(
                f"{key}.composition",
                f"{report.composition} predicts {targets}, which are no factors",
            )
    if report.features:
        features = experiments[report.features].features
        if rows["features"][features].kind != "nuclei":
            raise fault(
                f"{key}.features",
                f"{report.features} is on {features}, which are no features of nuclei",
            )
    elif report.nuclear_gene:
        raise fault(f"{key}.nuclear_gene", "needs nuclei; name features too")
    _check_network(key, report, main)
    for part, kind in (("visium", "sections"), ("slides", "slides")):
        for name in getattr(report, part):
            if rows["external"][name].kind != kind:
                raise fault(f"{key}.{part}", f"{name} is no source of kind {kind}")


def _check_network(key: str, report: Report, main: Row) -> None:
    of_networks = [*report.visium, *report.slides]
    of_networks += [part for part in ("interpretation", "latent") if getattr(report, part)]
    if of_networks and main.kind != "network":
        raise fault(
            key,
            f"{report.main} is no network to apply to {of_networks[0]}; leave visium, slides,"
            " interpretation and latent out",
        )
    if report.latent and not main.latent:
        raise fault(
            f"{key}.latent",
            f"experiment {report.main} keeps no latent space; set its latent to true",
        )
    if report.latent and main.split == "section":
        raise fault(
            f"{key}.latent",
            f"{report.main} holds out sections, so a patient's come from the latent spaces of"
            " several networks; hold out patients, or leave latent out",
        )


def _named(report: Report, alone: dict[str, dict[str, str]]) -> list[tuple[str, str]]:
    """Experiments that a report names, and by which of its keys."""
    parts = ("main", "label", "features", "composition")
    named = [(getattr(report, part), part) for part in parts if getattr(report, part)]
    named += [(name, "others") for name in report.others]
    for study, keys in report.studies.items():
        named += [(name, f"studies.{study}") for name in keys.experiments]
    return named + [(name, "single_genes") for name in alone.get(report.single_genes, {}).values()]
