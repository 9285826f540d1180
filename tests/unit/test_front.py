"""The first page of a cohort."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from stnet.core.errors import InputError
from stnet.core.tables import TOO_FEW, read_table, write_table
from stnet.report.front import write_front

METHODS = {
    "net": {"title": "A network", "role": "main", "kind": "network", "of": "densenet121"},
    "place": {"title": "Place", "role": "other", "kind": "coordinates", "of": ""},
}
for keys in METHODS.values():
    keys["targets"] = "top six"


@pytest.fixture
def tables():
    """Results of a cohort of six genes, of which four are consistent."""
    genes = pd.DataFrame({"gene": list("abcdef"), "symbol": [*"ABCDE", None]})
    genes["consistent"] = genes["consistent_partial"] = [True, True, False, True, False, True]
    genes["median_pearson"] = [0.5, 0.4, 0.1, 0.3, 0.0, 0.2]
    genes["median_partial"] = genes["median_pearson"] / 2
    rows = [
        ("n_patients", "8", np.nan, np.nan),
        ("n_genes", "6", np.nan, np.nan),
        ("consistency_rule", "t", np.nan, np.nan),
        ("consistency_reason", "Benjamini-Hochberg", np.nan, np.nan),
        ("median_pearson", "0.25", 0.1, 0.4),
        ("median_partial", "0.125", -0.02, 0.2),
        ("mean_auroc", "0.7", 0.6, 0.8),
        ("mean_auroc_depth", "0.6", 0.5, 0.7),
        ("transform", "log_fraction", np.nan, np.nan),
    ]
    comparison = pd.DataFrame({"experiment": ["net", "place"], "title": ["A network", "Place"]})
    comparison = comparison.assign(kind=["network", "coordinates"], mean_r_gain=[np.nan, 0.02])
    return {
        "genes": genes,
        "summary": pd.DataFrame(rows, columns=["quantity", "value", "ci_low", "ci_high"]),
        "dataset": pd.DataFrame(
            {"quantity": ["patients", "sections", "spots"], "value": [8, 9, 1220]}
        ),
        "sections": pd.DataFrame({"section": ["S1", "S2"], "warnings": [None, None]}),
        "leaks": pd.DataFrame(
            {
                "check": ["one section twice", *["validation is the test"] * 3],
                "severity": ["clear", "known", "known", "warning"],
                "where": ["all", "ridge", "lasso", "leaking"],
            }
        ),
        "ceilings": pd.DataFrame(
            {"quantity": ["median_share", "without_share"], "value": [0.42, 1]}
        ),
        "comparison": comparison.assign(mean_r_gain_low=[np.nan, -0.01], mean_r_gain_high=0.05),
        "manuscript": pd.DataFrame([["A network", *"12345", "0.25 (0.10 to 0.40)", "4"]]),
    }


def page_of(folder: Path, tables: dict[str, pd.DataFrame], **about) -> str:
    """The page's text, with single spaces, without embedded pictures."""
    paths = {name: folder / f"{name}.tsv" for name in tables}
    for name, path in paths.items():
        write_table(tables[name], path)
    pictures = [folder / "a.png", folder / "b.png"]
    for picture in pictures:
        Image.new("RGB", (3000, 20)).save(picture)
    words = {"cohort": "mine", "paper": False, "main": "net", "view": "448x2", "split": "patient"}
    words |= {"elsewhere": ["leaking"]}
    write_front(
        paths,
        pictures,
        folder / "index.html",
        folder / "warnings.tsv",
        about={**words, "methods": METHODS, **about},
        pages={
            "Data": {"Sections": "tables/dataset/dataset.html"},
            "Supplement": {"Windows": "tables/studies/windows.html"},
        },
    )
    text = (folder / "index.html").read_text(encoding="utf-8")
    assert text.count("data:image/webp;base64,") == 2
    return " ".join(re.sub(r"base64,[^\"]*", "", text).split())


