"""Static HTML pages. Snakemake's report displays pages and images; other files it only links."""

import os.path
import re
import warnings
from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from stnet.core.atomic import atomic_path
from stnet.core.printed import decimals, short
from stnet.expression.genes import ENSEMBL_ID
from stnet.report.words import VALUES, Word, said, word

TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    undefined=StrictUndefined,
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
TEMPLATES.filters["short"] = short
# Text of a number, alone, with its interval, or of a total.
NUMBER = r"−?∞?[\d.,]*(\s×\s10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?(\s\(.*\)| of .*)?\*?$"


class Column(NamedTuple):
    """A column of a page's table: its cells as text, right-aligned if they are numbers."""

    heading: str
    explanation: str
    texts: list[str]
    is_numeric: bool


class Table(NamedTuple):
    """A table of a page."""

    heading: str
    columns: list[Column]
    n_rows: int


def write_page(
    path: str | Path,
    title: str,
    paragraphs: Sequence[str],
    tables: Sequence[Table],
    *,
    tsv: Sequence[str | Path] = (),
    pictures: Mapping[str, bytes] | None = None,
) -> None:
    """Write a self-contained page, whose tables can be sorted and printed.

    Args:
        path: page to write.
        title: of the page.
        paragraphs: text above the tables. The first says the result; the others are folded.
        tables: made by `page_table`.
        tsv: the tables as files for programs, which the page links.
        pictures: what they show, and the bytes of `webp`; above the tables.
    """
    explained = {column.heading: column.explanation for each in tables for column in each.columns}
    links = {Path(file).as_posix(): os.path.relpath(file, Path(path).parent) for file in tsv}
    write_html(
        path,
        "page.html",
        title=title,
        paragraphs=paragraphs,
        tables=tables,
        explained={heading: text for heading, text in explained.items() if text},
        links=links,
        pictures={name: b64encode(each).decode() for name, each in (pictures or {}).items()},
    )


def write_html(path: str | Path, template: str, **content: object) -> None:
    """Fill in a template of the folder `templates`, with a link to the first page of the cohort."""
    parts = Path(path).parts
    home = ""
    if "results" in parts:
        first = Path(*parts[: parts.index("results") + 2], "index.html")
        if first != Path(path):
            home = Path(os.path.relpath(first, Path(path).parent)).as_posix()
    text = TEMPLATES.get_template(template).render(home=home, **content)
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def italic_genes(names: str) -> str:
    """Names of genes, separated by commas, with symbols in italics; words stay as they are."""
    each = re.split(", ?", names)
    if any(" " in name or name in ("", "none") for name in each):
        return names
    return Markup(", ").join(
        name
        if name.startswith("__") or ENSEMBL_ID.fullmatch(name)
        else Markup("<i>{}</i>").format(name)
        for name in each
    )


def page_table(
    table: pd.DataFrame, heading: str = "", *, explained: Mapping[str, str] | None = None
) -> Table:
    """Convert a table for `write_page`. Missing values become empty cells, True a tick.

    Args:
        table: its columns are called as in `stnet.report.words`.
        heading: above the table.
        explained: explanations of columns that the data name, such as sections.
    """
    own = {name: Word(name, text) for name, text in (explained or {}).items()}
    columns = [
        _column(own.get(name) or word(name), values.replace(VALUES.get(name, {})))
        for name, values in table.items()
    ]
    return Table(heading, columns, len(table))


def quantities(table: pd.DataFrame, names: Sequence[str] | None = None) -> pd.DataFrame:
    """A table `quantity value` for a page: in words, and with intervals `ci_low ci_high` if any.

    With `names` of quantities, only these, in their order.
    """
    table = table.reindex(columns=["quantity", "value", "ci_low", "ci_high"])
    table = table.set_index("quantity").reindex(names or table["quantity"])
    rows = []
    for row in table.itertuples():
        heading, meaning, digits, of_genes = word(row.Index)
        value = with_interval(said(row.Index, row.value), row.ci_low, row.ci_high, digits)
        value = italic_genes(value) if of_genes else value
        rows.append((heading, value, meaning))
    return pd.DataFrame(rows, columns=["quantity", "estimate", "meaning"])


def with_interval(
    value: float | str, low: float | str, high: float | str, digits: int | None = None
) -> str:
    """Format a value, or text of it, with its 95% interval if it has one."""
    first, *ends = (formatted(number, digits) for number in (value, low, high))
    return first + (" ({} to {})".format(*ends) if all(ends) else "")


def without_blank_paper(table: pd.DataFrame) -> pd.DataFrame:
    """A table without those columns for the paper's numbers that have none."""
    blank = [not any(value == value and value != "" for value in table[name]) for name in table]
    of_paper = ["paper" in str(name).lower() for name in table]
    return table.loc[:, [not (a and b) for a, b in zip(blank, of_paper, strict=True)]]


def formatted(value: float | str, digits: int | None) -> str:
    """A number, or text of it, with these decimals, or as `short` does it; "" for NaN and ""."""
    if digits is None or pd.isna(value) or value == "":
        return short(value)
    return decimals(float(value), digits)


def _column(name: Word, values: pd.Series) -> Column:
    if not name.explanation:
        warnings.warn(f"stnet.report.words has no words for {name.heading}", stacklevel=1)
    if is_bool_dtype(values):
        return Column(*name[:2], ["✓" if value else "" for value in values], False)
    if is_numeric_dtype(values):
        return Column(*name[:2], [formatted(value, name.digits) for value in values], True)
    texts = pd.Series(
        ["" if pd.isna(v) else v if isinstance(v, str) else str(v) for v in values], dtype=object
    )
    if name.of_genes:
        return Column(*name[:2], [italic_genes(text) for text in texts], False)
    numbers = texts.str.match(NUMBER) | texts.isin(["", "undefined"])
    return Column(*name[:2], texts.tolist(), bool(numbers.all()))
