"""Faults in a finished demo, rule by rule: after each, a plain rerun must end as if undisturbed.

    make soak                                        # every part, on a demo made for it
    python tests/soak.py kills disks --finished DIR  # some parts, on a finished demo of this commit

Rules are those of the workflow. What the demo has no job of is run in it first
(`support/wider.py`), and a rule that has none even then is named at the end.

- `kills`: a job of each rule is killed or ended with all processes of its run, at random moments.
- `disks`: the disk is full when a job of each rule writes, and read-only for one of each round
  (root: mounts overlays).
- `damage`: an output of each kind of each rule loses its half, all or a bit, then a job reads it.
- `targets`: those that write no declared output, such as `verify`, meet damaged and missing results
  and a full disk, and are killed.
- `runs`: a second run in the same folder; outputs dated in the future by a clock that was wrong.
- `network`: no network while a file is downloaded.

Prints a line for each case and a table of counts; the exit status is 1 if a case failed.
"""

import argparse
import json
import math
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
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent / "support"))
sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from compare_results import compare
from loaded import load_workflow
from project import DEMO, copy_project, snakemake
from remote import Remote, sha256
from wider import FILE, OPTIONS, serve, widen

# What a user must never see at the end of a failed job. Of a read-only disk Snakemake itself prints
# a traceback, as it cannot write its own files.
TRACEBACK = "Traceback (most recent call last)"
OURS = re.compile(r'File "\S+/src/stnet/')
PAGE = os.sysconf("SC_PAGE_SIZE")
# Cases that share a run, and how many doublings their sizes differ by on a full disk.
TOGETHER, NEAR = 12, 3


@dataclass(frozen=True)
class Job:
    """One job of a finished run: its rule, its files, and the seconds that it took."""

    rule: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    log: str
    seconds: float


@dataclass(frozen=True)
class Damage:
    """A file that a job made, and a job that reads it."""

    of: str
    file: str
    reader: Job


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
            seconds = _seconds(folder / timed)
            jobs.append(Job(rule, inputs, tuple(sorted(files)), logs[0], seconds))
    return jobs


def ancestors(jobs: list[Job]) -> dict[Job, set[Job]]:
    """The jobs that a job's inputs come from, near and far."""
    maker = {output: job for job in jobs for output in job.outputs}
    found: dict[Job, set[Job]] = {}

    def of(job: Job) -> set[Job]:
        if job not in found:
            makers = {maker[each] for each in job.inputs if each in maker}
            found[job] = makers.union(*map(of, makers))
        return found[job]

    for job in jobs:
        of(job)
    return found


def rounds(cases: Iterable, apart: Callable[[Any, Any], bool]) -> list[list]:
    """Cases in groups that share a run, because any two of them are apart."""
    groups: list[list] = []
    for case in cases:
        for group in groups:
            if len(group) < TOGETHER and all(apart(case, other) for other in group):
                group.append(case)
                break
        else:
            groups.append([case])
    return groups


def _seconds(benchmark: Path) -> float:
    with suppress(OSError, ValueError, IndexError):
        return float(benchmark.read_text().splitlines()[1].split("\t")[0])
    return 3.0


def files(folder: Path, outputs: Iterable[str]) -> set[str]:
    """The files that outputs are, or have within; a folder's mark of Snakemake is none."""
    found = set()
    for output in outputs:
        within = (folder / output).rglob("*") if (folder / output).is_dir() else ()
        found |= {str(path.relative_to(folder)) for path in within if path.is_file()} or {output}
    return {each for each in found if not each.endswith(".snakemake_timestamp")}


def differences(finished: Path, folder: Path, outputs: Iterable[str]) -> list[str]:
    """What outputs differ from those of the finished run in; pages and pictures byte by byte."""
    found = []
    for output in sorted(files(finished, outputs) | files(folder, outputs)):
        one, other = finished / output, folder / output
        if not (one.exists() and other.exists()):
            found.append(f"{output}: {'missing' if one.exists() else 'added'}")
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


def run(folder: Path, outputs: Iterable[str], *options: str) -> subprocess.CompletedProcess:
    """A run that asks for a job's outputs."""
    return snakemake(folder, *OPTIONS, *options, "--", *outputs, check=False)


