"""The certificate of a run: SHA-256 of its code, its inputs and all its outputs.

It has the format of `sha256sum`, which also checks it; what else it says is in comments. Names are
in a fixed order, so that `diff` compares two certificates.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from itertools import groupby
from pathlib import Path

from stnet.core.atomic import atomic_path
from stnet.core.checkout import CHECKOUT, find
from stnet.core.checksums import Damaged
from stnet.core.digest import LEFTOVERS
from stnet.core.errors import InputError, check_system
from stnet.core.hashing import file_sha256

HEADER = """\
# SHA-256 of what a run read and wrote. `snakemake verify` compares the files with it, and so does
# `sha256sum --check --quiet FILE`, in the folder of the run.
"""
# Headings of the parts.
PARTS = {
    "code": "code and locks of packages",
    "configuration": "configuration, sheets and locks of downloads",
    "inputs": "inputs that no job makes",
    "outputs": "outputs, after the rule that made them and the first output of its job",
    "earlier": "files of earlier runs, perhaps of other code or configuration",
}
# Code and locks of packages in the checkout.
CODE = ("Snakefile", "src", "workflow", "envs", "*.lock")
# In a folder of results, but no outputs: logs, times, and the page that `--report` writes.
NO_OUTPUTS = {"logs", "benchmarks", "report.html"}
# The fact that tells which jobs have run since.
ENDED = "last job ended"
SEAL = "# SHA-256 of the lines above: "
LINE = re.compile(r"([0-9a-f]{64})  (.+)")
# Names may have bytes that are no UTF-8.
ENCODING = "utf-8", "surrogateescape"
# A name with one of these would be two lines, in which damage could hide.
BREAKS = re.compile(r"[\r\n]")


@dataclass(frozen=True)
class Job:
    """A finished job: its rule, its files, and when it ended by Snakemake's record (UTC)."""

    rule: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    ended: datetime


@dataclass(frozen=True)
class Entry:
    """A file of a certificate. An output has the rule of its job, and the job's first output.

    The first output may be a folder that the file is in.
    """

    part: str
    name: str
    sha256: str = ""
    rule: str = ""
    job: str = ""

    def path(self) -> Path:
        """Where the file is."""
        return CHECKOUT / self.name if self.part == "code" else Path(find(self.name))


@dataclass(frozen=True)
class Certificate:
    """Facts of a run, such as its commit, and its files by name."""

    facts: dict[str, str]
    files: dict[str, Entry]


def write_certificate(
    path: str | Path,
    jobs: Sequence[Job],
    configuration: Iterable[str],
    facts: Mapping[str, str],
) -> str:
    """Write the certificate of a finished run.

    Of inputs and outputs, only those of jobs that ran since the last certificate are hashed. The
    others keep their hash, so that no run certifies what was damaged after an earlier one. After a
    certificate of the future, whose clock was wrong, all are hashed: none of them ran later.

    Args:
        path: the certificate, and the last one if there is one.
        jobs: all jobs that the targets need, also those that had nothing to do.
        configuration: files that are read before any job runs.
        facts: what else the certificate says, by name.

    Returns:
        SHA-256 of the certificate. Whoever keeps it notices if the certificate is replaced.

    Raises:
        InputError: the last certificate is damaged, a file cannot be read or has a line break in
            its name, or the disk is full.

    Source: ours.
    """
    last = read_certificate(path) if Path(path).exists() else Certificate({}, {})
    ended = last.facts.get(ENDED, "")
    if ended > _moment(datetime.now(UTC)):
        ended = ""
    ran = [job for job in jobs if _moment(job.ended) > ended]
    fresh = set(_files(name for job in ran for name in (*job.inputs, *job.outputs)))
    made = {output for job in jobs for output in job.outputs}
    now = [Entry("code", name) for name in code_files()]
    now += [Entry("configuration", name) for name in _files(configuration)]
    later = [
        Entry("inputs", name)
        for name in _files({name for job in jobs for name in job.inputs} - made)
    ]
    # Patches may have been deleted; their hash stays.
    kept = last.files.keys() - fresh
    for job in jobs:
        names = [name for name in _files(job.outputs) if name in kept or Path(name).exists()]
        first = short_name(job.outputs[0])
        later += [Entry("outputs", name, "", job.rule, first) for name in names]
    now += [each for each in later if each.name in fresh or each.name not in last.files]
    hashes = {name: entry.sha256 for name, entry in last.files.items()}
    # One by one: it is written while Python ends, when a pool of threads no longer starts.
    hashes |= {each.name: _sha256(each) for each in now}
    files = {each.name: replace(each, sha256=hashes[each.name]) for each in [*later, *now]}
    for name, entry in last.files.items():
        if entry.part in ("outputs", "earlier") and name not in files and entry.path().exists():
            files[name] = replace(entry, part="earlier")
    last_ended = max([ended, *(_moment(job.ended) for job in jobs)])
    for name in filter(BREAKS.search, files):
        raise InputError(f"{printable(name)}: a line break in the name of a file; rename it")
    text = _text(Certificate({**facts, ENDED: last_ended}, files)).encode(*ENCODING)
    with atomic_path(path) as temporary:
        temporary.write_bytes(text)
    return sha256(text).hexdigest()


