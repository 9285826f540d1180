"""The Slurm profile against a real Slurm: what a job is given, and the workflow's own jobs."""

import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from project import DEMO, ROOT, copy_project

pytestmark = pytest.mark.cluster

# Jobs on the processor, one of which takes more memory than its rule asks for, and three that want
# one of two cards each. Rule `train` is in the profile.
SNAKEFILE = """\
MEMORY
rule all:
    input: "core.txt", "hungry.txt", "card0.txt", "card1.txt", "card2.txt"
rule core:
    output: "core.txt"
    resources: mem_mb=300, runtime=2
    shell: "scontrol show job $SLURM_JOB_ID > {output}; env >> {output}"
rule hungry:
    output: "hungry.txt"
    resources: mem_mb=500, runtime=2
    shell:
        "scontrol show job $SLURM_JOB_ID | grep -o TRES=.* >> tried.txt;"
        " PYTHON -c 'import time; x = bytes(range(256)) * 2_500_000; time.sleep(6)';"
        " cp tried.txt {output}"
rule train:
    output: "card{n}.txt"
    log: "card{n}.log"
    threads: 1
    resources: runtime=2, gpu=1, mem_mb=1000
    shell:
        "scontrol show job $SLURM_JOB_ID > {output}; env >> {output};"
        " PYTHON lease.py {log} >> {output}"
raise_memory(workflow.rules)
"""
# What a job on a GPU does first, with locks of its own, and how long it has its GPU.
LEASE = """\
import os, sys, time
from pathlib import Path
from stnet.core import gpu
from stnet.core.job import job
gpu.LOCKS = Path.cwd()
with job(sys.argv[1]):
    gpu.lease_gpu()
    print(f"leased={os.environ['CUDA_VISIBLE_DEVICES']} began={time.time()}")
    time.sleep(8)
    print(f"ended={time.time()}")
"""
CARDS = ["GPU-5d5ba0d0-1ef6", "GPU-7c1f2b3c-9a3b"]


@pytest.fixture
def submit(slurm):
    """Return a function that runs Snakemake with the profile, edited as its README says."""

    def run(folder: Path, *arguments: str) -> str:
        profile = folder / "profiles/slurm/config.yaml"
        text = re.sub(r"slurm_partition: \w+", "slurm_partition: main", profile.read_text())
        profile.write_text(re.sub(r"slurm_account: \w+", "slurm_account: none", text))
        hurry = ["--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "10"]
        snakemake = Path(sys.executable).with_name("snakemake")
        command = [snakemake, "--workflow-profile", "slurm", *hurry, *arguments]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, done.stderr
        return done.stderr

    return run


def given(path: Path) -> dict[str, str]:
    """What a job was given: the words of `scontrol` and its environment."""
    return dict(word.split("=", 1) for word in path.read_text().split() if "=" in word)


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A folder with the workflow of `SNAKEFILE`, the profiles, and a program that lists `CARDS`."""
    memory = f'include: "{ROOT}/workflow/rules/common/memory.smk"'
    text = SNAKEFILE.replace("MEMORY", memory).replace("PYTHON", sys.executable)
    (tmp_path / "Snakefile").write_text(text)
    (tmp_path / "lease.py").write_text(LEASE)
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    listed = "".join(f"echo 'GPU {n}: H100 (UUID: {uuid})'\n" for n, uuid in enumerate(CARDS))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/nvidia-smi").write_text(f"#!/bin/sh\n{listed}")
    (tmp_path / "bin/nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}/src")
    return tmp_path


def check_cards(folder: Path) -> None:
    """Two jobs at once had a card each, by its UUID, and the third had one of them afterwards."""
    cards = [given(folder / f"card{n}.txt") for n in range(3)]
    for n, card in enumerate(cards):
        assert card["TresPerJob"] == "gres:gpu:1"
        assert card["leased"] == CARDS[int(card["CUDA_VISIBLE_DEVICES"])]
        log = (folder / f"card{n}.log").read_text()
        assert f"computes on GPU {card['leased']}" in log
        assert "waiting for one" not in log, "Slurm lets no job wait inside its allocation"
    first, second, third = sorted(cards, key=lambda card: float(card["began"]))
    assert {first["leased"], second["leased"]} == set(CARDS)
    assert float(second["began"]) < float(first["ended"])
    before = first if first["leased"] == third["leased"] else second
    assert float(third["began"]) >= float(before["ended"])


def test_a_job_is_given_what_its_rule_asks_for(submit, toy):
    said = submit(toy)
    core = given(toy / "core.txt")
    assert core["TRES"].startswith("cpu=1,mem=300M")
    assert core["TimeLimit"] == "00:02:00"
    assert core["Partition"] == "main"
    assert "CUDA_VISIBLE_DEVICES" not in core
    check_cards(toy)
    # Slurm ended the job that took too much; the next attempt asked for more.
    attempts = [line.split(",")[1] for line in (toy / "hungry.txt").read_text().splitlines()]
    assert attempts == ["mem=500M", "mem=1000M"]
    assert "Trying to restart job" in said


def test_jobs_of_equal_length_run_as_an_array(submit, toy):
    """Not the profile's way: its README says which jobs of an array fail, and why."""
    said = submit(toy, "--slurm-array-jobs", "train", "--", *(f"card{n}.txt" for n in range(3)))
    assert "The individual task IDs are 1-3." in said
    check_cards(toy)


@pytest.fixture
def few_sections(tmp_path):
    """The demonstration with three sections, and the folder of the network of the first."""
    project = copy_project(tmp_path)
    sheet = project / "config/cohorts/demo.tsv"
    header, *rows = sheet.read_text().splitlines(keepends=True)
    by_patient = {row.split("\t")[0]: row for row in rows}
    held_out, *others = list(by_patient)[:3]
    sheet.write_text(header + "".join(by_patient[patient] for patient in (held_out, *others)))
    return project, f"results/demo/experiments/densenet-small/{held_out}"


def test_the_workflow_trains_on_the_cluster_also_where_it_is_preempted(submit, few_sections):
    """From the sections' simulation to a network; then the network again, with an interruption."""
    project, network = few_sections
    model = f"{network}/model.safetensors"
    said = submit(project, *DEMO, "--", model)
    assert said.count("has been submitted with SLURM jobid") >= 12
    outputs = {
        path.name: path.read_bytes() for path in (project / network).iterdir() if path.is_file()
    }
    assert {"model.safetensors", "epoch.json", "history.tsv", "model.json"} <= outputs.keys()
    shutil.rmtree(project / network)

    def preempt():
        """An urgent job takes all cores once the network has a checkpoint."""
        end = time.monotonic() + 600
        while not list((project / network).glob(".checkpoint/*/*.safetensors")):
            assert time.monotonic() < end
            time.sleep(0.05)
        command = ["sbatch", "-p", "urgent", "-c", "4", "-o", "/dev/null", "--wrap", "sleep 1"]
        subprocess.run(command, check=True)

    with ThreadPoolExecutor() as beside:
        preempted = beside.submit(preempt)
        said = submit(project, *DEMO, "--", model)
        preempted.result()
    # Snakemake submitted it once; Slurm started it twice.
    (job,) = re.findall(r"has been submitted with SLURM jobid (\d+)", said)
    asked = ["scontrol", "show", "job", job]
    state = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
    assert "JobState=COMPLETED" in state
    assert "Restarts=1" in state
    log = project / f"results/demo/logs/train/densenet-small/{Path(network).name}.log"
    assert "continuing after" in log.read_text()
    assert {name: (project / network / name).read_bytes() for name in outputs} == outputs
