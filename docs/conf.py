"""The documentation as a site (`make docs`), of plain Markdown that reads on GitHub too."""

import tomllib
from pathlib import Path

from pygments.lexers.special import TextLexer

ROOT = Path(__file__).parents[1]
_package = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project = "ST-Net, reproduced"
author = "The authors of stnet-workflow"
release = version = _package["version"]

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_external_toc",
]
# The source is the whole checkout, so that links from the pages to README.md, profiles/ or config/
# lead to the same files as on GitHub. What is not in the table of contents is no page.
external_toc_path = "docs/toc.yml"
external_toc_exclude_missing = True
exclude_patterns = [".*", "results", "resources", "node_modules", "site", "docs/_*"]

myst_heading_anchors = 4
suppress_warnings = ["myst.header"]  # a page that is generated begins with a comment
default_role = "code"  # docstrings are Markdown: `name` is code
autosummary_generate = False  # the list links to the same page
autodoc_typehints = "description"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}

templates_path = ["_templates"]
html_theme = "sphinx_book_theme"
html_title = project
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_additional_pages = {"index": "start.html"}  # leads to README.html, the front page
html_theme_options = {
    "navbar_persistent": [],  # the search is in the sidebar
    "use_download_button": False,
    "show_toc_level": 2,
}
highlight_language = "text"  # of blocks that name none: commands
copybutton_exclude = ".linenos, .gp, .go"


def setup(app):
    """Section sheets in the pages are of a language that Pygments does not know."""
    app.add_lexer("tsv", TextLexer)
