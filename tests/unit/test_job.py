"""What a job says when it fails, and what it leaves."""

import gc
import logging
import os
import platform
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from stnet.core.atomic import atomic_path
from stnet.core.errors import InputError
from stnet.core.job import job
from stnet.core.processor import MACHINE

# The tests warn on purpose; elsewhere a warning of a test is an error.
pytestmark = pytest.mark.filterwarnings("default:of Python")


def fail(log, error):
    with job(str(log)):
        print("begun")
        logging.getLogger("stnet.training").info("going on")
        warnings.warn("of Python", stacklevel=1)
        raise error


def failed(tmp_path, error, raised=SystemExit):
    with pytest.raises(raised) as caught:
        fail(tmp_path / "log", error)
    return caught.value, (tmp_path / "log").read_text()


def test_what_the_user_can_mend_is_one_line(tmp_path, capsys):
    ended, log = failed(tmp_path, InputError("sheet.tsv: row 3"))
    assert ended.code == 1
    said = capsys.readouterr()
    assert said.out == "begun\n"
    first, _, rest = log.partition("\n")
    assert MACHINE.fullmatch(first)["host"] == platform.node()
    assert rest == said.out + said.err
    info, warning, *_, error = said.err.splitlines()
    assert re.fullmatch(r"[\d-]{10} [\d:]{8} INFO going on", info)
    assert re.search(r" WARNING .*UserWarning: of Python", warning)
    assert error == "error: sheet.tsv: row 3"


def test_names_with_any_character_leave_it_one_line(tmp_path, capsys):
    failed(tmp_path, InputError("a\nb\x1b[31m\u202e\u2028é 日本.svs: no such image"))
    error = capsys.readouterr().err.splitlines()[-1]
    assert error == "error: a\\nb\\x1b[31m\\u202e\\u2028é 日本.svs: no such image"


FULL_DISK = """
import sys
import anndata as ad
import numpy as np
from stnet.core.h5ad import write_h5ad
from stnet.core.job import job
with job(sys.argv[1]):
    write_h5ad(ad.AnnData(np.random.default_rng(0).random((300, 300))), sys.argv[2])
"""


def test_a_full_disk_under_an_open_file_is_one_line(small_disk, tmp_path):
    """h5py prints a traceback for each handle that it cannot close.

    HDF5 itself is no longer to be trusted then, so this is a process of its own.
    """
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, tmp_path / "log", small_disk / "a.h5ad"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")},
        check=False,
    )
    assert done.returncode
    assert re.fullmatch(
        r"error: \S+/a\.h5ad: cannot be written \(No space left on device\); .*\n", done.stderr
    )
    assert not any(small_disk.iterdir())


def test_a_full_disk_of_temporary_files_is_one_line(small_disk, tmp_path, capsys):
    """Not all that is written is an output."""
    with pytest.raises(SystemExit), job(str(tmp_path / "log")):
        (small_disk / "unpacked").write_bytes(bytes(10**8))
    error = capsys.readouterr().err.splitlines()[-1]
    assert re.fullmatch(r"error: a file, .*: cannot be written \(No space left on .*", error)


def test_no_search_for_garbage_looks_through_imports(tmp_path):
    gc.unfreeze()
    with job(str(tmp_path / "log")):
        left_out = gc.get_freeze_count()
    gc.unfreeze()
    assert left_out > 10_000


def test_a_log_on_a_full_disk_hides_nothing(tmp_path, capsys):
    """What is left in the log's buffer cannot be closed away, and is no second error."""
    (tmp_path / "log").symlink_to("/dev/full")
    with pytest.raises(SystemExit):
        fail(tmp_path / "log", InputError("the disk is full"))
    assert capsys.readouterr().err.splitlines()[-1] == "error: the disk is full"


def test_a_log_that_cannot_be_opened_is_one_line(tmp_path):
    (tmp_path / "log").symlink_to("/proc/sys/kernel/osrelease")
    with pytest.raises(SystemExit, match=r"^error: \S+/log: cannot be written \("):
        fail(tmp_path / "log", InputError(""))


def test_what_is_our_mistake_is_a_traceback_in_the_log(tmp_path):
    _, log = failed(tmp_path, KeyError("column"), KeyError)
    assert "Traceback" in log
    assert "KeyError: 'column'" in log


def test_what_a_killed_writer_left_is_removed_and_what_a_living_one_has_is_not(tmp_path):
    left = tmp_path / ".model.json.abcd_123"
    left.mkdir()
    (left / "model.json").write_text("half")
    other = tmp_path / ".model.json.backup-of-mine"
    other.mkdir()
    with atomic_path(tmp_path / "model.json") as first:
        assert not left.exists()
        first.write_text("first")
        with atomic_path(tmp_path / "model.json") as second:
            second.write_text("second")
    assert (tmp_path / "model.json").read_text() == "first"
    assert sorted(path.name for path in tmp_path.iterdir()) == [other.name, "model.json"]


def test_a_folder_takes_the_place_of_an_older_one_as_a_whole(tmp_path):
    for name in ("first", "second"):
        with atomic_path(tmp_path / "x.zarr") as folder:
            folder.mkdir()
            (folder / name).touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["x.zarr", "second"]


def test_a_full_disk_is_one_line_that_names_the_output(tmp_path):
    with pytest.raises(InputError, match=r"tables/x\.tsv: cannot be written \(No space left"):
        write_to_a_full_disk(tmp_path / "tables/x.tsv")
    assert not list((tmp_path / "tables").iterdir())


def test_what_is_in_the_way_of_an_output_is_one_line_that_names_the_output(tmp_path):
    (tmp_path / "views").symlink_to(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    (tmp_path / "folder/a.npy").mkdir(parents=True)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name, why in (
        ("views/a.npy", "File exists"),
        ("file/a.npy", "File exists"),
        ("file/b/a.npy", "Not a directory"),
        ("folder/a.npy", "Is a directory"),
        ("loop/a.npy", "File exists"),
    ):
        with pytest.raises(InputError, match=rf"/{name}: cannot be written \({why}\)"):
            write(tmp_path / name)


def write(path):
    with atomic_path(path) as temporary:
        temporary.write_text("text")


def write_to_a_full_disk(path):
    with atomic_path(path), open("/dev/full", "w") as file:
        file.write("text")


def test_a_device_is_not_replaced(tmp_path):
    pipe = tmp_path / "x.tsv"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match=r"x\.tsv: is a device or a pipe"), atomic_path(pipe):
        pass
    assert pipe.is_fifo()
