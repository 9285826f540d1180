"""Pages: their tables, the words of their columns, and what a browser makes of them."""

import json
import os
import pkgutil
import re
import shutil
import subprocess
import sys
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stnet import report
from stnet.report import page
from stnet.report.page import page_table, quantities, write_page
from stnet.report.words import PAPER, WORDS, word

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


def test_every_word_is_a_heading_and_a_sentence():
    wrong = [
        name
        for name, (heading, explanation, *_) in WORDS.items()
        if "_" in heading + explanation or not heading or not explanation.endswith(".")
    ]
    assert WORDS
    assert not wrong


def test_the_papers_values_are_called_after_those_of_the_run():
    heading, _, digits, of_genes = word("median_pearson")
    said = (f"{heading}, paper", "The same in the paper.", digits, of_genes)
    assert word(PAPER + "median_pearson") == said


def test_a_column_without_words_is_noticed():
    with pytest.raises(UserWarning, match="no words for new column"):
        page_table(pd.DataFrame({"new_column": [1]}))


def test_page_escapes_and_aligns(tmp_path):
    table = pd.DataFrame(
        {
            "<a>": ["x & y", None],
            "n_spots": [1234.0, np.nan],
            "r": [-0.04567, np.nan],
            "value": ["0.5 (−1 to 1)", "undefined"],
            "consistent": [True, False],
        }
    )
    shown = page_table(table, "A < B", explained={"<a>": "What <a> is.", "value": "A value."})
    tsv = tmp_path / "deep" / "a b.tsv"
    write_page(tmp_path / "p.html", "T", ["a < b"], [shown], tsv=[tsv])
    text = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert "<h2>A &lt; B</h2>" in text
    assert '<th scope="col" title="What &lt;a&gt; is.">&lt;a&gt;</th>' in text
    assert "<dt>&lt;a&gt;</dt><dd>What &lt;a&gt; is.</dd>" in text
    assert f"<dt>Spots</dt><dd>{word('n_spots').explanation}</dd>" in text
    numbers = ("1,234", "−0.046", "0.5 (−1 to 1)")
    assert "<td>x &amp; y</td>" + "".join(f'<td class="number">{n}</td>' for n in numbers) in text
    assert '<td></td><td class="number"></td><td class="number"></td>' in text
    assert "<td>✓</td>" in text
    assert "<p>a &lt; b</p>" in text
    assert f'<a href="deep/a%20b.tsv">{tsv}</a>' in text


def test_a_summary_is_in_words_with_its_intervals():
    table = pd.DataFrame(
        [("n_spots", "1220", np.nan, np.nan), ("rmse", "0.57366", 0.5466, 0.6007)],
        columns=["quantity", "value", "ci_low", "ci_high"],
    )
    table.loc[2] = ["transform", "log_fraction", np.nan, np.nan]
    shown = quantities(table)
    assert shown["quantity"].tolist() == ["Spots", "RMSE", "Unit of the targets"]
    assert shown["estimate"].tolist() == ["1,220", "0.574 (0.547 to 0.601)", "log expression"]


def test_no_template_lets_markup_through():
    """Beside Jinja's escape, which does not help in a script or in an attribute without quotes."""
    folder = Path(page.__file__).parent / "templates"
    texts = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
    assert "page.html" in texts
    for name, text in texts.items():
        assert not re.search(r"\|\s*safe|autoescape|=\s*\{\{", text), name
        assert not any("{{" in each for each in re.findall(r"<script.*?</script>", text, re.S)), (
            name
        )
    hostile = '<img src=x onerror="a()"></script>{{ 1 }}'
    assert page.TEMPLATES.from_string("{{ a }}").render(a=hostile) == (
        "&lt;img src=x onerror=&#34;a()&#34;&gt;&lt;/script&gt;{{ 1 }}"
    )


def test_symbols_of_genes_are_in_italics_and_ids_and_words_are_not():
    said = {
        "FASN": "<i>FASN</i>",
        "FASN,HLA-A": "<i>FASN</i>, <i>HLA-A</i>",
        "ENSG00000000003.2, a<b": "ENSG00000000003.2, <i>a&lt;b</i>",
        "__ambiguous[ENSG01+ENSG02]": "__ambiguous[ENSG01+ENSG02]",
        **{words: words for words in ("", "none", "too few patients", "all genes, median")},
    }
    shown = page_table(pd.DataFrame({"gene": [*said], "n_spots": 1}))
    assert [str(text) for text in shown.columns[0].texts] == [*said.values()]
    (of_total,) = quantities(pd.DataFrame({"quantity": ["top_genes"], "value": ["A,B"]}))[
        "estimate"
    ]
    assert of_total == "<i>A</i>, <i>B</i>"


