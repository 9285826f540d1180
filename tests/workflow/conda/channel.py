"""A conda channel made of what is installed here: packages of links into this environment.

A package has its conda-forge name, the version that requirements.lock has for the environments'
Python, and its requirements, so that a solve tests the specifications, and an installation lacks
what its specification forgot. What conda-forge really has is not tested.
"""

import importlib.metadata
import io
import json
import sys
import tarfile
from collections.abc import Iterable
from pathlib import Path

import rattler.index
from environments import CONDA, PYPI, PYTHON, locked, without_dependencies
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# Not on PyPI, or not needed by the tests: names and versions only.
EMPTY = {"pip": "25.0"}
# In this channel pytorch includes its CUDA libraries, which its wheel takes from many packages.
INSIDE_PYTORCH = ("nvidia-", "cuda-")


def conda_name(distribution: str) -> str:
    names = {PYPI[module]: package for module, package in CONDA.items()}
    return (names | {"openslide-bin": "openslide"}).get(distribution, distribution)


def top_level(distribution: importlib.metadata.Distribution) -> dict[str, Path]:
    """The files and folders of a distribution in site-packages, those of a namespace one by one."""
    site = Path(distribution.locate_file(""))
    found = {}
    for file in distribution.files or []:
        parts = file.parts
        if parts[0] in ("..", "__pycache__"):
            continue
        shared = len(parts) > 1 and not (site / parts[0] / "__init__.py").exists()
        depth = 2 if shared and not parts[0].endswith((".dist-info", ".libs")) else 1
        name = "/".join(parts[:depth])
        found[name] = site / name
    return found


def write(folder: Path, name: str, version: str, depends: Iterable[str], files: dict) -> None:
    """Write one package; `files` maps paths in it to links' targets (Path) or to text."""
    build = "links_0"
    index = {
        "name": name,
        "version": version,
        "build": build,
        "build_number": 0,
        "depends": sorted(depends),
        "subdir": "linux-64",
        "arch": "x86_64",
        "platform": "linux",
    }
    paths = [
        {
            "_path": path,
            "path_type": "softlink" if isinstance(content, Path) else "hardlink",
            "sha256": "0" * 64,
            "size_in_bytes": 0 if isinstance(content, Path) else len(content),
        }
        for path, content in files.items()
    ]
    texts = {
        "info/index.json": json.dumps(index),
        "info/paths.json": json.dumps({"paths": paths, "paths_version": 1}),
        "info/files": "".join(f"{path}\n" for path in files),
    }
    with tarfile.open(folder / f"{name}-{version}-{build}.tar.bz2", "w:bz2") as archive:
        for path, content in (texts | files).items():
            member = tarfile.TarInfo(path)
            if isinstance(content, Path):
                member.type, member.linkname = tarfile.SYMTYPE, str(content)
                archive.addfile(member)
            else:
                member.size = len(content.encode())
                archive.addfile(member, io.BytesIO(content.encode()))


def required_by(distribution: importlib.metadata.Distribution, extra: str = "") -> set[str]:
    """Packages that a distribution requires, and those for the extras that it asks of them."""
    found = set()
    for requirement in map(Requirement, distribution.requires or []):
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        found.add(canonicalize_name(requirement.name))
        for each in requirement.extras:
            found |= required_by(importlib.metadata.distribution(requirement.name), each)
    return found


async def make_channel(folder: Path) -> None:
    """Write all packages into `folder`, and index them."""
    packages = folder / "linux-64"
    packages.mkdir(parents=True)
    (folder / "noarch").mkdir()
    versions = locked(PYTHON) | locked(PYTHON, "spatialdata.lock") | without_dependencies()
    site = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    base = Path(sys.base_prefix) / "bin"
    alone = f"home = {base}\ninclude-system-site-packages = false\n"
    start = {"bin/python": base / "python3", "pyvenv.cfg": alone}
    write(packages, "python", f"{PYTHON}.0", [], start)
    for name, version in EMPTY.items():
        write(packages, name, version, [], {})
    installed = {canonicalize_name(d.name): d for d in importlib.metadata.distributions()}
    for name, distribution in installed.items():
        if name.startswith(INSIDE_PYTORCH) or name in EMPTY:
            continue
        required = {r for r in required_by(distribution) if not r.startswith(INSIDE_PYTORCH)}
        required &= installed.keys()
        if name in without_dependencies():
            required = set()
        files = {f"{site}/{path}": target for path, target in top_level(distribution).items()}
        if name == "torch":
            files[f"{site}/nvidia"] = Path(distribution.locate_file("nvidia"))
        depends = {*map(conda_name, required), "python"}
        version = versions.get(name, distribution.version)
        write(packages, conda_name(name), version, depends, files)
    await rattler.index.index_fs(folder)
