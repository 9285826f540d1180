"""The conda environments, the lock of PyPI's versions, and what scripts import."""

import shlex
import sys
from functools import cache
from pathlib import Path

import rattler
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from project import ROOT

from stnet.core.digest import Code, Library, read_code

ENVIRONMENTS = {path.stem: path for path in sorted((ROOT / "envs").glob("*.yaml"))}
LIBRARY = ROOT / "src"
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
# That of the conda environments.
PYTHON = "3.12"

# Where a module's name is not its package's: on conda-forge, and on PyPI.
CONDA = {
    "PIL": "pillow",
    "matplotlib": "matplotlib-base",
    "matplotlib_scalebar": "matplotlib-scalebar",
    "openslide": "openslide-python",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "torch": "pytorch",
    "umap": "umap-learn",
    "yaml": "pyyaml",
}
PYPI = CONDA | {"matplotlib": "matplotlib", "torch": "torch"}
PYPI |= {"huggingface_hub": "huggingface-hub"}


def specifications(environment: str) -> dict[str, rattler.MatchSpec]:
    entries = yaml.safe_load(ENVIRONMENTS[environment].read_text())["dependencies"]
    specs = [rattler.MatchSpec(entry, strict=True) for entry in entries]
    return {str(spec.name.normalized): spec for spec in specs}


def locked(python: str, lock: str = "requirements.lock") -> dict[str, str]:
    """Versions of a lock that a version of Python on Linux gets."""
    lines = map(Requirement, (ROOT / lock).read_text().splitlines())
    machine = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": "linux",
        "platform_machine": "x86_64",
    }
    return exact([line for line in lines if not line.marker or line.marker.evaluate(machine)])


def without_dependencies() -> dict[str, str]:
    """Versions of the packages that are installed without what they require."""
    return locked(PYTHON, "histomicstk.lock")


def installed_afterwards(environment: str) -> dict[str, str]:
    """Versions of what an environment's script installs by pip, without what that requires."""
    path = ROOT / f"envs/{environment}.post-deploy.sh"
    if not path.exists():
        return {}
    command = shlex.split(path.read_text().splitlines()[-1])
    assert command[:5] == ["python", "-m", "pip", "install", "--no-deps"]
    return exact([*map(Requirement, command[5:])])


def exact(requirements: list[Requirement]) -> dict[str, str]:
    """Versions of requirements that each allow a single one, of different packages."""
    found = {}
    for requirement in requirements:
        (specifier,) = requirement.specifier
        name = canonicalize_name(requirement.name)
        assert specifier.operator == "=="
        assert name not in found, f"{name} is there twice"
        found[name] = specifier.version
    return found


@cache
def read(path: Path) -> Code:
    """What a file says; most files of the library are imported by the scripts of many rules."""
    return read_code(path.read_bytes(), str(path))


CODE = Library(LIBRARY, read)


def third_party(*files: Path) -> set[str]:
    """Top-level modules that files import from neither Python nor this repository."""
    found = {
        statement.module.split(".")[0]
        for file in files
        for statement in read(file).imports
        if not statement.level
    }
    return found - sys.stdlib_module_names - {"stnet"}


def all_third_party(rule) -> set[str]:
    """Those that a rule's script imports, itself or by the library."""
    script = script_of(rule)
    return third_party(script, *CODE.modules(script).values())


def script_of(rule) -> Path:
    return (Path(rule.snakefile).parent / rule.script).resolve()


def environment_of(rule) -> Path:
    return (Path(rule.snakefile).parent / str(rule.conda_env)).resolve()
