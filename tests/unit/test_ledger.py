from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from paper_tables import PAPER, N, colocalisation, published, published_external, summary_table

from stnet.core.errors import InputError
from stnet.report.analyses import ANSWERS
from stnet.report.claims import KINDS, agrees, margin_of, read_margins
from stnet.report.ledger import make_ledger, write_ledger
from stnet.report.page import page_table, short, write_page
from stnet.report.tables import (
    table_1,
    write_dataset_page,
    write_performance_page,
    write_table_1,
)

# Claims and margins


def test_every_claim_has_a_margin_and_every_margin_and_answer_a_claim(claims, margins):
    for claim in claims["id"]:
        margin_of(claim, margins)
    for pattern in [*margins["id"], *ANSWERS]:
        assert any(fnmatchcase(claim, pattern) for claim in claims["id"]), pattern


def test_a_margin_fits_its_claim(claims, margins):
    for claim in claims.itertuples():
        kind = margin_of(claim.id, margins)["kind"]
        assert (kind in ("above", "near_zero")) == (claim.value == "direction"), claim.id
        assert (kind == "list") == ("," in claim.value), claim.id


@pytest.mark.parametrize(
    ("kind", "margin", "paper", "inside", "outside"),
    [
        ("exact", "", "23", 23.0, 22.0),
        ("absolute", "0.05", "0.29", 0.34, 0.3401),
        ("absolute", "0.05", "0.31", 0.26, 0.2599),
        ("relative", "0.15", "100", 115.0, 115.1),
        ("relative", "0.15", "100", 85.0, 84.9),
        ("below", "0", "0.001", 0.001, 0.0011),
        ("list", "3", "A,B,C,D,E", "C,B,X,A,Y", "A,B,X,Y,Z"),
        ("above", "0.5", "direction", 0.51, 0.5),
        ("near_zero", "0.05", "direction", -0.05, -0.06),
    ],
)
def test_margins_hold_up_to_their_edge(kind, margin, paper, inside, outside):
    row = pd.Series({"kind": kind, "margin": margin})
    assert agrees(row, paper, inside)
    assert not agrees(row, paper, outside)
    assert kind in KINDS


def test_a_direction_needs_its_whole_interval():
    row = pd.Series({"kind": "above", "margin": "0"})
    assert agrees(row, "direction", 0.1, 0.01)
    assert not agrees(row, "direction", 0.1, -0.01)


def test_bad_margins_are_named(tmp_path, margins):
    path = tmp_path / "margins.tsv"
    path.write_text("id\tkind\tmargin\nstnet.*\tabout\t0.1\n")
    with pytest.raises(InputError, match=r"stnet\.\*: kind 'about' is not one of exact"):
        read_margins(path)
    path.write_text("id\tmargin\n")
    with pytest.raises(InputError, match="no column kind"):
        read_margins(path)
    with pytest.raises(InputError, match=r"none for the claim new\.claim"):
        margin_of("new.claim", margins)


# The ledger


def test_published_results_agree_with_every_claim_they_answer(claims, margins):
    ledger = make_ledger(claims, margins, published(claims), is_paper_cohort=True)
    assert ledger["id"].tolist() == claims["id"].tolist()
    assert ledger["paper"].tolist() == claims["value"].tolist()
    assert set(ledger["verdict"]) == {"agrees", "not evaluated"}
    answered = ledger[ledger["verdict"] == "agrees"].set_index("id")
    assert len(answered) == 7 + 1 + 2 + 5 * 3 + 2 + 2 + 2 + 1
    assert answered.loc["stnet.consistent_genes", "reproduced"] == "102"
    assert answered.loc["label.consistent_genes", "reproduced"] == "35"
    assert answered.loc["label.beaten", "reproduced"] == "245"
    assert answered.loc["stnet.top_genes", "reproduced"] == "GNAS,ACTG1,FASN,DDX5,XBP1"
    assert answered.loc["stnet.FASN.r_patient_rank11", "reproduced"] == "0.35"
    assert "P10" in answered.loc["stnet.FASN.r_patient_rank11", "how"]
    assert (answered["how"] != "").all()
    assert answered.loc["stnet.rmse", ["ci_low", "ci_high", "unit"]].tolist() == [
        *("0.29", "0.33", "patients")
    ]
    assert answered.loc["stnet.GNAS.consistent", ["ci_low", "ci_high"]].tolist() == ["20", "23"]
    assert not ledger.set_index("id").loc["stnet.GNAS.r_10x", "reproduced"]


