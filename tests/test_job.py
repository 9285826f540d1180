"""What a job says when it fails, on the terminal and in its log."""

import errno
import os
import sys

import pytest

from stnet.core.errors import InputError
from stnet.core.job import job


def fail(log, error):
    with job(str(log)):
        print("begun")
        print("going on", file=sys.stderr)
        raise error


def failed(tmp_path, error, raised=SystemExit):
    with pytest.raises(raised) as caught:
        fail(tmp_path / "log", error)
    return caught.value, (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (InputError("sheet.tsv: row 3"), "error: sheet.tsv: row 3"),
        (
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "results/model.safetensors"),
            "error: results/model.safetensors: No space left on device; make room and start again:"
            " nothing half-written is left",
        ),
    ],
)
def test_what_the_user_can_mend_is_one_line(tmp_path, capsys, error, line):
    ended, log = failed(tmp_path, error)
    assert ended.code == 1
    assert log == f"begun\ngoing on\n{line}\n"
    assert capsys.readouterr().err == f"going on\n{line}\n"


def test_what_is_our_mistake_is_a_traceback_in_the_log(tmp_path):
    _, log = failed(tmp_path, KeyError("column"), KeyError)
    assert "Traceback" in log
    assert "KeyError: 'column'" in log
