"""What this machine has: packages, programs, a GPU, folders to write in (ours).

Only what Snakemake itself requires is imported here, because that is all there may be.
"""

import os
import re
import sys
import tempfile
import tomllib
import warnings
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from shutil import which
from typing import NamedTuple

from packaging.requirements import Requirement

from stnet.core.checkout import CHECKOUT
from stnet.core.errors import first_of, reason_of
from stnet.core.gpu import visible_gpus, why_no_gpu
from stnet.core.places import existing

OK, WARNING, MISSING = "OK", "warning", "missing"
INSTALL = "pip install -r requirements.lock"
INSTALL_NUCLEI = "pip install --no-deps -r histomicstk.lock"
NO_CONDA = (
    "install it (https://conda-forge.org/download), or leave --use-conda out: jobs then use the"
    " packages of this environment"
)
NO_GPU = "add --config device=cpu, or run on a machine or cluster with a GPU"
# Of executors with a profile of ours.
COMMANDS = {"slurm": ["sbatch", "squeue", "scancel", "sinfo"]}


class Finding(NamedTuple):
    """What was found of a thing that a run needs: `OK`, `WARNING` or `MISSING`, and what to do."""

    check: str
    state: str
    found: str
    remedy: str = ""


def check_packages(conda: bool, nuclei: bool) -> Iterator[Finding]:
    """Compare Python and packages with `pyproject.toml` and the locks; load OpenSlide.

    With `conda`, jobs have packages of their own, and only Snakemake is compared.
    """
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
    python, wanted = python_version(), Requirement(f"python{project['requires-python']}")
    fits = wanted.specifier.contains(python, prereleases=True)
    found = f"{python} in {sys.prefix}" + ("" if fits else f" is not {wanted.specifier}")
    yield Finding("Python", OK if fits else MISSING, found, "" if fits else "install one that is")
    lines = (CHECKOUT / "requirements.lock").read_text("utf-8").splitlines()
    lines += (CHECKOUT / "histomicstk.lock").read_text("utf-8").splitlines()
    locks = [Requirement(each) for each in lines if re.match(r"\w", each)]
    locks = {each.name: each for each in locks if not each.marker or each.marker.evaluate()}
    wanted = [Requirement(each) for each in project["dependencies"]]
    wanted += [Requirement("histomicstk")] * nuclei
    wanted = [each for each in wanted if each.name == "snakemake" or not conda]
    wrong, other = [], []
    for each in wanted:
        try:
            there = version(each.name)
        except PackageNotFoundError:
            wrong.append(f"no {each.name}")
            continue
        if not each.specifier.contains(there, prereleases=True):
            wrong.append(f"{each.name} {there} is not {each.specifier}")
        elif each.name in locks and not locks[each.name].specifier.contains(there):
            other.append(f"{each.name} {there} is not {locks[each.name].specifier}")
    install = f"{INSTALL} && {INSTALL_NUCLEI}" if "no histomicstk" in wrong else INSTALL
    if wrong:
        yield Finding("packages", MISSING, first_of(wrong), install)
    if other:
        yield Finding("packages", WARNING, f"not as locked: {first_of(other)}", install)
    if not wrong and not other:
        yield Finding("packages", OK, f"{len(wanted)} as locked" + "; jobs have conda's" * conda)
    try:
        if not conda:
            import openslide  # noqa: F401
    except (ImportError, OSError) as error:
        yield Finding("OpenSlide", MISSING, f"cannot be loaded ({reason_of(error)})", install)


def check_programs(conda: bool, executor: str) -> Iterator[Finding]:
    """Conda, if jobs use it, and the commands of a cluster, if jobs go there."""
    if conda and not (which("conda") or "BASH_FUNC_conda%%" in os.environ):
        yield Finding("conda", MISSING, "--use-conda, but no conda on the PATH", NO_CONDA)
    elif conda:
        yield Finding("conda", OK, which("conda") or "a function of bash")
    absent = [each for each in COMMANDS.get(executor, []) if not which(each)]
    if absent:
        remedy = "run on a node of the cluster that has them, or with another profile"
        yield Finding(executor, MISSING, f"not on the PATH: {', '.join(absent)}", remedy)
    elif executor in COMMANDS:
        yield Finding(executor, OK, f"{', '.join(COMMANDS[executor])} are on the PATH")


def check_gpu(device: str, executor: str, at_once: int) -> Finding:
    """The GPUs that jobs can lease on this machine, and whether torch can compute on them."""
    if device != "cuda":
        return Finding("GPU", OK, "not needed (device: cpu)")
    if executor != "local":
        return Finding("GPU", OK, f"jobs get them from {executor}; not looked at from here")
    if reason := why_no_gpu():
        return Finding("GPU", MISSING, f"device: cuda is configured, but {reason}", NO_GPU)
    try:
        import torch
    except ImportError:
        return Finding("GPU", OK, f"{len(visible_gpus())}; not tried, as torch is not installed")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        if not torch.cuda.is_available():
            reasons = [f" ({reason_of(each.message)})" for each in said[:1]]
            found = f"torch {torch.__version__} cannot use it{''.join(reasons)}"
            return Finding("GPU", MISSING, found, f"look at nvidia-smi and its driver, or {NO_GPU}")
    card, n = torch.cuda.get_device_properties(0), len(visible_gpus())
    found = f"{n}, {card.name} of {card.total_memory / 1e9:.0f} GB; jobs at once: {at_once}"
    if at_once > n:
        return Finding(
            "GPU", WARNING, f"{found}, of which some will wait", f"add --resources gpu={n}"
        )
    return Finding("GPU", OK, found)


def check_folders(folders: Iterable[str | Path]) -> Finding:
    """Whether folders, or the nearest that exist, and that of temporary files can be written in."""
    wrong = {}
    for folder in map(existing, [*folders, tempfile.gettempdir()]):
        try:
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(b"0")
        except OSError as error:
            wrong[folder] = f"{folder} ({error.strerror})"
    if wrong:
        remedy = "make it writable, or run with --directory in a folder of yours"
        return Finding("folders", MISSING, f"not writable: {', '.join(wrong.values())}", remedy)
    return Finding("folders", OK, f"writable: {', '.join(map(str, folders))}, temporary files")


def memory() -> int:
    """Bytes of memory of this machine, or those that its container may use."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in map(Path, ["/sys/fs/cgroup/memory.max"]):
        limits += [int(path.read_text())] if path.is_file() and path.read_text() != "max\n" else []
    return min(limits)
