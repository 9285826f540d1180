import gzip
import hashlib
import os
import re

import pytest
from remote import Remote, sha256

from stnet.core.errors import InputError
from stnet.core.hashing import Hash
from stnet.sources import http
from stnet.sources.download import download
from stnet.sources.http import Patience, ask_json
from stnet.sources.lock import Fingerprint, hold_to_lock, read_lock

QUICK = Patience(attempts=4, backoff=0.001, timeout=(5, 5))
CONTENT = bytes(range(256)) * 2000
SHA256 = Hash("sha256", sha256(CONTENT))
SIZE = len(CONTENT)


@pytest.fixture
def remote():
    with Remote() as server:
        server.files["/image.jpg"] = CONTENT
        yield server


@pytest.fixture
def target(tmp_path):
    return tmp_path / "here" / "image.jpg"


def fetch(remote, target, *, hash_=SHA256, size=SIZE, check=None, patience=QUICK):
    url = f"{remote.host}/image.jpg"
    download(url, target, expected=hash_, size=size, check=check, patience=patience)


def one_line(error) -> str:
    message = str(error.value)
    assert "\n" not in message
    return message


def test_file_is_downloaded_once(remote, target):
    fetch(remote, target)
    fetch(remote, target)
    assert target.read_bytes() == CONTENT
    assert remote.asked("image.jpg") == [""]
    assert os.listdir(target.parent) == ["image.jpg"]


def test_other_file_at_the_target_is_replaced(remote, target):
    target.parent.mkdir()
    target.write_bytes(b"something else")
    fetch(remote, target)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize(("fault", "silence"), [("reset", 5), ("cut", 5), ("stall", 0.1)])
def test_interrupted_download_resumes(remote, target, fault, silence):
    remote.faults["/image.jpg"] = [fault]
    fetch(remote, target, patience=Patience(attempts=9, backoff=0.001, timeout=(5, silence)))
    first, second, *_ = remote.asked("image.jpg")
    assert first == ""
    assert 0 < int(re.fullmatch(r"bytes=(\d+)-", second)[1]) < len(CONTENT)
    assert target.read_bytes() == CONTENT
    assert os.listdir(target.parent) == ["image.jpg"]


def test_a_network_that_breaks_more_often_than_is_tried_in_vain_gets_there(remote, target):
    remote.faults["/image.jpg"] = ["cut"] * (3 * QUICK.attempts)
    fetch(remote, target)
    assert len(remote.requests) > 2 * QUICK.attempts
    assert target.read_bytes() == CONTENT


def test_the_first_failure_without_a_network_says_what_to_do(target, caplog):
    with pytest.raises(InputError, match="use a mirror"):
        download("http://127.0.0.1:9/a", target, expected=None, size=None, patience=QUICK)
    first, *others = (record.message for record in caplog.records)
    assert "no connection" in first
    assert "without a network use a mirror (docs/running.md); retrying" in first
    assert len(others) == QUICK.attempts - 2
    assert not any("mirror" in each for each in others)


def test_later_run_resumes(remote, target):
    remote.faults["/image.jpg"] = ["cut"]
    with pytest.raises(InputError) as error:
        fetch(remote, target, patience=Patience(attempts=1))
    assert f"{remote.host}/image.jpg for {target}" in one_line(error)
    (part,) = target.parent.iterdir()
    received = part.stat().st_size
    assert CONTENT.startswith(part.read_bytes())
    fetch(remote, target)
    assert remote.asked("image.jpg") == ["", f"bytes={received}-"]
    assert target.read_bytes() == CONTENT


def test_complete_part_is_not_asked_for_again(remote, target):
    remote.faults["/image.jpg"] = ["cut"]
    with pytest.raises(InputError):
        fetch(remote, target, patience=Patience(attempts=1))
    (part,) = target.parent.iterdir()
    part.write_bytes(CONTENT)
    fetch(remote, target)
    assert remote.asked("image.jpg") == [""]
    assert target.read_bytes() == CONTENT


def test_server_that_ignores_ranges(remote, target):
    remote.faults["/image.jpg"] = ["cut", "no_range"]
    fetch(remote, target)
    assert target.read_bytes() == CONTENT


def test_server_that_resumes_elsewhere(remote, target):
    remote.faults["/image.jpg"] = ["cut", "elsewhere"]
    fetch(remote, target)
    _, second, third = remote.asked("image.jpg")
    assert second == third != ""
    assert target.read_bytes() == CONTENT


