"""Claims are looked up in tables of results, and judged by their intervals and by chance."""

import math
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paper_tables import PAPER

from stnet.core.errors import InputError
from stnet.report.analyses import check_claims
from stnet.report.claim_rules import COLUMNS, COMPARISONS, limits_of
from stnet.report.claims import Finding, Value, look_up, read_claims
from stnet.report.ledger import make_ledger
from stnet.report.verdicts import judge


def claim_of(**columns):
    """A row of a table of claims."""
    row = dict.fromkeys(COLUMNS, "") | {"id": "a.b", "table": "t", "column": "value"} | columns
    (claim,) = pd.DataFrame([row]).itertuples()
    return claim


GENES = pd.DataFrame(
    {
        "gene": ["E1", "E2", "E3", "E4"],
        "symbol": ["A", "B", None, "D"],
        "stratum": ["all", "tumour", "tumour", "all"],
        "r": [0.1, 0.4, 0.3, None],
        "r_low": [0.0, 0.3, 0.2, None],
        "r_high": [0.2, 0.5, 0.4, None],
        "other_low": 0.05,
        "other_high": 0.15,
        "chance": 0.01,
        "kept": [True, False, False, True],
    }
)
SUMMARY = pd.DataFrame(
    {
        "quantity": ["p", "direction", "p_null", "note"],
        "value": ["0.02", "less", "0.4", "too few patients"],
        "ci_low": [math.nan, math.nan, 0.3, math.nan],
        "ci_high": [math.nan, math.nan, 0.5, math.nan],
        "unit": ["", "", "draws", ""],
    }
)


def test_a_number_with_its_interval_and_what_chance_gives():
    finding = look_up(
        claim_of(where="symbol=B", column="r", null="chance", how="of {stratum}, {r_low}"), GENES
    )
    assert finding.found == (0.4, 0.3, 0.5)
    assert finding.null.value == 0.01
    assert (finding.unit, finding.how) == ("patients", "of tumour, 0.3")
    named = look_up(
        claim_of(where="kept = True; symbol=A", column="r", interval="other", null="2"), GENES
    )
    assert named.found == (0.1, 0.05, 0.15)
    assert named.null.value == 2


def test_rows_are_chosen_by_conditions_and_rank():
    names = look_up(claim_of(order="1-2 of r", column="symbol"), GENES)
    assert names.found.value == "B,E3"
    second = look_up(claim_of(where="stratum=tumour", order="2 of r", column="r"), GENES)
    assert second.found.value == 0.3
    assert look_up(claim_of(where="r>0.2; r<=0.3", column="r"), GENES).found.value == 0.3
    for missing in ({"where": "symbol=X"}, {"order": "4 of r"}, {"where": "symbol=D"}):
        assert math.isnan(look_up(claim_of(**missing, column="r"), GENES).found.value)
    unknown = look_up(claim_of(where="symbol=X", column="r"), GENES)
    assert unknown.how == "table t has no symbol X; there are A, B, D"
    apart = look_up(claim_of(where="symbol=B; stratum=all", column="r"), GENES)
    assert apart.how == "table t has no stratum all where symbol=B; there are tumour"
    none = look_up(claim_of(where="symbol=B; r>0.5", column="r"), GENES)
    assert none.how == "table t has no row where symbol=B and r>0.5"
    assert look_up(claim_of(where="sybmol=B"), GENES).how.endswith("sybmol; is it symbol?")
    assert look_up(claim_of(where="x=1"), GENES).how == "table t has no column x"
    assert look_up(claim_of(order="1 of x"), GENES).how == "table t has no column x"
    assert look_up(claim_of(column="r"), GENES).how == "table t has 4 rows, of which none is chosen"
    text = look_up(claim_of(order="1 of stratum", column="r"), GENES)
    assert text.how == "table t has no row with 1 of stratum"
    half = look_up(claim_of(where="symbol=B", column="r"), GENES.assign(r_high=None))
    assert math.isnan(half.found.low)


