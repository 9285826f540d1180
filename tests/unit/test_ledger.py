import re
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from paper_tables import PAPER, N, colocalisation, published, published_external, summary_table

from stnet.evaluation.consistency import benjamini_hochberg, binomial_p, holm
from stnet.report.axis import Marks, axes_of, marks_of
from stnet.report.ledger import make_ledger, write_ledger
from stnet.report.tables import (
    table_1,
    write_dataset_page,
    write_performance_page,
    write_table_1,
)

# The ledger


def ledger_of(claims, tables, *, judged=True, other_data=()):
    rules = {name: f"rule of {name}" for name in tables}
    ledger = make_ledger(claims, tables, judged=judged, rules=rules, other_data=other_data)
    return ledger.set_index("id")


def test_published_results_reproduce_every_claim_they_answer(claims):
    ledger = ledger_of(claims, published(claims))
    assert ledger.index.tolist() == claims["id"].tolist()
    assert ledger["claimed"].tolist() == claims["value"].tolist()
    assert set(ledger["verdict"]) == {"reproduced", "not evaluated"}
    answered = ledger[ledger["verdict"] == "reproduced"]
    assert len(answered) == 7 + 1 + 2 + 5 * 3 + 1 + 2 + 1 + 1
    assert answered.loc["stnet.consistent_genes", "found"] == 102
    assert answered.loc["label.consistent_genes", "found"] == 35
    assert answered.loc["stnet.top_genes", "found"] == "GNAS,ACTG1,FASN,DDX5,XBP1"
    assert answered.loc["stnet.FASN.r_patient_rank11", "found"] == 0.35
    assert "P10" in answered.loc["stnet.FASN.r_patient_rank11", "how"]
    assert (answered["how"] != "").all()
    assert (answered["why"] != "").all()
    rmse = answered.loc["stnet.rmse", ["ci_low", "ci_high", "unit"]]
    assert rmse.tolist() == [0.29, 0.33, "patients"]
    assert answered.loc["stnet.GNAS.consistent", ["ci_low", "ci_high"]].tolist() == [20, 23]
    assert ledger["found"].isna()["stnet.GNAS.r_10x"]


def test_published_genes_by_benjamini_hochberg(claims):
    """205 genes; the paper's 102 are by Holm."""
    counts = published(claims)["genes"]["n_consistent"]
    p = binomial_p(counts, np.full(len(counts), N))
    assert (benjamini_hochberg(p) <= 0.05).sum() == 205
    assert (holm(p) <= 0.1).sum() == 102


def test_values_outside_their_margins_differ(claims):
    tables = published(claims)
    tables["dataset"]["value"] += 1
    for end in ("", "_low", "_high"):
        tables["genes"][f"median_pearson{end}"] -= 0.2
    tables["genes"][["n_consistent", "wilson_low", "wilson_high"]] = 5, 2, 9
    tables["genes"]["symbol"] = tables["genes"]["symbol"].replace({"ACTG1": "X", "DDX5": "Y"})
    values = dict(zip(tables["summary"]["quantity"], tables["summary"]["value"], strict=True))
    values |= {"rmse": 0.37, "consistent_genes": 86}
    tables["summary"] = summary_table(**values)
    is_rmse = tables["summary"]["quantity"] == "rmse"
    tables["summary"].loc[is_rmse, ["ci_low", "ci_high"]] = 0.361, 0.38
    ledger = ledger_of(claims, tables)
    for claim in (
        *("cohort.genes", "cohort.median_counts", "stnet.rmse", "stnet.consistent_genes"),
        *("stnet.GNAS.median_r", "stnet.GNAS.consistent"),
    ):
        assert ledger.loc[claim, "verdict"] == "differs", claim
    # Three of the five are still among the first five.
    assert ledger.loc["stnet.top_genes", "verdict"] == "reproduced"
    missing = ledger.loc["stnet.ACTG1.median_r"]
    assert missing["verdict"] == "not evaluated"
    assert missing["why"].startswith("table genes has no symbol ACTG1")


def test_another_cohort_is_not_judged(claims):
    ledger = ledger_of(claims, published(claims), judged=False)
    assert set(ledger["verdict"]) == {"other cohort", "not evaluated"}
    assert ledger.loc["cohort.patients", "verdict"] == "other cohort"


def test_a_rule_that_makes_a_claim_true_leaves_it_unjudged(claims):
    tables = published(claims)
    tables["summary"] = tables["summary"].replace("holm", "t")
    ledger = ledger_of(claims, tables)
    assert ledger.loc["stnet.fdr", "verdict"] == "not evaluated"
    assert "consistency_rule=holm" in ledger.loc["stnet.fdr", "why"]


def test_without_a_table_its_claims_are_not_evaluated(claims):
    tables = published(claims)
    del tables["label_summary"]
    tables["patients"] = tables["patients"].head(10)
    ledger = ledger_of(claims, tables)
    for claim in ("label.consistent_genes", "label.beaten", "stnet.FASN.r_patient_rank11"):
        assert ledger.loc[claim, "verdict"] == "not evaluated"
    assert ledger.loc["label.beaten", "why"] == "no table comparison in this run"