def test_values_outside_their_margins_differ(claims, margins):
    tables = published(claims)
    tables["dataset"]["value"] += 1
    tables["genes"]["median_pearson"] -= 0.06
    tables["genes"]["n_consistent"] = 5
    tables["genes"]["symbol"] = tables["genes"]["symbol"].replace({"ACTG1": "X", "DDX5": "Y"})
    tables["summary"] = summary_table(
        **dict(zip(tables["summary"]["quantity"], tables["summary"]["value"], strict=True))
        | {"rmse": 0.37, "consistent_genes": 86, "fdr": 0.056, "median_pearson_smooth": 0.12}
    )
    tables["against_label"] = pd.DataFrame({"ahead": [True] * 200})
    ledger = make_ledger(claims, margins, tables, is_paper_cohort=True).set_index("id")
    for claim in (
        *("cohort.genes", "cohort.median_counts", "stnet.rmse", "stnet.consistent_genes"),
        *("stnet.GNAS.median_r", "stnet.GNAS.consistent", "stnet.fdr", "label.beaten"),
        "smooth.better",
    ):
        assert ledger.loc[claim, "verdict"] == "differs", claim
    # Three of the five are still among the first five.
    assert ledger.loc["stnet.top_genes", "verdict"] == "agrees"
    missing = ledger.loc["stnet.ACTG1.median_r"]
    assert missing["verdict"] == "not evaluated"
    assert missing["how"] == "ACTG1 is not among the target genes"


def test_another_cohort_is_not_judged(claims, margins):
    ledger = make_ledger(claims, margins, published(claims), is_paper_cohort=False)
    assert set(ledger["verdict"]) == {"other cohort", "not evaluated"}
    assert ledger.set_index("id").loc["cohort.patients", "verdict"] == "other cohort"


def test_without_labels_their_claims_are_not_evaluated(claims, margins):
    tables = published(claims)
    del tables["label_summary"], tables["against_label"]
    tables["patients"] = tables["patients"].head(11)
    ledger = make_ledger(claims, margins, tables, is_paper_cohort=True).set_index("id")
    for claim in ("label.consistent_genes", "label.beaten", "stnet.FASN.r_patient_rank12"):
        assert ledger.loc[claim, "verdict"] == "not evaluated"
    assert ledger.loc["stnet.FASN.r_patient_rank11", "verdict"] == "agrees"


# The external data

EXTERNAL = ["visium.*", "tcga.*", "colocalisation.*", "stnet.*.r_10x"]


def is_external(claim: str) -> bool:
    return any(fnmatchcase(claim, pattern) for pattern in EXTERNAL)


def test_published_external_results_agree_with_every_claim_of_them(claims, margins):
    tables = published(claims) | published_external(claims)
    ledger = make_ledger(claims, margins, tables, is_paper_cohort=True).set_index("id")
    external = ledger[ledger.index.map(is_external)]
    assert len(external) == 5 + 9 + 2 + 5
    assert set(external["verdict"]) == {"agrees"}
    assert (external["how"] != "").all()
    assert external["reproduced"].get("visium.median_counts") == "17531"
    assert external["reproduced"].get("stnet.XBP1.r_10x") == "0.54"
    assert external["reproduced"].get("tcga.significant_genes") == "55"
    image = external.loc["tcga.subtype_auroc.image"]
    assert image[["reproduced", "ci_low", "ci_high", "unit"]].tolist() == [
        *("0.81", "0.75", "0.87", "patients")
    ]
    assert image["how"] == "55 features; 560 training patients, 240 test patients"
    assert external["how"].get("colocalisation.tcga.p") == (
        "less than by chance: mean difference of z −0.02; paired t over 23 patients"
    )


def test_a_small_p_in_the_other_direction_differs(claims, margins):
    tables = {
        "colocalisation_st": colocalisation(0.0001, 0.1),
        "colocalisation_tcga": colocalisation(0.002, -0.1),
    }
    ledger = make_ledger(claims, margins, tables, is_paper_cohort=True).set_index("id")
    assert ledger.loc["colocalisation.st.p", "verdict"] == "differs"
    assert ledger.loc["colocalisation.st.p", "how"].startswith("more than by chance")
    assert ledger.loc["colocalisation.tcga.p", "verdict"] == "differs"


def test_tables_of_other_data_are_not_judged(claims, margins):
    tables = published(claims) | published_external(claims)
    other = ["visium", "visium_genes", "subtype"]
    ledger = make_ledger(claims, margins, tables, True, other).set_index("id")
    verdicts = ledger["verdict"]
    for claim in ("visium.genes", "stnet.GNAS.r_10x", "tcga.subtype_auroc.bulk"):
        assert verdicts[claim] == "other cohort", claim
    for claim in ("tcga.genes", "stnet.GNAS.median_r", "colocalisation.tcga.p"):
        assert verdicts[claim] == "agrees", claim
    # Networks trained on other data are not the paper's on any data.
    ledger = make_ledger(claims, margins, tables, is_paper_cohort=False).set_index("id")
    assert ledger.loc["visium.genes", "verdict"] == "other cohort"


