"""How far a run is, and how long it will still take (ours).

A job's duration is what its own benchmark of an earlier run says, or the plan; else that of
similar jobs, whose benchmarks are in the same folder; else the median of jobs with the same time
limit. What has been measured in this run corrects all of them.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from heapq import heapify, heappop, heappush
from pathlib import Path
from statistics import fmean, median

# Where the plan writes how long training jobs will take: `model seconds`.
PLANNED = "results/logs/plan.tsv"
# What a training job logs after each epoch.
STATED = re.compile(rb"at most (?:(\d+) days?, )?(\d+):(\d\d):(\d\d) left")
TAIL = 2000  # bytes of a log in which it stands
# Of a job that takes longer than expected, this part of its time so far is taken to be left.
OVERDUE = 0.1


@dataclass(frozen=True)
class Job:
    """A job that is to run."""

    benchmark: str  # its file, empty for a job that only collects others
    log: str
    limit: float  # of its time, in minutes
    needs: Mapping[str, int]  # cores, GPUs and so on
    after: frozenset[int]  # jobs that finish before
    planned: float | None  # seconds, by the plan

    @cached_property
    def name(self) -> str:
        """Rule and wildcards, as its log and benchmark are called."""
        return self.benchmark.rpartition("benchmarks/")[2].removesuffix(".tsv")

    @cached_property
    def alike(self) -> str:
        """What jobs of similar duration share."""
        return self.benchmark.rpartition("/")[0] if "/" in self.name else self.benchmark


class Progress:
    """Progress of a run: its `jobs` by id, and how much of each limited resource is `available`."""

    def __init__(self, jobs: Mapping[int, Job], available: Mapping[str, int]):
        self.jobs, self.available = jobs, available
        self.started: dict[int, float] = {}
        self.measured: dict[int, float] = {}
        self.finished: set[int] = set()
        self.lost: set[int] = set()
        self.failed: set[int] = set()
        found = {key: earlier_seconds(job.benchmark) or job.planned for key, job in jobs.items()}
        self.expected = {key: seconds for key, seconds in found.items() if seconds}
        self._dependent: dict[int, set[int]] = defaultdict(set)
        for key, job in jobs.items():
            for other in job.after:
                self._dependent[other].add(key)

    def update(
        self,
        running: Collection[int],
        finished: Collection[int],
        failed: Collection[int],
        now: float,
    ) -> None:
        """Take in which jobs run, have finished and have failed for good at the time `now` (s)."""
        for key in {*finished} - self.finished:
            if key in self.started:
                self.measured[key] = now - self.started[key]
        # A job that runs again starts anew.
        self.started = {key: self.started.get(key, now) for key in running}
        self.finished, self.failed = {*finished}, {*failed}
        self.lost, new = set(), self.failed
        while new:
            new = set().union(*(self._dependent[key] for key in new)) - self.lost
            self.lost |= new

    def line(self, now: float) -> str:
        """Jobs done, time left, and the jobs that have been running longest."""
        parts = [f"{len(self.finished)} of {len(self.jobs)} jobs done"]
        if self.failed:
            parts.append(f"{len(self.failed)} failed")
        if self.lost:
            parts.append(f"{len(self.lost)} that need them will not run")
        parts.append(self._left(now))
        longest = sorted((key for key in self.started if self.jobs[key].name), key=self.started.get)
        shown = [f"{self.jobs[key].name} {spoken(now - self.started[key])}" for key in longest[:3]]
        if longest[3:]:
            shown.append(f"{len(longest) - 3} more")
        return ", ".join(parts) + ("; running: " + ", ".join(shown) if shown else "")

    def _left(self, now: float) -> str:
        left = self._seconds_left(now)
        known = [each for each in left.values() if each is not None]
        if len(known) < len(left) and not any(known):
            return "time left not known yet"
        seconds = time_left(
            {key: each or 0.0 for key, each in left.items()},
            {key: self.jobs[key] for key in left},
            [key for key in self.started if key in left],
            self.available,
        )
        return f"{'about' if len(known) == len(left) else 'at least'} {spoken(seconds)} left"

    def _seconds_left(self, now: float) -> dict[int, float | None]:
        """Seconds left of each job that is still to finish; None where nothing is known."""
        stated = {}
        for key, start in self.started.items():
            seconds = stated_seconds_left(self.jobs[key].log, start, now)
            if seconds is not None:
                stated[key] = seconds
        seen = self.measured | {key: now - self.started[key] + stated[key] for key in stated}
        by_kind, by_limit, measured, expected = (defaultdict(list) for _ in range(4))
        for key in {*seen, *self.expected}:
            job = self.jobs[key]
            by_limit[job.limit].append(seen.get(key, self.expected.get(key)))
            if key in seen:
                by_kind[job.alike].append(seen[key])
            if key in seen and key in self.expected:
                for kind in (job.alike, ""):
                    measured[kind].append(seen[key])
                    expected[kind].append(self.expected[key])
        # Once, and not for each of thousands of jobs.
        mean_of = {kind: fmean(each) for kind, each in by_kind.items()}
        median_of = {limit: median(each) for limit, each in by_limit.items()}

        def duration(key: int) -> float | None:
            job = self.jobs[key]
            if not job.name:
                return 0.0
            if key in self.expected:
                kind = job.alike if measured[job.alike] else ""
                pace = sum(measured[kind]) / sum(expected[kind]) if measured[kind] else 1.0
                return self.expected[key] * pace
            return mean_of.get(job.alike, median_of.get(job.limit))

        left = {}
        for key in self.jobs.keys() - self.finished - self.failed - self.lost:
            left[key] = stated[key] if key in stated else duration(key)
            if key in self.started and key not in stated and left[key] is not None:
                past = now - self.started[key]
                left[key] = max(left[key] - past, OVERDUE * past)
        return left


def time_left(
    seconds: Mapping[int, float],
    jobs: Mapping[int, Job],
    running: Collection[int],
    available: Mapping[str, int],
) -> float:
    """Seconds until the last job ends, if each starts as soon as it can.

    Args:
        seconds: what is left of each job.
        jobs: those that have not finished; others that they come after have.
        running: those that have started.
        available: how much there is of each resource that is limited.

    Returns:
        Seconds, 0 without jobs.
    """
    free, now = dict(available), 0.0
    needs = {
        key: tuple((name, min(n, free[name])) for name, n in job.needs.items() if name in free)
        for key, job in jobs.items()
    }
    waits = {key: len(job.after & jobs.keys()) for key, job in jobs.items()}
    dependent = defaultdict(list)
    for key, job in jobs.items():
        for other in job.after & jobs.keys():
            dependent[other].append(key)
    # Jobs of equal needs wait in one line: if the first does not fit, no other does.
    lines = defaultdict(list)
    for key in sorted(jobs, reverse=True):
        if not waits[key] and key not in running:
            lines[needs[key]].append(key)
    ends = [(seconds[key], key) for key in running]
    heapify(ends)
    for key in running:
        for name, n in needs[key]:
            free[name] -= n
    while ends or any(lines.values()):
        for need, line in lines.items():
            while line and (not ends or all(free[name] >= n for name, n in need)):
                key = line.pop()
                heappush(ends, (now + seconds[key], key))
                for name, n in need:
                    free[name] -= n
        now, key = heappop(ends)
        for name, n in needs[key]:
            free[name] += n
        for other in dependent[key]:
            waits[other] -= 1
            if not waits[other]:
                lines[needs[other]].append(other)
    return now


def planned_seconds() -> dict[str, float]:
    """Seconds of each model's training job by the last plan; empty without one."""
    try:
        rows = [line.split("\t") for line in Path(PLANNED).read_text().splitlines()[1:]]
        return {model: float(seconds) for model, seconds in rows}
    except (OSError, ValueError):
        return {}


def earlier_seconds(benchmark: str) -> float | None:
    """Seconds that a job took according to its benchmark of an earlier run, if there is one."""
    try:
        header, row, *_ = Path(benchmark).read_text().splitlines()
        return float(dict(zip(header.split("\t"), row.split("\t"), strict=True))["s"])
    except (OSError, ValueError, KeyError):
        return None


def stated_seconds_left(log: str, started: float, now: float) -> float | None:
    """Seconds that a running job last logged as left, less those since then.

    `started` and `now` are seconds since 1970. None if the job has logged nothing of this kind.
    """
    try:
        with open(log, "rb") as file:
            stated = Path(log).stat()
            file.seek(max(0, stated.st_size - TAIL))
            found = STATED.findall(file.read())
    except OSError:
        return None
    if not found or stated.st_mtime < started:
        return None
    days, hours, minutes, seconds = (int(number or 0) for number in found[-1])
    left = ((24 * days + hours) * 60 + minutes) * 60 + seconds
    # A clock that was set may have dated the log in the future.
    return max(0.0, left - max(0.0, now - stated.st_mtime))


def spoken(seconds: float) -> str:
    """A time in the unit that fits: `40 s`, `12 min`, `3.5 h`, `2.5 days`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.1f} days"