# The external data

EXTERNAL = ["visium.*", "tcga.*", "colocalisation.*", "stnet.*.r_10x"]


def is_external(claim: str) -> bool:
    return any(fnmatchcase(claim, pattern) for pattern in EXTERNAL)


def test_published_external_results_reproduce_every_claim_of_them(claims):
    ledger = ledger_of(claims, published(claims) | published_external(claims))
    external = ledger[ledger.index.map(is_external)]
    assert len(external) == 5 + 9 + 2 + 5
    assert set(external["verdict"]) == {"reproduced"}
    assert (external["how"] != "").all()
    found = external["found"]
    assert found["visium.median_counts"] == 17531
    assert found["stnet.XBP1.r_10x"] == 0.54
    assert found["tcga.significant_genes"] == 55
    image = external.loc["tcga.subtype_auroc.image"]
    assert image[["found", "ci_low", "ci_high", "unit"]].tolist() == [0.81, 0.75, 0.87, "patients"]
    assert image["how"] == "55 features; 560 training patients, 240 test patients"
    assert (
        external["how"]
        .get("colocalisation.tcga.p")
        .startswith("less than by chance: mean difference of z -0.02; paired t over 23 patients")
    )


def test_a_small_p_in_the_other_direction_differs(claims):
    tables = {
        "colocalisation_st": colocalisation(0.0001, 0.1),
        "colocalisation_tcga": colocalisation(0.002, -0.1),
    }
    ledger = ledger_of(claims, tables)
    assert ledger.loc["colocalisation.st.p", "verdict"] == "differs"
    assert ledger.loc["colocalisation.st.p", "how"].startswith("more than by chance")
    assert ledger.loc["colocalisation.tcga.p", "verdict"] == "inconclusive"


def test_tables_of_other_data_are_not_judged(claims):
    tables = published(claims) | published_external(claims)
    other = ["visium", "visium_genes", "subtype"]
    verdicts = ledger_of(claims, tables, other_data=other)["verdict"]
    for claim in ("visium.genes", "stnet.GNAS.r_10x", "tcga.subtype_auroc.bulk"):
        assert verdicts[claim] == "other cohort", claim
    for claim in ("tcga.genes", "stnet.GNAS.median_r", "colocalisation.tcga.p"):
        assert verdicts[claim] == "reproduced", claim


def test_external_claims_say_why_they_are_not_evaluated(claims):
    tables = published(claims) | published_external(claims)
    tables["visium_genes"] = tables["visium_genes"].query("symbol != 'FASN'")
    tables["subtype"] = tables["subtype"].query("features != 'image'").astype({"note": object})
    is_bulk = tables["subtype"]["features"] == "bulk"
    tables["subtype"].loc[is_bulk, "auroc"] = np.nan
    tables["subtype"].loc[is_bulk, "note"] = "no patient has bulk"
    tables["colocalisation_st"] = colocalisation(np.nan, np.nan, "no pair is left")
    ledger = ledger_of(claims, tables)
    for claim, why in {
        "stnet.FASN.r_10x": "table visium_genes has no symbol FASN",
        "tcga.subtype_auroc.image": "table subtype has no features image",
        "tcga.subtype_auroc.bulk": "no patient has bulk",
        "colocalisation.st.p": "no pair is left",
    }.items():
        assert ledger.loc[claim, "verdict"] == "not evaluated", claim
        assert why in ledger.loc[claim, "why"]


def write_tables(folder: Path, tables: dict[str, pd.DataFrame]) -> dict[str, Path]:
    paths = {name: folder / f"{name}.tsv" for name in tables}
    for name, path in paths.items():
        tables[name].to_csv(path, sep="\t", index=False)
    return paths


def test_ledger_is_written_as_table_and_page(tmp_path, claims):
    tables = published(claims) | published_external(claims)
    tables["dataset"]["value"] = tables["dataset"]["value"] + 1
    tsv, html = tmp_path / "ledger.tsv", tmp_path / "ledger.html"
    write_ledger(
        PAPER / "claims.tsv",
        write_tables(tmp_path, tables),
        tsv,
        html,
        about={"title": "Claims & results", "about": "Of a test.", "main": "densenet121"},
        judged=True,
        rules={"summary": "performance"},
        other_data=["subtype"],
    )
    table = pd.read_csv(tsv, sep="\t")
    page = html.read_text(encoding="utf-8")
    assert "<h1>Claims &amp; results</h1>" in page
    for verdict, count in table["verdict"].value_counts().items():
        style = verdict.replace(" ", "-")
        assert page.count(f'<span class="verdict {style}">') == count
        assert re.search(rf'<li class="{style}"><b>. {count}</b>', page), verdict
    assert page.count("viewBox") == page.count("<circle") - 1 > 30
    # A page of its own: no script, and nothing from elsewhere.
    assert not re.search("<script|src=|href=|url\\(", page)


