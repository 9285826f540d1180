"""A training job that is killed, or meets a full disk, ends as one that never was."""

import json
import multiprocessing
import os
import random
import re
import shutil
import signal
import subprocess
import sys

import anndata as ad
import numpy as np
import pytest
import torch
from project import ROOT
from toy import OUTPUTS, make_cohort, predict, train, train_in_a_process

from stnet.training.checkpoints import FOLDER, Checkpoint, Checkpoints

KILLS = 24
# Long enough to be killed in many places, and on a fast machine too: 180 epochs.
LONG = {"epochs": 60, "learning_rate": 1e-4}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return make_cohort(tmp_path_factory.mktemp("cohort"))


@pytest.fixture(scope="module")
def whole(cohort, tmp_path_factory):
    """Outputs and predictions of a job that nothing happened to."""
    folder = tmp_path_factory.mktemp("whole")
    train(cohort, folder)
    return folder, predict(cohort, folder)


@pytest.fixture(scope="module")
def processes():
    """Processes that have the library imported, forked from one that never used it."""
    context = multiprocessing.get_context("forkserver")
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests/support")])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", paths)
        context.set_forkserver_preload(["toy"])
        yield context


def assert_same(folder, whole):
    """Bit for bit the same outputs; beside them the last checkpoint, and nothing half-written."""
    for name in OUTPUTS.values():
        assert (folder / name).read_bytes() == (whole / name).read_bytes(), name
    assert {path.name for path in folder.iterdir()} <= {*OUTPUTS.values(), FOLDER, ".sha256"}
    assert len([path for path in (folder / FOLDER).rglob("*") if path.is_file()]) == 1


def run_to_the_end(processes, cohort, folder, **options):
    log = folder.parent / f"{folder.name}.log"
    log.unlink(missing_ok=True)
    process = processes.Process(
        target=train_in_a_process, args=(cohort, folder, log), kwargs=options
    )
    process.start()
    process.join()
    return process.exitcode, log.read_text()


def test_killed_at_fixed_points_and_gone_on_with(cohort, whole, processes, tmp_path):
    folder = tmp_path / "killed"
    went_on_after = {
        "in an epoch": "inner 0, epoch 1\n",
        "in a checkpoint": "inner 0, epoch 3\n",
        "among the outputs": "final, epoch",
    }
    before = "inner 0: epoch 1"
    for point, after in went_on_after.items():
        code, log = run_to_the_end(processes, cohort, folder, killed_at=point)
        assert code == -signal.SIGKILL
        assert before in log
        before = f"continuing after {after}"
    assert (folder / OUTPUTS["model"]).is_file()
    assert not (folder / OUTPUTS["card"]).exists()
    code, log = run_to_the_end(processes, cohort, folder)
    assert code == 0
    assert before in log
    assert "images/s" not in log, "an epoch was trained again"
    assert_same(folder, whole[0])
    np.testing.assert_array_equal(ad.read_h5ad(predict(cohort, folder)).X, ad.read_h5ad(whole[1]).X)


@pytest.mark.full
def test_killed_at_random_moments(cohort, processes, tmp_path):
    whole = tmp_path / "whole"
    whole.mkdir()
    train(cohort, whole, **LONG)
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    moments = random.Random(seed)
    kills = rounds = 0
    while kills < KILLS:
        rounds += 1
        assert rounds < KILLS, "jobs end before they are killed"
        folder = tmp_path / f"killed-{rounds}"
        for _ in range(10 * KILLS):
            process = processes.Process(
                target=train_in_a_process,
                args=(cohort, folder, tmp_path / "log"),
                kwargs={"changes": LONG},
            )
            process.start()
            process.join(moments.uniform(0.05, 2.5))
            if process.exitcode is not None:
                break
            process.kill()
            process.join()
            kills += 1
        assert process.exitcode == 0
        assert_same(folder, whole)
    print(f"{kills} kills in {rounds} jobs")


