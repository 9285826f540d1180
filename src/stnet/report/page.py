"""Static pages: the report shows pages and pictures, and offers other files only to download."""

import math
from collections.abc import Sequence
from html import escape
from pathlib import Path

import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from stnet.core.atomic import atomic_path

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ font: 14px/1.45 system-ui, sans-serif; color: #222; background: #fff; margin: 1.5rem; }}
h1 {{ font-size: 1.35rem; }}
h2 {{ font-size: 1.1rem; margin-top: 2rem; }}
p {{ max-width: 60em; }}
table {{ border-collapse: collapse; }}
th, td {{ padding: .25rem .6rem; text-align: left; vertical-align: top;
  border-bottom: 1px solid #ddd; max-width: 22em; overflow-wrap: break-word; }}
th {{ position: sticky; top: 0; background: #fff; border-bottom: 2px solid #444; }}
.number {{ text-align: right; font-variant-numeric: tabular-nums; }}
td.number {{ white-space: nowrap; }}
.agrees {{ background: #e0f3ec; }}
.differs {{ background: #fbe6d9; }}
.other-cohort {{ background: #e5f1fa; }}
.not-evaluated {{ color: #666; }}
</style>
<h1>{title}</h1>
{body}
</html>
"""


def write_page(
    path: str | Path, title: str, paragraphs: Sequence[str], tables: Sequence[str]
) -> None:
    """Write a page that needs no other file: title, paragraphs, tables made by `html_table`."""
    body = "\n".join([*(f"<p>{escape(text)}</p>" for text in paragraphs), *tables])
    with atomic_path(path) as temporary:
        temporary.write_text(PAGE.format(title=escape(title), body=body), encoding="utf-8")


def html_table(
    table: pd.DataFrame, heading: str = "", row_styles: Sequence[str] | None = None
) -> str:
    """A table as HTML. Columns of numbers, or of texts of numbers, are flush right; rows may have
    a style of the page each. Missing values are empty cells, a truth is a tick.
    """
    cells = {name: _cells(column) for name, column in table.items()}
    head = "".join(f"<th{style}>{escape(name)}</th>" for name, (style, _) in cells.items())
    rows = [
        f'<tr class="{row_style}">'
        + "".join(f"<td{style}>{escape(texts[row])}</td>" for style, texts in cells.values())
        + "</tr>"
        for row, row_style in enumerate(row_styles or [""] * len(table))
    ]
    title = f"<h2>{escape(heading)}</h2>\n" if heading else ""
    body = "\n".join(rows)
    return f"{title}<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def short(value: float | str) -> str:
    """A number, or a text of one, with three digits unless it is whole; other text as it is."""
    try:
        number = float(value)
    except ValueError:
        return value
    if math.isnan(number):
        return ""
    if number == int(number):
        return f"{int(number):,}"
    return f"{number:,.1f}" if abs(number) >= 1000 else f"{number:.3g}"


def _cells(column: pd.Series) -> tuple[str, list[str]]:
    if is_bool_dtype(column):
        return "", ["✓" if value else "" for value in column]
    if is_numeric_dtype(column):
        texts = [short(value) for value in column]
    else:
        texts = ["" if pd.isna(value) else str(value) for value in column]
    numbers = pd.to_numeric(pd.Series(texts).str.replace(",", ""), errors="coerce")
    numeric = (numbers.notna() | (pd.Series(texts) == "")).all()
    return ' class="number"' if numeric else "", texts
