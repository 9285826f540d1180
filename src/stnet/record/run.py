"""What was run, from a certificate and from what the jobs wrote down."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import filter as matching
from importlib.metadata import PackageNotFoundError

import anndata as ad

from stnet.checks.certificate import Certificate, Entry
from stnet.config.settings import TABLES
from stnet.core.h5ad import open_h5ad
from stnet.core.processor import MACHINE
from stnet.core.versions import versions
from stnet.record.references import Rows, facts, references

PREDICTIONS = "results/*/experiments/*/*/predictions.h5ad"
# Facts of the call of Snakemake that finished the run. Earlier calls may have had others.
LAST_CALL = ("targets", "device", "cores", "python", "machine")
NO_ENERGY = (
    "not read: the processor's counter (RAPL) is of the whole machine and, on most, for root only;"
    " the GPU's (NVML) would take one more package in each training job; and estimates from nominal"
    " power are no measurement. Core seconds are under rules"
)
# Of each job its rule, and its files of time and messages.
Jobs = Sequence[tuple[str, str, str]]


@dataclass(frozen=True)
class Known:
    """What Snakemake knows of a run."""

    config: Rows  # resolved; cohorts have the `formats` of their sections
    written: Mapping  # the configuration as it was given
    jobs: Jobs


@dataclass(frozen=True)
class Run:
    """What was run."""

    outputs: Mapping[str, Entry]  # that `outputs_of` found, by name
    rows: Rows  # of the configuration, from which they were made, by table
    made: Sequence[Mapping]  # provenance of predictions of held-out spots
    used: Mapping[str, Mapping]  # references of what was used, by key
    facts: Mapping  # what `run.json` has; what is not known is None


def outputs_of(certificate: Certificate) -> dict[str, Entry]:
    """Certified results by name. Patches are many, and are made again from files that are named."""
    files = [each for each in certificate.files.values() if each.part == "outputs"]
    return {each.name: each for each in files if re.match(r"results/[^/]+/(?!views/)", each.name)}


def read_run(certificate: Certificate, known: Known, about: Mapping) -> Run:
    """Read a certified run; `about` joins its facts. Raises InputError if a file is damaged."""
    outputs = outputs_of(certificate)
    rows = used_rows(outputs, known.config)
    made = []
    for name in matching(outputs, PREDICTIONS):
        with open_h5ad(name, ["uns/provenance"]) as content:
            made.append(ad.io.read_elem(content["uns/provenance"]))
    files = certificate.files.values()
    used = references({each.rule for each in files if each.part == "outputs"} | facts(rows))
    commit, _, dirty = certificate.facts["commit"].partition("-")
    trained = Counter(
        f"{each['device']}, {each['threads']} thread{'s' * (each['threads'] > 1)}"
        for each in made
        if "device" in each
    )
    found = {
        **about,
        "commit": commit or None,
        "clean": not dirty if commit else None,
        "last_job_ended": certificate.facts["last job ended"],
        "last_call": {name: certificate.facts[name] for name in LAST_CALL},
        "locks": {each.name: each.sha256 for each in files if each.name.endswith(".lock")},
        "packages": packages(made, used),
        "machines": machines(known.jobs),
        "networks": dict(sorted(trained.items())),
        "rules": times(known.jobs),
        "energy": None,
        "energy_why": NO_ENERGY,
        "configuration": rows,
    }
    return Run(outputs, rows, made, used, found)


def used_rows(outputs: Iterable[str], config: Rows) -> dict[str, dict[str, dict]]:
    """The rows of the configuration from which files were made, by table."""
    found: dict[str, set] = {table: set() for table in TABLES}
    for name in outputs:
        match name.split("/"):
            case ["results", cohort, "sections", *_]:
                found["cohorts"].add(cohort)
            case ["results", _, table, row, *_] if table in found:
                found[table].add(row.removesuffix(".h5ad"))
    # Factors are of the genes of another row.
    found["targets"] |= {config["targets"].get(name, {}).get("of") for name in found["targets"]}
    return {
        table: {name: row for name, row in config[table].items() if name in names}
        for table, names in found.items()
    }


def times(jobs: Jobs) -> dict[str, dict[str, float]]:
    """By rule: jobs, those with a benchmark, their time and time of cores (s), most memory (MB)."""
    found: dict[str, dict[str, float]] = {}
    for rule, benchmark, _ in jobs:
        zero = {"jobs": 0, "timed": 0, "seconds": 0.0, "core_seconds": 0.0, "most_mb": 0.0}
        row = found.setdefault(rule, zero)
        row["jobs"] += 1
        with suppress(OSError), open(benchmark, encoding="utf-8", newline="") as file:
            for line in csv.DictReader(file, delimiter="\t"):
                row["timed"] += 1
                row["seconds"] = round(row["seconds"] + _number(line["s"]), 2)
                row["core_seconds"] = round(row["core_seconds"] + _number(line["cpu_time"]), 2)
                row["most_mb"] = max(row["most_mb"], _number(line["max_rss"]))
    return dict(sorted(found.items()))


def machines(jobs: Jobs) -> dict[str, dict[str, int]]:
    """Kinds of machine by the first lines of logs: how many hosts of each, and how many jobs.

    Hosts are counted and not named: a record is published.
    """
    found: dict[str, list[str]] = {}
    for _, _, log in jobs:
        with suppress(OSError), open(log, encoding="utf-8", errors="replace") as file:
            if match := MACHINE.match(file.readline()):
                found.setdefault(match["kind"], []).append(match["host"])
    return {
        kind: {"hosts": len({*hosts}), "jobs": len(hosts)} for kind, hosts in sorted(found.items())
    }


def packages(made: Iterable[Mapping], used: Mapping[str, Mapping]) -> dict[str, list[str]]:
    """Versions of packages: those in the provenance of predictions, else the one installed here."""
    found: dict[str, set[str]] = {}
    for name, version in (pair for each in made for pair in each["versions"].items()):
        found.setdefault(name, set()).add(version)
    for name in [key for key, row in used.items() if row["group"] == "Software"]:
        with suppress(PackageNotFoundError):
            found.setdefault(name, {*versions(name).values()})
    return {name: sorted(each) for name, each in sorted(found.items())}


def _number(text: str | None) -> float:
    """A number of a benchmark; 0 for what Snakemake could not measure, or what was cut off."""
    with suppress(ValueError, TypeError):
        return float(text)
    return 0.0
