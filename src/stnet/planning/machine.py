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
from shutil import which
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from stnet.core.checkout import CHECKOUT
from stnet.core.errors import first_of, reason_of
from stnet.core.gpu import visible_gpus, why_no_gpu

OK, WARNING, MISSING = "OK", "warning", "missing"
INSTALL = "pip install -r requirements.lock"
INSTALL_NUCLEI = "pip install --no-deps -r histomicstk.lock"
# Of the executors that Snakemake can submit jobs with, the one that has a profile here.
COMMANDS = {"slurm": ["sbatch", "squeue", "scancel", "sinfo"]}


class Finding(NamedTuple):
    """What was found of one thing that a run needs: `OK`, `WARNING` or `MISSING`, and what to do."""

    check: str
    state: str
    found: str
    remedy: str = ""


def existing(path: str | Path) -> Path:
    """The path itself, or the nearest folder above it that exists."""
    path = Path(path).absolute()
    return next(each for each in (path, *path.parents) if each.exists())


def check_python() -> Finding:
    """The version of Python, against that of `pyproject.toml`."""
    needed = SpecifierSet(_project()["requires-python"])
    found = f"{sys.version.split()[0]} in {sys.prefix}"
    if needed.contains(found.split()[0], prereleases=True):
        return Finding("Python", OK, found)
    return Finding("Python", MISSING, f"{found} is not {needed}", "make demo PYTHON=python3.13")


def check_packages(conda: bool, nuclei: bool) -> Finding:
    """Versions of the packages of `pyproject.toml`, and for nuclei of HistomicsTK, against the lock.

    With `conda`, jobs have packages of their own, and only Snakemake's is compared.
    """
    needed = {each.name: each for each in map(Requirement, _project()["dependencies"])}
    if conda:
        needed = {"snakemake": needed["snakemake"]}
    locked = _locked("requirements.lock") | (_locked("histomicstk.lock") if nuclei else {})
    names = [*needed, *(["histomicstk"] if nuclei and not conda else [])]
    absent, wrong, other = [], [], []
    for name in names:
        try:
            found = version(name)
        except PackageNotFoundError:
            absent.append(name)
            continue
        specifier = needed[name].specifier if name in needed else SpecifierSet()
        if not specifier.contains(found, prereleases=True):
            wrong.append(f"{name} {found} is not {specifier}")
        elif found.partition("+")[0] != locked.get(name, found):
            other.append(f"{name} {found} (lock: {locked[name]})")
    install = INSTALL + (f" && {INSTALL_NUCLEI}" if "histomicstk" in absent else "")
    if absent or wrong:
        lacking = [f"not installed: {first_of(absent)}"] if absent else []
        return Finding("packages", MISSING, "; ".join([*lacking, *wrong]), install)
    if other:
        found = f"other versions than the lock's: {first_of(other)}"
        return Finding("packages", WARNING, found, f"for the tested versions: {install}")
    own = "; those of jobs are in conda environments" if conda else ""
    return Finding("packages", OK, f"{len(names)} as in requirements.lock{own}")


def check_openslide() -> Finding:
    """Whether OpenSlide and its library can be loaded."""
    try:
        import openslide
    except (ImportError, OSError) as error:
        return Finding("OpenSlide", MISSING, f"cannot be loaded ({reason_of(error)})", INSTALL)
    return Finding("OpenSlide", OK, openslide.__library_version__)


def check_programs(conda: bool, executor: str) -> Iterator[Finding]:
    """Conda, if jobs use it, and the commands of a cluster, if jobs go there."""
    if conda:
        # Bash may have conda as an exported function.
        there = which("conda") or os.environ.get("BASH_FUNC_conda%%")
        remedy = (
            "install it (https://conda-forge.org/download), or leave --use-conda out: jobs then use"
            " the packages of this environment"
        )
        yield (
            Finding("conda", OK, which("conda") or "a function of bash")
            if there
            else Finding("conda", MISSING, "--use-conda, but no conda on the PATH", remedy)
        )
    if executor in COMMANDS:
        absent = [each for each in COMMANDS[executor] if not which(each)]
        yield (
            Finding(
                executor,
                MISSING,
                f"not on the PATH: {', '.join(absent)}",
                "run on a node of the cluster that has them, or with profiles/default",
            )
            if absent
            else Finding(executor, OK, f"{', '.join(COMMANDS[executor])} are there")
        )


def check_gpu(device: str, executor: str, at_once: int) -> Finding:
    """The GPUs that jobs can lease on this machine, and whether torch can compute on them."""
    if device != "cuda":
        return Finding("GPU", OK, "not needed: device: cpu")
    if executor != "local":
        return Finding("GPU", OK, f"the cluster's, by {executor}: not looked at from here")
    remedy = "add --config device=cpu, or run on a machine or cluster with a GPU"
    if reason := why_no_gpu():
        return Finding("GPU", MISSING, f"device: cuda is configured, but {reason}", remedy)
    gpus = visible_gpus()
    try:
        import torch
    except ImportError:
        found = f"{len(gpus)} by nvidia-smi; torch, which is not installed here, did not try them"
        return Finding("GPU", OK if gpus else MISSING, found, "" if gpus else remedy)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        usable = torch.cuda.is_available()
    if not usable:
        reason = f": {reason_of(said[0].message)}" if said else ""
        found = f"torch {torch.__version__} cannot use the GPU{reason}"
        return Finding("GPU", MISSING, found, f"look at nvidia-smi and its driver; or {remedy}")
    card = torch.cuda.get_device_properties(0)
    found = f"{len(gpus)} ({card.name}, {card.total_memory / 1e9:.0f} GB); {at_once} jobs at once"
    if at_once > len(gpus):
        return Finding("GPU", WARNING, f"{found} share them", f"--resources gpu={len(gpus)}")
    return Finding("GPU", OK, found)


def check_folders(folders: Iterable[str | Path]) -> Finding:
    """Whether files can be written in folders, or in the nearest ones that exist, and locked."""
    wrong = {}
    for folder in map(existing, [*folders, tempfile.gettempdir()]):
        try:
            # Without a name, where the system can do that.
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(b"0")
        except OSError as error:
            wrong[str(folder)] = f"{folder} ({error.strerror})"
    if wrong:
        remedy = "ask for the right to write there, or run with --directory elsewhere"
        return Finding("folders", MISSING, f"not writable: {', '.join(wrong.values())}", remedy)
    return Finding("folders", OK, f"writable: {', '.join(map(str, folders))}, temporary files")


def memory() -> int:
    """Bytes of memory of this machine, or that its container may use."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        text = Path(path).read_text().strip() if Path(path).is_file() else ""
        limits += [int(text)] if text.isdecimal() else []
    return min(limits)


def _project() -> dict:
    return tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]


def _locked(name: str) -> dict[str, str]:
    """Versions in a lock file that hold for this Python."""
    lines = (CHECKOUT / name).read_text("utf-8").splitlines()
    rows = [Requirement(line) for line in lines if re.match(r"\w", line)]
    rows = [each for each in rows if each.marker is None or each.marker.evaluate()]
    return {each.name: str(each.specifier).removeprefix("==") for each in rows}
