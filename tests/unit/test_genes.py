import pytest
from hgnc import TABLE
from remote import Remote, sha256

from stnet.core.errors import InputError
from stnet.expression.genes import read_gene_table
from stnet.sources.hgnc import download_gene_table
from stnet.sources.lock import Fingerprint, read_lock

NAME = "hgnc_complete_set_2020-01-01.txt"


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "hgnc.tsv"
    path.write_text(TABLE)
    return read_gene_table(path)


@pytest.mark.parametrize(
    ("ensembl", "symbol"),
    [
        ("ENSG00000169710", "FASN"),
        ("ENSG00000169710.14", "FASN"),
        ("ENSG00000169710.14_PAR_Y", "FASN"),
        ("ENSG00000999999", ""),
        ("__ambiguous[ENSG00000169710+ENSG00000026103]", ""),
        ("", ""),
        ("ENSG00000000003", ""),
    ],
)
def test_symbol_of(table, ensembl, symbol):
    assert table.symbol_of(ensembl) == symbol


@pytest.mark.parametrize(
    ("symbol", "ensembl"),
    [
        ("FASN", "ENSG00000169710"),
        ("FAS", "ENSG00000026103"),  # approved, and an alias of FASN
        ("TNFRSF6", "ENSG00000026103"),
        ("APT1", "ENSG00000026103"),  # previous, and an alias of LYPLA1
        ("SDR27X1", "ENSG00000169710"),
        ("OLD", ""),
        ("TWICE", ""),
        ("NOID", ""),
        ("LOST", ""),
        ("UNKNOWN", ""),
        ("", ""),
    ],
)
def test_ensembl_of(table, symbol, ensembl):
    assert table.ensembl_of(symbol) == ensembl


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TABLE.replace("prev_symbol", "previous"), "no column prev_symbol"),
        (TABLE.splitlines()[0], "has no genes"),
        (TABLE + "HGNC:7\tFASN\t\t\t\t\t\t\n", "line 10: symbol 'FASN' is empty or repeated"),
        (TABLE + "HGNC:7\tCUT", "line 10: 2 fields where the table has 8"),
        ("<html>Not found</html>\n", "no column symbol, ensembl_gene_id"),
    ],
)
def test_other_tables_are_refused(tmp_path, text, message):
    path = tmp_path / "hgnc.tsv"
    path.write_text(text)
    with pytest.raises(InputError, match=f"hgnc.tsv.*{message}") as error:
        read_gene_table(path)
    assert "\n" not in str(error.value)


class Table:
    def __init__(self, remote, folder):
        self.remote, self.path, self.lock = remote, folder / "hgnc.tsv", folder / "genes.lock.tsv"
        self.publish(TABLE.encode())

    def publish(self, content: bytes):
        self.remote.files[f"/hgnc/{NAME}"] = content

    def download(self):
        url = f"{self.remote.host}/hgnc/{NAME}"
        download_gene_table(self.path, url=url, lock=self.lock)


@pytest.fixture
def remote_table(tmp_path, quick):
    with Remote() as remote:
        yield Table(remote, tmp_path)


def test_first_download_locks_the_table(remote_table):
    remote_table.download()
    assert remote_table.path.read_text() == TABLE
    content = TABLE.encode()
    assert read_lock(remote_table.lock) == {NAME: Fingerprint(len(content), sha256(content))}


def test_later_downloads_must_agree_and_can_resume(remote_table):
    remote_table.download()
    remote_table.path.unlink()
    remote_table.publish(TABLE.replace("FASN", "FASX").encode())
    with pytest.raises(InputError, match=f"{NAME} for .*hgnc.tsv: sha256"):
        remote_table.download()
    assert not remote_table.path.exists()
    remote_table.publish(TABLE.encode())
    remote_table.download()
    assert remote_table.path.read_text() == TABLE


def test_page_instead_of_a_table_is_not_locked(remote_table):
    remote_table.publish(b"<html>moved</html>")
    with pytest.raises(InputError, match=r"hgnc.tsv: no column symbol"):
        remote_table.download()
    assert not remote_table.path.exists()
    assert not remote_table.lock.exists()
