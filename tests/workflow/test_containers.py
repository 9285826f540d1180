"""Images get files that exist and suffice, and the lock without CUDA fits the other one.

No image is built here: that needs a registry. In Apptainer's place a double runs commands outside.
"""

import hashlib
import os
import re
import shutil
import sys
from pathlib import Path

import pytest
from environments import PYTHONS, locked
from project import ROOT, copy_project, planned, snakemake

DOCKERFILE = (ROOT / "Dockerfile").read_text()
APPTAINER = (ROOT / "Apptainer.def").read_text()
CPU_INDEX = "--extra-index-url https://download.pytorch.org/whl/cpu"


def section(name):
    """Lines of a section of Apptainer's definition."""
    return re.search(rf"^%{name}\n((?: +.*\n)+)", APPTAINER, re.M)[1].split("\n")[:-1]


def in_apptainer():
    """Files and folders that its image gets, and where."""
    return dict(line.split() for line in section("files"))


def in_docker():
    """Files and folders that Docker's image gets."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert lines[0] == "*"
    patterns = [line.removeprefix("!") for line in lines if line.startswith("!")]
    return {str(path.relative_to(ROOT)) for each in patterns for path in ROOT.glob(each)}


def test_both_images_get_the_same_files():
    files = in_apptainer()
    assert files.keys() == in_docker()
    for source, target in files.items():
        expected = f"/workflow/{source}" if "/" in source else "/workflow/"
        assert target == expected, source
        assert (ROOT / source).exists(), source


def test_both_images_are_made_in_the_same_steps():
    runs = re.findall(r"^RUN ((?:.*\\\n)*.*)$", DOCKERFILE, re.M)
    docker = [step.strip() for run in runs for step in run.replace("\\\n", "").split("&&")]
    apptainer = [line.strip().replace("{{ LOCK }}", "$LOCK") for line in section("post")]
    steps = [line for line in apptainer if not line.startswith(("cd ", "export "))]
    assert docker == steps
    assert len(steps) == 7
    assert set(re.findall(r"\S+\.lock", " ".join(steps))) <= in_docker()
    (default,) = {*re.findall(r"LOCK=(\S+)\n", DOCKERFILE.split("ARG", 1)[1])} & in_docker()
    assert f"LOCK={default}" in section("arguments")[0]
    (base,) = re.findall(r"^FROM (\S+)$", DOCKERFILE, re.M)
    assert f"\nFrom: {base}\n" in APPTAINER


def test_what_the_images_get_suffices(tmp_path):
    image, run = tmp_path / "workflow", tmp_path / "run"
    run.mkdir()
    hidden = shutil.ignore_patterns("__pycache__")
    for name in in_docker():
        (image / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, image / name, ignore=hidden)
        else:
            shutil.copy(ROOT / name, image / name)
    options = ["--snakefile", image / "Snakefile", "--configfile", image / "config/demo.yaml"]
    jobs = planned(run, *options, "--", "supplement", configuration=[])
    assert jobs.keys() >= {"train", "ledger", "paper"}
    # What the library reads of the checkout as it runs.
    library = "".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    named = set(re.findall(r'CHECKOUT / "([^"]+)"', library))
    assert "pyproject.toml" in named
    assert [name for name in named if (ROOT / name).is_file() and not (image / name).exists()] == []


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_without_cuda_is_the_other_one_without_cuda(python, tmp_path):
    first, *lines = (ROOT / "requirements-cpu.lock").read_text().splitlines()
    assert first == CPU_INDEX
    (tmp_path / "lock").write_text("\n".join(lines))
    without, all_of = locked(python, tmp_path / "lock"), locked(python)
    cuda = all_of.keys() - without.keys()
    assert {"torch", "triton", "nvidia-cublas"} - cuda == {"torch"}
    assert [name for name in cuda if not re.match("nvidia-|cuda-|triton$", name)] == []
    builds = {name: f"{all_of[name]}+cpu" for name in ("torch", "torchvision")}
    assert without == {name: all_of[name] for name in without} | builds


# Takes and notes the options of `apptainer exec` that Snakemake and the workflow give, and runs the
# command, outside and without mounts.
APPTAINER_DOUBLE = """#!/bin/bash
[ "$1" = --version ] && { echo apptainer version 1.3.4; exit; }
[ "$1" = exec ] || { echo "no apptainer $1 here" >&2; exit 1; }
printf '%s\t' "$@" >> "$NOTED"; echo >> "$NOTED"
while shift; do case "$1" in
--home|--bind|--pwd) shift;; --env=*) export "${1#--env=}";; --bind=*|--nv) ;;
*) [ "$1" = "$IMAGE" ] || { echo "no image $1" >&2; exit 1; }; shift; exec "$@";; esac; done
"""


def test_every_job_runs_in_the_image_and_sees_checkout_and_data(tmp_path, monkeypatch):
    project, run, data = tmp_path / "checkout", tmp_path / "run", tmp_path / "my data"
    copy_project(project)
    for folder in (run, data, tmp_path / "bin"):
        folder.mkdir()
    (tmp_path / "bin/apptainer").write_text(APPTAINER_DOUBLE)
    (tmp_path / "bin/apptainer").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.setenv("NOTED", str(tmp_path / "noted"))
    monkeypatch.setenv("IMAGE", "my.sif")
    options = ["--snakefile", project / "Snakefile", "--configfile", project / "config/demo.yaml"]
    options += ["--cores", "1", "--sdm", "apptainer"]
    asked = ["--", "results/demo/sections/BC90001_C1.h5ad"]
    done = snakemake(run, *options, "--config", "container=my.sif", "-n", *asked, check=False)
    assert "container: no file my.sif; --sdm apptainer needs the image" in done.stdout + done.stderr
    (run / "my.sif").touch()
    given = ["--config", "container=my.sif", "device=cuda", f"predict={{model: {data}/m}}"]
    done = snakemake(run, *options, *given, *asked, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    calls = [line.split("\t") for line in (tmp_path / "noted").read_text().splitlines()]
    assert len(calls) == len(re.findall(r"^Finished jobid", said, re.M)) > 1
    for call in calls:
        assert call[:3] == ["exec", "--home", str(run)]
        assert {f"--bind={project}", f"--bind={data}", "--nv", "my.sif"} <= set(call)
        assert f"--env=PYTHONPATH={project}/src" in call
    certified = (run / "results/certificate.sha256").read_text()
    assert f"{hashlib.sha256().hexdigest()}  my.sif" in certified
    # Jobs that are made again run in the image, each in a folder of its own.
    (tmp_path / "noted").unlink()
    done = snakemake(run, *options, *given, "verify_sample=2", "verify_seed=1", "--", "verify")
    assert len(re.findall("^rerun .*: the same bits", done.stdout, re.M)) == 2
    again = [line.split("\t") for line in (tmp_path / "noted").read_text().splitlines()]
    assert len(again) == 2
    for call in again:
        assert call.count(f"--bind={project}") == call.count("my.sif") == 1
    # The Snakemake that plan asks is not in the image.
    snakemake(run, *options, *given, "calibration=0", "--", "plan")
    assert ".plan.py" not in (tmp_path / "noted").read_text()
