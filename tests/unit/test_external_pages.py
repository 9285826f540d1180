import re
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd

from stnet.inference.flags import WARNINGS
from stnet.report.external import write_tcga_page, write_visium_page

CLAIMS = Path(__file__).parents[2] / "resources/paper/claims.tsv"


def write(folder: Path, name: str, table: pd.DataFrame) -> Path:
    table.to_csv(folder / name, sep="\t", index=False)
    return folder / name


def quantities(**values) -> pd.DataFrame:
    table = pd.DataFrame({"quantity": [*values], "value": [*values.values()]})
    return table.assign(ci_low=np.nan, ci_high=np.nan, unit=np.nan)


def rows_of(page: str, heading: str) -> list[list[str]]:
    """Cells of the table below a heading, its head first."""
    table = page.split(f"<h2>{heading}</h2>")[1].split("</table>")[0]
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", re.sub("</?i>", "", table))
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]
    return [[unescape(cell) for cell in row] for row in cells]


def visium_summary(lost: int) -> pd.DataFrame:
    whole = {"genes": 234 - lost, "positive_genes": 200, "mean_r": 0.3123, "mean_auroc": 0.7}
    return quantities(**whole, median_counts=17000, **{"genes.V.1": 230, "mean_r.V.1": -0.2})


def alignment(**changes) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "gene": ["e0", "e1", "e2", "e3"],
            "symbol": ["FASN", "GNAS", "", "XBP1"],
            "match": ["x", "", "", "y"],
            "by": ["ensembl", "", "", "alias"],
            "reason": ["", "not measured", "not measured", ""],
        }
    )
    return table.assign(**changes)


def test_visium_page_sets_the_run_beside_the_paper_and_its_variants(tmp_path):
    summaries = {
        "visium": write(tmp_path, "visium.tsv", visium_summary(0)),
        "visium-unscaled": write(tmp_path, "other.tsv", visium_summary(1)),
    }
    other = {"match": ["x", "", "z", ""], "by": ["ensembl", "", "symbol", ""]}
    other["reason"] = ["", "not measured", "", "2 genes of symbol XBP1: e7, e8"]
    alignments = [
        write(tmp_path, "V.1.alignment.tsv", alignment()),
        write(tmp_path, "V.2.alignment.tsv", alignment(**other)),
    ]
    html = tmp_path / "visium.html"
    write_visium_page(summaries, alignments, CLAIMS, html, experiment="densenet121")
    page = html.read_text(encoding="utf-8")
    total = rows_of(page, "In total")
    assert total[0] == ["Quantity", "Paper", "visium", "visium-unscaled", "What it is"]
    assert total[1][:-1] == ["Genes", "234", "234", "233"]
    assert ["Mean r", "0.33", "0.312", "0.312"] in [row[:-1] for row in total]
    assert rows_of(page, "By section, over its spots") == [
        ["Section", "Genes", "Mean r"],
        ["V.1", "230", "−0.200"],
    ]
    assert rows_of(page, "How genes were matched") == [
        ["Match", "V.1", "V.2"],
        ["by Ensembl id", "1", "1"],
        ["by symbol", "0", "1"],
        ["by alias", "1", "0"],
        ["no match", "2", "2"],
    ]
    assert rows_of(page, "Genes without a match, and why")[1:] == [
        ["not measured", "V.1, V.2", "1", "GNAS"],
        ["not measured", "V.1", "1", "e2"],
        ["2 genes of symbol XBP1: e7, e8", "V.2", "1", "XBP1"],
    ]


def test_visium_page_where_every_gene_was_matched(tmp_path):
    found = alignment(match="x", by="ensembl", reason="")
    paths = [write(tmp_path, "V.1.alignment.tsv", found)]
    summary = {"visium": write(tmp_path, "visium.tsv", visium_summary(0))}
    write_visium_page(summary, paths, CLAIMS, tmp_path / "page.html", experiment="densenet121")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert len(rows_of(page, "Genes without a match, and why")) == 1


