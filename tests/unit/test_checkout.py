"""Files that come with the project, found from any working directory."""

import pytest

from stnet.core import checkout
from stnet.core.checkout import find
from stnet.core.errors import InputError
from stnet.sources.lock import Fingerprint, hold_to_lock, read_lock

LOCK = "config/cohorts/some.lock.tsv"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A checkout, and an empty working directory beside it."""
    (tmp_path / "checkout/config/cohorts").mkdir(parents=True)
    (tmp_path / "work").mkdir()
    monkeypatch.setattr(checkout, "CHECKOUT", tmp_path / "checkout")
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "checkout"


def test_a_file_of_the_working_directory_wins(project, tmp_path):
    assert find("a.tsv") == "a.tsv"
    (project / "a.tsv").touch()
    assert find("a.tsv") == str(project / "a.tsv")
    (tmp_path / "work/a.tsv").touch()
    assert find("a.tsv") == "a.tsv"
    assert find(tmp_path / "none.tsv") == str(tmp_path / "none.tsv")


def test_a_lock_of_the_checkout_holds_and_what_is_new_is_written_in_the_working_directory(
    project, tmp_path
):
    shipped = "file\tsize\tsha256\na\t1\tff\n"
    (project / LOCK).write_text(shipped)
    with pytest.raises(InputError, match=r"some\.lock\.tsv: a was 1 bytes"):
        hold_to_lock(LOCK, {"a": Fingerprint(2, "ee")})
    hold_to_lock(LOCK, {"a": Fingerprint(1, "ff")})
    assert not (tmp_path / "work" / LOCK).exists()
    hold_to_lock(LOCK, {"b": Fingerprint(3, "dd")})
    assert set(read_lock(tmp_path / "work" / LOCK)) == {"a", "b"}
    assert (project / LOCK).read_text() == shipped
