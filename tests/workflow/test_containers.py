"""Images get files that exist and suffice, and the lock without CUDA fits the other one.

No image is built here: that needs a registry.
"""

import re
import shutil

import pytest
from environments import PYTHONS, locked
from project import ROOT, planned

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
