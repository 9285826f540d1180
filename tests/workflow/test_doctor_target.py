"""The doctor, as a user calls it: also where the workflow does not start."""

import pytest
from loaded import load_rules
from small_cohort import CONFIGURATION, SHEET, refused_run

from stnet.planning.remote import HOSTS


@pytest.fixture
def ask(tmp_path, monkeypatch):
    """Return a function that calls the doctor in a folder with a small cohort; it finds nothing."""
    run = refused_run(tmp_path, monkeypatch)
    return lambda *options: run("--configfile", "mine.yaml", *options, "--", "doctor")


@pytest.mark.full
def test_a_machine_without_gpu_and_conda(ask, tmp_path):
    text = ask("--use-conda").stdout
    assert "missing  GPU            device: cuda is configured, but CUDA_VISIBLE_DEVICES=" in text
    assert "missing  conda          --use-conda, but no conda on the PATH" in text
    assert "OK       workflow       starts; " in text
    assert "OK       hosts          none is needed" in text
    # The files are empty.
    assert "missing  section        A_1: " in text
    assert "missing  section        B_1: " in text
    assert "warning  disk           patches of networks to write: of unknown size; " in text
    states = [line.split()[0] for line in text.splitlines() if line[:1] not in ("", " ")]
    assert f"Missing: {states.count('missing')}. " in text
    assert not (tmp_path / "results").exists()


def test_a_broken_configuration(ask, tmp_path):
    (tmp_path / "mine.yaml").write_text(CONFIGURATION.replace("main: mine", "mian: mine"))
    text = ask().stdout
    assert text.startswith(
        "missing  configuration  configuration: cohorts.mine.report.mian: unknow"
    )
    assert "missing  GPU" in text


def test_a_broken_sheet(ask, tmp_path):
    (tmp_path / "mine.tsv").write_text(SHEET.replace("_1", " 1"))
    text = ask("--config", "device=cpu").stdout
    assert "missing  sheet          mine.tsv line 2: section 'A 1' is not an id" in text
    assert "missing  sheet          mine.tsv line 3: section 'B 1' is not an id" in text
    assert "OK       GPU            not needed (device: cpu)" in text
    assert text.count("is not an id") == 2


def test_what_snakemake_would_end_with_is_one_line(ask, tmp_path, monkeypatch):
    (tmp_path / "mine.yaml").write_text("report: [mine\nfoo: 1\n")
    *_, line = ask().stderr.splitlines()
    assert line.startswith("error: mine.yaml: not YAML (")
    (tmp_path / "mine.yaml").write_text(CONFIGURATION)
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc")
    *_, line = ask().stderr.splitlines()
    assert line.startswith("error: /proc/snakemake: ")
    assert line.endswith("set XDG_CACHE_HOME to a folder of yours")


def test_every_rule_that_downloads_has_a_host():
    rules = {name for name, rule in load_rules().items() if "downloads" in rule.resources}
    assert "download_section" in rules
    assert rules <= HOSTS.keys()
