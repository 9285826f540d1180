"""Is a finished run as it was certified, and do its jobs write the same bits again?"""

import json
import os
import random
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from stnet.checks.certificate import (
    Certificate,
    Entry,
    check_configuration,
    differences,
    read_certificate,
)
from stnet.core.atomic import writing
from stnet.core.errors import InputError, first_of
from stnet.core.hashing import file_sha256


@dataclass(frozen=True)
class Replay:
    """Which jobs run again, and how."""

    jobs: int
    seed: int
    command: list[str]  # that calls Snakemake with the settings of this run
    config: dict  # as written
    left_out: dict[str, str]  # rules whose bits are not promised, with the reason


def verify(path: str | Path, facts: Mapping[str, str], replay: Replay, workers: int) -> None:
    """Compare all files with a certificate, then run some jobs again; print what differs.

    Args:
        path: the certificate.
        facts: those of this call, as `write_certificate` takes them.
        replay: what runs again; no job if `jobs` is 0.
        workers: how many files are hashed at once.

    Raises:
        InputError: there is no certificate, it is damaged, or something differs from it.

    Source: ours.
    """
    certificate = read_certificate(path)
    for name, value in facts.items():
        if value != (certified := certificate.facts.get(name, "")):
            print(f"note: {name}: {value or 'none'}, certified with {certified or 'none'}")
    if replay.jobs:
        check_configuration(path, certificate, facts)
    n_files = 0
    for line in differences(certificate, workers):
        n_files += 1
        print(line, flush=True)
    n_jobs = rerun(certificate, replay) if replay.jobs else 0
    faults = [
        f"files not as certified: {n_files}; restore them, or delete outputs and rerun",
        f"jobs without the same bits: {n_jobs}; their files are of other code, as after --touch, or"
        " of other packages, threads or processors",
    ]
    if n_files or n_jobs:
        said = [each for each, n in zip(faults, (n_files, n_jobs), strict=True) if n]
        raise InputError(f"{path}: {'. '.join(said)} (named above)")
    print(f"{path}: all {len(certificate.files)} files are as certified")


def rerun(certificate: Certificate, replay: Replay) -> int:
    """Run random jobs again, each in a folder of its own with links to the certified files.

    Prints a line for each job, and for each rule that is left out. Returns how many jobs failed or
    wrote other bits than certified.

    Source: ours.
    """
    jobs: dict[str, list[Entry]] = {}
    for entry in certificate.files.values():
        if entry.part == "outputs":
            jobs.setdefault(entry.job, []).append(entry)
    left_out = {outputs[0].rule for outputs in jobs.values()} & replay.left_out.keys()
    for rule in sorted(left_out):
        print(f"not run again: {rule}: {replay.left_out[rule]}")
    names = sorted(name for name, outputs in jobs.items() if outputs[0].rule not in left_out)
    n_others = 0
    chosen = random.Random(replay.seed).sample(names, min(replay.jobs, len(names)))
    for number, name in enumerate(chosen, 1):
        began = time.monotonic()
        found = _rerun(certificate, jobs[name], replay)
        took = f"{time.monotonic() - began:.0f} s"
        line = f"{jobs[name][0].rule}, {name}: {found or 'the same bits'} ({took})"
        print(f"rerun {number} of {len(chosen)}: {line}", flush=True)
        n_others += bool(found)
    return n_others


def _rerun(certificate: Certificate, outputs: list[Entry], replay: Replay) -> str:
    """Run a job again. What differs, or nothing."""
    # On the disk of the results, so that links are possible.
    with writing("results"), TemporaryDirectory(prefix=".verify.", dir="results") as temporary:
        folder = Path(temporary).absolute()
        config = folder / "config.json"
        config.write_text(json.dumps(replay.config))
        run = _linked(certificate, {each.name for each in outputs}, folder)
        command = [*replay.command, "--directory", str(run), "--configfile", str(config)]
        # Outputs of other rules are then inputs that nothing makes.
        command += ["--allowed-rules", outputs[0].rule, "--", outputs[0].job]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if "rror" in line]
            return f"failed: {errors[-1].strip() if errors else done.stderr[-200:].strip()}"
        others = [
            each.name
            for each in outputs
            if not (run / each.name).exists() or file_sha256(run / each.name) != each.sha256
        ]
        return f"other bits in {first_of(others)}" if others else ""


def _linked(certificate: Certificate, without: set[str], folder: Path) -> Path:
    """A folder to run in, somewhere in `folder`, with links to the certified files.

    All writers replace a file, so that none writes through a link. Logs are written in place, and
    are not certified.
    """
    names = {each.name for each in certificate.files.values() if each.part != "code"} - without
    # Names that lead out of the folder of the run stay within `folder`.
    run = folder.joinpath(*["run"] * max(1, *(name.count("../") for name in names)))
    for name in names:
        link = Path(os.path.normpath(run / name))
        if Path(name).is_absolute() or not Path(name).exists():
            continue
        link.parent.mkdir(parents=True, exist_ok=True)
        source = Path(name).resolve()
        try:
            os.link(source, link)
        except OSError:
            # On another disk.
            link.symlink_to(source)
    run.mkdir(parents=True, exist_ok=True)
    return run
