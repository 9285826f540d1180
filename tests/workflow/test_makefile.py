"""`make` asks for a Python that will do, installs once, and makes no report that is not stale."""

import os
import shutil
import subprocess
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
   [ -e results/demo/ledger.tsv ] || touch results/demo/ledger.tsv results/demo/figures/1b.png \\
   results/demo/tables/within.html ;;
esac
"""

LOCKS = ["requirements.lock", "histomicstk.lock"]


@pytest.fixture
def checkout(tmp_path):
    """The Makefile and the locks, with an environment that is complete but for a real Snakemake."""
    for name in ("Makefile", *LOCKS):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "workflow/report").mkdir(parents=True)
    (tmp_path / ".venv/bin").mkdir(parents=True)
    snakemake = tmp_path / ".venv/bin/snakemake"
    snakemake.write_text(SNAKEMAKE)
    snakemake.chmod(0o755)
    mark = "".join((ROOT / name).read_text() for name in LOCKS)
    (tmp_path / ".venv/requirements.lock").write_text(mark)
    return tmp_path


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    outside = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=outside, capture_output=True, text=True
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
    for name in ("report.html", "ledger.html", "figures/1b.png", "tables/within.html"):
        assert f"results/demo/{name}" in said.stdout


def test_a_second_demo_makes_no_report(checkout):
    make(checkout, "demo")
    calls(checkout)
    make(checkout, "demo")
    assert calls(checkout) == [RUN]


@pytest.mark.parametrize("newer", ["results/demo/ledger.tsv", "workflow/report/fig_1b.rst"])
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
    """Stands for Python of a version: the environments it makes note what they are asked."""

    def stand_in(version: str) -> str:
        path = tmp_path / f"python{version}"
        pip = f'echo "$@" >> {tmp_path}/calls'
        major, minor = version.split(".")
        path.write_text(
            f"""#!/bin/sh
case "$1 $2" in
"-m venv") mkdir -p $3/bin; printf '#!/bin/sh\\n{pip}\\n' > $3/bin/python; chmod +x $3/bin/python;;
*) exec python3 -c "import sys; sys.version_info = ({major}, {minor}, 0); $2" ;;
esac
"""
        )
        path.chmod(0o755)
        return str(path)

    return stand_in


@pytest.mark.parametrize("version", ["3.9", "3.13"])
def test_another_python_is_refused_in_one_line(checkout, python, version):
    shutil.rmtree(checkout / ".venv")
    said = make(checkout, "demo", f"PYTHON={python(version)}")
    assert said.returncode != 0
    first, *rest = said.stderr.splitlines()
    assert first.startswith("Python 3.11 or 3.12 is needed")
    assert f"is {version}" in first
    assert all(line.startswith("make: ***") for line in rest)
    assert not (checkout / ".venv").exists()


@pytest.mark.parametrize("changed", LOCKS)
def test_installs_the_locks_once_and_again_when_one_changed(checkout, python, changed):
    shutil.rmtree(checkout / ".venv")
    arguments = ("test", f"PYTHON={python('3.12')}")
    install = [
        "-m pip install --requirement requirements.lock",
        "-m pip install --no-deps --requirement histomicstk.lock",
    ]
    make(checkout, *arguments)
    assert calls(checkout) == [*install, TEST]
    make(checkout, *arguments)
    assert calls(checkout) == [TEST]
    (checkout / changed).touch()
    make(checkout, *arguments)
    assert calls(checkout) == [TEST]
    time.sleep(0.01)
    with open(checkout / changed, "a") as lock:
        lock.write("another==1.0\n")
    make(checkout, *arguments)
    assert calls(checkout) == [*install, TEST]
