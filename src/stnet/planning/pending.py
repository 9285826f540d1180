"""Which jobs are still to run: asked of Snakemake, which knows what has changed."""

import csv
import json
import subprocess
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from stnet.core.errors import InputError


class Job(NamedTuple):
    """A job that would run: its rule and the files it writes."""

    rule: str
    outputs: list[str]


def pending_jobs(
    summary: Sequence[str], config: dict, n_outputs: Mapping[str, int], target: str = "all"
) -> list[Job]:
    """The jobs that `target` still needs; jobs without outputs are left out.

    Args:
        summary: the command of `snakemake --summary`, a table with a row for each output.
        config: the whole configuration, so that what was set on the command line holds here too.
        n_outputs: how many outputs a job of each rule has.
        target: the rule or file that is asked for.

    Raises:
        InputError: with what the command said, if it fails.
    """
    with TemporaryDirectory() as folder:
        file = Path(folder) / "config.json"
        file.write_text(json.dumps(config))
        command = [*summary, "--configfile", str(file), "--", target]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        said = " ".join((done.stdout + done.stderr).split())
        raise InputError(f"snakemake --summary failed: {said[-500:]}")
    rows = csv.DictReader(done.stdout.splitlines(), delimiter="\t")
    pending = iter([row for row in rows if row["plan"] == "update pending"])
    # The rows of a job follow one another.
    return [
        Job(row["rule"], [row["output_file"], *(more["output_file"] for more in others)])
        for row in pending
        for others in [list(islice(pending, n_outputs[row["rule"]] - 1))]
    ]
