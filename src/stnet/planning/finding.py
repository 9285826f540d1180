"""What the doctor finds."""

from typing import NamedTuple

OK, WARNING, MISSING = "OK", "warning", "missing"
MAKE_SECTIONS = "run your snakemake command with --until section, then ask again"


class Finding(NamedTuple):
    """What was found of a thing that a run needs: `OK`, `WARNING` or `MISSING`, and what to do."""

    check: str
    state: str
    found: str
    remedy: str = ""