def test_a_list_of_quantities_has_its_facts_in_other_rows():
    claim = claim_of(where="quantity=p", null="p_null", sign="direction=less", how="{direction}")
    finding = look_up(claim, SUMMARY)
    assert finding.found.value == 0.02
    assert finding.null == (0.4, 0.3, 0.5)
    assert (finding.opposed, finding.how) == (False, "less")
    assert look_up(claim._replace(sign="direction=more"), SUMMARY).opposed
    unmet = look_up(claim._replace(requires="n>3"), SUMMARY)
    assert math.isnan(unmet.found.value)
    assert unmet.how == "not judged without n>3"
    unknown = look_up(claim._replace(sign="direcion=less"), SUMMARY)
    assert unknown.how == "not judged: direcion=less has no value; is it direction?"
    unmet = look_up(claim._replace(requires="direcion=less"), SUMMARY)
    assert unmet.how == "not judged without direcion=less; is it direction?"
    other = look_up(claim._replace(sign="note=x", requires="p<0"), SUMMARY)
    assert other.how == "not judged without p<0"
    missing = look_up(claim, SUMMARY.replace("0.02", math.nan))
    assert missing.how == "too few patients"


@pytest.mark.parametrize(
    ("columns", "how"),
    [
        ({"where": "stratum=tumor"}, "table t has no stratum tumor; is it tumour?"),
        ({"where": "r>0.2; stratum=tumor"}, "no stratum tumor where r>0.2; is it tumour?"),
        ({"where": "strata=tumour"}, "table t has no column strata; is it stratum?"),
        ({"order": "1 of r_hihg"}, "table t has no column r_hihg; is it r_high"),
        ({"where": "symbol=B", "column": "r_hihg"}, "table t has no column r_hihg; is it r_high"),
    ],
)
def test_a_name_that_matches_nothing_is_said_with_those_close_to_it(columns, how):
    finding = look_up(claim_of(**{"column": "r"} | columns), GENES)
    assert math.isnan(finding.found.value)
    assert how in finding.how


def test_a_table_that_nothing_makes_is_refused_before_the_run(tmp_path, claims):
    path = tmp_path / "claims.tsv"
    claims.replace({"table": {"summary": "sumary"}}).to_csv(path, sep="\t", index=False)
    with pytest.raises(InputError, match=r": no table sumary; is it summary"):
        check_claims(path)
    claims.replace({"table": {"summary": "qqqq"}}).to_csv(path, sep="\t", index=False)
    with pytest.raises(InputError, match="no table qqqq; there are dataset, summary, genes"):
        check_claims(path)
    check_claims(tmp_path / "absent.tsv")


JUDGED = [
    ("equal", "23", "", (23,), None, "reproduced"),
    ("equal", "23", "", (22,), None, "differs"),
    ("absolute", "0.29", "0.05", (0.34,), None, "reproduced"),
    ("absolute", "0.29", "0.05", (0.3401,), None, "differs"),
    ("absolute", "0.29", "0.05", (0.36, 0.33, 0.39), None, "inconclusive"),
    ("absolute", "0.29", "0.05", (0.36, 0.35, 0.39), None, "differs"),
    ("absolute", "0.03", "0.05", (-0.02, -0.04, 0.01), (0,), "inconclusive"),
    ("absolute", "0.03", "0.05", (0.02, 0.01, 0.04), (0,), "reproduced"),
    ("absolute", "0.07", "0.05", (0.1,), (0.1, 0.08, 0.12), "inconclusive"),
    ("relative", "100", "0.15", (115,), None, "reproduced"),
    ("relative", "100", "0.15", (84.9,), None, "differs"),
    ("above", "", "0.5", (0.6, 0.51, 0.7), None, "reproduced"),
    ("above", "", "0.5", (0.6, 0.49, 0.7), None, "inconclusive"),
    ("above", "", "0.5", (0.4, 0.3, 0.5), None, "differs"),
    ("above", "", "0.5", (0.6,), None, "inconclusive"),
    ("above", "", "0.5", (0.9, 0.88, 0.92), (0.975, 0.96, 0.99), "differs"),
    ("above", "", "0.5", (0.9, 0.88, 0.92), (0.475, 0.46, 0.49), "reproduced"),
    ("above", "", "0", (0.3,), (0.37,), "differs"),
    ("below", "", "0", (-0.2, -0.3, -0.1), (-0.4, -0.5, -0.35), "differs"),
    ("absolute", "-0.1", "0.05", (-0.1,), None, "reproduced"),
    ("relative", "-0.1", "0.15", (-0.11,), None, "reproduced"),
    ("relative", "-0.1", "0.15", (-0.12,), None, "differs"),
    ("above", "", "0.5", (0.97, 0.95, 0.98), (0.975, 0.96, 0.99), "inconclusive"),
    ("above", "", "0.5", (0.86,), (0.77,), "reproduced"),
    ("above", "", "0.5", (0.77,), (0.77,), "inconclusive"),
    ("above", "", "0.5", (0.86,), (math.nan,), "inconclusive"),
    ("below", "", "0", (-0.2, -0.3, -0.1), None, "reproduced"),
    ("below", "", "0", (0.2, 0.1, 0.3), None, "differs"),
    ("below", "", "0", (-0.2, -0.3, 0.1), None, "inconclusive"),
    ("similar", "", "0.05", (0.01, -0.04, 0.05), None, "reproduced"),
    ("similar", "", "0.05", (0.01, -0.06, 0.05), None, "inconclusive"),
    ("similar", "", "0.05", (0.01,), None, "inconclusive"),
    ("similar", "", "0.05", (0.1, 0.06, 0.2), None, "differs"),
    ("at_most", "0.001", "", (0.001,), None, "reproduced"),
    ("at_most", "0.001", "", (0.0011,), None, "inconclusive"),
    ("at_most", "0.05", "0.005", (0.055,), None, "reproduced"),
    ("at_most", "0.001", "", (0.0001,), (0.2,), "inconclusive"),
    ("at_most", "0.001", "", (0.0001,), (0.01,), "reproduced"),
    ("names", "A,B,C,D,E", "3", ("C,B,X,A,Y",), None, "reproduced"),
    ("names", "A,B,C,D,E", "3", ("A,B,X,Y,Z",), None, "differs"),
]


