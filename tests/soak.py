"""Faults in a finished demo, rule by rule: after each, a plain rerun must end as if undisturbed.

    make soak                                        # every part, on a demo made for it
    python tests/soak.py kills disks --finished DIR  # some parts, on a finished demo of this commit

- `kills`: a job of each rule is killed with all processes of its run, at a random moment.
- `disks`: the disk is full, then read-only, when a job of each rule writes (root: mounts overlays).
- `damage`: an output of each rule is cut in half, then a job that reads it runs.
- `runs`: a second run in the same folder; outputs dated in the future by a clock that was wrong.

Prints a line for each case and a table of counts; the exit status is 1 if a case failed.
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from base64 import b64decode
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "support"))

from compare_results import compare
from project import DEMO, copy_project, snakemake

# What a user must never see at the end of a failed job. Of a read-only disk Snakemake itself prints
# a traceback, as it cannot write its own files.
TRACEBACK = "Traceback (most recent call last)"
OURS = re.compile(r'File "\S+/src/stnet/')
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Job:
    """One job of a finished run: its rule, its files, and the seconds that it took."""

    rule: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    seconds: float


def finished_jobs(folder: Path) -> list[Job]:
    """All jobs of a finished run, by Snakemake's own records."""
    outputs: dict[tuple, list[str]] = {}
    for path in filter(Path.is_file, (folder / ".snakemake/metadata").iterdir()):
        record = json.loads(path.read_text())
        output = b64decode(path.name).decode()
        if (folder / output).exists():
            key = record["rule"], tuple(record["input"]), tuple(record["log"])
            outputs.setdefault(key, []).append(output)
    jobs = []
    for (rule, inputs, logs), files in sorted(outputs.items()):
        if logs:
            timed = logs[0].replace("/logs/", "/benchmarks/").removesuffix(".log") + ".tsv"
            jobs.append(Job(rule, inputs, tuple(sorted(files)), _seconds(folder / timed)))
    return jobs


def _seconds(benchmark: Path) -> float:
    with suppress(OSError, ValueError, IndexError):
        return float(benchmark.read_text().splitlines()[1].split("\t")[0])
    return 3.0


def differences(finished: Path, folder: Path, outputs: tuple[str, ...]) -> list[str]:
    """What outputs differ from those of the finished run in; pages and pictures byte by byte."""
    found = []
    for output in outputs:
        one, other = finished / output, folder / output
        if not other.exists():
            found.append(f"{output}: missing")
        elif one.is_file() and one.read_bytes() != other.read_bytes():
            told, compared = compare(one.parent, other.parent, other.name)
            found += told or ([] if compared else [f"{output}: other bytes"])
    return found


def leftovers(folder: Path, outputs: tuple[str, ...]) -> list[str]:
    """Temporary folders of killed writers beside outputs."""
    return [
        str(path)
        for output in outputs
        for path in (folder / output).parent.glob(f".{Path(output).name}.????????")
    ]


def remove(folder: Path, outputs: tuple[str, ...]) -> None:
    """Remove a job's outputs."""
    for output in outputs:
        path = folder / output
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def run(folder: Path, outputs: tuple[str, ...], *options: str) -> subprocess.CompletedProcess:
    """A run that asks for a job's outputs."""
    return snakemake(folder, *DEMO, *options, "--", *outputs, check=False)


def kills(finished: Path, folder: Path, jobs: list[Job]) -> Iterator[tuple[str, str, str]]:
    """Kill a run while a job of a rule works, for each rule, then run again."""
    shutil.copytree(finished, folder, symlinks=True)
    for job in jobs:
        remove(folder, job.outputs)
        moment = _kill(folder, job)
        half = differences(finished, folder, tuple(o for o in job.outputs if (folder / o).exists()))
        rerun = run(folder, job.outputs)
        found = [f"half-written: {each}" for each in half if moment is not None]
        found += [] if rerun.returncode == 0 else [f"the rerun failed: {_errors(rerun.stderr)}"]
        found += differences(finished, folder, job.outputs) + leftovers(folder, job.outputs)
        _as_old(finished, folder, job.outputs)
        when = "ended before the kill" if moment is None else f"killed after {moment:.1f} s"
        yield job.rule, when, "; ".join(found)


def _as_old(finished: Path, folder: Path, outputs: tuple[str, ...]) -> None:
    """Date outputs as in the finished run, so that the next case reruns nothing but its own job."""
    for output in outputs:
        inside = (finished / output).rglob("*") if (finished / output).is_dir() else ()
        for path in [*inside, finished / output]:
            with suppress(FileNotFoundError):
                shutil.copystat(path, folder / path.relative_to(finished))


