"""Static HTML pages. Snakemake's report displays pages and images; other files it only links."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from stnet.core.atomic import atomic_path

TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    undefined=StrictUndefined,
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


class Column(NamedTuple):
    """A column of a page's table: its cells as text, right-aligned if all are numbers."""

    name: str
    texts: list[str]
    is_numeric: bool


class Table(NamedTuple):
    """A table of a page."""

    heading: str
    columns: list[Column]
    n_rows: int


def write_page(
    path: str | Path, title: str, paragraphs: Sequence[str], tables: Sequence[Table]
) -> None:
    """Write a self-contained page: title, paragraphs, and tables of `page_table`."""
    content = render("page.html", title=title, paragraphs=paragraphs, tables=tables)
    with atomic_path(path) as temporary:
        temporary.write_text(content, encoding="utf-8")


def render(template: str, **content: object) -> str:
    """Fill in a template of the folder `templates`."""
    return TEMPLATES.get_template(template).render(**content)


def page_table(table: pd.DataFrame, heading: str = "") -> Table:
    """Convert a table for `write_page`. Missing values become empty cells, True a tick."""
    columns = [_column(name, values) for name, values in table.items()]
    return Table(heading, columns, len(table))


def spaced(table: pd.DataFrame) -> pd.DataFrame:
    """A table with spaces for the underscores of its column names."""
    return table.rename(columns=lambda name: name.replace("_", " "))


def without_blank_paper(table: pd.DataFrame) -> pd.DataFrame:
    """A table without those columns for the paper's numbers that have none."""
    blank = [not any(value == value and value != "" for value in table[name]) for name in table]
    of_paper = ["paper" in str(name).lower() for name in table]
    return table.loc[:, [not (a and b) for a, b in zip(blank, of_paper, strict=True)]]


def short(value: float | str) -> str:
    """Format a number, or text of a number: whole, or with three significant digits.

    Other text is returned as it is; NaN becomes "".
    """
    try:
        number = float(value)
    except ValueError:
        return value
    if math.isnan(number):
        return ""
    if math.isinf(number):
        return str(number)
    if number == int(number):
        return f"{int(number):,}"
    return f"{number:,.1f}" if abs(number) >= 1000 else f"{number:.3g}"


TEMPLATES.filters["short"] = short


def _column(name: str, values: pd.Series) -> Column:
    if is_bool_dtype(values):
        return Column(name, ["✓" if value else "" for value in values], False)
    if is_numeric_dtype(values):
        texts = [short(value) for value in values]
    else:
        texts = ["" if pd.isna(value) else str(value) for value in values]
    numbers = pd.to_numeric(pd.Series(texts).str.replace(",", ""), errors="coerce")
    return Column(name, texts, (numbers.notna() | (pd.Series(texts) == "")).all())
