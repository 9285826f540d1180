"""A run killed at random moments and started again ends with what one never killed has."""

import os
import random
import signal
import subprocess
import sys
import time

import anndata as ad
import numpy as np
import pytest
from workflow import DEMO, copy_project, snakemake

from stnet.core.hashing import file_sha256

# All that comes before training, whose bytes are the same in every run.
INDEX, TARGETS = "results/demo/views/128x2/index.tsv", "results/demo/targets/top60/all.h5ad"
KILLS = 6


@pytest.mark.full
def test_killed_runs_lose_nothing_and_leave_nothing_half_written(tmp_path):
    whole = copy_project(tmp_path / "whole")
    snakemake(whole, *DEMO, "--", INDEX, TARGETS)
    killed = copy_project(tmp_path / "killed")
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *DEMO, "--", INDEX, TARGETS]
    moments = random.Random()
    for _ in range(KILLS):
        snakemake(killed, *DEMO, "--unlock")
        run = subprocess.Popen(
            command, cwd=killed, start_new_session=True, stderr=subprocess.DEVNULL
        )
        time.sleep(moments.uniform(3, 12))
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        # Whatever stands under its own name is whole, before anything is made again.
        for path in killed.glob("results/demo/sections/*.h5ad"):
            assert ad.read_h5ad(path).n_obs
        for path in killed.glob("results/demo/views/128x2/*.npy"):
            assert np.load(path, mmap_mode="r").shape[1:] == (64, 64, 3)
    snakemake(killed, *DEMO, "--unlock")
    snakemake(killed, *DEMO, "--", INDEX, TARGETS)
    for path in [*sorted(whole.glob("resources/demo/*/*")), whole / INDEX]:
        assert file_sha256(killed / path.relative_to(whole)) == file_sha256(path), path
    targets = [ad.read_h5ad(folder / TARGETS) for folder in (whole, killed)]
    np.testing.assert_array_equal(targets[0].X, targets[1].X)
