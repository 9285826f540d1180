"""Profiles: what they say is taken as meant, and they name rules that exist."""

import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import yte
from loaded import load_rules
from project import ROOT

SNAKEMAKE = Path(sys.executable).with_name("snakemake")
PROFILES = sorted(path.parent.name for path in (ROOT / "profiles").glob("*/config.yaml"))
SNAKEFILE = """\
rule all:
    input: [f"{n}.txt" for n in range(3)]
rule train:
    output: "{n}.txt"
    resources: gpu=1
    shell: "date +%s.%N > {output}; sleep 0.2; date +%s.%N >> {output}"
"""


@pytest.fixture
def toy(tmp_path):
    """A workflow of three training jobs beside this repository's profiles."""
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "profiles").symlink_to(ROOT / "profiles")
    return tmp_path


def rendered(profile: str) -> dict:
    """A profile's keys, its expressions evaluated."""
    with open(ROOT / "profiles" / profile / "config.yaml") as file:
        return yte.process_yaml(file, require_use_yte=True)


def snakemake(folder: Path, *arguments: str, **environment: str) -> str:
    """Run Snakemake and return what it said."""
    run = subprocess.run(
        [SNAKEMAKE, *arguments],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    return run.stderr


@pytest.mark.parametrize("profile", PROFILES)
def test_names_rules_that_exist(profile):
    content = rendered(profile)
    named = {*content.get("set-resources", {}), *content.get("set-threads", {})}
    assert named <= load_rules().keys()


def test_whatever_takes_a_card_goes_where_cards_are():
    uses_gpu = {name for name, rule in load_rules().items() if "gpu" in rule.resources}
    assert {"train", "encoder_features", "attributions"} <= uses_gpu
    set_resources = rendered("slurm")["set-resources"]
    assert {
        name for name in uses_gpu if "slurm_partition" not in set_resources.get(name, {})
    } == set()


MEMORY = f"""\
include: "{ROOT}/workflow/rules/common/memory.smk"
rule all:
    input: "by_profile", "number", "function", "expression", "option"
rule by_profile:
    output: touch("by_profile")
rule number:
    output: touch("number")
    resources: mem_mb=300
rule function:
    output: touch("function")
    resources: mem_mb=lambda w: 400
rule expression:
    output: touch("expression")
rule option:
    output: touch("option")
    resources: mem_mb=500
raise_memory(workflow.rules)
"""


def test_each_attempt_asks_for_more_memory_but_an_option_is_taken_as_it_is(toy):
    (toy / "Snakefile").write_text(MEMORY)
    options = ("option:mem_mb=7000", "expression:mem_mb=attempt ** 2")
    for attempt, wanted in ((1, [1000, 300, 400, 1, 7000]), (3, [3000, 900, 1200, 9, 7000])):
        dry = ["-n", "--cores", "1", "--attempt", str(attempt), "--set-resources", *options]
        said = subprocess.run([SNAKEMAKE, *dry], cwd=toy, capture_output=True, text=True).stdout
        found = dict(re.findall(r"^rule (\w+):$.*?mem_mb=(\d+)", said, re.M | re.S))
        names = ["by_profile", "number", "function", "expression", "option"]
        assert [int(found[name]) for name in names] == wanted


def test_every_rule_asks_for_more_memory_at_its_next_attempt():
    memory = {
        name: rule.resources["mem_mb"]
        for name, rule in load_rules().items()
        if "mem_mb" in rule.resources
    }
    assert len(memory) > 30
    assert [name for name, asked in memory.items() if not asked.is_evaluable()] == []


@pytest.mark.parametrize("profile", PROFILES)
def test_limits_downloads(profile):
    """Downloads run where Snakemake runs, under any profile."""
    assert rendered(profile)["resources"]["downloads"]


@pytest.mark.parametrize(
    ("devices", "limit"), [("0", 1), ("0, 1", 2), ("0,-1,1", 1), ("-1", 1), ("", 1)]
)
def test_the_default_profile_counts_gpus(monkeypatch, devices, limit):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", devices)
    assert rendered("default")["resources"]["gpu"] == limit


def test_the_default_profile_counts_the_gpus_of_the_machine(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    gpus = len(list(Path("/dev").glob("nvidia[0-9]*")))
    assert rendered("default")["resources"]["gpu"] == (gpus or 1)


def test_one_card_trains_one_at_a_time(toy):
    said = snakemake(toy, "--cores", "8", CUDA_VISIBLE_DEVICES="0")
    assert "profile profiles/default" in said
    spans = sorted(tuple(map(float, path.read_text().split())) for path in toy.glob("*.txt"))
    assert len(spans) == 3
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))


def test_a_cluster_is_not_limited_by_the_cards_here(toy):
    said = snakemake(toy, "--workflow-profile", "slurm", "-n")
    assert "profile profiles/slurm" in said
    assert "profiles/default" not in said
    assert "gpu" not in rendered("slurm")["resources"]
