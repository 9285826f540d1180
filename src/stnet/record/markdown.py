"""Pages in Markdown from the folder `templates`."""

import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from stnet.core.printed import EXPRESSION_UNITS, decimals, short


def plain(text: object) -> str:
    """Text of a configuration or table in Markdown: a line, and nothing in it is markup or HTML."""
    return re.sub(r"([\\`*_\[\]<|#~&$])", r"\\\1", re.sub(r"\s+", " ", str(text)))


def render(template: str, **content: object) -> str:
    """Fill in a template. What is filled in is text, unless it is `Markup`."""
    return TEMPLATES.get_template(template).render(**content)


TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    undefined=StrictUndefined,
    # So macros return `Markup`.
    autoescape=True,
    finalize=lambda value: value if isinstance(value, Markup) else Markup(plain(value)),
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.filters |= {"decimals": decimals, "short": short}
TEMPLATES.globals["units"] = EXPRESSION_UNITS
