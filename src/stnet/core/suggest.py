"""What was perhaps meant by a name that is not known."""

import difflib
from collections.abc import Iterable

CLOSEST = 3


def suggest(name: str, known: Iterable[str], most: int = CLOSEST) -> str:
    """At most so many of the known names closest to `name`, whatever their case; or "".

    It is the end of a message.
    """
    folded = {each.casefold(): each for each in known}
    close = difflib.get_close_matches(name.casefold(), folded, n=most)
    return f"; is it {' or '.join(folded[each] for each in close)}?" if close else ""