def test_external_claims_say_why_they_are_not_evaluated(claims, margins):
    tables = published(claims) | published_external(claims)
    tables["visium_genes"] = tables["visium_genes"].query("gene != 'EFASN'")
    tables["genes"]["symbol"] = tables["genes"]["symbol"].replace("DDX5", "X")
    tables["subtype"] = tables["subtype"].query("features != 'image'").astype({"note": object})
    is_bulk = tables["subtype"]["features"] == "bulk"
    tables["subtype"].loc[is_bulk, "auroc"] = np.nan
    tables["subtype"].loc[is_bulk, "note"] = "no patient has bulk"
    tables["colocalisation_st"] = colocalisation(np.nan, np.nan, "no pair is left")
    ledger = make_ledger(claims, margins, tables, is_paper_cohort=True).set_index("id")
    for claim, why in {
        "stnet.FASN.r_10x": "FASN is not measured on Visium",
        "stnet.DDX5.r_10x": "DDX5 is not among the target genes",
        "tcga.subtype_auroc.image": "no image features",
        "tcga.subtype_auroc.bulk": "no patient has bulk",
        "colocalisation.st.p": "no pair is left",
    }.items():
        assert ledger.loc[claim, "verdict"] == "not evaluated", claim
        assert why in ledger.loc[claim, "how"]
    # Without the table of subtypes their claims are no numbers of the summary.
    del tables["subtype"]
    ledger = make_ledger(claims, margins, tables, is_paper_cohort=True).set_index("id")
    assert ledger.loc["tcga.subtype_auroc.bulk", "verdict"] == "not evaluated"


def write_tables(folder: Path, tables: dict[str, pd.DataFrame]) -> dict[str, Path]:
    paths = {name: folder / f"{name}.tsv" for name in tables}
    for name, path in paths.items():
        tables[name].to_csv(path, sep="\t", index=False)
    return paths


def test_ledger_is_written_as_table_and_page(tmp_path, claims):
    paths = write_tables(tmp_path, published(claims))
    paths |= {name: PAPER / f"{name}.tsv" for name in ("claims", "margins")}
    tsv, html = tmp_path / "ledger.tsv", tmp_path / "ledger.html"
    write_ledger(
        paths,
        tsv,
        html,
        cohort="stnet",
        main="densenet121",
        is_paper_cohort=True,
        rules={"summary": "performance"},
        other_data=["dataset"],
    )
    table = pd.read_csv(tsv, sep="\t", dtype=str, keep_default_na=False)
    assert table.columns.tolist() == [
        *("id", "section", "quantity", "paper", "reproduced"),
        *("ci_low", "ci_high", "unit", "verdict", "rule", "how"),
    ]
    page = html.read_text(encoding="utf-8")
    counts = table["verdict"].value_counts()
    assert counts["other cohort"] == 7
    assert f"agrees {counts['agrees']}, other cohort 7, not eval" in page
    assert page.count('<tr class="agrees">') == counts["agrees"]
    assert "✓ agrees" in page
    assert "src=" not in page
    assert "href=" not in page


# Table 1 and the pages


def test_table_1_has_the_papers_genes_then_this_runs(claims):
    genes = published(claims)["genes"]
    genes.loc[genes["symbol"] == "XBP1", "symbol"] = "GNAS"
    genes.loc[len(genes)] = {"gene": "Enew", "n_patients": N, "median_pearson": 0.9}
    table = table_1(genes, claims)
    five = ["GNAS", "ACTG1", "FASN", "DDX5", "XBP1"]
    assert table["gene"].tolist() == [*five, "Enew", *five[:4]]
    assert table["chosen_by"].tolist() == ["the paper"] * 5 + ["this run"] * 5
    paper = table[:5].set_index("gene")
    assert paper["paper_n_consistent"].tolist() == [23, 22, 23, 22, 21]
    assert paper["paper_median_pearson_smooth"].tolist() == [0.49, 0.5, 0.5, 0.52, 0.43]
    assert paper["paper_r_10x"].tolist() == [0.43, 0.47, 0.46, 0.51, 0.54]
    assert paper["n_consistent"].tolist()[:4] == [23, 22, 23, 22]
    assert paper["median_pearson"].round(2).tolist()[:4] == [0.34, 0.33, 0.31, 0.3]
    assert paper.loc["XBP1", ["n_patients", "n_consistent", "median_pearson"]].isna().all()
    assert table["r_10x"].isna().all()


