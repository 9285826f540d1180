"""A run killed at random moments and started again ends with what one never killed has."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import anndata as ad
import numpy as np
import pytest
from project import DEMO, copy_project, copy_run, snakemake

from stnet.core.hashing import file_sha256

# All that comes before training, whose bytes are the same in every run.
INDEX, TARGETS = "results/demo/views/128x2/index.tsv", "results/demo/targets/top60/all.h5ad"
KILLS = 6


def start(folder, *targets):
    """A run of the demo, in a session of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "2", *DEMO, "--", *targets],
        cwd=folder,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def kill(run, folder):
    """Kill all processes of a run, if there still are any."""
    if run.poll() is None:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    snakemake(folder, *DEMO, "--unlock")


@pytest.mark.full
def test_killed_runs_lose_nothing_and_leave_nothing_half_written(tmp_path):
    whole = copy_project(tmp_path / "whole")
    # On one machine Snakemake's limit does not apply: nothing waits for its timers.
    limit = ("--max-jobs-per-timespan", "1/60s")
    done = snakemake(whole, *limit, *DEMO, "--", INDEX, TARGETS)
    assert "rate limit" not in done.stdout + done.stderr
    killed = copy_project(tmp_path / "killed")
    moments = random.Random()
    for _ in range(KILLS):
        run = start(killed, INDEX, TARGETS)
        time.sleep(moments.uniform(3, 12))
        kill(run, killed)
        # Whatever stands under its own name is whole, before anything is made again.
        for path in killed.glob("results/demo/sections/*.h5ad"):
            assert ad.read_h5ad(path).n_obs
        for path in killed.glob("results/demo/views/128x2/*.npy"):
            assert np.load(path, mmap_mode="r").shape[1:] == (64, 64, 3)
    snakemake(killed, *DEMO, "--", INDEX, TARGETS)
    for path in [*sorted(whole.glob("resources/demo/*/*")), whole / INDEX]:
        assert file_sha256(killed / path.relative_to(whole)) == file_sha256(path), path
    targets = [ad.read_h5ad(folder / TARGETS) for folder in (whole, killed)]
    np.testing.assert_array_equal(targets[0].X, targets[1].X)


NETWORK = Path("results/demo/experiments/densenet-small/BC90001")
TRAINED = ["model.safetensors", "model.json", "history.tsv", "epoch.json"]


@pytest.fixture
def untrained(demo, tmp_path):
    """A copy of the finished demo without one of its networks, and what that was."""
    project = copy_run(demo, tmp_path / "project")
    outputs = {name: (project / NETWORK / name).read_bytes() for name in TRAINED}
    shutil.rmtree(project / NETWORK)
    return project, outputs


def wait_for(condition, run, seconds=180):
    """Wait until `condition()` holds; fails if the run ends before."""
    end = time.monotonic() + seconds
    while not condition():
        assert run.poll() is None, "the run ended"
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.05)


def checkpoints(project):
    return sorted(path.name for path in (project / NETWORK).glob(".checkpoint/*/*.safetensors"))


@pytest.mark.full
def test_a_network_killed_in_training_goes_on_from_its_checkpoint(untrained):
    """Through Snakemake, which removes what a killed job left under the names of its outputs."""
    project, outputs = untrained
    log = project / "results/demo/logs/train/densenet-small/BC90001.log"
    model = str(NETWORK / "model.safetensors")
    for kills in range(3):
        before = checkpoints(project)
        run = start(project, model)
        wait_for(lambda before=before: checkpoints(project) > before, run)
        kill(run, project)
        assert ("continuing after" in log.read_text()) == (kills > 0)
    snakemake(project, *DEMO, "--", model)
    assert "continuing after" in log.read_text()
    assert {name: (project / NETWORK / name).read_bytes() for name in outputs} == outputs


@pytest.mark.full
def test_a_job_that_outlives_snakemake_is_not_done_again(untrained):
    """Snakemake alone is killed: it does not know that the job ended, and asks for it again."""
    project, outputs = untrained
    log = project / "results/demo/logs/train/densenet-small/BC90001.log"
    model = str(NETWORK / "model.safetensors")
    run = start(project, model)
    wait_for(lambda: checkpoints(project), run)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    end = time.monotonic() + 180
    while not (project / NETWORK / "model.json").exists():
        assert time.monotonic() < end
        time.sleep(0.1)
    time.sleep(5)
    snakemake(project, *DEMO, "--unlock")
    predictions = str(NETWORK / "predictions.h5ad")
    snakemake(project, *DEMO, "--", predictions)
    assert "continuing after final" in log.read_text()
    assert "images/s" not in log.read_text(), "an epoch was trained again"
    assert {name: (project / NETWORK / name).read_bytes() for name in outputs} == outputs
    assert not checkpoints(project)
