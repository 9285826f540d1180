"""What this machine has: packages, conda, a GPU, folders to write in (ours).

Only what Snakemake itself requires is imported here, because that is all there may be.
"""

import os
import sys
import tempfile
import tomllib
import warnings
from collections.abc import Collection, Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from shutil import which

from packaging.requirements import Requirement

from stnet.core.checkout import CHECKOUT
from stnet.core.errors import first_of, reason_of
from stnet.core.gpu import visible_gpus, why_no_gpu
from stnet.core.places import existing
from stnet.planning.finding import MISSING, OK, Finding

# What gives jobs packages of their own: the option, and where the program comes from.
DEPLOYMENTS = {
    "conda": ("--use-conda", "https://conda-forge.org/download"),
    "apptainer": ("--sdm apptainer", "https://apptainer.org"),
}
NO_GPU = "add --config device=cpu, or run on a machine or cluster with a GPU"


def check_packages(deployed: Collection[str], nuclei: bool, device: str) -> Finding:
    """Compare Python and packages with `pyproject.toml`; `deployed` jobs have their own."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
    names = ["snakemake"] if deployed else project["dependencies"] + ["histomicstk"] * nuclei
    wanted = [Requirement(each) for each in [f"python{project['requires-python']}", *names]]
    there = {each.name: _version(each.name) for each in wanted}
    wrong = [
        f"{each.name} {there[each.name]} is not {each.specifier}"
        if there[each.name]
        else f"no {each.name}"
        for each in wanted
        if not there[each.name] or not each.specifier.contains(there[each.name], prereleases=True)
    ]
    if not wrong:
        found = f"{len(names)} as needed, Python {there['python']} in {sys.prefix}"
        return Finding("packages", OK, found + "; jobs have their own" * bool(deployed))
    torch = _version("torch")
    without_cuda = torch.endswith("+cpu") if torch else device == "cpu"
    lock = "requirements-cpu.lock" if without_cuda else "requirements.lock"
    remedy = f"with Python {project['requires-python']}: pip install -r {lock}"
    remedy += " && pip install --no-deps -r histomicstk.lock" * nuclei
    return Finding("packages", MISSING, first_of(wrong), remedy)


def check_deployment(name: str) -> Finding:
    """The program, or the function of bash, that gives jobs their packages (`DEPLOYMENTS`)."""
    option, url = DEPLOYMENTS[name]
    found = which(name) or "a function of bash" * (f"BASH_FUNC_{name}%%" in os.environ)
    if not found:
        remedy = f"install it ({url}), or leave {option} out"
        return Finding(name, MISSING, f"{option}, but no {name} on the PATH", remedy)
    return Finding(name, OK, found)


def check_gpu(device: str, executor: str) -> Finding:
    """The GPUs that jobs can lease on this machine, and whether torch can compute on them."""
    if device != "cuda" or executor != "local":
        found = f"asked of {executor}" if device == "cuda" else "not needed (device: cpu)"
        return Finding("GPU", OK, found)
    if reason := why_no_gpu():
        return Finding("GPU", MISSING, f"device: cuda is configured, but {reason}", NO_GPU)
    n, torch = len(visible_gpus()), _version("torch")
    if not torch:
        return Finding("GPU", OK, f"{n}; not tried, as torch is not installed here")
    from torch import cuda

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        if not cuda.is_available():
            reason = "".join(f" ({reason_of(each.message)})" for each in said[:1])
            remedy = f"look at nvidia-smi and its driver, or {NO_GPU}"
            if torch.endswith("+cpu"):
                remedy = "pip uninstall -y torch torchvision, then pip install -r requirements.lock"
            return Finding("GPU", MISSING, f"torch {torch} cannot use it{reason}", remedy)
    card = cuda.get_device_properties(0)
    return Finding("GPU", OK, f"{n}, {card.name} of {card.total_memory / 1e9:.0f} GB")


def check_folders(folders: Iterable[str | Path]) -> Finding:
    """Whether folders, or the nearest that exist, and that of temporary files can be written in."""
    wrong = []
    for folder in dict.fromkeys(map(existing, [*folders, tempfile.gettempdir()])):
        try:
            tempfile.TemporaryFile(dir=folder).close()
        except OSError as error:
            wrong.append(f"{folder} ({error.strerror})")
    if wrong:
        remedy = "make it writable, or run with --directory in a folder of yours"
        return Finding("folders", MISSING, f"not writable: {', '.join(wrong)}", remedy)
    return Finding("folders", OK, f"writable: {', '.join(map(str, folders))}, temporary files")


def _version(name: str) -> str:
    """The version of Python or of a package; "" if it is not installed."""
    try:
        return python_version() if name == "python" else version(name)
    except PackageNotFoundError:
        return ""
