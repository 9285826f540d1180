"""Each job gets a card of its own, and gives it back however it ends."""

import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from project import ROOT

from stnet.core.errors import InputError
from stnet.core.gpu import lease_gpu, visible_gpus, why_no_gpu

# A job in a process of its own: says which card it has, and holds it until it is ended.
JOB = """
import os, sys, time
from pathlib import Path
from stnet.core import gpu
gpu.LOCKS = Path(sys.argv[1])
os.setuid(int(os.environ.get("AS_USER", os.getuid())))
gpu.lease_gpu()
print(os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
time.sleep(60)
"""
CARDS = [f"GPU-{n}5d5ba0d-1ef6-4c1a-9a3b-1f2b3c4d5e6{n}" for n in range(4)]
PARTS = ["MIG-7a1b", "MIG-8c2d"]


def nvidia_smi(folder, cards, parts=()):
    """Put a program into `folder` that lists cards as `nvidia-smi -L` does."""
    lines = []
    for number, uuid in enumerate(cards):
        lines.append(f"GPU {number}: NVIDIA H100 80GB HBM3 (UUID: {uuid})")
        if number == 1:
            lines += [f"  MIG 1g.10gb     Device  {n}: (UUID: {p})" for n, p in enumerate(parts)]
    folder.mkdir(exist_ok=True)
    program = folder / "nvidia-smi"
    listed = "\n".join(lines)
    program.write_text(f'#!/bin/sh\n[ "$1" = -L ] || exit 2\ncat <<END\n{listed}\nEND\n')
    program.chmod(0o755)


@pytest.fixture
def bin_(tmp_path, monkeypatch):
    """A folder of programs that is searched first."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return tmp_path / "bin"


@pytest.fixture
def locks(monkeypatch):
    """The folder of the locks: like /tmp sticky, and all may write. pytest's are private."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o1777)
        monkeypatch.setattr("stnet.core.gpu.LOCKS", folder)
        yield folder


@pytest.fixture
def start(locks, monkeypatch):
    """Return a function that starts a job where cards 3 and 5 are visible."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    jobs = []

    def start(*, wait=True, **environment):
        command = [sys.executable, "-c", JOB, locks]
        variables = os.environ | environment
        job = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables)
        jobs.append(job)
        return job, job.stdout.readline().strip() if wait else ""

    yield start
    for job in jobs:
        job.kill()
        job.communicate()


def wait_until_queued(job):
    """Wait until a job holds a lock, or waits for one: it is in the queue."""
    end = time.monotonic() + 60
    while str(job.pid) not in Path("/proc/locks").read_text().split():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_jobs_get_different_cards(start):
    assert [start()[1], start()[1]] == ["3", "5"]


def test_a_job_waits_for_a_card_and_says_so(start, caplog):
    first, card = start()
    start()
    ended = threading.Timer(1, first.kill)
    ended.start()
    assert lease_gpu() == "cuda"
    assert first.poll() is not None or first.wait(5)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == card
    assert "all GPUs are in use (2): waiting for one" in caplog.text
    assert f"computes on GPU {card}" in caplog.text


def test_a_killed_job_gives_its_card_back(start):
    job, card = start()
    start()
    job.send_signal(signal.SIGKILL)
    job.wait()
    assert start()[1] == card


@pytest.mark.parametrize("given", ["7", "MIG-1a2b"])
def test_a_single_given_card_is_one_jobs_at_a_time(start, monkeypatch, given):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
    first, card = start()
    assert card == given
    ended = threading.Timer(0.8, first.kill)
    began = time.monotonic()
    ended.start()
    lease_gpu()
    assert time.monotonic() - began > 0.5
    assert os.environ["CUDA_VISIBLE_DEVICES"] == given


def test_a_card_is_one_whatever_it_is_called_and_whatever_jobs_and_folders_are(
    start, bin_, tmp_path
):
    nvidia_smi(bin_, CARDS)
    names = ["3", "03", CARDS[3], CARDS[3][:9]]
    first, card = start(CUDA_VISIBLE_DEVICES=names[0])
    assert card == CARDS[3]
    others = [
        start(wait=False, CUDA_VISIBLE_DEVICES=name, TMPDIR=str(tmp_path / "bin"), JOB_ID=name)[0]
        for name in names
    ]
    for job in others:
        wait_until_queued(job)
    assert not select.select([job.stdout for job in others], [], [], 0)[0]
    # What one of them leaves the next one gets.
    first.kill()
    for _ in others:
        (ready, *_), _, _ = select.select([job.stdout for job in others], [], [], 10)
        (job,) = (job for job in others if job.stdout is ready)
        assert ready.readline().strip() == CARDS[3]
        others.remove(job)
        job.kill()


def test_the_same_number_is_two_cards_where_each_job_sees_only_its_own(start, tmp_path):
    """As on clusters that hide the other jobs' devices: all jobs are given GPU 0."""
    for number in range(2):
        folder = tmp_path / f"job{number}"
        nvidia_smi(folder, [CARDS[number]])
        path = f"{folder}{os.pathsep}{os.environ['PATH']}"
        assert start(CUDA_VISIBLE_DEVICES="0", PATH=path)[1] == CARDS[number]


