"""`make` finds a Python that will do, installs once, and makes a report only where it is stale."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from project import ROOT

# Stands for Snakemake: writes down what it was asked, and makes a result or the report.
SNAKEMAKE = """\
#!/bin/sh
echo "$@" >> calls
case "$*" in
*--report*) echo report > results/demo/report.html ;;
*) mkdir -p results/demo/tables results/demo/figures
   [ -e results/demo/ledger-x.tsv ] || touch results/demo/ledger-x.tsv \\
   results/demo/figures/1b.png results/demo/tables/within.html ;;
esac
"""

LOCKS = ["requirements.lock", "histomicstk.lock", "spatialdata.lock"]
DOCS_LOCK = "docs.lock"
INSTALL = [
    "-m pip install --requirement requirements.lock",
    "-m pip install --no-deps --requirement histomicstk.lock",
    "-m pip install --no-deps --target .venv/spatialdata --requirement spatialdata.lock",
]
# What the Makefile and the stand-ins call.
TOOLS = [
    "awk",
    "cat",
    "chmod",
    "cmp",
    "cp",
    "cut",
    "grep",
    "head",
    "make",
    "mkdir",
    "paste",
    "rm",
    "sh",
    "sort",
]


@pytest.fixture
def checkout(tmp_path):
    """The Makefile and the locks, with an environment that is complete but for a real Snakemake."""
    for name in ("Makefile", *LOCKS, DOCS_LOCK):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "workflow/report").mkdir(parents=True)
    (tmp_path / ".venv/bin").mkdir(parents=True)
    snakemake = tmp_path / ".venv/bin/snakemake"
    snakemake.write_text(SNAKEMAKE)
    snakemake.chmod(0o755)
    mark = "".join((ROOT / name).read_text() for name in LOCKS[:2])
    (tmp_path / ".venv/requirements.lock").write_text(mark)
    return tmp_path


def make(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    outside = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    outside = {key: value for key, value in outside.items() if key not in ("PYTHON", "VENV")}
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=outside | environment, capture_output=True, text=True
    )


def calls(folder: Path) -> list[str]:
    """What Snakemake was asked since the last time, oldest first."""
    log = folder / "calls"
    lines = log.read_text().splitlines()
    log.unlink()
    return lines


TEST = "-m pytest -n 2 --dist loadfile --no-loadscope-reorder"
RUN = "--configfile config/demo.yaml --cores 2 -- supplement"
REPORT = "--configfile config/demo.yaml --report results/demo/report.html -- supplement"


def test_demo_runs_reports_and_names_what_it_made(checkout):
    said = make(checkout, "demo")
    assert said.returncode == 0, said.stderr
    assert calls(checkout) == [RUN, REPORT]
    for name in ("report.html", "index.html", "figures/1b.png", "tables/within.html"):
        assert f"results/demo/{name}" in said.stdout


def test_a_second_demo_makes_no_report(checkout):
    make(checkout, "demo")
    calls(checkout)
    make(checkout, "demo")
    assert calls(checkout) == [RUN]


@pytest.mark.parametrize("newer", ["results/demo/ledger-x.tsv", "workflow/report/fig_1b.rst"])
def test_a_newer_result_or_caption_makes_a_new_report(checkout, newer):
    make(checkout, "demo")
    calls(checkout)
    time.sleep(0.01)
    (checkout / newer).touch()
    make(checkout, "demo")
    assert calls(checkout) == [RUN, REPORT]


def test_a_failed_run_fails_and_makes_no_report(checkout):
    (checkout / ".venv/bin/snakemake").write_text("#!/bin/sh\necho $@ >> calls\nexit 1\n")
    assert make(checkout, "demo").returncode != 0
    assert calls(checkout) == [RUN]


def test_cores_can_be_given(checkout):
    make(checkout, "demo", "CORES=6")
    assert calls(checkout)[0].endswith("--cores 6 -- supplement")


@pytest.fixture
def python(tmp_path):
    """Stands for Python of a version: the environments it makes note what they are asked.

    Called with a version, it writes `python` of that version to `folder` and returns its path.
    """

    def stand_in(version: str, folder: Path = tmp_path, name: str | None = None) -> str:
        path = folder / (name or f"python{version}")
        numbers = version.replace(".", ", ")
        ask = f'exec {sys.executable} -c "import sys; sys.version_info = ({numbers}, 0); $2"'
        inner = f"""case "$1" in
-c) {ask} ;;
*) echo "$@" >> {tmp_path}/calls ;;
esac
"""
        path.write_text(
            f"""#!/bin/sh
case "$1 $2" in
"-m venv")
mkdir -p $3/bin
cat > $3/bin/python <<'END'
#!/bin/sh
{inner}END
chmod +x $3/bin/python ;;
*) {ask} ;;
esac
"""
        )
        path.chmod(0o755)
        return str(path)

    return stand_in


@pytest.mark.parametrize("version", ["3.9", "3.15"])
def test_another_python_is_refused_in_one_line(checkout, python, version):
    shutil.rmtree(checkout / ".venv")
    said = make(checkout, "demo", f"PYTHON={python(version)}")
    assert said.returncode != 0
    first, *rest = said.stderr.splitlines()
    assert first.startswith("Python 3.11 to 3.14 with venv is needed")
    assert f"is {version}" in first
    assert f"among PYTHON={python(version)}" in first
    assert all(line.startswith("make: ***") for line in rest)
    assert not (checkout / ".venv").exists()


@pytest.fixture
def path(tmp_path):
    """Return a folder for programs, and the variables that let `make` find no other Python."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in TOOLS:
        (programs / name).symlink_to(shutil.which(name))
    return programs, {"PATH": str(programs), "PYENV_ROOT": str(tmp_path / "pyenv")}


