"""Running the real workflow in a copy of the project."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
DEMO = ("--configfile", "config/demo.yaml")


def copy_project(folder):
    """The project's own files, tracked or to be, in `folder`."""
    listed = ["git", "ls-files", "-co", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in names.splitlines():
        source, copy = ROOT / name, folder / name
        if source.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy)
    return folder


def copy_run(finished, folder):
    """A finished run with its times and records, to be changed at will."""
    shutil.copytree(finished, folder, symlinks=True, copy_function=shutil.copy2)
    return folder


def snakemake(folder, *arguments, check=True):
    """Run Snakemake in `folder`; with `check`, show what it said if it failed."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(command)}\n{done.stdout[-8000:]}\n{done.stderr[-8000:]}")
    return done


def planned(folder, *arguments, configuration=DEMO):
    """Rules that would run, with their number of jobs (`all` left out)."""
    done = snakemake(folder, "--dry-run", "--quiet", "rules", *configuration, *arguments)
    text = done.stdout + done.stderr
    table = re.search(r"^job +count\n-+ +-+\n(.*?)^total ", text, re.M | re.S)
    if table is None:
        assert "Nothing to be done" in text, text
        return {}
    rows = dict(line.split() for line in table[1].splitlines())
    return {rule: int(count) for rule, count in rows.items() if rule != "all"}


def edit(path, old, new):
    """Replace `old`, which must be there once."""
    text = path.read_text()
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path}"
    path.write_text(text.replace(old, new))


def touch_sections(root, sheet):
    """Empty files in place of those that a sheet of Visium names, which a dry run does not read."""
    for row in sheet.splitlines()[1:]:
        *_, image, counts, spots = row.split("\t")
        for path in (image, counts, f"{spots}/tissue_positions.csv"):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).touch()
