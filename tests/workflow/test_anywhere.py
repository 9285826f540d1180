"""The workflow from elsewhere: another folder, a read-only checkout, a tag, and as a module."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from loaded import load_workflow
from project import DEMO, ROOT, copy_project, planned, snakemake

SECTION = "results/demo/sections/BC90001_C1.h5ad"
METADATA = "resources/demo/metadata.csv"
CLAIMS = "resources/paper/claims.tsv"
DEMO_FILE = ROOT / "config/demo.yaml"
ODD = """it's {odd} "here\""""
OUTER = """\
configfile: "config/config.yaml"
rule mine:
    output: config["mine"]
    shell: "touch {{output}}"
module stnet:
    snakefile: {snakefile!r}
    config: config["stnet"]
use rule * from stnet{name}
"""
# What snakedeploy writes into workflow/Snakefile.
DEPLOYED = """\
configfile: "config/config.yaml"
module stnet:
    snakefile:
        github("someone/stnet", path="workflow/Snakefile", tag="v1")
    config:
        config
use rule * from stnet
"""
# A user's change of one rule.
CHANGED = """
use rule paper from stnet as paper with:
    resources: runtime=7
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of the project in a folder of an odd name, which nobody may write to."""
    folder = copy_project(tmp_path_factory.mktemp("anywhere") / ODD)
    for path in folder.rglob("*"):
        path.chmod(path.stat().st_mode & ~0o222)
    yield folder
    for path in folder.rglob("*"):
        path.chmod(path.stat().st_mode | 0o200)


@pytest.fixture
def elsewhere(tmp_path):
    """An empty folder of an odd name."""
    folder = tmp_path / f"runs {ODD}"
    folder.mkdir()
    return folder


@pytest.fixture
def outer(tmp_path):
    """A workflow that uses this one as a module, under the demo's configuration."""

    def write(name=""):
        demo = (ROOT / "config/demo.yaml").read_text().replace("\n", "\n  ")
        (tmp_path / "config").mkdir()
        (tmp_path / "config/config.yaml").write_text(f"mine: mine.txt\nstnet:\n  {demo}\n")
        text = OUTER.format(snakefile=str(ROOT / "Snakefile"), name=name)
        (tmp_path / "Snakefile").write_text(text)
        return tmp_path

    return write


def options(checkout):
    """How Snakemake is told of a checkout elsewhere and its demo."""
    return ["--snakefile", checkout / "Snakefile", "--configfile", checkout / "config/demo.yaml"]