def test_the_terminal_and_the_page_say_which_claims_have_no_value(tmp_path, claims, caplog):
    tables = published(claims)
    tables["genes"]["symbol"] = tables["genes"]["symbol"].replace("FASN", "FASM")
    html = tmp_path / "ledger.html"
    about = {"title": "T", "about": "", "main": "m"}
    paths = write_tables(tmp_path, tables)
    keys = {"about": about, "judged": True, "rules": {}}
    write_ledger(PAPER / "claims.tsv", paths, tmp_path / "l.tsv", html, **keys)
    lost = pd.read_csv(tmp_path / "l.tsv", sep="\t").query("verdict == 'not evaluated'")
    said = f"{len(lost)} of {len(claims)} claims could not be evaluated: stnet.FASN."
    assert said in caplog.text
    assert "(table genes has no symbol FASN; is it FASM" in caplog.text
    assert said in html.read_text(encoding="utf-8")
    caplog.clear()
    facts = claims[claims["id"].isin(["cohort.patients", "cohort.genes"])]
    facts.to_csv(tmp_path / "facts.tsv", sep="\t", index=False)
    write_ledger(tmp_path / "facts.tsv", paths, tmp_path / "l.tsv", html, **keys)
    assert not caplog.text
    assert "could not" not in html.read_text(encoding="utf-8")


def test_claims_of_one_column_share_an_axis(tmp_path, claims):
    of_genes = claims[claims["id"].str.fullmatch(r"stnet\.\w+\.median_r")]
    ledger = ledger_of(of_genes, published(claims)).reset_index()
    rows = zip(of_genes.itertuples(), ledger.itertuples(), strict=True)
    axes = axes_of([marks_of(*pair) for pair in rows])
    assert len({(axis.least, axis.most) for axis in axes}) == 1
    places = [axis.marks.found for axis in axes]
    assert places == sorted(places, reverse=True)
    for axis, row in zip(axes, ledger.itertuples(), strict=True):
        share = (row.found - axis.least) / (axis.most - axis.least)
        assert axis.marks.found == pytest.approx(10 + 220 * share, abs=0.06)
        assert axis.marks.interval[0] < axis.marks.found < axis.marks.interval[1]


def test_an_axis_ends_where_values_are_not_possible():
    accepted = Marks(1.0, (0.95, 1.03), None, (0.9, float("inf")), (0.5, 0.5))
    (open_,), (axis,) = axes_of([accepted]), axes_of([accepted], (0, 1))
    assert open_.most > 1.03
    assert (axis.least, axis.most) == (0.5, 1)
    assert axis.marks.interval[1] == axis.marks.accepted[1] == axis.marks.found == 230
    counts = Marks(0.0, None, 0.0, (0, 0), None)
    assert axes_of([counts], (0, float("inf")))[0].least == 0


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
    tables["sections"] = pd.DataFrame(
        {
            **{"patient": ["BC1", "BC2"], "section": ["BC1_C1", "BC2_C1"], "used": [321, 320]},
            **{"pct_on_tissue": [90, 95], "warnings": ["", "mirrored"]},
        }
    )
    performance = [*("n_consistent_smooth", "p_holm", "p_t_bh", "median_spearman")]
    performance += [*("mean_auroc", "rmse", "median_partial", "median_depth")]
    performance += [*("mean_auroc_partial", "mean_auroc_depth", "n_consistent_partial")]
    performance += ["consistent_partial"]
    tables["genes"] = tables["genes"].assign(**dict.fromkeys(performance, 0.5), consistent=True)
    paths = write_tables(tmp_path, tables)
    html = tmp_path / "page.html"
    write_dataset_page(paths["dataset"], paths["sections"], html, "stnet")
    page = html.read_text(encoding="utf-8")
    assert page.index("BC2_C1") < page.index("mirrored") < page.index("BC1_C1")
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
    assert "Holm ≤ 0.1" in page
    write_table_1(paths["genes"], PAPER / "claims.tsv", tmp_path / "1.tsv", html, "densenet121")
    page = html.read_text(encoding="utf-8")
    assert page.count("GNAS") == 2
    assert "0.50" in page
    assert len(pd.read_csv(tmp_path / "1.tsv", sep="\t")) == 10
    by_gene = published_external(claims)["visium_genes"]
    by_patient = by_gene.assign(gene="E" + by_gene["symbol"], patient="A")
    by_patient = by_patient.rename(columns={"median_pearson": "pearson"})
    visium = write_tables(tmp_path, {"visium": by_patient})["visium"]
    claims_file = PAPER / "claims.tsv"
    write_table_1(paths["genes"], claims_file, tmp_path / "1.tsv", html, "densenet121", visium)
    assert html.read_text(encoding="utf-8").count('<td class="number">0.54</td>') == 4
