"""Files that look as if they were of different sections, although they may be right (ours)."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from stnet.core.errors import InputError

logger = logging.getLogger(__name__)


# What to do about it.
LOOK = "If you have looked and they are right, set confirmed to yes"


def suspect(row: dict[str, str], found: str) -> None:
    """Raise InputError with what was found, or warn if the section sheet says it is `confirmed`.

    `row` is the section's row of the sheet.
    """
    if row.get("confirmed"):
        logger.warning(f"{found}; it is confirmed")
        return
    raise InputError(f"{found}. {LOOK}")


@contextmanager
def collect_warnings() -> Iterator[list[str]]:
    """Collect what the library warns of in the block, for a file that carries it."""
    found: list[str] = []
    collector = logging.Handler(logging.WARNING)
    collector.emit = lambda record: found.append(record.getMessage())
    library = logging.getLogger("stnet")
    library.addHandler(collector)
    try:
        yield found
    finally:
        library.removeHandler(collector)
