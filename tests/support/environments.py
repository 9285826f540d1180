"""The conda environments, the lock of PyPI's versions, and what scripts import."""

import shlex
import sys
from pathlib import Path

import rattler
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from project import ROOT

from stnet.core.digest import imports

ENVIRONMENTS = {path.stem: path for path in sorted((ROOT / "envs").glob("*.yaml"))}
LIBRARY = ROOT / "src"
PYTHONS = ["3.11", "3.12"]
PYTHON = "3.12"
# Packages that are installed without what they require.
WITHOUT_DEPENDENCIES = (ROOT / "histomicstk.lock").read_text().splitlines()


# Where a module's name is not its package's: on conda-forge, and on PyPI.
CONDA = {
    "PIL": "pillow",
    "matplotlib": "matplotlib-base",
    "openslide": "openslide-python",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "torch": "pytorch",
    "umap": "umap-learn",
    "yaml": "pyyaml",
}
PYPI = CONDA | {"matplotlib": "matplotlib", "torch": "torch"}


def specifications(environment: str) -> dict[str, rattler.MatchSpec]:
    entries = yaml.safe_load(ENVIRONMENTS[environment].read_text())["dependencies"]
    specs = [rattler.MatchSpec(entry, strict=True) for entry in entries]
    return {str(spec.name.normalized): spec for spec in specs}


def locked(python: str) -> dict[str, str]:
    """Versions of requirements.lock that a version of Python on Linux gets."""
    lines = map(Requirement, (ROOT / "requirements.lock").read_text().splitlines())
    machine = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": "linux",
        "platform_machine": "x86_64",
    }
    return {
        canonicalize_name(line.name): next(iter(line.specifier)).version
        for line in lines
        if not line.marker or line.marker.evaluate(machine)
    }


def installed_afterwards(environment: str) -> dict[str, str]:
    """Versions of what an environment's script installs by pip, without what that requires."""
    path = ROOT / f"envs/{environment}.post-deploy.sh"
    if not path.exists():
        return {}
    command = shlex.split(path.read_text().splitlines()[-1])
    assert command[:5] == ["python", "-m", "pip", "install", "--no-deps"]
    return exact(command[5:])


def exact(lines: list[str]) -> dict[str, str]:
    """Versions of requirements that each allow a single one."""
    found = {}
    for line in map(Requirement, lines):
        (specifier,) = line.specifier
        assert specifier.operator == "=="
        found[canonicalize_name(line.name)] = specifier.version
    return found


def third_party(*files: Path) -> set[str]:
    """Top-level modules that files import from neither Python nor this repository."""
    found = {
        statement.module.split(".")[0]
        for file in files
        for statement in imports(file)
        if not statement.level
    }
    return found - sys.stdlib_module_names - {"stnet"}


def script_of(rule) -> Path:
    return (Path(rule.snakefile).parent / rule.script).resolve()


def environment_of(rule) -> Path:
    return (Path(rule.snakefile).parent / str(rule.conda_env)).resolve()