def test_jobs_that_wait_are_served_in_the_order_in_which_they_came(start):
    first, card = start(CUDA_VISIBLE_DEVICES="3")
    waiting = []
    for _ in range(3):
        waiting.append(start(wait=False, CUDA_VISIBLE_DEVICES="3")[0])
        wait_until_queued(waiting[-1])
    first.kill()
    for job in waiting:
        assert select.select([each.stdout for each in waiting], [], [], 10)[0] == [job.stdout]
        assert job.stdout.readline().strip() == card
        waiting = [each for each in waiting if each is not job]
        job.kill()


CARD_NAMES = [
    ("0", CARDS[:1]),
    ("00, 2", [CARDS[0], CARDS[2]]),
    ("2,0,2", [CARDS[2], CARDS[0]]),
    ("0,-1,2", CARDS[:1]),
    ("-1", []),
    ("", []),
    ("0,9,2", CARDS[:1]),
    ("0,none,2", CARDS[:1]),
    (f"GPU-3,{CARDS[2]}", [CARDS[3], CARDS[2]]),
    ("9" * 5000, []),
    ("GPU-,0", []),
    ("1", PARTS[:1]),
    (CARDS[1], PARTS[:1]),
    ("MIG-8c2d", PARTS[1:]),
    ("MIG-8,MIG-7a1b,MIG-9/1/0", [*PARTS[::-1], "MIG-9/1/0"]),
    ("0,MIG-,2", CARDS[:1]),
    (None, [CARDS[0], *PARTS, *CARDS[2:]]),
]


def test_names_of_cards_mean_what_they_mean_to_cuda(bin_, monkeypatch):
    nvidia_smi(bin_, CARDS, PARTS)
    for given, wanted in CARD_NAMES:
        if given is None:
            monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
        else:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
        assert visible_gpus() == wanted, given
    # Without an answer, cards are what they are called.
    (bin_ / "nvidia-smi").write_text("#!/bin/sh\nprintf 'No dev\\377ces were found'\nexit 6\n")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "00,GPU-3,-1,1")
    assert visible_gpus() == ["0", "GPU-3"]


def test_every_user_can_lock_and_a_lock_that_is_none_is_named(start, locks):
    start()
    modes = {path.name: path.stat().st_mode & 0o777 for path in locks.glob("*.lock")}
    assert "stnet-gpu-3.lock" in modes
    assert set(modes.values()) == {0o444}
    # A folder is a lock too.
    (locks / "stnet-gpu-5.lock").mkdir()
    assert start()[1] == "5"
    (locks / "stnet-gpu-7.lock").symlink_to(locks / "nowhere")
    os.environ["CUDA_VISIBLE_DEVICES"] = "7"
    with pytest.raises(InputError, match=r"^\S+/stnet-gpu-7\.lock: cannot be locked \(Too many"):
        lease_gpu()


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to be another user")
def test_another_user_waits_for_the_same_card(start):
    mine, card = start()
    nobodys = start(wait=False, CUDA_VISIBLE_DEVICES="3", AS_USER="65534")[0]
    assert not select.select([nobodys.stdout], [], [], 1.5)[0]
    assert nobodys.poll() is None
    mine.kill()
    assert nobodys.stdout.readline().strip() == card


def test_without_a_card_nothing_is_waited_for(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert lease_gpu() == "cuda"


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A machine without a GPU whose files are in a folder."""

    def found(pattern):
        return [str(path) for path in tmp_path.glob(pattern.lstrip("/"))]

    monkeypatch.setattr("stnet.core.gpu.glob", found)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return tmp_path


def test_a_machine_without_a_gpu_is_told_from_one_with_any_trace_of_it(bare, monkeypatch):
    assert why_no_gpu() == "this machine has no GPU"
    card = bare / "sys/bus/pci/devices/0000:01:00.0/vendor"
    card.parent.mkdir(parents=True)
    card.write_text("0x8086\n")
    assert why_no_gpu() == "this machine has no GPU"
    # The driver may make its devices on their first use.
    card.write_text("0x10de\n")
    assert why_no_gpu() == ""
    card.unlink()
    for trace in (
        "dev/nvidiactl",
        "proc/driver/nvidia",
        "dev/dxg",
        "dev/kfd",
        "dev/nvhost-gpu",
    ):
        (bare / trace).parent.mkdir(parents=True, exist_ok=True)
        (bare / trace).touch()
        assert why_no_gpu() == "", trace
        (bare / trace).unlink()
    (bare / "dev/nvidia0").touch()
    for given, hidden in (("", True), ("-1,0", True), ("0", False), ("GPU-8932f937", False)):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
        assert bool(why_no_gpu()) == hidden, given
