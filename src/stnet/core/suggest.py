"""Suggestions for misspelt names."""

import difflib
from collections.abc import Iterable

CLOSEST = 3


def suggest(name: str, known: Iterable[str], most: int = CLOSEST) -> str:
    """End of an error message that suggests up to `most` known names close to `name`, or "".

    Case is ignored.
    """
    folded = {each.casefold(): each for each in known}
    close = difflib.get_close_matches(name.casefold(), folded, n=most)
    return f"; is it {' or '.join(folded[each] for each in close)}?" if close else ""
