"""What the configuration's rows say of one another: names that exist, kinds that fit, files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stnet.core.errors import InputError

if TYPE_CHECKING:
    from stnet.config.configuration import Configuration


def check_references(configuration: Configuration, config: dict) -> None:
    """Refuse, naming the key, a row that names another which is not there or does not fit.

    `config` is the configuration as it is written, `configuration` the same with what its rows
    inherit.
    """
    for name in config["targets"]:
        _check_targets(configuration, name)
    for name in config["features"]:
        _check_features(f"configuration: features.{name}", configuration.features(name))
    for name in config["experiments"]:
        _check_experiment(configuration, name)
    for name in config["external"]:
        source = configuration.source(name)
        if source["kind"] == "sections":
            configuration.look_up("cohorts", source["cohort"], f"external.{name}.cohort")
        elif source["source"] == "simulated" and "simulation" not in source:
            raise InputError(f"configuration: external.{name}.simulation: missing")
    for name in config["report"]:
        if "report" not in configuration.look_up("cohorts", name, "report"):
            raise InputError(f"configuration: cohorts.{name}.report: missing; say what to show")
        _check_report(configuration, name)


def check_files(configuration: Configuration, cohort: str, made: list[str]) -> None:
    """Refuse files named for what a cohort's report shows: neither there nor among the `made`."""
    keys = configuration.cohort(cohort)
    report = keys["report"]
    files = {f"cohorts.{cohort}.genes": keys.get("genes")}
    for name in configuration.shown_experiments(cohort, supplement=True):
        experiment = configuration.experiment(name)
        files[f"experiments.{name}.weights"] = experiment.get("weights")
        if "features" in experiment:
            described = configuration.features(experiment["features"])
            files[f"features.{experiment['features']}.weights"] = described.get("weights")
    for name in report["visium"]:
        of_source = configuration.source(name)["cohort"]
        files[f"cohorts.{of_source}.genes"] = configuration.cohort(of_source).get("genes")
    for name in report["slides"]:
        source = configuration.source(name)
        files[f"external.{name}.genes"] = source["genes"]
        files[f"external.{name}.encoder.weights"] = source["encoder"]["weights"]
    for number, path in enumerate((report["pathways"] or {}).get("gene_sets", [])):
        files[f"cohorts.{cohort}.report.pathways.gene_sets.{number}"] = path
    for key, path in files.items():
        known = [None, *made, *(["imagenet", "random"] if key.endswith(".weights") else [])]
        if path not in known and not Path(path).is_file():
            raise InputError(f"configuration: {key}: no file {path}; correct the path")


def _check_targets(configuration: Configuration, name: str) -> None:
    keys = configuration.targets(name)
    if "of" in keys:
        of = configuration.look_up("targets", keys["of"], f"targets.{name}.of")
        if "of" in of:
            raise InputError(
                f"configuration: targets.{name}.of: {keys['of']} are factors, not genes"
            )
        split = of.get("split", "patient")
        if of["choice"] == "training" and split != keys.get("split", "patient"):
            raise InputError(
                f"configuration: targets.{name}.split: genes of {keys['of']} are chosen for split"
                f" {split}"
            )
    elif keys["choice"] == "training" and isinstance(keys["genes"], list):
        raise InputError(
            f"configuration: targets.{name}.choice: genes that are named are not chosen on the"
            " training part; write cohort"
        )


def _check_features(key: str, keys: dict) -> None:
    if keys["kind"] != "nuclei":
        return
    least, largest = keys["radii"]
    if least > largest:
        raise InputError(f"{key}.radii: {least} and {largest}; write the least radius first")
    for name, (low, high) in keys["ranges"].items():
        if low >= high:
            raise InputError(f"{key}.ranges.{name}: {low} to {high}; write the lower limit first")
    stains = keys["haematoxylin"], keys["eosin"]
    products = [sum(a * b for a, b in zip(*pair, strict=True)) for pair in _pairs(*stains)]
    across, *lengths = products
    # Cauchy and Schwarz: equal only where one is a multiple of the other, or nothing.
    if across**2 >= 0.9999 * lengths[0] * lengths[1]:
        raise InputError(
            f"{key}.eosin: {stains[1]} has the colour of haematoxylin, {stains[0]}, or none; two"
            " stains of one colour cannot be told apart"
        )


