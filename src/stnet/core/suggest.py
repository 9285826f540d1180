"""What was perhaps meant by a name that is not known."""

import difflib
from collections.abc import Iterable

CLOSEST = 3


def suggest(name: str, known: Iterable[str]) -> str:
    """The known names closest to `name`, whatever their case, as the end of a message, or ""."""
    folded = {each.casefold(): each for each in known}
    close = difflib.get_close_matches(name.casefold(), folded, n=CLOSEST)
    return f"; is it {' or '.join(folded[each] for each in close)}?" if close else ""
