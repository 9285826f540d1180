import errno
import gzip
import hashlib
import os
import re
import signal
import time

import pytest
import requests
from remote import QUICK, Remote, limit, sha256

from stnet.core.errors import InputError
from stnet.core.hashing import Hash
from stnet.sources import http
from stnet.sources.download import download
from stnet.sources.http import ask_json
from stnet.sources.lock import Fingerprint, hold_to_lock, read_lock

pytestmark = pytest.mark.usefixtures("quick")

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


def fetch(remote, target, *, hash_=SHA256, size=SIZE, check=None):
    url = f"{remote.host}/image.jpg"
    download(url, target, expected=hash_, size=size, check=check)


def ask(remote, path, target):
    """Ask for the list, or download the image."""
    if path == "/list":
        ask_json(f"{remote.host}{path}", list)
    else:
        fetch(remote, target, size=None)


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
    limit(attempts=9, backoff=0.001, timeout=(5, silence))
    fetch(remote, target)
    first, second, *_ = remote.asked("image.jpg")
    assert first == ""
    assert 0 < int(re.fullmatch(r"bytes=(\d+)-", second)[1]) < len(CONTENT)
    assert target.read_bytes() == CONTENT
    assert os.listdir(target.parent) == ["image.jpg"]


def test_a_network_that_breaks_more_often_than_is_tried_in_vain_gets_there(remote, target):
    remote.faults["/image.jpg"] = ["cut"] * (3 * QUICK["attempts"])
    fetch(remote, target)
    assert len(remote.requests) > 2 * QUICK["attempts"]
    assert target.read_bytes() == CONTENT


def test_the_first_failure_without_a_network_says_what_to_do(target, caplog):
    with pytest.raises(InputError, match="use a mirror"):
        download("http://127.0.0.1:9/a", target, expected=None, size=None)
    first, *others = (record.message for record in caplog.records)
    assert "no connection" in first
    assert "without a network use a mirror (docs/running.md); retrying" in first
    assert len(others) == QUICK["attempts"] - 2
    assert not any("mirror" in each for each in others)


def test_later_run_resumes(remote, target):
    remote.faults["/image.jpg"] = ["cut"]
    limit(attempts=1)
    with pytest.raises(InputError) as error:
        fetch(remote, target)
    assert f"{remote.host}/image.jpg for {target}" in one_line(error)
    (part,) = target.parent.iterdir()
    received = part.stat().st_size
    assert CONTENT.startswith(part.read_bytes())
    fetch(remote, target)
    assert remote.asked("image.jpg") == ["", f"bytes={received}-"]
    assert target.read_bytes() == CONTENT


def test_complete_part_is_not_asked_for_again(remote, target):
    remote.faults["/image.jpg"] = ["cut"]
    limit(attempts=1)
    with pytest.raises(InputError):
        fetch(remote, target)
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
    assert len(remote.requests) == QUICK["attempts"]
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
    limit(backoff=0.001, longest=longest)
    fetch(remote, target)
    assert waits == [waited]
    assert target.read_bytes() == CONTENT


def test_retry_after_as_a_date():
    assert http._retry_after("Wed, 21 Oct 2099 07:28:00 GMT") > 1e9
    assert http._retry_after("soon") == 0


def test_waits_double(remote, target, monkeypatch):
    waits = []
    monkeypatch.setattr(http.time, "sleep", waits.append)
    remote.faults["/image.jpg"] = [500, 500, 500]
    limit(backoff=1)
    fetch(remote, target)
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
    assert ask_json(f"{remote.host}/list", dict, {"from": 0}) == {"a": 1}
    assert remote.bodies == [("/list", {"from": 0})] * 3
    with pytest.raises(InputError, match="the answer is not a list but"):
        ask_json(f"{remote.host}/list", list, {"from": 0})


def test_body_is_not_lost_on_a_redirection(remote):
    remote.files |= {"/list": b"{}", "/moved": b"{}"}
    remote.faults["/list"] = [301, 301]
    assert ask_json(f"{remote.host}/list", dict) == {}
    with pytest.raises(InputError, match="list: the server answered 301"):
        ask_json(f"{remote.host}/list", dict, {"from": 0})


def test_no_server_and_no_scheme(tmp_path):
    with pytest.raises(InputError, match="attempt 4 of 4"):
        download("http://127.0.0.1:9/x", tmp_path / "x", expected=None, size=None)
    with pytest.raises(InputError, match=r"No scheme supplied.* correct the host"):
        download("data.example/x", tmp_path / "x", expected=None, size=None)