def _pairs(first: list, second: list) -> list[tuple[list, list]]:
    return [(first, second), (first, first), (second, second)]


def _check_experiment(configuration: Configuration, name: str) -> None:
    keys = configuration.experiment(name)
    configuration.look_up("cohorts", keys["cohort"], f"experiments.{name}.cohort")
    key = f"configuration: experiments.{name}.targets"
    targets = configuration.look_up("targets", keys["targets"], f"experiments.{name}.targets")
    if "of" in targets and keys["kind"] != "network":
        raise InputError(f"{key}: {keys['targets']} are factors, which only a network predicts")
    split = targets.get("split", "patient")
    if configuration.fitted(keys["targets"]) and split != keys["split"]:
        raise InputError(
            f"{key}: {keys['targets']} are made for split {split}, the experiment's is"
            f" {keys['split']}"
        )
    if "features" in keys:
        configuration.look_up("features", keys["features"], f"experiments.{name}.features")


def _check_report(configuration: Configuration, cohort: str) -> None:
    report = configuration.cohort(cohort)["report"]
    key = f"cohorts.{cohort}.report"
    for name, of_key in _named(report):
        configuration.look_up("experiments", name, f"{key}.{of_key}")
        if configuration.experiment(name)["cohort"] != cohort:
            raise InputError(
                f"configuration: {key}.{of_key}: experiment {name} is of cohort"
                f" {configuration.experiment(name)['cohort']}"
            )
    for part, kind in (("label", "label"), ("features", "forest"), ("composition", "network")):
        if report[part] and configuration.experiment(report[part])["kind"] != kind:
            raise InputError(
                f"configuration: {key}.{part}: {report[part]} is no experiment of kind {kind}"
            )
    main = configuration.experiment(report["main"])
    if "of" in configuration.targets(main["targets"]):
        raise InputError(f"configuration: {key}.main: {report['main']} does not predict genes")
    if report["composition"]:
        targets = configuration.experiment(report["composition"])["targets"]
        if "of" not in configuration.targets(targets):
            raise InputError(
                f"configuration: {key}.composition: {report['composition']} predicts {targets},"
                " which are no factors"
            )
    if report["features"]:
        features = configuration.experiment(report["features"])["features"]
        if configuration.features(features)["kind"] != "nuclei":
            raise InputError(
                f"configuration: {key}.features: {report['features']} is on {features}, which are"
                " no features of nuclei"
            )
    elif report["nuclear_gene"]:
        raise InputError(f"configuration: {key}.nuclear_gene: needs nuclei; name features too")
    of_networks = [*report["visium"], *report["slides"]]
    of_networks += [part for part in ("interpretation", "latent") if report[part]]
    if of_networks and main["kind"] != "network":
        raise InputError(
            f"configuration: {key}: {report['main']} is no network to apply to {of_networks[0]};"
            " leave visium, slides, interpretation and latent out"
        )
    if report["latent"] and not main["latent"]:
        raise InputError(
            f"configuration: {key}.latent: experiment {report['main']} keeps no latent space; set"
            " its latent to true"
        )
    if report["latent"] and main["split"] == "section":
        raise InputError(
            f"configuration: {key}.latent: {report['main']} holds out sections, so a patient's come"
            " from the latent spaces of several networks; hold out patients, or leave latent out"
        )
    for part, kind in (("visium", "sections"), ("slides", "slides")):
        for source in report[part]:
            configuration.look_up("external", source, f"{key}.{part}")
            if configuration.source(source)["kind"] != kind:
                raise InputError(
                    f"configuration: {key}.{part}: {source} is no source of kind {kind}"
                )


def _named(report: dict) -> list[tuple[str, str]]:
    """Experiments that a report names, and by which of its keys."""
    parts = ("main", "label", "features", "composition")
    named = [(report[part], part) for part in parts if report[part]]
    named += [(name, "others") for name in report["others"]]
    for study, keys in report["studies"].items():
        named += [(name, f"studies.{study}") for name in keys["experiments"]]
    return named + [(name, f"single_genes.{gene}") for gene, name in report["single_genes"].items()]
