"""Finding a model's genes in another cohort."""

import numpy as np
import pandas as pd
import pytest

from stnet.expression.gene_matching import align
from stnet.expression.genes import read_gene_table

NO_TABLE = read_gene_table(None)
HGNC = (
    "hgnc_id\tsymbol\tensembl_gene_id\talias_symbol\tprev_symbol\n"
    "1\tFASN\tENSG01\tFAS|SDR27X1\t\n"
    "2\tFAS\tENSG02\tCD95\tAPT1\n"
    "3\tCCN1\tENSG03\tGIG1\tCYR61\n"
    "4\tONE\tENSG04\tTWICE\tOLD\n"
    "5\tTWO\tENSG05\tTWICE\tOLD\n"
    "6\tNOID\t\tLOST\t\n"
)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("genes") / "hgnc.tsv"
    path.write_text(HGNC)
    return read_gene_table(path)


def genes(**named: tuple[str, str]) -> pd.DataFrame:
    """Genes by id, each a symbol and an Ensembl id."""
    return pd.DataFrame(named.values(), list(named), columns=["symbol", "ensembl"])


def found(model, own, table=NO_TABLE):
    """Match, means and reason of the model's only gene."""
    aligned = align(model, own, table)
    assert list(aligned.columns) == ["gene", "symbol", "match", "by", "reason"]
    assert list(aligned["gene"]) == list(model.index)
    assert list(aligned["symbol"]) == list(model["symbol"])
    assert ((aligned["match"] == "") == (aligned["by"] == "")).all()
    assert ((aligned["match"] == "") != (aligned["reason"] == "")).all()
    return aligned.loc[0, ["match", "by", "reason"]].to_list()


def test_the_ensembl_id_comes_first():
    own = genes(a=("X", "ENSG01"), b=("FASN", "ENSG09"))
    assert found(genes(m=("FASN", "ENSG01")), own) == ["a", "ensembl", ""]


@pytest.mark.parametrize(("model", "own"), [("ENSG01.3", "ENSG01"), ("ENSG01", "ENSG01.14")])
def test_versions_are_no_part_of_an_id(model, own):
    assert found(genes(m=("", model)), genes(a=("", own))) == ["a", "ensembl", ""]


def test_a_symbol_finds_what_the_id_does_not(table):
    own = genes(a=("FASN", "ENSG91"), b=("", "ENSG92"))
    for names in (NO_TABLE, table):
        assert found(genes(m=("FASN", "ENSG01")), own, names) == ["a", "symbol", ""]


@pytest.mark.parametrize(
    ("model", "own"),
    [
        (("FASN", "ENSG01"), ("SDR27X1", "ENSG91")),  # an alias there
        (("CCN1", "ENSG03"), ("CYR61", "")),  # a previous symbol there
        (("CYR61", ""), ("CCN1", "ENSG91")),  # here
        (("CYR61", "ENSG92"), ("GIG1", "ENSG91")),  # on both sides
        (("LOST", ""), ("NOID", "ENSG91")),  # of a gene without an Ensembl id
        (("CYR61", "ENSG92"), ("X", "ENSG03")),  # the table knows its id
    ],
)
def test_older_names_are_found_through_the_table_on_either_side(table, model, own):
    own = genes(a=own, b=("FAS", "ENSG02"))
    assert found(genes(m=model), own, table) == ["a", "alias", ""]
    assert found(genes(m=model), own)[0] == ""


def test_names_are_compared_as_what_their_ids_say_they_are(table):
    # FAS is an alias of FASN, and a gene itself.
    assert found(genes(m=("FASN", "ENSG01")), genes(a=("FAS", "ENSG02")), table)[0] == ""
    assert found(genes(m=("FASN", "ENSG01")), genes(a=("FAS", "ENSG91")), table)[0] == ""
    # What another annotation calls FASN has the id of FAS.
    assert found(genes(m=("FASN", "ENSG01")), genes(a=("FASN", "ENSG02")), table)[0] == ""
    assert found(genes(m=("FAS", "ENSG93")), genes(a=("FASN", "ENSG02")), table)[0] == "a"


def test_what_is_not_there_is_not_measured(table):
    for names in (NO_TABLE, table):
        assert found(genes(m=("FASN", "ENSG01")), genes(a=("", "ENSG03")), names) == [
            *["", ""],
            "not measured",
        ]


