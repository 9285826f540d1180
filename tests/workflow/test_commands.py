"""Each command of Snakemake in the documents is planned, as it stands there, by a dry run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from data import HER2ST, REAL
from project import ROOT, copy_project, touch_sections
from snakemake.utils import update_config

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# What a page expects to be there already, and writes itself or says in words.
COHORT = """\
report: [mine]
device: cpu
cohorts:
  mine: {sheet: mine.tsv, root: data, spot_window: 224, spot_pitch_um: 100, report: {main: mine}}
experiments:
  mine: {inherit: densenet121, cohort: mine}
  mine-ridge: {inherit: ridge, cohort: mine}
  mine-mean: {inherit: mean, cohort: mine}
  theirs:
    kind: precomputed
    cohort: mine
    targets: top250
    predictions: theirs/{held_out}.h5ad
    transform: log_fraction
    universe: 16969
    trained_on: theirs/{held_out}.txt
"""
SHEET = "patient\tsection\tformat\timage\tcounts\tspots\n" + "".join(
    f"P{n}\tP{n}_A\tvisium\tP{n}/tissue.tif\tP{n}/outs/filtered_feature_bc_matrix.h5\tP{n}/outs/spatial\n"
    for n in (1, 2, 3)
)
# Files that a dry run does not open.
EMPTY = [
    *["all.safetensors", "all.genes.tsv", "CASE.svs", "mine.safetensors", "stnet.sif"],
    *["resources/weights/uni2-h/pytorch_model.bin"],
    *[f"theirs/P{n}.{suffix}" for n in (1, 2, 3) for suffix in ("h5ad", "txt")],
    *[f"embeddings/P{n}_A.h5" for n in (1, 2, 3)],
]


def commands(page: Path) -> list[str]:
    """Commands of Snakemake in the code blocks of a page, without comments and pipes."""
    # Blocks of all languages are found, or the end of one would be taken for the start of another.
    blocks = re.findall(r"^```(.*)\n((?s:.*?))^```", page.read_text("utf-8"), re.M)
    shell = "\n".join(text for language, text in blocks if language in ("", "bash"))
    lines = shell.replace("\\\n", " ").splitlines()
    parts = (re.split(r"\s+#|\s\|\s", line)[0].strip() for line in lines)
    return [line for line in parts if line.startswith("snakemake ")]


def planned(command: str) -> str:
    """The command as a dry run on a machine without GPU, conda and apptainer."""
    command = command.replace("PATH/Snakefile", "Snakefile").replace("FOLDER", ".")
    if command.split()[-1] == "doctor":
        return command
    for option in ("--use-conda", "--sdm apptainer", "--report report.html"):
        command = command.replace(option, "")
    if "device=cpu" in command:
        return command.replace("snakemake", "snakemake -n -q rules", 1)
    if " --config " in command:
        command = command.replace(" --config ", " --config device=cpu ")
        return command.replace("snakemake", "snakemake -n -q rules", 1)
    return command.replace("snakemake", "snakemake -n -q rules --config device=cpu", 1)


def settings(page: Path) -> dict:
    """What `mine.yaml` is on a page: its first block with rows, over a cohort if it has none."""
    blocks = re.findall(r"^```yaml\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)
    rows = next(
        (block for block in blocks if re.search(r"^(experiments|cohorts|container):", block, re.M)),
        "",
    )
    is_part = not rows or (
        re.search(r"cohort: mine|^  mine:\n", rows, re.M) and "sheet:" not in rows
    )
    whole = yaml.safe_load(COHORT) if is_part else {}
    update_config(whole, yaml.safe_load(rows) or {})
    return whole


def sheet_of(page: Path) -> str:
    """What `mine.tsv` is on a page."""
    found = re.search(r"^```tsv\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)
    return found[1] if found else SHEET


def test_commands_are_recognised(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "```yaml\nexperiments: {}\n```\n`snakemake no`\nsnakemake neither\n"
        "```\nsnakemake -n | sort   # all\nsnakemake --cores 2 -- \\\n    a.tsv\nmake x\n```\n"
    )
    assert commands(page) == ["snakemake -n", "snakemake --cores 2 --      a.tsv"]
    assert settings(page) == {"experiments": {}}
    assert planned("snakemake doctor") == "snakemake doctor"
    assert planned("snakemake --use-conda x --config a=1") == (
        "snakemake -n -q rules  x --config device=cpu a=1"
    )


@pytest.mark.full
@pytest.mark.parametrize(
    "page", [page for page in PAGES if commands(page)], ids=lambda page: page.stem
)
def test_each_command_is_planned(page, tmp_path):
    project = copy_project(tmp_path / "project")
    configuration, sheet = settings(page), sheet_of(page)
    (project / "mine.yaml").write_text(yaml.safe_dump(configuration))
    (project / "mine.tsv").write_text(sheet)
    for name in EMPTY:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).touch()
    if "mine" in configuration.get("cohorts", {}):
        touch_sections(project / configuration["cohorts"]["mine"]["root"], sheet)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # The example with real sections expects them beside the project.
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/data").symlink_to(REAL)
    refused = {}
    for command in commands(page):
        if "her2st.yaml" in command and not HER2ST.is_dir():
            continue
        said = subprocess.run(
            ["bash", "-c", planned(command)],
            cwd=project,
            env=os.environ | {"PATH": path},
            capture_output=True,
            text=True,
        )
        # The doctor misses something here.
        if said.returncode and "\nMissing: " not in said.stdout:
            refused[command] = (said.stdout + said.stderr)[-1500:]
    assert not refused, "\n".join(f"{command}\n{text}" for command, text in refused.items())