def hashes(folder):
    """Hash of each file, but of compiled code, which Python may leave beside its source."""
    return {
        path: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_everything_is_planned(checkout, elsewhere):
    jobs = planned(elsewhere, *options(checkout), "--", "supplement", configuration=[])
    assert jobs["paper"] == 2
    assert jobs.keys() >= {"train", "nuclear_features", "predict_slide", "ledger", "supp_12"}


def test_jobs_run_elsewhere_and_leave_the_checkout_alone(checkout, elsewhere):
    before = hashes(checkout)
    snakemake(elsewhere, *options(checkout), "--", SECTION, METADATA, CLAIMS)
    assert (elsewhere / SECTION).is_file()
    assert (elsewhere / METADATA).read_text().count("\nsimulated,") == 9
    assert (elsewhere / CLAIMS).read_bytes() == (ROOT / CLAIMS).read_bytes()
    assert hashes(checkout) == before


def test_another_working_directory(checkout, elsewhere):
    snakemake(checkout, *DEMO, "--directory", elsewhere, "--", METADATA)
    assert (elsewhere / METADATA).is_file()
    assert not (checkout / "results/demo").exists()


def test_files_of_the_working_directory_win(checkout, elsewhere):
    (elsewhere / "config/cohorts").mkdir(parents=True)
    sheet = (ROOT / "config/cohorts/demo.tsv").read_text().splitlines()[:4]
    (elsewhere / "config/cohorts/demo.tsv").write_text("\n".join(sheet) + "\n")
    (elsewhere / CLAIMS).parent.mkdir(parents=True)
    (elsewhere / CLAIMS).write_text("mine\n")
    snakemake(elsewhere, *options(checkout), "--", METADATA, CLAIMS)
    assert (elsewhere / CLAIMS).read_text() == "mine\n"
    assert (elsewhere / METADATA).read_text().count("\nsimulated,") == 3

    text = (ROOT / "config/config.yaml").read_text().replace("\ncohorts:", "\ncohort:")
    (elsewhere / "config/config.yaml").write_text(text)
    run = snakemake(elsewhere, "-s", checkout / "Snakefile", "-n", "--", METADATA, check=False)
    assert "cohort" in run.stderr.split("error: configuration: ")[1]


def test_a_named_file_with_braces_is_refused(tmp_path):
    (tmp_path / "mine.yaml").write_text("predict: {slides: ['a{b}.svs']}\n")
    files = ["--configfile", ROOT / "config/demo.yaml", "mine.yaml"]
    run = snakemake(tmp_path, "-s", ROOT / "Snakefile", *files, "-n", "--", "predict", check=False)
    (line,) = [line for line in run.stderr.splitlines() if line.startswith("error: ")]
    assert line.startswith("error: configuration: predict.slides.1: a{b}.svs has braces")


@pytest.mark.parametrize("name", ["", " as stnet_*"])
def test_jobs_run_as_a_module(outer, name):
    folder = outer(name)
    snakemake(folder, "--", "mine.txt", METADATA, CLAIMS)
    assert (folder / METADATA).read_text().count("\nsimulated,") == 9


@pytest.fixture
def deployed(tmp_path, monkeypatch):
    """A folder as snakedeploy makes it from a tag, whose host is a repository on this machine."""
    source, folder = copy_project(tmp_path / "source"), tmp_path / "mine"
    me = ["-c", "user.name=me", "-c", "user.email=me@localhost"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"], ["tag", "v1"]):
        subprocess.run(["git", *me, *command], cwd=source, check=True)
    (source / "Snakefile").write_text("not of the tag")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.file://{source}.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "https://github.com/someone/stnet")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder.mkdir()
    for name in ("config", "profiles"):
        (source / name).rename(folder / name)
    return folder


def test_a_workflow_deployed_from_a_tag(deployed):
    (deployed / "workflow").mkdir()
    (deployed / "workflow/Snakefile").write_text(DEPLOYED + CHANGED)
    jobs = planned(deployed)
    assert jobs.keys() >= {"train", "ledger", "paper"}
    snakemake(deployed, *DEMO, "--", METADATA, CLAIMS)
    assert (deployed / METADATA).read_text().count("\nsimulated,") == 9
    (checkout,) = (deployed / ".snakemake/stnet").iterdir()
    assert (checkout / CLAIMS).read_bytes() == (deployed / CLAIMS).read_bytes()


def test_of_two_runs_that_unpack_a_tag_at_once_the_quicker_counts(tmp_path, monkeypatch):
    source = tmp_path / "source"
    source.mkdir()
    (source / "Snakefile").touch()
    me = ["-c", "user.name=me", "-c", "user.email=me@localhost"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run(["git", *me, *command], cwd=source, check=True)
    entry = {}
    exec((ROOT / "workflow/Snakefile").read_text().partition("\nsource = ")[0], entry)
    rename = os.rename

    def second(path, folder):
        shutil.copytree(path, folder)
        (folder / "first").touch()
        rename(path, folder)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "rename", second)
    folder = entry["unpacked"](SimpleNamespace(repo_path=source, ref="HEAD"))
    assert {path.name for path in folder.iterdir()} == {"Snakefile", "first"}
    assert [*folder.parent.iterdir()] == [folder]


def test_the_catalogue_s_entry(tmp_path):
    alone = planned(tmp_path, "-s", ROOT / "Snakefile", configuration=["--configfile", DEMO_FILE])
    entry = ROOT / "workflow/Snakefile"
    assert planned(tmp_path, "-s", entry, configuration=["--configfile", DEMO_FILE]) == alone
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert usage.keys() == {"mandatory-flags", "software-stack-deployment", "report"}
    readme = (ROOT / "README.md").read_text().lower()
    assert "snakemake" in readme
    assert "workflow" in readme
    assert (ROOT / "config/README.md").is_file()


def hashes_of(rule):
    """The parameters of a rule that are hashes of code."""
    return [each for each in rule.params if str(each).startswith("code of ")]


def test_a_module_s_rules_have_the_hashes_that_they_have_alone(outer):
    rules = load_workflow(outer(" as stnet_*"))
    hashes = {name: hashes_of(rule) for name, rule in rules.items()}
    assert hashes.pop("mine") == []
    assert hashes.pop("stnet_paper")
    alone = load_workflow(ROOT, ROOT / "config/demo.yaml")
    assert hashes == {f"stnet_{name}": hashes_of(rule) for name, rule in alone.items()}
    without = {name for name, rule in alone.items() if not hashes_of(rule)}
    stages = {Path(alone[name].script).parent.name for name in without if alone[name].script}
    assert stages == {"download", "plan", "record", "verify"}


def test_a_module_does_not_plan(outer):
    run = snakemake(outer(" as stnet_*"), "-n", "--", "stnet_plan", check=False)
    (line,) = [line for line in run.stderr.splitlines() if line.startswith("error: ")]
    assert line.startswith("error: plan is not for modules; use --snakefile ")


def test_the_other_workflow_keeps_snakemake_s_lookup(outer):
    folder = outer(" as stnet_*")
    with (folder / "Snakefile").open("a") as file:
        file.write('rule found:\n    params: a=lookup(dpath="mi*", within=config)\n')
        file.write('    shell: "echo {params.a} > found.txt"\n')
    snakemake(folder, "--", "found")
    assert (folder / "found.txt").read_text() == "mine.txt\n"
