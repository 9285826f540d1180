"""Suggestions for misspelt names."""

import difflib
from collections.abc import Iterable

CLOSEST = 3


def suggest(name: str, known: Iterable[str], most: int = CLOSEST, least: float = 0.6) -> str:
    """End of an error message that suggests up to `most` known names close to `name`, or "".

    Case is ignored. `least` is the least similarity, from 0 to 1.
    """
    folded = {each.casefold(): each for each in known}
    close = difflib.get_close_matches(name.casefold(), folded, n=most, cutoff=least)
    return f"; is it {' or '.join(folded[each] for each in close)}?" if close else ""
