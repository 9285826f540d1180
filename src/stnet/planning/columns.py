"""Plain tables for a terminal."""

from collections.abc import Sequence


def columns(heading: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Lines of a table: words to the left, numbers to the right, None as `?`."""
    texts = [list(heading), *([_text(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    words = [any(isinstance(row[i], str) for row in rows) for i in range(len(heading))]
    lines = []
    for row in texts:
        cells = zip(row, widths, words, strict=True)
        padded = [text.ljust(width) if left else text.rjust(width) for text, width, left in cells]
        lines.append("  ".join(padded).rstrip())
    return lines


def _text(cell: object) -> str:
    match cell:
        case None:
            return "?"
        case str():
            return cell
        case float():
            return f"{cell:,.2f}"
    return f"{cell:,}"