def test_verdicts():
    wrong = []
    for comparison, value, margin, found, null, expected in JUDGED:
        claim = claim_of(comparison=comparison, value=value, margin=margin)
        finding = Finding(Value(*found), null=None if null is None else Value(*null))
        verdict = judge(claim, finding)
        if verdict.name != expected or not verdict.why:
            wrong.append((comparison, found, null, verdict))
    assert wrong == []


def test_a_small_p_in_the_other_direction_differs():
    claim = claim_of(comparison="at_most", value="0.001")
    assert judge(claim, Finding(Value(0.0001), opposed=True)).name == "differs"
    assert judge(claim, Finding(Value(0.2), opposed=True)).name == "inconclusive"


@pytest.mark.parametrize(
    ("column", "text", "message"),
    [
        ("comparison", "about", "comparison 'about' is not one of equal, absolute"),
        ("margin", "wide", "margin 'wide' is not a number"),
        ("value", "many", "value 'many' is not a number"),
        ("order", "first", "order 'first' is not like"),
        ("where", "symbol FASN", "'symbol FASN' is not a condition"),
        ("requires", "yes", "'yes' is not a condition"),
        ("where", "symbol==FASN", "'symbol==FASN' is not a condition"),
        ("id", "stnet.rmse", "stnet.rmse is repeated"),
        ("margin", "-0.1", "margin -0.1 is below 0"),
        ("margin", "inf", "margin 'inf' is not a number"),
        ("column", "symbol", "names and column symbol go together"),
        ("sign", "direction=less", "absolute has no sign; leave it empty"),
        ("order", "5-2 of r", "order '5-2 of r' is not like"),
        ("settled", "", "line 13: stnet.GNAS.median_r: settled is empty; fill it in"),
        ("column", "", "column is empty"),
        ("value", "inf", "value 'inf' is not a number"),
        ("null", ">inf", "null '>inf' is not a number"),
        ("margin", "2", "margin 2 accepts from -1.66 to 2.34, but median_pearson is from -1 to 1"),
        ("value", "34", "value 34 leaves nothing to judge: median_pearson is from -1 to 1"),
        ("null", "0.9", "null 0.9 is not between 0 and the value 0.34"),
        ("null", "0.34", "begin it with < or >"),
    ],
)
def test_bad_claims_are_named(tmp_path, claims, column, text, message):
    path = tmp_path / "claims.tsv"
    changed = claims.copy()
    changed.loc[changed["id"] == "stnet.GNAS.median_r", column] = text
    changed.to_csv(path, sep="\t", index=False)
    with pytest.raises(InputError, match=message):
        read_claims(path)


