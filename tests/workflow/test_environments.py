"""Each rule says what it needs, and its environment has what its script imports.

No channel is asked: that the specifications can be solved is not tested here.
"""

import re
import shlex
import sys
import tomllib
from pathlib import Path

import pytest
import rattler
import yaml
from loaded import load_rules, rule_text
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from project import ROOT

from stnet.core.digest import imported_modules, imports

ENVIRONMENTS = {path.stem: path for path in sorted((ROOT / "envs").glob("*.yaml"))}
LIBRARY = ROOT / "src"
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
# That of the conda environments.
PYTHON = "3.12"

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


@pytest.fixture(params=sorted(load_rules()))
def rule(request):
    return load_rules()[request.param]


def test_a_rule_says_what_it_needs(rule):
    missing = {
        "a script": not rule.script,
        "a conda environment": not rule.conda_env,
        "a log": not rule.log,
        # Of a rule without an output it would be one, and the rule would run once only.
        "a benchmark": bool(rule.output) != bool(rule.benchmark),
        "threads": "\n    threads:" not in rule_text(rule),
        "mem_mb": "mem_mb" not in rule.resources,
        "runtime": "runtime" not in rule.resources,
    }
    assert not [what for what, is_missing in missing.items() if is_missing]


def test_a_rule_has_one_of_the_environments(rule):
    assert environment_of(rule) in ENVIRONMENTS.values()


def test_the_environment_has_what_the_script_imports(rule):
    script = script_of(rule)
    modules = third_party(script, *imported_modules(script, LIBRARY).values())
    packages = {CONDA.get(module, module) for module in modules}
    environment = environment_of(rule).stem
    assert packages <= {*specifications(environment), *installed_afterwards(environment)}


@pytest.mark.parametrize(
    "path", sorted((ROOT / "workflow/scripts").glob("*.py")), ids=lambda path: path.stem
)
def test_a_script_belongs_to_a_rule(path):
    assert path in {script_of(rule) for rule in load_rules().values()}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_environment_is_pinned_to_the_minor(environment):
    content = yaml.safe_load(ENVIRONMENTS[environment].read_text())
    assert content["channels"] == ["conda-forge", "nodefaults"]
    assert set(content) == {"channels", "dependencies"}
    specs = specifications(environment)
    assert len(specs) == len(content["dependencies"])
    assert specs["python"].version == f"{PYTHON}.*"
    assert [name for name, spec in specs.items() if not spec.version] in ([], ["pip"])


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_environment_agrees_with_the_lock(environment):
    names = {package: PYPI[module] for module, package in CONDA.items()}
    versions = locked(PYTHON)
    compared = {
        name: (rattler.VersionSpec(spec.version), versions[names.get(name, name)])
        for name, spec in specifications(environment).items()
        if names.get(name, name) in versions
    }
    assert len(compared) >= 8
    for name, (spec, version) in compared.items():
        assert spec.matches(rattler.Version(version)), f"{name} is {version} in the lock"


def test_what_is_installed_afterwards_is_that_of_the_lock():
    scripts = {path.name.split(".")[0] for path in (ROOT / "envs").glob("*.post-deploy.sh")}
    assert scripts == {"nuclei"}
    assert installed_afterwards("nuclei") == without_dependencies()


def test_every_python_gets_the_same_packages_without_what_they_require():
    names = {python: locked(python, "histomicstk.lock").keys() for python in PYTHONS}
    assert names == dict.fromkeys(PYTHONS, without_dependencies().keys())


def test_the_pythons_are_those_that_the_project_allows():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    allowed = SpecifierSet(project["requires-python"])
    assert [f"3.{minor}" for minor in range(30) if f"3.{minor}" in allowed] == PYTHONS
    assert PYTHON in PYTHONS


def test_hosted_tests_run_under_each_python_with_pinned_actions():
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    assert jobs["testing"]["strategy"]["matrix"] == {"python": PYTHONS}
    used = [step["uses"] for job in jobs.values() for step in job["steps"] if "uses" in step]
    assert not [
        action for action in used if not re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", action)
    ]


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_has_what_pyproject_asks_for(python):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    versions = locked(python)
    for requirement in map(Requirement, asked):
        version = versions.get(canonicalize_name(requirement.name))
        assert version, f"{requirement.name} is not in requirements.lock: make lock"
        assert version in requirement.specifier, f"{requirement} but {version}: make lock"


def test_pyproject_asks_for_what_is_imported():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = {canonicalize_name(Requirement(d).name) for d in project["project"]["dependencies"]}
    asked |= without_dependencies().keys()
    files = [*LIBRARY.rglob("*.py"), *(ROOT / "workflow/scripts").glob("*.py")]
    assert {PYPI.get(module, module) for module in third_party(*files)} <= asked