@pytest.mark.parametrize("path", ["/image.jpg", "/list"])
def test_a_server_that_never_ends_or_drips_is_left(remote, target, path):
    remote.files["/list"] = b"[]" * 1000
    most = {"largest": 3 * SIZE, "longest_answer": 3 * SIZE}
    limit(attempts=2, backoff=0.001, window=0.2, **most)

    def ask():
        url = f"{remote.host}{path}"
        if path == "/list":
            ask_json(url, list)
        else:
            download(url, target, expected=None, size=None)

    for fault, message in [("endless", "sends more than"), ("drip", "too slow; rerun later")]:
        remote.faults[path] = [fault]
        with pytest.raises(InputError, match=rf"{path}: .*{message}"):
            ask()
    assert not target.exists()
    assert len(remote.requests) == 2


@pytest.mark.parametrize("path", ["/image.jpg", "/list"])
def test_a_server_that_holds_a_client_without_end_is_left(remote, target, path):
    """Each byte of the header restarts the time-out; each new part of a file, the attempts."""
    remote.files["/list"] = b"[]"
    limit(attempts=2, backoff=0.001, timeout=(5, 5), total=0.5)
    remote.faults[path] = ["header"] if path == "/list" else ["cut", "less"] + ["less"] * 10**5
    before = signal.getsignal(signal.SIGALRM)
    began = time.monotonic()
    with pytest.raises(InputError, match=rf"{path}\b.*: not complete after 0\.5 s; rerun to go on"):
        ask(remote, path, target)
    assert time.monotonic() - began > 0.4
    # Neither the limit nor its handler outlives the download.
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert signal.getsignal(signal.SIGALRM) is before


def test_the_limit_of_a_listing_goes_on_while_its_pages_are_asked_for(remote):
    remote.files["/list"] = b"[]"
    limit(total=0.5)

    def pages():
        while True:
            ask_json(f"{remote.host}/list", list)

    with pytest.raises(InputError, match=r"^all pages: not complete after 0\.5 s"):
        http.persist(pages, "all pages")
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_limit_that_is_met_while_python_drops_errors_is_met_again(remote):
    class Slow:
        def __del__(self):
            time.sleep(0.4)

    remote.files["/list"] = b"[]"
    limit(total=0.2)
    began = time.monotonic()

    def pages():
        Slow()
        while time.monotonic() - began < 10:
            ask_json(f"{remote.host}/list", list)

    with pytest.raises(InputError, match=r"^all pages: not complete after 0\.2 s"):
        http.persist(pages, "all pages")


def test_a_file_or_answer_of_absurd_length_is_not_received(remote, target):
    remote.faults["/image.jpg"] = ["announced"]
    with pytest.raises(InputError, match="offers 10000000000000 bytes, more than 50000000000"):
        fetch(remote, target, hash_=None, size=None)
    assert os.listdir(target.parent) == []
    bomb = gzip.compress(b"[" + b" " * 10**6 + b"]")
    remote.files["/list"] = bomb
    remote.faults["/list"] = ["gzip"]
    limit(longest_answer=10**5)
    with pytest.raises(InputError, match="list: the server sends more than 100000 bytes"):
        ask_json(f"{remote.host}/list", list)


@pytest.mark.parametrize("path", ["/image.jpg", "/list"])
@pytest.mark.parametrize(
    ("moved", "message"),
    [
        ("file:///etc/passwd", "redirects to file:///etc/passwd, away from http; check the host"),
        ("ftp://me:secret@host/x", "redirects to ftp://host/x, away from http"),
        ("http://[::1", "Invalid IPv6 URL; correct the host"),
    ],
)
def test_redirections_lead_to_web_pages_only(remote, target, path, moved, message):
    remote.files["/list"] = b"[]"
    remote.moved, remote.faults[path] = moved, [301]
    with pytest.raises(InputError, match=re.escape(message)) as error:
        ask(remote, path, target)
    assert "secret" not in one_line(error)
    assert not target.exists()


