"""Each command of Snakemake in the documents is planned, as it stands there, by a dry run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from project import ROOT, copy_project

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# What a page expects to be there already, and writes itself or says in words.
COHORT = """\
device: cpu
cohorts:
  mine: {sheet: mine.tsv, root: data, spot_window: 224, spot_pitch_um: 100, report: {main: mine}}
experiments: {mine: {inherit: densenet121, cohort: mine}}
"""
SHEET = "patient\tsection\tformat\timage\tcounts\tspots\n" + "".join(
    f"P{n}\tP{n}_A\tvisium\tP{n}/tissue.tif\tP{n}/outs/filtered_feature_bc_matrix.h5\tP{n}/outs/spatial\n"
    for n in (1, 2, 3)
)
# Files that a dry run does not open.
EMPTY = ["all.safetensors", "all.genes.tsv", "CASE.svs"]


def commands(page: Path) -> list[str]:
    """Commands of Snakemake in the code blocks of a page, without comments and pipes."""
    blocks = re.findall(r"^```(?:bash)?\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    parts = (re.split(r"\s+#|\s\|\s", line)[0].strip() for line in lines)
    return [line for line in parts if line.startswith("snakemake ")]


def planned(command: str) -> str:
    """The command as a dry run on a machine without GPU and conda."""
    command = command.replace("PATH/Snakefile", "Snakefile").replace("FOLDER", ".")
    if command.split()[-1] == "doctor":
        return command
    command = command.replace("--use-conda", "").replace("--report report.html", "")
    if "device=cpu" in command:
        return command.replace("snakemake", "snakemake -n -q rules", 1)
    if " --config " in command:
        command = command.replace(" --config ", " --config device=cpu ")
        return command.replace("snakemake", "snakemake -n -q rules", 1)
    return command.replace("snakemake", "snakemake -n -q rules --config device=cpu", 1)


def settings(page: Path) -> str:
    """What `mine.yaml` is on a page: its blocks of YAML that are whole configurations."""
    blocks = re.findall(r"^```yaml\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)
    whole = [block for block in blocks if re.search(r"^experiments:", block, re.M)]
    return whole[0] if whole else COHORT


def test_commands_are_recognised(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "```\nsnakemake -n | sort   # all\nsnakemake --cores 2 -- \\\n    a.tsv\nmake x\n```\n"
        "`snakemake no`\n```yaml\nexperiments: {}\n```\n"
    )
    assert commands(page) == ["snakemake -n", "snakemake --cores 2 --      a.tsv"]
    assert settings(page) == "experiments: {}\n"
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
    (project / "mine.yaml").write_text(settings(page))
    (project / "mine.tsv").write_text(SHEET)
    for name in EMPTY:
        (project / name).touch()
    for row in SHEET.splitlines()[1:]:
        *_, image, counts, spots = row.split("\t")
        for path in (image, counts, f"{spots}/tissue_positions.csv"):
            (project / "data" / path).parent.mkdir(parents=True, exist_ok=True)
            (project / "data" / path).touch()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    refused = {}
    for command in commands(page):
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