def test_a_missing_column_is_named(tmp_path, claims):
    claims.drop(columns="null").to_csv(tmp_path / "claims.tsv", sep="\t", index=False)
    with pytest.raises(InputError, match="no column null in its header"):
        read_claims(tmp_path / "claims.tsv")


OWN = [PAPER / "claims.tsv", *sorted((PAPER.parent / "claims").iterdir())]


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.parent.name + "/" + path.name)
def test_own_tables_of_claims_say_how_and_when(path):
    claims = read_claims(path)
    check_claims(path)
    for column in ("group", "quantity", "table", "settled"):
        assert (claims[column] != "").all(), column
    assert set(claims["comparison"]) >= {"above", "similar"}


def test_the_example_of_the_docs_is_evaluated(tmp_path):
    text = (PAPER.parents[1] / "docs/how-to/ledger.md").read_text(encoding="utf-8")
    path = tmp_path / "claims.tsv"
    path.write_text(text.split("```tsv\n")[1].split("```")[0], encoding="utf-8")
    check_claims(path)
    claims = read_claims(path)
    genes = pd.DataFrame({"gene": ["E1", "E2"], "symbol": ["FASN", "GNAS"]})
    genes = genes.assign(median_pearson=0.3, median_pearson_high=0.4)
    genes = genes.assign(n_consistent=[7, 5], n_patients=8)
    verdicts = {}
    for low in (0.2, 0.05):
        table = {"genes": genes.assign(median_pearson_low=low)}
        (row,) = make_ledger(claims, table, judged=True, rules={}).itertuples()
        verdicts[low] = row.verdict
        assert (row.found, row.ci_low, row.ci_high) == (0.3, low, 0.4)
        assert row.how == "median r over patients; r > 0 in 7 of 8"
    assert verdicts == {0.2: "reproduced", 0.05: "inconclusive"}
    for column in (*COLUMNS, "section", "note"):
        assert f"`{column}`" in text


def test_a_misspelt_interval_and_no_p_value_are_not_judged():
    misspelt = look_up(claim_of(where="symbol=B", column="r", interval="othr"), GENES)
    assert math.isnan(misspelt.found.value)
    assert misspelt.how.startswith("table t has no column othr_low; is it other_low")
    above = claim_of(where="symbol=B", column="r", comparison="at_most", value="0.05")
    assert look_up(above, GENES).found.value == 0.4
    no_p = look_up(above, GENES.assign(r=5.0))
    assert math.isnan(no_p.found.value)
    assert no_p.how == "r is 5, which is no P value"


def test_a_table_of_no_claims_is_refused(tmp_path):
    (tmp_path / "claims.tsv").write_text("\t".join(COLUMNS) + "\n")
    with pytest.raises(InputError, match=r"claims\.tsv: lists no claims; add a row"):
        read_claims(tmp_path / "claims.tsv")


def row_of(**columns):
    """A line of a table of claims on the r of a gene."""
    row = dict.fromkeys(COLUMNS, "") | {"id": "a.b", "group": "g", "quantity": "q", "settled": "s"}
    row |= {"table": "genes", "where": "symbol=A", "column": "median_pearson"} | columns
    return row


def write(path, *rows):
    path.write_text("\n".join("\t".join(cells) for cells in (COLUMNS, *rows)) + "\n")
    return path


