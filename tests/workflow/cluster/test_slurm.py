"""The Slurm profile against a real Slurm: what a job is given, and the workflow's own jobs."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from project import DEMO, ROOT, copy_project

pytestmark = pytest.mark.cluster

# One job on the processor, two that want a card each, one that needs a second attempt's memory.
SNAKEFILE = """\
rule all:
    input: "core.txt", "card0.txt", "card1.txt", "predicted.txt"
rule core:
    output: "core.txt"
    resources: mem_mb=300, runtime=2
    shell: "scontrol show job $SLURM_JOB_ID > {output}; env >> {output}"
rule train:
    output: "card{n}.txt"
    threads: 2
    resources: runtime=2, gpu=1
    shell: "sleep 20; scontrol show job $SLURM_JOB_ID > {output}; env >> {output}"
rule predict_held_out:
    output: "predicted.txt"
    resources: runtime=2
    shell:
        "scontrol show job $SLURM_JOB_ID > attempt.txt; grep -q mem=16000M attempt.txt;"
        " mv attempt.txt {output}"
"""


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


def test_a_job_is_given_what_its_rule_asks_for(submit, tmp_path):
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    said = submit(tmp_path)
    core = given(tmp_path / "core.txt")
    assert core["TRES"].startswith("cpu=1,mem=300M")
    assert core["TimeLimit"] == "00:02:00"
    assert core["Partition"] == "main"
    assert "CUDA_VISIBLE_DEVICES" not in core
    cards = [given(tmp_path / f"card{n}.txt") for n in range(2)]
    assert {card["CUDA_VISIBLE_DEVICES"] for card in cards} == {"0", "1"}
    for card in cards:
        assert card["TresPerJob"] == "gres:gpu:1"
        assert card["TRES"].startswith("cpu=2,mem=16000M")
    # A failed job is submitted again, and the new allocation has more memory.
    assert "mem=16000M" in given(tmp_path / "predicted.txt")["TRES"]
    assert "Trying to restart job" in said


def test_the_workflow_trains_on_the_cluster(submit, tmp_path):
    """Three sections of the demonstration, from their simulation to a trained network."""
    project = copy_project(tmp_path)
    sheet = project / "config/cohorts/demo.tsv"
    header, *rows = sheet.read_text().splitlines(keepends=True)
    by_patient = {row.split("\t")[0]: row for row in rows}
    held_out, *others = list(by_patient)[:3]
    sheet.write_text(header + "".join(by_patient[patient] for patient in (held_out, *others)))
    model = f"results/demo/experiments/densenet-small/{held_out}/model.safetensors"
    said = submit(project, *DEMO, "--", model)
    assert (project / model).stat().st_size
    assert json.loads((project / model).with_name("epoch.json").read_text())
    assert said.count("has been submitted with SLURM jobid") >= 12