def kills(finished: Path, folder: Path, jobs: list[Job]) -> Iterator[tuple[str, str, str]]:
    """Kill or end a run while a job of a rule works, for each rule, then run to the end."""
    shutil.copytree(finished, folder, symlinks=True)
    before = ancestors(finished_jobs(finished))
    by_depth = sorted(jobs, key=lambda job: len(before[job]))
    for group in rounds(by_depth, lambda a, b: a not in before[b] and b not in before[a]):
        outputs = tuple(output for job in group for output in job.outputs)
        left, killed = {job.rule: job for job in group}, {}
        while left:
            remove(folder, tuple(output for job in left.values() for output in job.outputs))
            process, log, rule = _begun(folder, outputs, left)
            if not rule:
                break
            job, how = left.pop(rule), random.choice([signal.SIGKILL, signal.SIGTERM])
            moment = _kill(process, log, job, how)
            half = differences(finished, folder, [o for o in outputs if (folder / o).exists()])
            when = "after it had ended" if moment is None else f"after {moment:.1f} s"
            killed[job] = f"{how.name} {when}", [f"half-written: {each}" for each in half]
        process.wait()
        rerun = run(folder, outputs)
        for job in group:
            when, found = killed.get(job, ("ended before", []))
            found += differences(finished, folder, job.outputs) + leftovers(folder, job.outputs)
            found += [f"the rerun failed: {_errors(rerun.stderr)}"] if rerun.returncode else []
            yield job.rule, when, "; ".join(found)
        _as_old(finished, folder, outputs)


def _as_old(finished: Path, folder: Path, outputs: tuple[str, ...]) -> None:
    """Date outputs as in the finished run, so that the next case reruns nothing but its own job."""
    for output in outputs:
        inside = (finished / output).rglob("*") if (finished / output).is_dir() else ()
        for path in [*inside, finished / output]:
            with suppress(FileNotFoundError):
                shutil.copystat(path, folder / path.relative_to(finished))


def _kill(
    process: subprocess.Popen, log: Path, job: Job, how: signal.Signals = signal.SIGKILL
) -> float | None:
    """Send a signal to a run at a random moment of a job; None if that ended before."""
    # The recorded seconds are often those of a busier machine.
    moment = random.uniform(0, job.seconds / 2)
    time.sleep(moment)
    alive = process.poll() is None and f"(Rule: {job.rule})" not in log.read_text()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, how)
    process.wait()
    # As `snakemake --unlock` does, without loading the rules.
    for lock in (log.parent / "locks").glob("*.lock"):
        lock.unlink()
    return moment if alive else None


def _begun(
    folder: Path, targets: Iterable[str], rules: Iterable[str] = ()
) -> tuple[subprocess.Popen, Path, str]:
    """A run in a session of its own, what it prints, and which of these rules has just begun.

    The rule is "" if the run has ended, or if none is waited for.
    """
    log = folder / ".snakemake/soak.log"
    with open(log, "w") as stream:
        command = [sys.executable, "-m", "snakemake", "--cores", "2", *OPTIONS, "--", *targets]
        process = subprocess.Popen(
            command, cwd=folder, start_new_session=True, stdout=stream, stderr=stream
        )
    while True:
        ended = process.poll() is not None
        found = [name for name in re.findall(r"rule (\w+):", log.read_text()) if name in rules]
        if found or ended or not rules:
            return process, log, "".join(found[:1])
        time.sleep(0.02)


