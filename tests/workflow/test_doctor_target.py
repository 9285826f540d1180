"""The doctor, as a user calls it: also where the workflow does not start."""

import os
import subprocess
import sys

import pytest
from loaded import load_rules
from project import ROOT

from stnet.planning.remote import HOSTS

SHEET = """\
patient\tsection\tformat\timage\tcounts\tspots\tgrid
A\tA_1\tst-v5\ta\ta\ta\tsquare
B\tB_1\tst-v5\tb\tb\tb\tsquare
"""
CONFIGURATION = """\
report: [mine]
cohorts:
  mine:
    sheet: mine.tsv
    root: ""
    spot_window: 224
    spot_pitch_um: 200
    report: {main: mine}
experiments:
  mine: {inherit: densenet121, cohort: mine, weights: random}
"""


@pytest.fixture
def ask(tmp_path, monkeypatch):
    """Return a function that calls the doctor in a folder with a small cohort; it finds nothing."""
    (tmp_path / "mine.tsv").write_text(SHEET)
    (tmp_path / "mine.yaml").write_text(CONFIGURATION)
    for name in "ab":
        (tmp_path / name).touch()
    # Also where there is a GPU, and conda.
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")

    def run(*options, **environment):
        command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile"]
        done = subprocess.run(
            [*command, "--configfile", "mine.yaml", *options, "--", "doctor"],
            cwd=tmp_path,
            env=os.environ | environment,
            capture_output=True,
            text=True,
        )
        assert "Traceback" not in done.stderr
        assert done.returncode == 1
        return done

    return run


@pytest.mark.full
def test_a_machine_without_gpu_and_conda(ask, tmp_path):
    text = ask("--use-conda").stdout
    assert "missing  GPU            device: cuda is configured, but CUDA_VISIBLE_DEVICES=" in text
    assert "missing  conda          --use-conda, but no conda on the PATH" in text
    assert "OK       workflow       starts; " in text
    assert "OK       hosts          none is needed" in text
    # The files are empty.
    assert "missing  section        A_1: " in text
    table = (tmp_path / "results/logs/doctor.tsv").read_text().splitlines()
    states = [line.split("\t")[1] for line in table[1:]]
    assert f"Missing: {states.count('missing')}. " in text
    assert not (tmp_path / "results/mine").exists()


def test_a_broken_configuration(ask, tmp_path):
    (tmp_path / "mine.yaml").write_text(CONFIGURATION.replace("main: mine", "mian: mine"))
    text = ask().stdout
    assert text.startswith(
        "missing  configuration  configuration: cohorts.mine.report.mian: unknow"
    )
    assert "missing  GPU" in text


def test_a_broken_sheet(ask, tmp_path):
    (tmp_path / "mine.tsv").write_text(SHEET.replace("A_1", "A 1"))
    text = ask("--config", "device=cpu").stdout
    assert "missing  sheet          mine.tsv line 2: section 'A 1' is not an id" in text
    assert "OK       GPU            not needed (device: cpu)" in text
    assert text.count("is not an id") == 1


def test_what_snakemake_would_end_with_is_one_line(ask, tmp_path):
    (tmp_path / "mine.yaml").write_text("report: [mine\nfoo: 1\n")
    *_, line = ask().stderr.splitlines()
    assert line.startswith("error: mine.yaml: not YAML (")
    (tmp_path / "mine.yaml").write_text(CONFIGURATION)
    *_, line = ask(XDG_CACHE_HOME="/proc").stderr.splitlines()
    assert line.startswith("error: /proc/snakemake: ")
    assert line.endswith("set XDG_CACHE_HOME to a folder of yours")


def test_every_rule_that_downloads_has_a_host():
    rules = {name for name, rule in load_rules().items() if "downloads" in rule.resources}
    assert "download_section" in rules
    assert rules - {"download_weights", "download_timm_weights"} <= HOSTS.keys()
