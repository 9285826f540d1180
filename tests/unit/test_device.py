"""Each job gets a card of its own, and gives it back however it ends."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from project import ROOT

from stnet.core.gpu import lease_gpu, why_no_gpu

# A job in a process of its own: says which card it has, and holds it until it is ended.
JOB = """
import os, time
from stnet.core.gpu import lease_gpu
lease_gpu()
print(os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
time.sleep(60)
"""


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Return a function that starts a job where cards 3 and 5 are visible."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    jobs = []

    def start():
        job = subprocess.Popen([sys.executable, "-c", JOB], stdout=subprocess.PIPE, text=True)
        jobs.append(job)
        return job, job.stdout.readline().strip()

    yield start
    for job in jobs:
        job.kill()
        job.communicate()


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


def test_a_cluster_gives_different_cards_the_same_number(start, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    for job in ("17", "18"):
        monkeypatch.setenv("SLURM_JOB_ID", job)
        assert start()[1] == "0"


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
    for given, hidden in (("", True), ("-1", True), ("0", False), ("GPU-8932f937", False)):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
        assert bool(why_no_gpu()) == hidden, given