@pytest.mark.parametrize(
    ("name", "link"),
    [
        ("results/mine/tables/x/all/page.html", "../../../index.html"),
        ("results/mine/ledger.html", "index.html"),
        ("results/mine/index.html", ""),
        ("elsewhere/page.html", ""),
    ],
)
def test_a_page_links_the_first_page_of_its_cohort(tmp_path, name, link):
    (tmp_path / name).parent.mkdir(parents=True)
    page.write_html(
        tmp_path / name, "page.html", title="T", paragraphs=[], tables=[], explained={}, links={}
    )
    found = re.findall(r'class="home"><a href="(.*?)"', (tmp_path / name).read_text("utf-8"))
    assert found == [link] * bool(link)


CELLS = {
    "gene": ["g10", "g2", "", "g1"],
    "r": ["−0.2", "0.03", "", "−1,200"],
    "p": ["2\u00a0×\u00a010⁻⁵", "0.01", "undefined", "1"],
    "estimate": ["0.48 (0.42 to 0.55)", "−0.1 (−0.2 to 0.9)", "", "0.5"],
    "n_consistent": ["10 of 12", "9 of 12", "", "12 of 12"],
}
UP = {
    "gene": ["g1", "g2", "g10", ""],
    "r": ["−1,200", "−0.2", "0.03", ""],
    "p": ["2\u00a0×\u00a010⁻⁵", "0.01", "1", "undefined"],
    "estimate": ["−0.1 (−0.2 to 0.9)", "0.48 (0.42 to 0.55)", "0.5", ""],
    "n_consistent": ["9 of 12", "10 of 12", "12 of 12", ""],
}
# Clicks each heading twice, and writes down the cells of its column and what a reader is told.
CLICKS = """<script>
const found = Array.from(document.querySelectorAll("th button"), (button, i) => [0, 1].map(() => {
  button.click();
  const cells = Array.from(document.querySelectorAll("tbody tr"), row => row.cells[i].textContent);
  return [button.parentNode.ariaSort, cells];
}));
const root = document.documentElement;
const fits = root.scrollWidth <= root.clientWidth;
document.body.append(Object.assign(document.createElement("pre"),
  { id: "found", textContent: JSON.stringify({ found, fits }) }));
</script></html>"""


@pytest.mark.skipif(BROWSER is None, reason="no browser")
def test_a_browser_sorts_by_a_click_and_scrolls_only_the_table(tmp_path):
    html = tmp_path / "page.html"
    wide = pd.DataFrame(CELLS | {f"c{i}": ["a" * 30] * 4 for i in range(30)})
    explained = {name: "A column." for name in wide if name not in WORDS}
    write_page(html, "T", [], [page_table(wide, explained=explained)])
    html.write_text(html.read_text("utf-8").replace("</html>", CLICKS), encoding="utf-8")
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=800,900"]
    command += [f"--user-data-dir={tmp_path / 'browser'}", "--dump-dom", html.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    found = json.loads(unescape(re.search(r'<pre id="found">(.*?)</pre>', done.stdout)[1]))
    assert found["fits"]
    for (up, down), (name, cells) in zip(found["found"][: len(UP)], UP.items(), strict=True):
        assert up == ["ascending", cells], name
        # What is not a number stays below, whichever way the numbers go.
        assert down == ["descending", [*reversed(cells[:3]), cells[3]]], name


def test_pages_do_not_pay_for_the_tests_that_they_name():
    # The page of leaks is made by the job that measures them.
    names = {each.name for each in pkgutil.iter_modules(report.__path__)} - {"leak_lab"}
    modules = [f"stnet.report.{name}" for name in sorted(names)]
    assert "stnet.report.tables" in modules
    code = f"""import sys, {", ".join(modules)}
print({{"scipy.stats", "statsmodels"}} & {{*sys.modules}})"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "set()\n", done.stdout + done.stderr
