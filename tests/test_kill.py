"""A run killed at random moments and started again ends with what one never killed has."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time

import anndata as ad
import numpy as np
import pytest
from workflow import DEMO, copy_project, copy_run, snakemake

from stnet.core.hashing import file_sha256

# All that comes before training, whose bytes are the same in every run.
INDEX, TARGETS = "results/demo/views/128x2/index.tsv", "results/demo/targets/top60/all.h5ad"
KILLS = 6


def kill_after(seconds, folder, *targets):
    """Run the demo and kill all its processes; whether it was still running then."""
    run = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "2", *DEMO, "--", *targets],
        cwd=folder,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(seconds)
    killed = run.poll() is None
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    snakemake(folder, *DEMO, "--unlock")
    return killed


@pytest.mark.full
def test_killed_runs_lose_nothing_and_leave_nothing_half_written(tmp_path):
    whole = copy_project(tmp_path / "whole")
    snakemake(whole, *DEMO, "--", INDEX, TARGETS)
    killed = copy_project(tmp_path / "killed")
    moments = random.Random()
    for _ in range(KILLS):
        kill_after(moments.uniform(3, 12), killed, INDEX, TARGETS)
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


@pytest.mark.full
def test_a_network_killed_in_training_goes_on_from_its_checkpoint(demo, tmp_path):
    """Through Snakemake, which removes what a killed job left under the names of its outputs."""
    project = copy_run(demo, tmp_path / "project")
    folder = project / "results/demo/experiments/densenet-small/BC90001"
    outputs = {path.name: path.read_bytes() for path in folder.iterdir()}
    shutil.rmtree(folder)
    model = str((folder / "model.safetensors").relative_to(project))
    log = project / "results/demo/logs/train/densenet-small/BC90001.log"
    kills = resumed = 0
    while not (folder / "model.json").exists():
        # Some 10 s until training begins, and as long until it ends.
        if kills < 3:
            kills += kill_after(random.uniform(11, 16), project, model)
        else:
            snakemake(project, *DEMO, "--", model)
        resumed += "going on after" in log.read_text()
    assert (kills, resumed > 0) == (3, True)
    for name in ("model.safetensors", "model.json", "history.tsv", "epoch.json"):
        assert (folder / name).read_bytes() == outputs[name], name
    assert not (folder / ".checkpoint").exists()