# comparison, value, margin, null, column, and whether it is refused: what could contradict it?
OPEN = [
    ("similar", "", "2", "", "median_pearson", "accepts from -2 to 2, but median_pearson is from"),
    ("similar", "", "1", "", "mean_auroc", "mean_auroc is from 0 to 1"),
    ("similar", "", "2", "", "mean_r_gain", "mean_r_gain is from -2 to 2"),
    ("similar", "", "0.9", "", "median_pearson", ""),
    ("absolute", "0.5", "100", "0", "explained_left_out", ""),
    ("absolute", "0.5", "100", "", "explained_left_out", "margin 100 accepts from -99.5 to 100.5"),
    ("absolute", "0.5", "0.5", "", "auroc", "margin 0.5 accepts from 0 to 1"),
    ("absolute", "0.3", "0.4", "", "auroc", ""),
    ("absolute", "0.2", "3", "", "t", "t is any number"),
    ("absolute", "-0.2", "0.4", "", "t", "accepts from -0.6 to 0.2"),
    ("absolute", "-0.2", "0.1", "", "t", ""),
    ("relative", "0.3", "100", "", "r", "r is from -1 to 1"),
    ("relative", "102", "0.15", "", "n_consistent", ""),
    ("relative", "102", "1.5", "", "n_consistent", "n_consistent is at least 0"),
    ("absolute", "102", "1000", "0", "consistent_genes", "accepts from -898 to 1102"),
    ("above", "", "-1.5", "", "median_pearson", "margin -1.5 leaves nothing to judge"),
    ("above", "", "1", "", "median_pearson", "margin 1 leaves nothing to judge"),
    ("above", "", "0", "", "mean_auroc", ""),
    ("below", "", "0", "", "mean_auroc", "margin 0 leaves nothing to judge"),
    ("below", "", "0", "", "mean_auroc_difference", ""),
    ("similar", "", "1.5", "", "median_pearson_smooth_difference", ""),
    ("equal", "8", "", "", "n_patients_with_r", ""),
    ("above", "", "0.5", "1", "mean_auroc", "null 1 leaves nothing to judge"),
    ("above", "", "0.5", "<0.4", "mean_auroc", "null <0.4 is on the other side than above"),
    ("above", "", "0.5", "<chance", "mean_auroc", ""),
    ("above", "0.5", "0.5", "", "mean_auroc", "above has no value; leave it empty"),
    ("equal", "3", "1", "", "n_patients", "equal has no margin; leave it empty"),
    ("equal", "1.5", "", "", "median_pearson", "value 1.5 leaves nothing to judge"),
    ("absolute", "0.5", "0.05", "0.9", "median_pearson", "null 0.9 is not between 0 and the value"),
    ("absolute", "0.5", "0.05", "<0.9", "median_pearson", ""),
    ("absolute", "0.5", "0.05", "-0.9", "median_pearson", ""),
    ("absolute", "-0.5", "0.05", "-0.9", "median_pearson", "null -0.9 is not between 0 and"),
    ("absolute", "0.3", "0.05", "0.5", "auroc", "begin it with < or > for the side"),
    ("at_most", "5", "", "", "p", "value 5 is no limit of P"),
    ("at_most", "0.5", "0.5", "", "p", "value 0.5 with margin 0.5 is no limit of P"),
    ("at_most", "0.05", "", "0.01", "p", "null 0.01 is a number"),
    ("at_most", "0.05", "0.005", "p_null", "p", ""),
    ("names", "A,B", "0", "", "symbol", "margin 0 is not from 1 to 2"),
    ("names", "A,B", "3", "", "symbol", "margin 3 is not from 1 to 2"),
    ("names", "A,A,A", "2", "", "symbol", "margin 2 is not from 1 to 1"),
]


@pytest.mark.parametrize(("comparison", "value", "margin", "null", "column", "said"), OPEN)
def test_a_claim_that_nothing_contradicts_or_bears_out_is_refused(
    tmp_path, comparison, value, margin, null, column, said
):
    row = row_of(comparison=comparison, value=value, margin=margin, null=null, column=column)
    path = write(tmp_path / "claims.tsv", row.values())
    if not said:
        assert len(read_claims(path)) == 1
        return
    with pytest.raises(InputError) as refused:
        read_claims(path)
    assert said in str(refused.value)
    assert str(refused.value).startswith(f"{path} line 2: a.b: ")
    assert "\n" not in str(refused.value)


def test_a_rank_has_no_more_names_than_rows(tmp_path):
    row = row_of(comparison="names", value="A,B,C", margin="3", column="symbol", order="1-2 of r")
    with pytest.raises(InputError, match="margin 3 is not from 1 to 2"):
        read_claims(write(tmp_path / "claims.tsv", row.values()))