def _kill(folder: Path, job: Job) -> float | None:
    """Kill a run at a random moment of its job; None if the job ended before."""
    process, log = _begun(folder, job)
    # The recorded seconds are often those of a busier machine.
    moment = random.uniform(0, job.seconds / 2)
    time.sleep(moment)
    alive = process.poll() is None and f"(Rule: {job.rule})" not in log.read_text()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    snakemake(folder, *DEMO, "--unlock")
    return moment if alive else None


def _begun(folder: Path, job: Job) -> tuple[subprocess.Popen, Path]:
    """A run in a session of its own, whose job has just begun, and what it prints."""
    log = folder / ".snakemake/soak.log"
    with open(log, "w") as stream:
        command = [sys.executable, "-m", "snakemake", "--cores", "2", *DEMO, "--", *job.outputs]
        process = subprocess.Popen(
            command, cwd=folder, start_new_session=True, stdout=stream, stderr=stream
        )
    while f"rule {job.rule}:" not in log.read_text() and process.poll() is None:
        time.sleep(0.02)
    return process, log


def disks(finished: Path, folder: Path, jobs: list[Job]) -> Iterator[tuple[str, str, str]]:
    """Let a job of each rule write to a full disk, then to a read-only one, then to a good one."""
    for job in jobs:
        size = sum((finished / o).stat().st_size for o in job.outputs if (finished / o).is_file())
        with overlay(finished, folder) as (project, upper):
            remove(project, job.outputs)
            (project / Path(job.outputs[0]).parent).touch()
            # Half of what the job writes fits, and its log.
            _fill(upper, size // 2 // PAGE * PAGE)
            full = run(project, job.outputs)
            found = _told(full.stdout + full.stderr, project, finished, job, "No space left")
            yield job.rule, "full disk" if full.returncode else "all fitted", found
            (upper / "filler").unlink()
            remove(project, job.outputs)
            process, log = _begun(project, job)
            subprocess.run(["mount", "-o", "remount,ro", project], check=True)
            failed = process.wait() != 0
            found = _told(log.read_text(), project, finished, job, "Read-only file system")
            yield job.rule, "read-only disk" if failed else "written before", found
            subprocess.run(["mount", "-o", "remount,rw", project], check=True)
            rerun = run(project, job.outputs)
            found = [] if rerun.returncode == 0 else [f"the rerun failed: {_errors(rerun.stderr)}"]
            found += differences(finished, project, job.outputs)
            found += leftovers(project, job.outputs)
            yield job.rule, "rerun after both", "; ".join(found)


@contextmanager
def overlay(finished: Path, folder: Path) -> Iterator[tuple[Path, Path]]:
    """A view of a finished run; what is changed goes to a small disk of its own.

    Snakemake's records are elsewhere, so that only our writers meet a full disk.
    """
    project, disk, records = folder / "project", folder / "disk", folder / "records"
    for path in (project, disk):
        path.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(records, ignore_errors=True)
    shutil.copytree(finished / ".snakemake", records, symlinks=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", disk], check=True)
    try:
        for name in ("upper", "work"):
            (disk / name).mkdir()
        layers = f"lowerdir={finished},upperdir={disk}/upper,workdir={disk}/work"
        subprocess.run(["mount", "-t", "overlay", "-o", layers, "overlay", project], check=True)
        subprocess.run(["mount", "--bind", records, project / ".snakemake"], check=True)
        yield project, disk
    finally:
        for path in (project / ".snakemake", project, disk):
            subprocess.run(["umount", "--lazy", path], check=False, capture_output=True)


def _fill(disk: Path, free: int) -> None:
    """Leave so many bytes of a disk free."""
    available = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    with open(disk / "filler", "wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(PAGE, available - free))


def _told(text: str, project: Path, finished: Path, job: Job, reason: str) -> str:
    """What is wrong with how a job ended: no line with the reason, or something half-written."""
    found = []
    if "Error in rule" in text:
        found += [] if f"cannot be written ({reason}" in text else [f"no line: {_errors(text)}"]
        found += ["a traceback"] if OURS.search(text) else []
    there = tuple(output for output in job.outputs if (project / output).exists())
    return "; ".join(found + [f"half: {each}" for each in differences(finished, project, there)])


def _errors(text: str) -> str:
    lines = [line.strip()[:200] for line in text.splitlines() if "rror" in line]
    return " | ".join(lines[:3])


def damage(finished: Path, folder: Path, jobs: list[Job]) -> Iterator[tuple[str, str, str]]:
    """Cut an output of each rule in half, then run a job that reads it."""
    readers = finished_jobs(finished)
    for job in jobs:
        found = [(o, reader) for o in job.outputs for reader in readers if o in reader.inputs]
        for output, reader in found[:1]:
            with overlay(finished, folder) as (project, _):
                path = project / output
                times = path.stat()
                path.write_bytes(path.read_bytes()[: times.st_size // 2])
                os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
                remove(project, reader.outputs)
                read = run(project, reader.outputs)
                text = read.stdout + read.stderr
                if read.returncode == 0:
                    wrong = differences(finished, project, reader.outputs)
                    said = [f"read by {reader.rule}: {each}" for each in wrong]
                else:
                    said = [] if f"error: {output}" in text else [f"no line: {_errors(text)}"]
                    said += ["a traceback"] if TRACEBACK in text else []
                path.unlink()
                rerun = run(project, reader.outputs)
                said += (
                    [] if rerun.returncode == 0 else [f"the rerun failed: {_errors(rerun.stderr)}"]
                )
                said += differences(finished, project, (*job.outputs, *reader.outputs))
            how = "undone" if read.returncode else "not needed"
            yield job.rule, f"half of {output}, read by {reader.rule}: {how}", "; ".join(said)


def runs(finished: Path, folder: Path, jobs: list[Job]) -> Iterator[tuple[str, str, str]]:
    """A second run in the folder, and a clock that was a day ahead for half of the files."""
    shutil.copytree(finished, folder, symlinks=True)
    by_rule = {job.rule: job for job in finished_jobs(finished)}
    job = by_rule["train"]
    remove(folder, job.outputs)
    first = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "1", *DEMO, "--", *job.outputs],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not any((folder / ".snakemake/locks").glob("*.lock")):
        time.sleep(0.1)
    second = run(folder, job.outputs)
    refused = second.returncode != 0 and "locked" in second.stdout + second.stderr
    first.wait()
    found = [] if refused else ["a second run was let in"]
    found += differences(finished, folder, job.outputs)
    yield job.rule, "a second run in the same folder", "; ".join(found)
    tomorrow = time.time() + 86_400
    sections = {path: path.stat() for path in folder.glob("results/demo/sections/*.h5ad")}
    for path in sections:
        os.utime(path, (tomorrow, tomorrow))
    job = by_rule["targets"]
    remove(folder, job.outputs)
    done = run(folder, job.outputs)
    # Snakemake itself refuses an output that is older than its inputs, in a line on the clock.
    named = done.returncode != 0 and "clock skew" in done.stdout + done.stderr
    found = [] if named else [f"no line on the clock: {_errors(done.stderr)}"]
    for path, times in sections.items():
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    rerun = run(folder, job.outputs)
    found += [] if rerun.returncode == 0 else [f"the rerun failed: {_errors(rerun.stderr)}"]
    found += differences(finished, folder, job.outputs)
    yield job.rule, "sections dated tomorrow, then as before", "; ".join(found)


PARTS = {"kills": kills, "disks": disks, "damage": damage, "runs": runs}


def main() -> int:
    """Run the parts of the command line; 1 if a case failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []])
    parser.add_argument("--finished", type=Path, help="a finished demo of this commit")
    parser.add_argument("--rules", nargs="*", help="only these rules")
    parser.add_argument("--seed", type=int, default=random.randrange(1000))
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    print(f"seed {arguments.seed}")
    counts: Counter[tuple[str, bool]] = Counter()
    with tempfile.TemporaryDirectory(prefix="soak") as temporary:
        finished = arguments.finished
        if finished is None:
            finished = copy_project(Path(temporary) / "finished")
            snakemake(finished, *DEMO, "--", "supplement")
        finished = finished.resolve()
        first = {job.rule: job for job in reversed(finished_jobs(finished))}
        jobs = [job for rule, job in sorted(first.items()) if rule in (arguments.rules or first)]
        for part in arguments.parts or PARTS:
            for rule, what, wrong in PARTS[part](finished, Path(temporary) / part, jobs):
                print(f"{'FAILED' if wrong else 'ok'}\t{part}\t{rule}\t{what}\t{wrong}", flush=True)
                counts[part, bool(wrong)] += 1
    for part in arguments.parts or PARTS:
        print(f"{part}: {counts[part, False]} ok, {counts[part, True]} failed")
    return int(any(failed for _, failed in counts))


if __name__ == "__main__":
    sys.exit(main())
