"""What a job says when it fails, on the terminal and in its log."""

import sys

import pytest

from stnet.core.errors import InputError
from stnet.core.job import Tee, job


def fail(log, error):
    with job(str(log)):
        print("begun")
        print("going on", file=sys.stderr)
        raise error


def failed(tmp_path, error, raised=SystemExit):
    with pytest.raises(raised) as caught:
        fail(tmp_path / "log", error)
    return caught.value, (tmp_path / "log").read_text()


def test_what_the_user_can_mend_is_one_line(tmp_path, capsys):
    ended, log = failed(tmp_path, InputError("sheet.tsv: row 3"))
    assert ended.code == 1
    assert log == "begun\ngoing on\nerror: sheet.tsv: row 3\n"
    assert capsys.readouterr().err == "going on\nerror: sheet.tsv: row 3\n"


def test_a_log_on_a_full_disk_hides_nothing(capsys):
    with open("/dev/full", "w", buffering=1) as full:
        tee = Tee(sys.stderr, full)
        tee.write("error: the disk is full\n")
        assert capsys.readouterr().err == "error: the disk is full\n"
        # What is left in the buffer cannot be closed away.
        with pytest.raises(OSError, match="No space"):
            full.close()


def test_what_is_our_mistake_is_a_traceback_in_the_log(tmp_path):
    _, log = failed(tmp_path, KeyError("column"), KeyError)
    assert "Traceback" in log
    assert "KeyError: 'column'" in log