def without_ensurepip(python: str) -> None:
    """Take from a stand-in what Debian has in a package of its own."""
    text = Path(python).read_text()
    Path(python).write_text(
        text.replace("import sys;", "import sys; sys.modules['ensurepip'] = None;")
    )


def test_the_newest_python_that_runs_is_taken(checkout, python, path):
    shutil.rmtree(checkout / ".venv")
    folder, environment = path
    for version in ("3.11", "3.12"):
        python(version, folder)
    # pyenv has a program for each version, active or not; Debian has one that makes no environment.
    (folder / "python3.14").write_text("#!/bin/sh\necho 'command not found' >&2\nexit 127\n")
    (folder / "python3.14").chmod(0o755)
    without_ensurepip(python("3.13", folder))
    python("3.12", folder, "python3")
    said = make(checkout, "test", **environment)
    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith("python3.12 in .venv\n")


def test_a_plain_python3_and_those_of_pyenv_are_found(checkout, python, path):
    shutil.rmtree(checkout / ".venv")
    folder, environment = path
    python("3.12", folder, "python3")
    assert make(checkout, "test", **environment).stdout.startswith("python3 in .venv\n")
    shutil.rmtree(checkout / ".venv")
    inactive = checkout / "pyenv/versions/3.13.2/bin"
    inactive.mkdir(parents=True)
    newer = python("3.13", inactive, "python3")
    assert make(checkout, "test", **environment).stdout.startswith(f"{newer} in .venv\n")


def test_the_newest_needs_a_compiler(checkout, python, path):
    """One package has no wheels for 3.14."""
    shutil.rmtree(checkout / ".venv")
    folder, environment = path
    python("3.14", folder)
    said = make(checkout, "test", **environment)
    assert said.returncode != 0
    assert "for 3.14 a C compiler with Python's headers" in said.stderr.splitlines()[0]
    python("3.12", folder)
    assert make(checkout, "test", **environment).stdout.startswith("python3.12 in .venv\n")


def test_without_any_python_a_line_says_what_to_do(checkout, path):
    shutil.rmtree(checkout / ".venv")
    said = make(checkout, "test", **path[1])
    assert said.returncode != 0
    assert "apt-get install python3-venv python3-dev gcc" in said.stderr.splitlines()[0]
    assert said.stderr.splitlines()[0].endswith("Found: none")


def test_all_tests_run_once_and_the_quick_ones_under_each_other_python(checkout, python, path):
    shutil.rmtree(checkout / ".venv")
    folder, environment = path
    for version in ("3.10", "3.11", "3.12", "3.13"):
        python(version, folder)
    said = make(checkout, "test-full", **environment)
    assert said.returncode == 0, said.stderr
    tests = [line for line in calls(checkout) if "pytest" in line]
    assert tests == [f"{TEST} -m not cluster", TEST, TEST]
    assert {each.name for each in checkout.glob(".venv*")} == {".venv", ".venv-3.12", ".venv-3.11"}


def test_a_failure_under_another_python_fails(checkout, python, path):
    shutil.rmtree(checkout / ".venv")
    folder, environment = path
    for version in ("3.12", "3.13"):
        python(version, folder)
    assert make(checkout, "test-full", **environment).returncode == 0
    broken = checkout / ".venv-3.12/bin/python"
    broken.write_text("#!/bin/sh\nexit 1\n")
    assert make(checkout, "test-full", **environment).returncode != 0


def test_the_site_installs_its_packages_once_in_a_folder_of_their_own(checkout, python):
    shutil.rmtree(checkout / ".venv")
    arguments = ("docs", f"PYTHON={python('3.12')}")
    generated = ["-m stnet.config.reference", "docs/rules_page.py"]
    site = ["docs/screenshots.py", "-m sphinx -W --keep-going -q -c docs . site"]
    install = "-m pip install --no-deps --target .venv/docs --requirement docs.lock"
    make(checkout, *arguments)
    assert calls(checkout) == [*INSTALL[:2], *generated, install, *site]
    make(checkout, *arguments)
    assert calls(checkout) == [*generated, *site]


@pytest.mark.parametrize("changed", LOCKS)
def test_installs_the_locks_once_and_again_when_one_changed(checkout, python, changed):
    shutil.rmtree(checkout / ".venv")
    arguments = ("test", f"PYTHON={python('3.12')}")
    # Only tests, and sections of one format, need the last.
    make(checkout, "benchmark", arguments[1])
    assert calls(checkout) == [*INSTALL[:2], "benchmarks/suite.py"]
    make(checkout, *arguments)
    assert calls(checkout) == [INSTALL[2], TEST]
    make(checkout, *arguments)
    assert calls(checkout) == [TEST]
    (checkout / changed).touch()
    make(checkout, *arguments)
    assert calls(checkout) == [TEST]
    time.sleep(0.01)
    with open(checkout / changed, "a") as lock:
        lock.write("another==1.0\n")
    make(checkout, *arguments)
    again = INSTALL[2:] if changed == LOCKS[2] else INSTALL
    assert calls(checkout) == [*again, TEST]


def test_an_environment_without_cuda_stays_so(checkout, python):
    shutil.rmtree(checkout / ".venv")
    shutil.copy(ROOT / "requirements-cpu.lock", checkout)
    arguments = ("benchmark", f"PYTHON={python('3.12')}")
    make(checkout, *arguments, "CPU=1")
    install = INSTALL[0].replace("requirements.lock", "requirements-cpu.lock")
    assert calls(checkout) == [install, INSTALL[1], "benchmarks/suite.py"]
    make(checkout, *arguments)
    assert calls(checkout) == ["benchmarks/suite.py"]
    make(checkout, *arguments, "CPU=")
    assert calls(checkout) == [*INSTALL[:2], "benchmarks/suite.py"]