def test_wrong_bytes_once(remote, target):
    remote.faults["/image.jpg"] = ["corrupt"]
    fetch(remote, target)
    assert remote.asked("image.jpg") == ["", ""]
    assert target.read_bytes() == CONTENT


def test_always_wrong_bytes_leave_nothing(remote, target):
    target.parent.mkdir()
    remote.faults["/image.jpg"] = ["corrupt"] * 9
    with pytest.raises(InputError) as error:
        fetch(remote, target)
    assert f"{remote.host}/image.jpg for {target}: sha256" in one_line(error)
    assert len(remote.requests) == QUICK.attempts
    assert os.listdir(target.parent) == []


def test_wrong_length_is_not_even_received(remote, target):
    with pytest.raises(InputError, match=f"offers {len(CONTENT)} bytes instead of 7"):
        fetch(remote, target, size=7)
    assert os.listdir(target.parent) == []


def test_error_with_status_200_keeps_the_part(remote, target):
    remote.faults["/image.jpg"] = ["cut", "error"]
    fetch(remote, target)
    _, second, third = remote.asked("image.jpg")
    assert second == third != ""
    assert target.read_bytes() == CONTENT


def test_error_with_status_200_of_unknown_length(remote, target):
    remote.faults["/image.jpg"] = ["error"]
    fetch(remote, target, size=None)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize(("longest", "waited"), [(60, 7), (0.01, 0.01)])
def test_busy_server_says_when_to_come_back(remote, target, monkeypatch, longest, waited):
    waits = []
    monkeypatch.setattr(http.time, "sleep", waits.append)
    remote.faults["/image.jpg"] = [503]
    fetch(remote, target, patience=Patience(backoff=0.001, longest=longest))
    assert waits == [waited]
    assert target.read_bytes() == CONTENT


def test_retry_after_as_a_date():
    assert http._retry_after("Wed, 21 Oct 2099 07:28:00 GMT") > 1e9
    assert http._retry_after("soon") == 0


def test_waits_double(remote, target, monkeypatch):
    waits = []
    monkeypatch.setattr(http.time, "sleep", waits.append)
    remote.faults["/image.jpg"] = [500, 500, 500]
    fetch(remote, target, patience=Patience(backoff=1))
    assert waits == [1, 2, 4]


@pytest.mark.parametrize("status", [403, 404])
def test_refusal_is_not_repeated(remote, target, status):
    remote.faults["/image.jpg"] = [status]
    with pytest.raises(InputError, match=f"image.jpg: the server answered {status}"):
        fetch(remote, target)
    assert len(remote.requests) == 1


def test_part_longer_than_the_file_starts_anew(remote, target):
    remote.faults["/image.jpg"] = ["cut", 416]
    fetch(remote, target, size=None)
    assert remote.asked("image.jpg")[-1] == ""
    assert target.read_bytes() == CONTENT


def test_compressed_file_is_kept_compressed(remote, target):
    content = gzip.compress(CONTENT)
    remote.files["/image.jpg"] = content
    remote.faults["/image.jpg"] = ["gzip"]
    fetch(remote, target, hash_=Hash("sha256", sha256(content)), size=len(content))
    assert remote.asked("image.jpg") == [""]
    assert target.read_bytes() == content


def test_hash_may_be_md5(remote, target):
    remote.faults["/image.jpg"] = ["corrupt", "cut"]
    right = Hash("md5", hashlib.md5(CONTENT).hexdigest())
    fetch(remote, target, hash_=right)
    fetch(remote, target, hash_=right)
    assert len(remote.requests) == 3
    assert target.read_bytes() == CONTENT
    with pytest.raises(InputError, match=r"md5 of the 512000 bytes is .* instead of 0000"):
        fetch(remote, target, hash_=Hash("md5", "0" * 32))
    assert target.read_bytes() == CONTENT


def test_without_hash_nothing_is_resumed(remote, target):
    remote.faults["/image.jpg"] = ["cut"]
    fetch(remote, target, hash_=None, size=None)
    assert remote.asked("image.jpg") == ["", ""]
    assert target.read_bytes() == CONTENT
    remote.faults["/image.jpg"] = ["cut"] * 9
    with pytest.raises(InputError):
        fetch(remote, target, hash_=None, size=None)
    assert os.listdir(target.parent) == ["image.jpg"]


