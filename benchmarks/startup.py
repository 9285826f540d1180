"""What the jobs of a finished run spend before they compute: prints a table by rule.

    PYTHONPATH=src .venv/bin/python benchmarks/startup.py [FOLDER OF THE RUN] [--least JOBS]

Start-up is the processor time of a process that imports what the job's script does, and what
Snakemake puts before it; the median of three. The whole is that of the run's benchmark files, in
which Snakemake misses the last seconds of a job. Other load makes both longer.
"""

import argparse
import ast
import os
import re
import resource
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from statistics import median

import pandas as pd

ROOT = Path(__file__).parents[1]
REPEATS = 3
RULE = re.compile(
    r"^(?:use )?rule (\w+)(?: as (\w+) with)?:$(.*?)(?=^\S|\Z)", re.MULTILINE | re.DOTALL
)
SCRIPT = re.compile(r'script:\s*"\.\./scripts/([^"]+)"')


def scripts() -> dict[str, str]:
    """The script of every rule that runs one, below `workflow/scripts`."""
    found = {}
    text = "\n".join(path.read_text() for path in sorted((ROOT / "workflow/rules").glob("*.smk")))
    for name, derived, body in RULE.findall(text):
        script = SCRIPT.search(body)
        found[derived or name] = script[1] if script else found.get(name)
    return {name: script for name, script in found.items() if script}


def start_up(script: str) -> float:
    """Processor seconds of the imports of a script, in a process of its own."""
    tree = ast.parse((ROOT / "workflow/scripts" / script).read_text())
    imports = [each for each in tree.body if isinstance(each, ast.Import | ast.ImportFrom)]
    code = "from snakemake.script import Snakemake\n" + "\n".join(map(ast.unparse, imports))
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    taken = []
    for _ in range(REPEATS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code], env=environment, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return median(taken)


def processor_times(folder: Path) -> dict[str, list[float]]:
    """Processor seconds of the jobs of a finished run, by rule, of its benchmark files."""
    found = defaultdict(list)
    for path in folder.glob("results/**/benchmarks/**/*.tsv"):
        rule = re.match(r"\w+", path.parts[path.parts.index("benchmarks") + 1])[0]
        taken = pd.to_numeric(pd.read_table(path)["cpu_time"], errors="coerce")
        found[rule].append(taken.fillna(0).sum())
    return found


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT)
    parser.add_argument("--least", type=int, default=1, help="jobs that a rule must have")
    options = parser.parse_args()
    taken = processor_times(options.folder)
    taken = {rule: times for rule, times in taken.items() if len(times) >= options.least}
    of_rule = {rule: script for rule, script in scripts().items() if rule in taken}
    once = {script: start_up(script) for script in sorted({*of_rule.values()})}
    rows = [
        (rule, len(taken[rule]), once[script], len(taken[rule]) * once[script], sum(taken[rule]))
        for rule, script in of_rule.items()
    ]
    columns = ["rule", "jobs", "start-up, s", "of all its jobs, s", "whole, s"]
    table = pd.DataFrame(rows, columns=columns).sort_values(columns[3], ascending=False)
    table.loc[len(table)] = ["all", table["jobs"].sum(), float("nan"), *table.iloc[:, 3:].sum()]
    print(table.to_string(index=False, float_format="%.2f", na_rep=""))


if __name__ == "__main__":
    main()