def test_a_cohort_opens_with_its_numbers_in_the_words_of_its_configuration(tables, tmp_path):
    page = page_of(tmp_path, tables)
    assert "<b>0.25</b><small>0.10 to 0.40<br>" in page
    # r given depth is beside r.
    assert page.index("<b>0.12</b>") > page.index("<b>0.25</b>")
    assert "<b>42%</b>" in page
    assert "<b>4</b><small>of 6 genes" in page
    assert "9 sections of 8 patients, 1,220 spots" in page
    assert "A network: network on patches, densenet121, windows of 448 px, reduced 2 times" in page
    assert "top six (6 genes), log expression" in page
    assert "one patient at a time" in page
    assert '<a href="tables/dataset/dataset.html">Sections</a>' in page
    # They are named before they are made.
    assert page.count("-- supplement</code>") == 1
    assert page.index("-- supplement</code>") > page.index("Sections</a>")
    assert "Not clearly better than Place, which sees no image: mean gain in r 0.02" in page
    for word in ("ST-Net", "reproduction", "leak", TOO_FEW, "simulated", "depth alone"):
        assert word not in page


def test_what_makes_numbers_doubtful_is_said(tables, tmp_path):
    value = tables["summary"].set_index("quantity")
    value.loc[["mean_auroc_depth", "n_patients"], "value"] = ["0.8", "1"]
    value.loc["median_pearson", "ci_low"] = -0.1
    value.loc["initial_weights"] = ["random", np.nan, np.nan]
    tables["summary"] = value.reset_index()
    tables["sections"]["warnings"] = [None, "two sections are swapped"]
    tables["leaks"]["severity"] = ["clear", *["warning"] * 3]
    page = page_of(tmp_path, tables, paper=True)
    for words in (
        "A reproduction of",
        "A single patient",
        "a sign of one: validation is the test: ridge, lasso; see tables/leaks.html.",
        "median r includes 0",
        "(AUROC 0.80) than the predictions do (0.70)",
        "random weights",
        "Files of S2 look doubtful",
    ):
        assert words in page, words
    # They are stored too, for the last lines of a run.
    stored = read_table(tmp_path / "warnings.tsv")
    assert set(stored["quantity"]) == {"warning"}
    assert page.count("<li>") == len(stored) + 4  # numbers


def test_few_patients_are_told_first(tables, tmp_path):
    tables["genes"] = tables["genes"].assign(consistent=np.nan, consistent_partial=np.nan)
    value = tables["summary"].set_index("quantity")
    reason = "too few patients, 3 of the 5 that are needed"
    value.loc[["consistency_rule", "consistency_reason"], "value"] = ["few", reason]
    tables["summary"] = value.reset_index()
    page = page_of(tmp_path, tables)
    assert f"<b>{TOO_FEW}</b>" in page
    assert f"Consistent genes are not counted: {reason}" in page


def test_planted_genes_are_those_of_the_simulations_record(tables, tmp_path):
    # Not by name: D and the gene without a symbol follow the tissue.
    tables["truth"] = pd.DataFrame({"gene": list("fedcbaz"), "symbol": None})
    tables["truth"]["kind"] = ["immune", "none", "tumour", "immune", "none", "none", "tumour"]
    tables["controls"] = pd.DataFrame({"kind": ["tumour", "immune", "none"], "experiment": "net"})
    for name in ("median_pearson", "median_partial"):
        for end, number in (("", 0.3), ("_low", 0.2), ("_high", 0.4)):
            tables["controls"][name + end] = number
    page = page_of(tmp_path, tables)
    assert "<b>2 of 3</b><small>genes that follow the tissue were found; 2 given depth" in page
    assert "<b>2 of 3</b><small>other genes were taken for found" in page
    assert "<td><i>D</i></td><td>none</td>" in page
    assert "<td><i>f</i></td><td><i>C</i></td>" in page
    assert "<td><i>A</i>, <i>B</i></td><td></td>" in page
    # The median over all genes, most of them noise, is no number of the front.
    assert "<b>0.25</b>" not in page
    assert "The cohort is simulated" in page


@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_a_damaged_picture_is_one_line(tables, tmp_path, monkeypatch, share):
    save = Image.Image.save

    def save_part(image, path):
        save(image, path)
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])

    monkeypatch.setattr(Image.Image, "save", save_part)
    with pytest.raises(InputError, match=r"a\.png: damaged \(.+\); delete it and rerun"):
        page_of(tmp_path, tables)
    assert not (tmp_path / "index.html").exists()
