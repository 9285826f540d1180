"""Each rule says what it needs, and its environment has what its script imports.

No channel is asked: that the specifications can be solved is not tested here.
"""

import re
import tomllib

import pytest
import rattler
import yaml
from environments import (
    CONDA,
    ENVIRONMENTS,
    LIBRARY,
    PYPI,
    PYTHON,
    PYTHONS,
    all_third_party,
    environment_of,
    installed_afterwards,
    locked,
    script_of,
    specifications,
    third_party,
    without_dependencies,
)
from loaded import load_rules
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from project import ROOT


def common(resource):
    """Whether every profile has the resource for the rules that do not say it."""
    profiles = [yaml.safe_load(path.read_text()) for path in (ROOT / "profiles").glob("*/*.yaml")]
    return all(resource in profile["default-resources"] for profile in profiles)


def lacks(rule):
    """What a rule does not say."""
    missing = {
        "a script": not rule.script,
        "a conda environment": not rule.conda_env,
        "a log": not rule.log,
        # Of a rule without an output it would be one, and the rule would run once only.
        "a benchmark": bool(rule.output) != bool(rule.benchmark),
        **{name: name not in rule.resources and not common(name) for name in ("mem_mb", "runtime")},
    }
    return [what for what, is_missing in missing.items() if is_missing]


def test_rules_say_what_they_need():
    assert len(load_rules()) > 50
    assert {name: lacks(rule) for name, rule in load_rules().items() if lacks(rule)} == {}


def test_rules_have_one_of_the_environments():
    others = {name: environment_of(rule) for name, rule in load_rules().items()}
    assert {n: path for n, path in others.items() if path not in ENVIRONMENTS.values()} == {}


def packages_of(rule):
    """Conda's names of the packages that a rule's script imports, itself or by the library."""
    return {CONDA.get(module, module) for module in all_third_party(rule)}


def test_the_environments_have_what_the_scripts_import():
    there = {name: {*specifications(name), *installed_afterwards(name)} for name in ENVIRONMENTS}
    missing = {
        name: sorted(packages_of(rule) - there[environment_of(rule).stem])
        for name, rule in load_rules().items()
    }
    assert {name: packages for name, packages in missing.items() if packages} == {}


def test_scripts_belong_to_rules():
    scripts = set((ROOT / "workflow/scripts").rglob("*.py"))
    # Its rule exists only in runs from another folder.
    scripts.remove(ROOT / "workflow/scripts/report/paper.py")
    assert len(scripts) > 50
    assert scripts == {script_of(rule) for rule in load_rules().values()}


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
    versions = locked(PYTHON) | locked(PYTHON, "spatialdata.lock")
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
    groups = project["dependency-groups"]
    asked = [dependency for name in groups for dependency in groups[name]]
    asked += project["project"]["dependencies"]
    beside = {}
    for name in groups.keys() - {"dev"}:
        beside |= locked(python, f"{name}.lock")
    versions = locked(python) | beside
    assert not beside.keys() & locked(python).keys()
    for requirement in map(Requirement, asked):
        version = versions.get(canonicalize_name(requirement.name))
        assert version, f"{requirement.name} is not in requirements.lock: make lock"
        assert version in requirement.specifier, f"{requirement} but {version}: make lock"


def test_pyproject_asks_for_what_is_imported():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    asked = [*project["project"]["dependencies"], *groups["spatialdata"]]
    asked = {canonicalize_name(Requirement(d).name) for d in asked}
    asked |= without_dependencies().keys()
    files = [*LIBRARY.rglob("*.py"), *(ROOT / "workflow/scripts").rglob("*.py")]
    assert {PYPI.get(module, module) for module in third_party(*files)} <= asked