def test_without_hash_a_later_run_begins_anew(remote, target):
    target.parent.mkdir()
    (target.parent / f".{target.name}.unverified.part").write_bytes(CONTENT[::-1])
    fetch(remote, target, hash_=None, size=None)
    assert remote.asked("image.jpg") == [""]
    assert target.read_bytes() == CONTENT
    assert os.listdir(target.parent) == ["image.jpg"]


def test_range_that_ends_early_is_not_the_end(remote, target):
    remote.faults["/image.jpg"] = ["cut", "less"]
    fetch(remote, target, size=None)
    _, second, third = (int("0" + re.sub(r"\D", "", span)) for span in remote.asked("image.jpg"))
    assert third == second + 10
    assert target.read_bytes() == CONTENT


def test_content_is_checked_before_it_appears(remote, target):
    def check(path):
        assert not target.exists()
        if path.read_bytes() != CONTENT:
            raise InputError(f"{path}: an error page")

    remote.faults["/image.jpg"] = ["error"]
    fetch(remote, target, hash_=None, size=None, check=check)
    assert target.read_bytes() == CONTENT
    target.unlink()
    remote.faults["/image.jpg"] = ["error"] * 4
    with pytest.raises(InputError) as error:
        fetch(remote, target, hash_=None, size=None, check=check)
    assert one_line(error).startswith(f"{remote.host}/image.jpg for {target}: an error page (")
    assert os.listdir(target.parent) == []


def test_empty_file(remote, target):
    remote.files["/image.jpg"] = b""
    fetch(remote, target, hash_=Hash("sha256", sha256(b"")), size=0)
    assert target.read_bytes() == b""


def test_json_is_asked_for_with_a_body(remote):
    remote.files["/list"] = b'{"a": 1}'
    remote.faults["/list"] = ["corrupt", 500]
    assert ask_json(f"{remote.host}/list", dict, {"from": 0}, QUICK) == {"a": 1}
    assert remote.bodies == [("/list", {"from": 0})] * 3
    with pytest.raises(InputError, match="the answer is not a list but"):
        ask_json(f"{remote.host}/list", list, {"from": 0}, QUICK)


def test_body_is_not_lost_on_a_redirection(remote):
    remote.files |= {"/list": b"{}", "/moved": b"{}"}
    remote.faults["/list"] = [301, 301]
    assert ask_json(f"{remote.host}/list", dict, patience=QUICK) == {}
    with pytest.raises(InputError, match="list: the server answered 301"):
        ask_json(f"{remote.host}/list", dict, {"from": 0}, QUICK)


def test_no_server_and_no_scheme(tmp_path):
    with pytest.raises(InputError, match="attempt 4 of 4"):
        download("http://127.0.0.1:9/x", tmp_path / "x", expected=None, size=None, patience=QUICK)
    with pytest.raises(InputError, match=r"No scheme supplied.* correct the host"):
        download("data.example/x", tmp_path / "x", expected=None, size=None, patience=QUICK)


@pytest.mark.parametrize("path", ["/image.jpg", "/list"])
def test_a_server_that_never_ends_or_drips_is_left(remote, target, path):
    remote.files["/list"] = b"[]" * 1000
    limits = Patience(attempts=2, backoff=0.001, timeout=(5, 5), window=0.2, largest=3 * SIZE)

    def ask():
        url = f"{remote.host}{path}"
        if path == "/list":
            ask_json(url, list, patience=limits)
        else:
            download(url, target, expected=None, size=None, patience=limits)

    for fault, message in [("endless", "sends more than"), ("drip", "too slow; rerun later")]:
        remote.faults[path] = [fault]
        with pytest.raises(InputError, match=rf"{path}: .*{message}"):
            ask()
    assert not target.exists()
    assert len(remote.requests) == 2


def test_progress_is_shown(remote, target, capfd, caplog):
    remote.faults["/image.jpg"] = ["cut"]
    fetch(remote, target)
    shown = capfd.readouterr().err
    assert "image.jpg: 100%" in shown
    assert "; retrying in 0 s" in caplog.text


def test_lock_adds_new_files_and_refuses_rubbish(tmp_path):
    lock = tmp_path / "lock.tsv"
    hold_to_lock(lock, {"b": Fingerprint(2, "bb")})
    hold_to_lock(lock, {"a": Fingerprint(1, "aa")})
    assert lock.read_text() == "file\tsize\tsha256\na\t1\taa\nb\t2\tbb\n"
    lock.write_text("file\tsize\n")
    with pytest.raises(InputError, match="not a lock"):
        read_lock(lock)