def read_certificate(path: str | Path) -> Certificate:
    """Read a certificate. Raises InputError if it is missing, or is not as it was written."""
    try:
        text, mark, seal = Path(path).read_bytes().decode(*ENCODING).rpartition(SEAL)
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such certificate; a run writes it when all its jobs are done"
        ) from None
    except OSError as error:
        check_system(error, path)
        raise Damaged(path, error) from error
    if not mark or seal.strip() != sha256(text.encode(*ENCODING)).hexdigest():
        raise Damaged(path, "it is not as it was written")
    facts, files = {}, {}
    parts = {f"# {heading}": part for part, heading in PARTS.items()}
    part = rule = job = ""
    for line in text.split("\n"):
        if line in parts:
            part = parts[line]
        elif match := LINE.fullmatch(line):
            files[match[2]] = Entry(part, match[2], match[1], rule, job)
        elif part and line:
            rule, _, job = line.removeprefix("# ").partition(" ")
        elif ": " in line:
            key, _, value = line.removeprefix("# ").partition(": ")
            facts[key] = value
    return Certificate(facts, files)


def check_configuration(
    path: str | Path, certificate: Certificate, facts: Mapping[str, str]
) -> None:
    """Raise InputError if the facts of a call are of another configuration than the run's."""
    if facts["configuration"] != certificate.facts["configuration"]:
        raise InputError(
            f"{path}: of another configuration; give the run's own --configfile and --config"
            f" (its files: {certificate.facts['configuration files']})"
        )


def differences(certificate: Certificate, workers: int) -> Iterator[str]:
    """What is not as certified, a line for each file that is missing, changed or added."""
    yield from changed(certificate.files.values(), workers)
    for entry in [*(Entry("code", name) for name in code_files()), *_results(certificate)]:
        if entry.name not in certificate.files:
            yield f"added: {_described(entry)}"


def changed(entries: Iterable[Entry], workers: int) -> Iterator[str]:
    """Which files are missing or have another hash, a line each; `workers` are hashed at once."""
    there = []
    for entry in entries:
        if entry.path().exists():
            there.append(entry)
        else:
            yield f"missing: {_described(entry)}"
    # hashlib lets other threads run while it computes.
    with ThreadPoolExecutor(workers) as pool:
        for entry, found in zip(there, pool.map(_sha256, there), strict=True):
            if found != entry.sha256:
                yield f"changed: {_described(entry)}"


def code_files() -> list[str]:
    """Code and locks of packages in the checkout, by their names relative to it, in order."""
    found = [path for pattern in CODE for each in CHECKOUT.glob(pattern) for path in _within(each)]
    names = [path.relative_to(CHECKOUT) for path in found]
    return sorted(name.as_posix() for name in names if not _is_leftover(name))


def printable(name: str) -> str:
    """A file's name with what no terminal shows as Python writes it, such as bytes of Latin-1."""
    return name if name.isprintable() else ascii(name)[1:-1]


def short_name(path: str) -> str:
    """A file's name relative to the working directory or the checkout, if it is in there."""
    return path.removeprefix(f"{os.getcwd()}/").removeprefix(f"{CHECKOUT}/")


def _is_leftover(name: Path) -> bool:
    leftover = name.suffix in LEFTOVERS - {".py"} or name.name.endswith("~")
    return leftover or any(part.startswith(".") or part == "__pycache__" for part in name.parts)


def _results(certificate: Certificate) -> Iterator[Entry]:
    """Files in the folders `results/NAME` that have certified outputs."""
    folders = {
        Path(*Path(name).parts[:2])
        for name, entry in certificate.files.items()
        if entry.rule and name.startswith("results/")
    }
    for folder in sorted(filter(Path.is_dir, folders)):
        for path in sorted(_within(folder)):
            name = path.relative_to(folder)
            if not NO_OUTPUTS & set(name.parts[:1]) and not _is_leftover(name):
                yield Entry("results", path.as_posix())


def _files(names: Iterable[str]) -> list[str]:
    """Files, and those in folders, by `short_name`, in order."""
    found = {path.as_posix() for name in names for path in _within(Path(name))}
    return sorted(map(short_name, found))


def _within(path: Path) -> Iterable[Path]:
    """The files in a folder; of anything else, itself."""
    return filter(Path.is_file, path.rglob("*")) if path.is_dir() else [path]


def _sha256(entry: Entry) -> str:
    try:
        return file_sha256(entry.path())
    except OSError as error:
        check_system(error, entry.name)
        raise


def _moment(time: datetime) -> str:
    """A time as text that sorts by time."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _described(entry: Entry) -> str:
    about = f"made by {entry.rule}" if entry.rule else entry.part
    return f"{printable(entry.name)} ({about})"


def _text(certificate: Certificate) -> str:
    lines = [f"# {key}: {value}" for key, value in certificate.facts.items()]
    for part, heading in PARTS.items():
        entries = [each for each in certificate.files.values() if each.part == part]
        entries.sort(key=lambda each: (each.job, each.name))
        if entries:
            lines += ["", f"# {heading}"]
        for (job, rule), group in groupby(entries, key=lambda each: (each.job, each.rule)):
            lines += ["", f"# {rule} {job}"] * bool(rule)
            lines += [f"{each.sha256}  {each.name}" for each in group]
    text = HEADER + "\n".join(lines) + "\n\n"
    return f"{text}{SEAL}{sha256(text.encode(*ENCODING)).hexdigest()}\n"