def slide_table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "slide": [f"S{i}" for i in range(9)],
            "patient": [f"P{i}" for i in range(9)],
            "n_tiles": [0, 0, *[5] * 7],
            "magnification_from": ["", "mpp", "configured", *["mpp"] * 6],
            "refuted": [0, 0, 2, *[0] * 6],
            "unlike_training": ["", "", "stain,um_per_px", *["um_per_px"] * 6],
            "refused": ["S0.svs: damaged image; fetch it again", *[""] * 8],
        }
    )


def tcga_page(tmp_path: Path, table: pd.DataFrame, **summary) -> str:
    genes = pd.DataFrame(
        {
            "gene": ["e0", "e1", "e2"],
            "symbol": ["FASN", "GNAS", ""],
            "n_patients": [30, 30, 0],
            "pearson": [0.1, 0.5, np.nan],
            "p": [0.2, 0.001, np.nan],
            "p_bh": [0.2, 0.002, np.nan],
            "significant_positive": [False, True, False],
            "significant_negative": False,
        }
    )
    subtype = pd.DataFrame(
        [
            ("pseudobulk", 0.75, 0.6, 0.9, np.nan),
            ("pseudobulk_split_first", np.nan, np.nan, np.nan, "no gene follows bulk"),
            ("bulk", 1.0, np.nan, np.nan, np.nan),
        ],
        columns=["features", "auroc", "ci_low", "ci_high", "note"],
    ).assign(n_features=55, n_train=20, n_test=10, C=0.1, compared="20 IDC, 10 ILC; left out: 0")
    html = tmp_path / "tcga.html"
    write_tcga_page(
        write(tmp_path, "summary.tsv", quantities(**summary)),
        write(tmp_path, "subtype.tsv", subtype),
        write(tmp_path, "slides.tsv", table),
        write(tmp_path, "genes.tsv", genes),
        CLAIMS,
        html,
        source="demo-tcga",
        experiment="demo",
    )
    return html.read_text(encoding="utf-8")


def test_tcga_page_sets_the_run_beside_the_paper(tmp_path):
    page = tcga_page(tmp_path, slide_table(), slides="7", genes="2", significant_genes="", note="")
    total = [row[:-1] for row in rows_of(page, "In total")]
    assert ["Slides with tiles", "1,550", "7"] in total
    assert ["Genes with significant r > 0", "55", ""] in total
    subtypes = rows_of(page, "Classification of subtypes: AUROC")
    assert subtypes[1][1:4] == ["0.75 (0.60 to 0.90)", "0.83 (0.78 to 0.88)", "55"]
    assert subtypes[2][1:3] == ["", ""]
    assert subtypes[2][-1] == "no gene follows bulk"
    assert "<p>Subtypes: 20 IDC, 10 ILC; left out: 0. The paper" in page
    assert subtypes[3][1] == "1.00"
    by_r = rows_of(page, "Genes, by r")
    assert [row[0] for row in by_r] == ["Gene", "GNAS", "FASN", "e2"]
    assert by_r[1] == ["GNAS", "0.500", "0.001", "0.002", "✓", "", "30"]


def test_tcga_page_counts_and_names_slides_to_check(tmp_path):
    page = tcga_page(tmp_path, slide_table(), note="2 patients have tiles: r needs 3")
    assert "<p>2 patients have tiles: r needs 3.</p>" in page
    assert rows_of(page, "Slides to check")[1:] == [
        ["refused: S0.svs: damaged image; fetch it again", "1", "S0"],
        ["no tile has enough tissue", "1", "S1"],
        [WARNINGS["stain"], "1", "S2"],
        [WARNINGS["um_per_px"], "7", "S2, S3, S4, S5, S6, …"],
        ["file without a scale: the configured one was used", "1", "S2"],
        ["pre-pass was wrong about a tile: all tiles were read", "1", "S2"],
    ]


def test_tcga_page_without_slides_to_check(tmp_path):
    usual = slide_table()[2:].assign(unlike_training="", refuted=0, magnification_from="mpp")
    page = tcga_page(tmp_path, usual, note="")
    assert len(rows_of(page, "Slides to check")) == 1