def damaged(folder, how):
    """Damage the newest checkpoint of a job; its path."""
    *_, newest = sorted(folder.glob(f"{FOLDER}/*/*.safetensors"))
    content = newest.read_bytes()
    if how == "truncated":
        newest.write_bytes(content[: len(content) // 2])
    elif how == "changed":
        newest.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif how == "empty":
        newest.write_bytes(b"")
    else:
        other = Checkpoints(folder.parent / "other", {"other": "job"})
        other.write(Checkpoint([{"run": "inner 0", "epoch": 1}], {"network.x": torch.zeros(1)}))
        other.wait()
        shutil.copy(next((folder.parent / "other").glob(f"{FOLDER}/*/*.safetensors")), newest)
    return newest


@pytest.mark.parametrize("how", ["truncated", "changed", "empty", "foreign"])
def test_a_damaged_checkpoint_is_refused_by_name_and_the_one_before_used(
    cohort, whole, processes, tmp_path, how, caplog
):
    folder = tmp_path / "job"
    run_to_the_end(processes, cohort, folder, killed_at="in a checkpoint")
    path = damaged(folder, how)
    train(cohort, folder)
    said = caplog.text
    assert f"{path}: not used:" in said
    assert "continuing after inner 0, epoch 2" in said
    assert_same(folder, whole[0])


@pytest.mark.parametrize("change", [{"code": "1" * 16}, {"momentum": 0.8}, {"threads": 2}])
def test_a_checkpoint_of_another_job_is_not_used(cohort, processes, tmp_path, caplog, change):
    folder = tmp_path / "job"
    run_to_the_end(processes, cohort, folder, killed_at="in a checkpoint")
    (key,) = (folder / FOLDER).iterdir()
    train(cohort, folder, **change, epochs=1)
    said = caplog.text
    assert f"{key}: checkpoints of another configuration, code" in said
    assert "continuing" not in said
    assert not key.exists()


def test_two_checkpoints_are_kept(tmp_path):
    checkpoints = Checkpoints(tmp_path, {})
    state = {"network.x": torch.arange(3.0), "network.n": torch.tensor(7)}
    history = []
    for epoch in range(1, 5):
        history.append({"run": "final", "epoch": epoch, "train_loss": float("nan")})
        checkpoints.write(Checkpoint(history, state))
    # What is trained meanwhile is not written.
    written = {name: value.clone() for name, value in state.items()}
    for value in state.values():
        value += 1
    checkpoints.wait()
    state = written
    names = sorted(path.name for path in tmp_path.glob(f"{FOLDER}/*/*"))
    assert names == ["000003.safetensors", "000004.safetensors"]
    newest = checkpoints.newest()
    assert [row["epoch"] for row in newest.history] == [1, 2, 3, 4]
    assert newest.state.keys() == state.keys()
    assert all(torch.equal(newest.state[name], state[name]) for name in state)


def test_a_full_disk_and_a_read_only_one(cohort, whole, tmp_path):
    """On a file system of our own, in a name space where we may mount it."""
    command = ["unshare", "--map-root-user", "--mount", sys.executable, "toy.py"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    if (
        shutil.which("unshare") is None
        or subprocess.run(
            ["unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", tmp_path],
            capture_output=True,
        ).returncode
    ):
        pytest.skip("no file system can be mounted here")
    answer = subprocess.run(
        [*command, *map(str, cohort), tmp_path],
        cwd=ROOT / "tests/support",
        env=environment,
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout.splitlines()[-1])
    full, read_only, large = told["said"]
    assert re.fullmatch(
        r"InputError: \S+/000003\.safetensors: cannot be written \(No space left on device\); .*",
        full["message"],
    )
    assert full["left"], "no checkpoint fitted"
    assert "cannot be written (Read-only file system)" in read_only["message"]
    assert read_only["left"] == full["left"]
    assert (large["message"], len(large["left"])) == (None, 1)
    for name, content in told["kept"].items():
        assert bytes.fromhex(content) == (whole[0] / name).read_bytes(), name