def test_table_1_has_r_on_visium_for_both_blocks_of_genes(claims):
    genes = published(claims)["genes"]
    genes.loc[len(genes)] = {"gene": "Enew", "n_patients": N, "median_pearson": 0.9}
    visium = pd.DataFrame(
        {
            "gene": ["EGNAS", "Enew", "EFASN", "EFASN", "EFASN", "EXBP1", "other"],
            "patient": ["A", "A", "A", "B", "C", "A", "A"],
            "pearson": [0.4, 0.1, 0.3, 0.2, -0.5, np.nan, 0.9],
        }
    )
    table = table_1(genes, claims, visium)
    blocks = dict(iter(table.groupby("chosen_by")))
    found = {name: block.set_index("gene")["r_10x"] for name, block in blocks.items()}
    assert found["the paper"].dropna().to_dict() == {"GNAS": 0.4, "FASN": 0.2}
    assert found["this run"].dropna().to_dict() == {"Enew": 0.1, "GNAS": 0.4, "FASN": 0.2}
    assert table["paper_r_10x"].tolist()[:5] == [0.43, 0.47, 0.46, 0.51, 0.54]


def test_pages_show_what_the_tables_say(tmp_path, claims):
    tables = published(claims)
    steps = (
        "positions unselected no_counts off_image no_label kept near_edge used counts no_position"
    )
    drops = pd.DataFrame(
        {"quantity": [f"drops.{s}" for s in steps.split()], "value": range(9001, 9011)}
    )
    tables["dataset"] = pd.concat([tables["dataset"], drops])
    tables["sections"] = pd.DataFrame({"patient": ["BC1"], "section": ["BC1_C1"], "used": [321]})
    performance = [*("n_consistent_smooth", "p_holm", "p_t_bh", "median_spearman")]
    performance += [*("mean_auroc", "rmse", "median_partial", "median_depth")]
    performance += [*("mean_auroc_partial", "mean_auroc_depth", "n_consistent_partial")]
    performance += ["consistent_partial"]
    tables["genes"] = tables["genes"].assign(**dict.fromkeys(performance, 0.5), consistent=True)
    paths = write_tables(tmp_path, tables)
    html = tmp_path / "page.html"
    write_dataset_page(paths["dataset"], paths["sections"], html, "stnet")
    page = html.read_text(encoding="utf-8")
    for words in (
        "26,949",
        "without counts",
        "BC1_C1",
        "321",
        *(f"9,{i:03}" for i in range(1, 11)),
    ):
        assert words in page
    write_performance_page(
        paths["summary"], paths["genes"], html, experiment="densenet121", stratum="all"
    )
    page = html.read_text(encoding="utf-8")
    assert page.index("GNAS") < page.index("ACTG1") < page.index("XBP1")
    assert "Holm &lt;= 0.1" in page
    write_table_1(paths["genes"], PAPER / "claims.tsv", tmp_path / "1.tsv", html, "densenet121")
    page = html.read_text(encoding="utf-8")
    assert page.count("GNAS") == 2
    assert "0.50" in page
    assert len(pd.read_csv(tmp_path / "1.tsv", sep="\t")) == 10
    visium = write_tables(tmp_path, published_external(claims))["visium_genes"]
    claims_file = PAPER / "claims.tsv"
    write_table_1(paths["genes"], claims_file, tmp_path / "1.tsv", html, "densenet121", visium)
    assert html.read_text(encoding="utf-8").count('<td class="number">0.54</td>') == 4


def test_page_escapes_and_aligns(tmp_path):
    table = pd.DataFrame(
        {"<a>": ["x & y", None], "n": [1234.0, np.nan], "t": ["1,234", ""], "c": [True, False]}
    )
    shown = page_table(table, "A < B", ["agrees", ""])
    write_page(tmp_path / "p.html", "T", ["a < b"], [shown])
    text = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert "<h2>A &lt; B</h2>" in text
    assert "<th>&lt;a&gt;</th>" in text
    assert "<td>x &amp; y</td>" in text
    assert '<td class="number">1,234</td><td class="number">1,234</td><td>✓</td>' in text
    assert '<td></td><td class="number"></td><td class="number"></td><td></td>' in text
    assert "<p>a &lt; b</p>" in text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *[(23.0, "23"), (30612, "30,612"), (0.33871, "0.339"), (3426.5, "3,426.5")],
        *[(2.4e-5, "2.4e-05"), (float("nan"), ""), ("0.50", "0.5"), ("A, B", "A, B")],
    ],
)
def test_numbers_are_short(value, text):
    assert short(value) == text
