"""The environments solved, installed and used, as far as that goes without a channel's host."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from channel import make_channel
from environments import (
    ENVIRONMENTS,
    LIBRARY,
    all_third_party,
    environment_of,
    installed_afterwards,
)
from loaded import load_rules
from project import DEMO, copy_project, edit

pytestmark = pytest.mark.full

ACTIVATE = 'export CONDA_PREFIX="$1" PATH="$1/bin:$PATH"\n'
WHERE = "import stnet\nopen('where.txt', 'w').write(f'{sys.prefix}\\n{stnet.__file__}')\n"


@pytest.fixture(scope="module")
def conda(tmp_path_factory):
    """A folder whose bin/ has the double, to be put on the path."""
    home = tmp_path_factory.mktemp("conda")
    asyncio.run(make_channel(home / "channel"))
    (home / "bin").mkdir()
    (home / "bin/activate").write_text(ACTIVATE)
    double = Path(__file__).with_name("double.py")
    command = f'exec {sys.executable} {double} {home} {home}/channel "$@"'
    (home / "bin/conda").write_text(f"#!/bin/sh\n{command}\n")
    (home / "bin/conda").chmod(0o755)
    return home


def create(conda: Path, specification: Path, name: str) -> subprocess.CompletedProcess:
    options = ["--file", specification, "--prefix", conda / "envs" / name]
    command = [conda / "bin/conda", "env", "create", *options]
    return subprocess.run(command, capture_output=True, text=True)


def whole(name: str, folder: Path) -> Path:
    """The specification of an environment with what its script installs afterwards."""
    content = yaml.safe_load(ENVIRONMENTS[name].read_text())
    content["dependencies"] += [f"{p}={v}" for p, v in installed_afterwards(name).items()]
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_environment_has_all_that_its_scripts_import(conda, name, tmp_path):
    done = create(conda, whole(name, tmp_path), name)
    assert done.returncode == 0, done.stderr
    users = [rule for rule in load_rules().values() if environment_of(rule).stem == name]
    modules = set().union(*map(all_third_party, users))
    program = "".join(f"import {module}\n" for module in sorted(modules))
    python = [conda / "envs" / name / "bin/python", "-I", "-c", program]
    done = subprocess.run(python, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_histomicstk_works_without_what_it_requires(conda, tmp_path):
    """Some of what it imports it imports only when it is called."""
    assert create(conda, whole("nuclei", tmp_path), "called").returncode == 0
    program = f"""import sys
sys.path.insert(0, {str(LIBRARY)!r})
import numpy as np
from stnet.config.segmentation import Segmentation
from stnet.features.segmentation import segment
patch = np.full((60, 60, 3), 220, dtype=np.uint8)
patch[20:40, 20:40] = (60, 40, 120)
settings = Segmentation(foreground=90, radii=[3, 4.5], search_radius=5, smallest=20)
print(segment(patch, settings).max())
"""
    python = [conda / "envs/called/bin/python", "-I", "-c", program]
    done = subprocess.run(python, capture_output=True, text=True)
    assert done.stdout == "1\n", done.stderr


def test_an_environment_lacks_what_it_does_not_name(conda, tmp_path):
    small = tmp_path / "small.yaml"
    small.write_text("channels: [conda-forge]\ndependencies: [python=3.12, numpy=2.5]\n")
    assert create(conda, small, "small").returncode == 0
    python = conda / "envs/small/bin/python"
    assert subprocess.run([python, "-c", "import numpy"]).returncode == 0
    done = subprocess.run([python, "-c", "import pandas"], capture_output=True, text=True)
    assert "No module named 'pandas'" in done.stderr


@pytest.fixture
def run(conda, tmp_path):
    """Return a copy of the project, and a function that makes its demo's truth with --use-conda."""
    project = copy_project(tmp_path)
    with open(project / "workflow/scripts/simulate/simulate_cohort.py", "a") as script:
        script.write(f"import sys\n{WHERE}")

    def run():
        environment = os.environ | {"PATH": f"{conda}/bin:{os.environ['PATH']}"}
        snakemake = Path(sys.executable).with_name("snakemake")
        options = [*DEMO, "--cores", "1", "--use-conda"]
        command = [snakemake, *options, "--", "resources/demo/truth.tsv"]
        return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)

    return project, run


def test_a_job_runs_in_its_environment_with_this_library(run):
    project, snakemake = run
    done = snakemake()
    assert done.returncode == 0, done.stderr
    prefix, library = (project / "where.txt").read_text().splitlines()
    assert Path(prefix).parent == project / ".snakemake/conda"
    assert library == str(project / "src/stnet/__init__.py")
    assert "Nothing to be done" in snakemake().stderr


def test_an_environment_that_cannot_be_solved_stops_the_run(run):
    project, snakemake = run
    edit(project / "envs/core.yaml", "numpy=", "numpy=99.")
    done = snakemake()
    assert done.returncode != 0
    assert "Could not create conda environment" in done.stderr
    assert not (project / "resources/demo/truth.tsv").exists()