def test_ambiguous_names_have_no_identity(table):
    model = genes(**{"__ambiguous[ENSG01+ENSG02]": ("", "")})
    own = genes(**{"__ambiguous[ENSG01+ENSG02]": ("", ""), "a": ("", "ENSG01")})
    assert found(model, own, table) == ["", "", "its name is of no single gene"]


@pytest.mark.parametrize(
    ("own", "reason"),
    [
        (
            {"a": ("", "ENSG01.1"), "b": ("FASN", "ENSG01.2")},
            "2 genes of Ensembl id ENSG01: a, b",
        ),
        (
            {"a": ("FASN", "ENSG91"), "b": ("FASN", ""), "c": ("FASN", "ENSG92")},
            "3 genes of symbol FASN: a, b, c",
        ),
        (
            {"a": ("SDR27X1", "ENSG91"), "b": ("SDR27X1", "ENSG92")},
            "2 genes of approved symbol FASN: a, b",
        ),
    ],
)
def test_several_candidates_are_none_and_are_named(table, own, reason):
    assert found(genes(m=("FASN", "ENSG01")), genes(**own), table) == ["", "", reason]


def test_a_name_that_was_several_genes_is_none_of_them(table):
    assert found(genes(m=("TWICE", "")), genes(a=("ONE", "ENSG04")), table) == [
        *["", ""],
        "TWICE may be any of ONE, TWO",
    ]
    assert found(genes(m=("ONE", "ENSG04")), genes(a=("OLD", "ENSG91")), table) == [
        *["", ""],
        "the name of a may be its or another gene's",
    ]
    assert found(genes(m=("ONE", "ENSG94")), genes(a=("OLD", "ENSG05")), table)[2] == "not measured"
    # Its id says which it is.
    assert found(genes(m=("ONE", "ENSG94")), genes(a=("OLD", "ENSG04")), table)[1] == "alias"


@pytest.mark.parametrize(
    ("model", "own", "shared"),
    [
        ({"m": ("A", "ENSG01.1"), "n": ("B", "ENSG01.2")}, ("X", "ENSG01"), "Ensembl id"),
        ({"m": ("CCN1", ""), "n": ("CCN1", "ENSG92")}, ("CCN1", "ENSG91"), "symbol"),
        ({"m": ("CCN1", ""), "n": ("GIG1", "ENSG92")}, ("CYR61", ""), "approved symbol"),
    ],
)
def test_two_claims_of_one_gene_are_none(table, model, own, shared):
    aligned = align(genes(**model), genes(a=own), table)
    assert set(aligned["match"]) == set(aligned["by"]) == {""}
    assert set(aligned["reason"]) == {f"2 genes of the model have a's {shared}: m, n"}


def test_a_better_claim_of_a_gene_wins(table):
    model = genes(m=("CYR61", "ENSG92"), n=("CCN1", "ENSG03"), o=("CCN1", ""))
    aligned = align(model, genes(a=("CCN1", "ENSG03")), table)
    assert aligned[["match", "by"]].to_numpy().tolist() == [["", ""], ["a", "ensembl"], ["", ""]]
    assert list(aligned["reason"]) == [
        "a, of its approved symbol, is the match of n",
        "",
        "a, of its symbol, is the match of n",
    ]


def test_a_contested_gene_is_no_one_s_by_a_lesser_name():
    model = genes(m=("A", "ENSG01"), n=("B", "ENSG01.2"), o=("X", ""))
    aligned = align(model, genes(a=("X", "ENSG01")), NO_TABLE)
    assert list(aligned["match"]) == ["", "", ""]
    assert aligned.loc[2, "reason"] == "a, of its symbol, is the match of m, n"


def test_a_model_is_aligned_with_a_genome(table):
    own = pd.DataFrame(
        {"symbol": [f"S{n}" for n in range(60_000)], "ensembl": [f"E{n}" for n in range(60_000)]}
    ).set_axis([f"i{n}" for n in range(60_000)])
    rows = np.random.default_rng(0).choice(60_000, 250, replace=False)
    model = own.iloc[rows].copy()
    model.iloc[100:, 1] = "other"
    aligned = align(model, own, table)
    assert list(aligned["match"]) == list(model.index)
    assert list(aligned["by"]) == ["ensembl"] * 100 + ["symbol"] * 150
