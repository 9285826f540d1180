"""Which jobs are still to run: asked of the workflow itself, which knows changed code and files."""

import json
import re
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from stnet.core.errors import InputError


class Job(NamedTuple):
    """A job that would run: its rule and the files it writes."""

    rule: str
    outputs: list[str]


def pending_jobs(dry_run: Sequence[str], config: dict, targets: Sequence[str]) -> list[Job]:
    """The jobs that `targets` need, those that write nothing left out.

    `dry_run` is the command that names them; it is given `config`, the whole configuration, as a
    file, so that whatever was set on the command line holds here too. Raises InputError with what
    the command said if it fails.
    """
    with TemporaryDirectory() as folder:
        file = Path(folder) / "config.json"
        file.write_text(json.dumps(config))
        command = [*dry_run, "--configfile", str(file), "--", *targets]
        done = subprocess.run(command, capture_output=True, text=True)
    said = done.stdout + done.stderr
    if done.returncode:
        raise InputError(f"what is to do is not known: {' '.join(said.split())[-500:]}")
    return parse_dry_run(said)


def parse_dry_run(text: str) -> list[Job]:
    """The jobs of a dry run's text. Raises ValueError if they are not as many as its table says."""
    jobs, rules = [], []
    for line in text.splitlines():
        if found := re.fullmatch(r"(?:local)?rule (\w+):", line):
            rules.append(found[1])
        elif rules and line.startswith("    output: "):
            jobs.append(Job(rules[-1], line.removeprefix("    output: ").split(", ")))
    counted = re.search(r"^total +(\d+)$", text, re.M)
    expected = int(counted[1]) if counted else 0
    if len(rules) != expected or not (counted or "Nothing to be done" in text):
        raise ValueError(f"a dry run names {len(rules)} jobs and counts {expected}:\n{text}")
    return jobs


def by_rule(jobs: Sequence[Job]) -> str:
    """How many jobs of each rule, in words."""
    return ", ".join(f"{rule} {count}" for rule, count in Counter(j.rule for j in jobs).items())