def disks(finished: Path, folder: Path, jobs: list[Job]) -> Iterator[tuple[str, str, str]]:
    """Let jobs write to a full disk, then to a read-only one, then to a good one."""
    before = ancestors(finished_jobs(finished))
    size = {job: _size(finished, job.outputs) for job in jobs}

    def apart(one: Job, other: Job) -> bool:
        near = abs(math.log2((size[one] + PAGE) / (size[other] + PAGE))) <= NEAR
        return near and one not in before[other] and other not in before[one]

    # Jobs of one depth seldom need each other.
    for group in rounds(sorted(jobs, key=lambda job: len(before[job])), apart):
        outputs = tuple(output for job in group for output in job.outputs)
        with overlay(finished, folder) as (project, upper):
            remove(project, outputs)
            for output in outputs:
                (project / Path(output).parent).touch()
            # Half of what the smallest job writes fits.
            _fill(upper, min(size[job] for job in group) // 2 // PAGE * PAGE)
            full = run(project, outputs, "--keep-going")
            text = full.stdout + full.stderr
            for job in group:
                yield _told(text, project, finished, job, "full disk", "No space left")
            (upper / "filler").unlink()
            stray = _written(upper / "upper") - {*outputs}
            if stray:
                print(f"left: {', '.join(sorted(stray))}")
            remove(project, outputs)
            # One is enough: all jobs open their log first. Snakemake itself does not survive it.
            first = group[0]
            process, log, _ = _begun(project, first.outputs, [first.rule])
            subprocess.run(["mount", "-o", "remount,ro", project], check=True)
            process.wait()
            told = log.read_text()
            yield _told(told, project, finished, first, "read-only disk", "Read-only file system")
            subprocess.run(["mount", "-o", "remount,rw", project], check=True)
            # Where nothing is left but logs, a rerun is a plain run.
            again = group if stray else [first]
            rerun = run(project, tuple(output for job in again for output in job.outputs))
            for job in again:
                yield _again(rerun, project, finished, job, "rerun after both")


def _size(finished: Path, outputs: tuple[str, ...]) -> int:
    return sum((finished / each).stat().st_size for each in files(finished, outputs))


def _written(upper: Path) -> set[str]:
    """New files of an overlay, but for those that Python and Snakemake write themselves."""
    files = {each.relative_to(upper) for each in upper.rglob("*") if each.is_file()}
    skipped = {"logs", "benchmarks", "__pycache__", ".sha256"}
    return {str(each) for each in files if skipped.isdisjoint(each.parts)}


def _again(
    rerun: subprocess.CompletedProcess, project: Path, finished: Path, job: Job, what: str
) -> tuple[str, str, str]:
    """A job's case after a plain rerun."""
    found = differences(finished, project, job.outputs) + leftovers(project, job.outputs)
    if found and rerun.returncode:
        found.append(f"the rerun failed: {_errors(rerun.stderr)}")
    return job.rule, what, "; ".join(found)


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


def _told(
    text: str, project: Path, finished: Path, job: Job, what: str, reason: str
) -> tuple[str, str, str]:
    """A job's case on a bad disk: wrong without a line on the reason, or if anything is half."""
    there = tuple(output for output in job.outputs if (project / output).exists())
    found = [f"half: {each}" for each in differences(finished, project, there)]
    if len(there) < len(job.outputs):
        lines = [line for line in text.splitlines() if f"cannot be written ({reason}" in line]
        # Checkpoints are in a hidden folder beside the outputs.
        hidden = (f"{Path(output).parent}/." for output in job.outputs)
        names = [f"error: {each}" for each in (*job.outputs, *hidden, job.log)]
        if not any(name in line for line in lines for name in names):
            found.append("no line")
            found += ["a traceback"] if OURS.search(text) else []
    _show(found, text)
    return (
        job.rule,
        what if len(there) < len(job.outputs) else f"{what}, written all the same",
        ("; ".join(found)),
    )


def _show(found: list[str], text: str) -> None:
    """What a run said, on the other stream, where something was wrong."""
    if found:
        print(f"{'; '.join(found)}\n{text}\n{'-' * 100}", file=sys.stderr, flush=True)


def _errors(text: str) -> str:
    lines = [line.strip()[:200] for line in text.splitlines() if "rror" in line]
    return " | ".join(lines[:3])


def damage(finished: Path, folder: Path, jobs: list[Job]) -> Iterator[tuple[str, str, str]]:
    """Damage files of each kind of each rule, then run jobs of each rule that read such a kind."""
    every = finished_jobs(finished)
    before = ancestors(every)

    def apart(one: Damage, other: Damage) -> bool:
        readers = one.reader, other.reader
        return (
            one.file not in other.reader.inputs
            and other.file not in one.reader.inputs
            and readers[0] != readers[1]
            and readers[0] not in before[readers[1]]
            and readers[1] not in before[readers[0]]
        )

    found = sorted(_damages(jobs, every), key=lambda case: len(before[case.reader]))
    for group in rounds(found, apart):
        outputs = tuple(output for case in group for output in case.reader.outputs)
        with overlay(finished, folder) as (project, _):
            remove(project, outputs)
            how = {case: random.choice([*WAYS]) for case in group}
            for case in group:
                _spoil(project / case.file, WAYS[how[case]])
                (project / case.reader.log).unlink(missing_ok=True)
            read = run(project, outputs, "--keep-going")
            for case in group:
                yield _noticed(read, project, finished, case, how[case])


def _damages(jobs: list[Job], every: list[Job]) -> list[Damage]:
    """Files of each kind of each rule, and of each kind for each rule that reads it."""
    cheap = sorted(every, key=lambda job: job.seconds)
    seen: set[tuple[str, str]] = set()
    found = []
    for job in jobs:
        for file in job.outputs:
            kind = "".join(Path(file).suffixes[-2 if file.endswith(".gz") else -1 :])
            for reader in cheap:
                keys = {(job.rule, kind), (kind, reader.rule)}
                # Of a folder there is one, of the archive that the demo downloads from.
                if file in reader.inputs and keys - seen and Path(file).suffix:
                    seen |= keys
                    found.append(Damage(job.rule, file, reader))
    return found


def _spoil(path: Path, way: Callable[[bytes], bytes]) -> None:
    """Damage a file and leave its date."""
    times = path.stat()
    path.write_bytes(way(path.read_bytes()))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def _flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


WAYS = {
    "half of": lambda content: content[: len(content) // 2],
    "nothing of": lambda content: b"",
    "a bit of": _flipped,
}


def _noticed(
    read: subprocess.CompletedProcess, project: Path, finished: Path, case: Damage, how: str
) -> tuple[str, str, str]:
    """The case of a damaged file: wrong if its reader has no line on it, or made something else."""
    what = f"{how} {case.file}, read by {case.reader.rule}"
    there = tuple(each for each in case.reader.outputs if (project / each).exists())
    found = differences(finished, project, there) + leftovers(project, case.reader.outputs)
    if len(there) < len(case.reader.outputs):
        log = project / case.reader.log
        text = log.read_text() if log.is_file() else ""
        found += [] if f"error: {case.file}" in text else [f"no line: {_errors(text)}"]
        found += ["a traceback"] if TRACEBACK in text else []
        what += ": undone"
    _show(found, read.stdout + read.stderr)
    return case.of, what, "; ".join(found)


def targets(finished: Path, folder: Path, jobs: list[Job]) -> Iterator[tuple[str, str, str]]:
    """Let targets without outputs meet damaged and missing results, a full disk, and a kill."""
    spoilt = _of_each_kind(finished)
    for job in jobs:
        with overlay(finished, folder) as (project, disk):
            begin = time.monotonic()
            plain = run(project, [job.rule])
            seconds = time.monotonic() - begin
            wanted = _contents(disk / "upper")
            yield job.rule, f"as it is: {plain.returncode}, {seconds:.0f} s", _untold(plain, ())
        for name, way in [*WAYS.items(), ("no", None)]:
            with overlay(finished, folder) as (project, _):
                for file in spoilt:
                    _spoil(project / file, way) if way else (project / file).unlink()
                told = run(project, [job.rule])
                yield job.rule, f"{name} file: {told.returncode}", _untold(told, spoilt)
        with overlay(finished, folder) as (project, disk):
            _fill(disk, PAGE)
            told = run(project, [job.rule])
            yield job.rule, f"full disk: {told.returncode}", _untold(told, ())
            (disk / "filler").unlink()
            process, log, _ = _begun(project, [job.rule])
            moment = _kill(process, log, replace(job, seconds=2 * seconds))
            found = _untold(run(project, [job.rule]), ())
            others = {*(_contents(disk / "upper").items() ^ wanted.items())}
            found += f"other files: {sorted({name for name, _ in others})}" * bool(others)
            yield job.rule, f"rerun after both: {moment}", found


def _of_each_kind(finished: Path) -> list[str]:
    """An output of each kind that jobs of the demo make."""
    kinds: dict[str, str] = {}
    for job in finished_jobs(finished):
        for file in sorted(files(finished, job.outputs)):
            if file.startswith("results/"):
                kinds.setdefault("".join(Path(file).suffixes[-2:]), file)
    return [*kinds.values()]


def _contents(upper: Path) -> dict[str, bytes]:
    return {each: (upper / each).read_bytes() for each in _written(upper)}


def _untold(done: subprocess.CompletedProcess, names: Iterable[str]) -> str:
    """What is wrong with what a target said: a traceback, or a failure without a line."""
    text = done.stdout + done.stderr
    found = ["a traceback"] if TRACEBACK in text else []
    lines = [
        line for line in text.splitlines() if re.match("error: |missing +|(changed|added): ", line)
    ]
    found += ["no line"] if done.returncode and not lines else []
    if names and lines and not any(name in text for name in names):
        found.append("no file is named")
    _show(found, text)
    return "; ".join(found)


def runs(finished: Path, folder: Path, jobs: list[Job]) -> Iterator[tuple[str, str, str]]:
    """A second run in the folder, and a clock that was a day ahead for half of the files."""
    shutil.copytree(finished, folder, symlinks=True)
    by_rule = {job.rule: job for job in finished_jobs(finished)}
    job = by_rule["train"]
    remove(folder, job.outputs)
    first = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "1", *OPTIONS, "--", *job.outputs],
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


def network(finished: Path, folder: Path, jobs: list[Job]) -> Iterator[tuple[str, str, str]]:
    """Cut the network while a file arrives: for a while, longer than a time-out, and for good.

    Needs root and Python 3.12, for a network of this process alone.
    """
    os.unshare(os.CLONE_NEWNET)
    for command in ("link set lo up", "qdisc add dev lo root tbf rate 4mbit burst 100k limit 1m"):
        tool = "tc" if command.startswith("qdisc") else "ip"
        subprocess.run([tool, *command.split()], check=True)
    content = random.randbytes(5_000_000)
    for name, pause, arrives in [
        ("a while", 20, True),
        ("longer than a time-out", 90, True),
        ("good", math.inf, False),
    ]:
        with Remote() as server:
            server.files["/file"] = content
            path = folder / name.replace(" ", "-") / "file"
            process = subprocess.Popen(
                [sys.executable, "-c", DOWNLOAD, f"{server.host}/file", str(path), sha256(content)],
                env={**os.environ, "PYTHONPATH": str(finished / "src")},
                stderr=subprocess.PIPE,
                text=True,
            )
            while not any(part.stat().st_size for part in path.parent.glob(".file.*.part")):
                time.sleep(0.1)
            subprocess.run(["ip", "link", "set", "lo", "down"], check=True)
            with suppress(subprocess.TimeoutExpired):
                process.wait(None if pause == math.inf else pause)
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            said = process.communicate()[1]
            whole = path.is_file() and path.read_bytes() == content
            found = [] if whole == path.exists() == arrives else ["arrived otherwise"]
            found += ["a traceback"] if TRACEBACK in said else []
            if not arrives:
                found += [] if said.count("error: ") == 1 else [f"no line: {_errors(said)}"]
        _show(found, said)
        yield (
            "download",
            f"no network for {name}: {len(server.requests)} requests",
            "; ".join(found),
        )


# A download as a job does it.
DOWNLOAD = """
import sys
from stnet.core.hashing import Hash
from stnet.core.job import job
from stnet.sources.download import download

url, path, sha256 = sys.argv[1:]
with job(path + ".log"):
    download(url, path, expected=Hash("sha256", sha256), size=None)
"""
PARTS = {
    **{"kills": kills, "disks": disks, "damage": damage, "targets": targets},
    **{"runs": runs, "network": network},
}
# The rule without a script that answers when the rules are loaded.
AT_LOADING = "doctor"


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
    with tempfile.TemporaryDirectory(prefix="soak") as temporary, Remote() as server:
        finished = arguments.finished
        if finished is None:
            finished = copy_project(Path(temporary) / "finished")
            snakemake(finished, *DEMO, "--", "supplement")
        finished = finished.resolve()
        serve(server)
        widen(finished, server.host)
        first = {job.rule: job for job in reversed(finished_jobs(finished))}
        rules = load_workflow(finished, finished / DEMO[1], finished / FILE).values()
        lone = {
            each.name
            for each in rules
            if not each.output and (each.script or each.name == AT_LOADING)
        }
        asked = arguments.rules or sorted({*first, *lone})
        jobs = {part: [first[rule] for rule in asked if rule in first] for part in PARTS}
        jobs["targets"] = [Job(rule, (), (), "", 0) for rule in asked if rule in lone]
        for part in arguments.parts or PARTS:
            for rule, what, wrong in PARTS[part](finished, Path(temporary) / part, jobs[part]):
                print(f"{'FAILED' if wrong else 'ok'}\t{part}\t{rule}\t{what}\t{wrong}", flush=True)
                counts[part, bool(wrong)] += 1
    for part in arguments.parts or PARTS:
        print(f"{part}: {counts[part, False]} ok, {counts[part, True]} failed")
    unseen = {each.name for each in rules if each.script} - {*first, *lone}
    print(f"rules without a job here: {', '.join(sorted(unseen)) or 'none'}")
    return int(any(failed for _, failed in counts))


if __name__ == "__main__":
    sys.exit(main())