def test_a_redirection_never_leaves_encryption():
    """Answers as a server would give them; a real one would need a certificate."""
    answer = requests.Response()
    answer.status_code, answer.url = 302, "https://data.example/a"
    for to in ("https://cdn.example/b", "/b", "//cdn.example/b"):
        answer.headers["location"] = to
        assert http.Client().get_redirect_target(answer) == to
    for to in ("http://data.example/a", "http://169.254.169.254/", "file:///etc/passwd"):
        answer.headers["location"] = to
        with pytest.raises(
            InputError, match=r"^https://data\.example/a: redirects to .*from https"
        ):
            http.Client().get_redirect_target(answer)


def test_passwords_go_to_their_host_only_and_never_into_messages(
    remote, target, tmp_path, monkeypatch, caplog
):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    remote.files["/moved"] = CONTENT
    remote.faults["/image.jpg"] = [500, 301]
    # The same server under another name.
    remote.moved = f"http://me:secret@localhost:{remote.server_port}/moved?signature=secret"
    remote.files["/moved?signature=secret"] = CONTENT
    fetch(remote, target)
    mine, again, others = remote.passwords
    assert mine == again == "Basic bWU6c2VjcmV0"
    assert others in (None, mine)
    target.unlink()
    remote.faults["/image.jpg"] = [301, 301, 301]
    remote.faults["/moved?signature=secret"] = [404, "drip", "endless"]
    limit(attempts=2, backoff=0.001, window=0.2, largest=3 * SIZE)
    for message in ("localhost:.*/moved.*404", "too slow", "sends more than"):
        with pytest.raises(InputError, match=message) as error:
            fetch(remote, target, hash_=None, size=None)
        assert "secret" not in one_line(error)
    for proxy in (
        "http://me:secret@127.0.0.1:9",
        "http://me:p@secret@:bad",
        "http://me:secret/p@127.0.0.1:9",
        "http://me:secret#p@127.0.0.1:9",
    ):
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.setenv("no_proxy", "")
        with pytest.raises(InputError) as error:
            download("http://me:secret@a.b/c?d=secret", target, expected=None, size=None)
        assert "secret" not in one_line(error)
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    "url",
    [
        "http://me:secret@a.b/c?d=secret",
        "http://m'e:se\"cret@a.b/c?d='secret'",
        "http://me:x/secret@a.b/c",
        "http://me:x?secret@a.b/c",
        "http://me:x#secret@a.b/c",
        "http://me:x@secret@a.b:80/c#secret",
        "http://a.b/it's?secret",
        "<http://a.b/>,http://me:secret@a.b/",
    ],
)
def test_what_may_be_secret_in_an_address_is_never_shown(url):
    shown = http.without_secrets(f"'{url}': for /data/me@home")
    assert "secret" not in shown.replace('"', "")
    assert "http://a.b" in shown


@pytest.mark.parametrize(
    "url", ["http://a.b:80/c@d", "https://[::1]:80/c@d", "http://a.b", "http://ü.de/c"]
)
def test_the_rest_of_an_address_is_shown(url):
    assert http.without_secrets(f"{url} for /data/me@home") == f"{url} for /data/me@home"


def test_what_a_server_says_is_text(remote, caplog):
    remote.files["/list"] = b"[" * 200_000
    limit(attempts=1)
    with pytest.raises(InputError, match=r"the answer is not a list but '\[\["):
        ask_json(f"{remote.host}/list", list)
    answer = requests.Response()
    answer.url, answer.status_code, answer.reason = "http://a.b/", 404, "Not\x1b[2JFound"
    with pytest.raises(InputError, match=r"answered 404 Not\[2JFound;"):
        http.check_status(answer)
    answer.status_code, answer.headers = 503, {"Retry-After": "²"}
    with pytest.raises(http.TryAgain):
        http.check_status(answer)


@pytest.mark.parametrize("hash_", [SHA256, None])
def test_a_full_disk_is_one_line_that_names_the_file(remote, small_disk, hash_):
    target = small_disk / "image.jpg"
    with pytest.raises(
        InputError, match=r"image\.jpg: cannot be written \(No space left on"
    ) as error:
        fetch(remote, target, hash_=hash_)
    one_line(error)
    assert not target.exists()
    # What the next run resumes is kept.
    assert len(os.listdir(small_disk)) == (hash_ is not None)


def test_a_full_disk_without_a_mount(remote, target, monkeypatch):
    full = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr("os.fsync", lambda number: (_ for _ in ()).throw(full))
    with pytest.raises(InputError, match=r"image\.jpg: cannot be written \(No space left on"):
        fetch(remote, target)


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