LIMITED = {"auroc": 1, "mean_r": 1, "mean_r_gain": 2, "ari_mean_both": 1, "purity_mean": 1}
LIMITED |= {"median_pearson_smooth": 1, "tumour.median_partial": 1, "mean_auroc.V1": 1, "p_t_bh": 1}
UNLIMITED = {"consistent_genes_bh", "n_patients", "tumour.claimed_genes", "spots_per_section_max"}
UNLIMITED |= {"n_patients_with_r", "predicted_total", "rmse"}


def test_possible_values_are_known_by_name():
    for name, most in LIMITED.items():
        assert limits_of(claim_of(where=f"quantity={name}"))[1] == most, name
        assert limits_of(claim_of(column=name))[1] == most, name
    for name in UNLIMITED:
        assert limits_of(claim_of(where=f"quantity={name}")) == (0, math.inf), name
    assert limits_of(claim_of(column="t")) == (-math.inf, math.inf)


def test_a_null_beyond_the_claim_is_no_support():
    claim = claim_of(comparison="absolute", value="0.5", margin="0.05", null="chance")
    for null, name in ((0.9, "inconclusive"), (0.2, "reproduced"), (-0.9, "reproduced")):
        assert judge(claim, Finding(Value(0.5), null=Value(null))).name == name
    below = claim._replace(null="<chance")
    assert judge(below, Finding(Value(0.5), null=Value(0.9))).name == "reproduced"


PLAIN = row_of(comparison="above", margin="0.1", null="0", how="of {n}", interval="ci")


@pytest.mark.parametrize(
    ("change", "text"),
    {
        "a trailing tab": lambda text: text.replace("\ts\n", "\ts\t\n"),
        "trailing tabs everywhere": lambda text: text.replace("\n", "\t\n"),
        "line ends and a mark": lambda text: "\ufeff" + text.replace("\n", "\r\n"),
        "quoted cells": lambda text: text.replace("symbol=A", '"symbol=A"'),
        "an empty row": lambda text: text + "\t\t\n\n",
        "a column of one's own": lambda text: text.replace("\n", "\tmine\n"),
    }.items(),
)
def test_a_table_of_one_meaning_is_read_alike(tmp_path, change, text):
    path = write(tmp_path / "claims.tsv", PLAIN.values())
    expected = read_claims(path)
    path.write_text(text(path.read_text()), newline="")
    pd.testing.assert_frame_equal(read_claims(path), expected, obj=change)


def test_a_missing_cell_is_noticed_whichever_it_is(tmp_path):
    for name in PLAIN:
        cells = [text for column, text in PLAIN.items() if column != name]
        path = write(tmp_path / "claims.tsv", cells)
        with pytest.raises(InputError, match=f"^{path}"):
            check_claims(path)


ODD = ["", "0", "-1", "2", "1e400", "nan", "inf", "<", "<0.5", ">-inf", "a=b", "==", ";", "symbol"]
ODD += ["p", "auroc", "1-2 of r", "0 of r", "A,,A", "1_0", "½", *COMPARISONS]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.dictionaries(st.sampled_from(COLUMNS), st.sampled_from(ODD), min_size=1, max_size=6))
def test_whatever_the_cells_hold_a_claim_is_read_or_refused_in_a_line(cells):
    with TemporaryDirectory() as folder:
        path = write(Path(folder) / "claims.tsv", (PLAIN | cells).values())
        refused = ""
        try:
            (claim,) = read_claims(path).itertuples()
        except InputError as error:
            refused = str(error)
    if refused:
        assert re.fullmatch(re.escape(str(path)) + r"( line 2)?: .+", refused)
        return
    found = look_up(claim._replace(table="t"), GENES.assign(median_pearson=0.3))
    if isinstance(found.found.value, str) or math.isfinite(found.found.value):
        assert judge(claim, found).why
    else:
        assert found.how


def test_a_quote_without_its_partner_names_its_line(tmp_path):
    path = write(tmp_path / "claims.tsv", (PLAIN | {"how": '"of {n}'}).values())
    with pytest.raises(InputError, match=r'line 2: a quote \("\) without its partner'):
        read_claims(path)
    misspelt = (
        write(tmp_path / "claims.tsv", PLAIN.values()).read_text().replace("settled", "setled")
    )
    path.write_text(misspelt)
    with pytest.raises(InputError, match="no column settled in its header"):
        read_claims(path)
