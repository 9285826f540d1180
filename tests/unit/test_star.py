import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stnet.cohorts.star import read_star
from stnet.core.errors import InputError

# As the GDC writes it.
HEADER = (
    "gene_id\tgene_name\tgene_type\tunstranded\tstranded_first\tstranded_second\t"
    "tpm_unstranded\tfpkm_unstranded\tfpkm_uq_unstranded\n"
)
COUNTS = "".join(
    f"N_{name}\t\t\t{n}\t{n}\t{n}\t\t\t\n"
    for n, name in enumerate(["unmapped", "multimapping", "noFeature", "ambiguous"], start=1000)
)
GENES = (
    "ENSG00000000003.15\tTSPAN6\tprotein_coding\t1234\t600\t634\t12.3456\t4.5678\t5.6789\n"
    "ENSG00000002586.20\tCD99\tprotein_coding\t9\t4\t5\t100.5\t33.25\t40.1\n"
    'ENSG00000000005.6\t"NA\tprotein_coding\t0\t0\t0\t0.0000\t0.0000\t0.0000\n'
    "ENSG00000002586.20_PAR_Y\tCD99\tprotein_coding\t0\t0\t0\t0.0000\t0.0000\t0.0000\n"
)
TABLE = "# gene-model: GENCODE v36\n" + HEADER + COUNTS + GENES


@pytest.fixture
def path(tmp_path):
    return tmp_path / "star.tsv"


def refusal(path, text: str) -> str:
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read_star(path)
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    return message


def test_genes_have_fpkm_and_ids_without_version(path):
    path.write_text(TABLE)
    table = read_star(path)
    assert list(table.index) == ["ENSG00000000003", "ENSG00000002586", "ENSG00000000005"]
    assert list(table.columns) == ["gene_name", "fpkm_unstranded"]
    assert list(table["gene_name"]) == ["TSPAN6", "CD99", '"NA']
    assert table["fpkm_unstranded"].dtype == np.float64
    # CD99 is that of X, not the row of Y that follows.
    assert list(table["fpkm_unstranded"]) == [4.5678, 33.25, 0.0]


def test_comment_and_other_columns_do_not_matter(path):
    path.write_text("# one\n# two\n" + TABLE)
    whole = read_star(path)
    lines = [line.rstrip("\n").split("\t") for line in (HEADER + GENES).splitlines()]
    path.write_text("".join("\t".join([f[7], f[1], f[0]]) + "\n" for f in lines))
    assert read_star(path).equals(whole)


def test_every_cut_is_noticed(path):
    """A table that is cut off anywhere within a gene's row, or before."""
    for length in range(0, len(TABLE), 3):
        if TABLE[:length].endswith("\n") and length > TABLE.index("ENSG"):
            continue  # whole rows: only the hash of the file shows that there were more
        refusal(path, TABLE[:length])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TABLE.replace("fpkm_unstranded", "fpkm"), "no column fpkm_unstranded; use a table"),
        (TABLE.replace("gene_id\tgene_name", "id\tname"), "no column gene_id, gene_name;"),
        (
            TABLE.replace("4.5678", "much"),
            "gene ENSG00000000003 is 'much', not a non-negative number",
        ),
        (TABLE.replace("4.5678", ""), "gene ENSG00000000003 is '', not a non-negative number"),
        (TABLE.replace("33.25", "-1"), "gene ENSG00000002586 is '-1', not a non-negative number"),
        (TABLE.replace("33.25", "inf"), "gene ENSG00000002586 is 'inf', not a non-negative number"),
        (TABLE.replace("33.25", "nan"), "gene ENSG00000002586 is 'nan', not a non-negative number"),
        (TABLE + GENES.splitlines(True)[0], "gene ENSG00000000003 is repeated"),
        (TABLE + GENES.splitlines(True)[0].replace(".15", ".2"), "ENSG00000000003 is repeated"),
        (TABLE + "ENSG1.1\tX\n", "its rows differ in their number of columns"),
        (TABLE + "a\t" * 12 + "\n", "not a STAR table"),
        (TABLE.rstrip("\n"), "truncated, its last line has no end"),
        (HEADER + COUNTS, "has no genes"),
        ("", "truncated"),
        ("\n", "not a STAR table"),
        ("# only\n", "no column gene_id"),
        ('{"message": "error"}\n', "no column gene_id, gene_name, fpkm_unstranded"),
    ],
)
def test_other_tables_are_refused(path, text, message):
    assert message in refusal(path, text)


def test_no_table_and_no_text(path):
    with pytest.raises(InputError, match=r"star.tsv: no such STAR table"):
        read_star(path)
    path.write_bytes(b"\xff\xfe\x00\n")
    with pytest.raises(InputError, match=r"star.tsv: not a STAR table"):
        read_star(path)


QUICK = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@QUICK
@given(columns=st.permutations(range(9)), genes=st.permutations(range(3)))
def test_order_of_columns_and_genes_does_not_matter(path, columns, genes):
    path.write_text(TABLE)
    expected = read_star(path)
    rows = GENES.splitlines()
    # Of a pseudoautosomal gene, the row of X comes before that of Y.
    lines = [HEADER.rstrip("\n"), *[rows[n] for n in genes], rows[3]]
    cells = [line.split("\t") for line in lines]
    path.write_text("".join("\t".join(row[n] for n in columns) + "\n" for row in cells))
    found = read_star(path)
    assert found.loc[expected.index].equals(expected)


@QUICK
@given(place=st.integers(0, len(TABLE) - 1), letter=st.sampled_from('\t\n ,;."-_0aZé'))
def test_a_changed_letter_changes_one_gene_or_is_refused(path, place, letter):
    path.write_text(TABLE)
    expected = read_star(path)
    path.write_text(TABLE[:place] + letter + TABLE[place + 1 :])
    try:
        found = read_star(path)
    except InputError:
        return
    # Within a table's cells a letter is no more than that.
    same = found.reindex(expected.index).eq(expected).all(axis=1)
    assert (~same).sum() <= 1
    assert len(found) >= len(expected) - 1
