"""Each job gets a card of its own, and gives it back however it ends."""

import os
import signal
import subprocess
import sys
import threading

import pytest
from workflow import ROOT

from stnet.core.device import lease_card

# A job in a process of its own: says which card it has, and holds it until it is ended.
JOB = """
import os, time
from stnet.core.device import lease_card
lease_card()
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


def test_a_job_waits_for_a_card_and_says_so(start, capfd):
    first, card = start()
    start()
    ended = threading.Timer(1, first.kill)
    ended.start()
    assert lease_card() == "cuda"
    assert first.poll() is not None or first.wait(5)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == card
    assert "all 2 cards are in use: waiting for one" in capfd.readouterr().err


def test_a_killed_job_gives_its_card_back(start):
    job, card = start()
    start()
    job.send_signal(signal.SIGKILL)
    job.wait()
    assert start()[1] == card


@pytest.mark.parametrize("given", ["7", "", "MIG-1a2b"])
def test_what_a_cluster_gives_is_taken(start, monkeypatch, given):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
    assert [lease_card(), lease_card()] == ["cuda", "cuda"]
    assert os.environ["CUDA_VISIBLE_DEVICES"] == given
