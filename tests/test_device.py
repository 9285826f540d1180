"""Each job gets a card of its own, and gives it back however it ends."""

import os
import signal
import subprocess
import sys

import pytest
from workflow import ROOT

from stnet.core.device import lease_card
from stnet.core.errors import InputError

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


def test_too_many_jobs_are_told(start):
    start(), start()
    with pytest.raises(InputError, match="all 2 cards are in use"):
        lease_card()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "3,5"


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
