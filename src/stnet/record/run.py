"""The facts of a run, from its certificate and from what its jobs wrote down."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError
from typing import NamedTuple

import anndata as ad

from stnet.checks.certificate import Certificate
from stnet.config.settings import TABLES
from stnet.core.h5ad import open_h5ad
from stnet.core.processor import MACHINE
from stnet.core.versions import versions
from stnet.record.references import Reference, Rows

PREDICTIONS = "predictions.h5ad"
# Folders of files elsewhere, which are private. Their names may have spaces, and so has a list of
# files: a name ends where the suffix of a configuration does.
ELSEWHERE = re.compile(r"(?<!\S)/(?:(?:(?!\.(?:ya?ml|json)\s)[^/])*/)*")
NO_ENERGY = (
    "not measured: no job reads the counters of the processor or of the GPU; estimate it from the"
    " times, and from the power of your machines"
)


class Timed(NamedTuple):
    """A job of a certificate: its rule, and its files of time and messages."""

    rule: str
    benchmark: str
    log: str


def used_rows(certificate: Certificate, config: Rows) -> dict[str, dict[str, dict]]:
    """The rows of the configuration from which the outputs of a run were made, by table."""
    names: dict[str, set[str]] = {table: set() for table in TABLES}
    for entry in certificate.files.values():
        match entry.name.split("/"):
            case ["results", cohort, table, name, *_] if entry.part == "outputs":
                names["cohorts"] |= {cohort} if table == "sections" else set()
                names.get(table, set()).add(name.removesuffix(".h5ad"))
    # Factors are of the genes of another row.
    names["targets"] |= {config["targets"].get(name, {}).get("of", "") for name in names["targets"]}
    return {
        table: {name: config[table][name] for name in sorted(found & config[table].keys())}
        for table, found in names.items()
    }


def provenance(certificate: Certificate) -> dict[tuple[str, str], dict]:
    """What jobs wrote into their predictions of held-out spots, by experiment and group.

    Raises InputError if a file is damaged.
    """
    found = {}
    for name in [each.name for each in certificate.files.values() if each.part == "outputs"]:
        match name.split("/"):
            case ["results", _, "experiments", experiment, group, file] if file == PREDICTIONS:
                with open_h5ad(name, ["uns/provenance"]) as content:
                    found[experiment, group] = ad.io.read_elem(content["uns/provenance"])
    return found


def run_facts(
    certificate: Certificate,
    jobs: Mapping[str, Timed],
    made: Mapping[tuple[str, str], dict],
    used: Mapping[str, Reference],
    rows: Rows,
) -> dict:
    """What `run.json` has.

    Args:
        certificate: of the run.
        jobs: the certified jobs, by their first output.
        made: what `provenance` found.
        used: the references of the run.
        rows: the used rows of the configuration, by table.

    Returns:
        Plain mappings, lists, numbers and text. What is not known is None, with the reason.

    Source: ours.
    """
    said = dict(certificate.facts)
    commit, _, dirty = said.pop("commit").partition("-")
    locks = [each for each in certificate.files.values() if each.part == "code"]
    devices = Counter(each["device"] for each in made.values() if "device" in each)
    return {
        "commit": commit or None,
        "clean": not dirty if commit else None,
        **said,
        **{key: ELSEWHERE.sub("", said[key]) for key in ("targets", "configuration files")},
        "locks": {each.name: each.sha256 for each in locks if each.name.endswith(".lock")},
        "packages": packages(made.values(), used),
        "machines": machines(jobs.values()),
        "devices": {name: f"{n} networks" for name, n in sorted(devices.items())},
        "rules": times(jobs.values()),
        "energy": None,
        "energy_why": NO_ENERGY,
        "rows": rows,
    }


def times(jobs: Iterable[Timed]) -> dict[str, dict[str, float]]:
    """By rule: jobs, those with a benchmark, their time and time of cores (s), most memory (MB)."""
    found: dict[str, dict[str, float]] = {}
    for job in jobs:
        zero = {"jobs": 0, "timed": 0, "seconds": 0.0, "core_seconds": 0.0, "most_mb": 0.0}
        row = found.setdefault(job.rule, zero)
        row["jobs"] += 1
        with suppress(OSError), open(job.benchmark, encoding="utf-8", newline="") as file:
            for line in csv.DictReader(file, delimiter="\t"):
                row["timed"] += 1
                row["seconds"] = round(row["seconds"] + _number(line["s"]), 2)
                row["core_seconds"] = round(row["core_seconds"] + _number(line["cpu_time"]), 2)
                row["most_mb"] = max(row["most_mb"], _number(line["max_rss"]))
    return dict(sorted(found.items()))


def machines(jobs: Iterable[Timed]) -> dict[str, dict[str, int]]:
    """Kinds of machine by the first lines of logs: how many hosts of each, and how many jobs.

    Hosts are counted and not named: a record is published.
    """
    found: dict[str, tuple[set[str], int]] = {}
    for job in jobs:
        with suppress(OSError), open(job.log, encoding="utf-8", errors="replace") as file:
            if match := MACHINE.match(file.readline()):
                hosts, n = found.get(match["kind"], (set(), 0))
                found[match["kind"]] = hosts | {match["host"]}, n + 1
    return {kind: {"hosts": len(hosts), "jobs": n} for kind, (hosts, n) in sorted(found.items())}


def packages(made: Iterable[Mapping], used: Mapping[str, Reference]) -> dict[str, list[str]]:
    """Versions of packages: those in the provenance of predictions, else the one installed here."""
    found: dict[str, set[str]] = {}
    for each in made:
        for name, version in each["versions"].items():
            found.setdefault(name, set()).add(version)
    for name in [each.key for each in used.values() if each.group == "Software"]:
        if name not in found:
            with suppress(PackageNotFoundError):
                found[name] = set(versions(name).values())
    return {name: sorted(each) for name, each in sorted(found.items())}


def _number(text: str | None) -> float:
    """A number of a benchmark; 0 for what Snakemake could not measure, or what was cut off."""
    with suppress(ValueError, TypeError):
        return float(text)
    return 0.0
