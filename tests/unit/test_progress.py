"""How far a run is and how long it will take, and the line of a terminal that says so."""

import os
import pty
import random
import signal
import subprocess
import sys
import termios
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stnet.core.terminal import LastLine, has_last_line
from stnet.planning.progress import (
    PLANNED,
    Job,
    Progress,
    earlier_seconds,
    planned_seconds,
    spoken,
    stated_seconds_left,
    time_left,
)

CORES = {"_cores": 2}


def job(name, *after, cores=1, limit=10.0, planned=None, log=""):
    benchmark = f"results/c/benchmarks/{name}.tsv" if name else ""
    return Job(benchmark, log, limit, {"_cores": cores}, frozenset(after), planned)


def by_seconds(seconds, jobs, cores, step):
    """The same by stepping through time."""
    left, now = dict(seconds), 0.0
    while left:
        free, ends = cores, []
        for key in sorted(left):
            n = min(jobs[key].needs["_cores"], cores)
            if not jobs[key].after & left.keys() and n <= free:
                free -= n
                ends.append(key)
        for key in ends:
            left[key] -= step
        left = {key: each for key, each in left.items() if each > 0}
        now += step
    return now


@given(st.lists(st.integers(1, 20), min_size=1, max_size=12), st.integers(1, 4), st.integers(0, 99))
def test_jobs_that_need_each_other_take_as_long_as_they_do_step_by_step(seconds, cores, seed):
    draw = random.Random(seed)
    chosen = [[k for k in range(i) if draw.random() < 0.3] for i in range(len(seconds))]
    jobs = {i: job(f"a/{i}", *after) for i, after in enumerate(chosen)}
    left = dict(enumerate(map(float, seconds)))
    found = time_left(left, jobs, [], {"_cores": cores})
    # Which of the ready jobs starts first is the scheduler's choice, so they agree within bounds.
    total, longest = sum(seconds), {}
    for i, after in enumerate(chosen):
        longest[i] = seconds[i] + max((longest[k] for k in after), default=0)
    least = max(total / cores, *longest.values(), 0)
    assert least - 1e-9 <= found <= total / cores + max(longest.values())
    if cores == 1:
        assert found == by_seconds(left, jobs, 1, 1) == total


def test_a_long_job_beside_short_ones_decides():
    jobs = {0: job("train/a"), **{i: job(f"page/{i}") for i in range(1, 11)}}
    seconds = {0: 100.0, **dict.fromkeys(range(1, 11), 5.0)}
    assert time_left(seconds, jobs, [0], CORES) == 100
    assert time_left(seconds, jobs, [0], {"_cores": 1}) == 150
    assert time_left(seconds, jobs, [], {}) == 100
    assert time_left({}, {}, [], CORES) == 0


def test_a_job_that_asks_for_more_than_there_is_gets_all():
    jobs = {0: job("a/0", cores=8), 1: job("a/1", cores=8)}
    assert time_left({0: 3.0, 1: 4.0}, jobs, [], CORES) == 7


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def benchmark(each, seconds):
    os.makedirs(os.path.dirname(each.benchmark), exist_ok=True)
    with open(each.benchmark, "w") as file:
        file.write(f"s\th:m:s\tmax_rss\n{seconds}\t0:00:25\t894.41\n")


def test_the_first_run_says_what_it_does_not_know(folder):
    jobs = {0: job("train/e/A", limit=1440), 1: job("train/e/B", limit=1440), 2: job("", 0, 1)}
    progress = Progress(jobs, {"_cores": 1})
    progress.update([0], [], [], 1000)
    assert progress.line(1030) == (
        "0 of 3 jobs done, time left not known yet; running: train/e/A 30 s"
    )
    progress.update([1], [0], [], 1100)
    # As long as its sibling, of which 40 s are past.
    assert progress.line(1140) == "1 of 3 jobs done, about 60 s left; running: train/e/B 40 s"
    progress.update([], [0, 1, 2], [], 1200)
    assert progress.line(1200) == "3 of 3 jobs done, about 0 s left"


def test_unlike_jobs_of_another_limit_are_not_guessed(folder):
    jobs = {0: job("page/a"), 1: job("page2/a"), 2: job("train/e/A", limit=1440)}
    progress = Progress(jobs, {"_cores": 1})
    progress.update([0], [], [], 0)
    progress.update([1], [0], [], 20)
    assert progress.line(20).startswith("1 of 3 jobs done, at least 20 s left")


def test_earlier_runs_and_the_plan_are_corrected_by_what_is_measured(folder):
    jobs = {i: job(f"train/e/{i}", planned=7.0) for i in range(3)}
    jobs[3] = job("forest/e/A", planned=40.0)
    for i in (0, 1):
        benchmark(jobs[i], 30)
    progress = Progress(jobs, {"_cores": 1})
    assert progress.expected == {0: 30, 1: 30, 2: 7, 3: 40}
    progress.update([0], [], [], 0)
    progress.update([], [0], [], 60)
    # Twice as slow as before: 60 + 14 + 80 s.
    assert progress.line(60) == "1 of 4 jobs done, about 3 min left"


def test_a_job_that_takes_longer_than_expected_is_not_over(folder):
    progress = Progress({0: job("a/0", planned=10.0), 1: job("a/1", 0, planned=10.0)}, CORES)
    progress.update([0], [], [], 0)
    assert "about 20 s left" in progress.line(0)
    assert "about 20 s left" in progress.line(100)


def test_failed_jobs_and_those_that_need_them_are_not_waited_for(folder):
    jobs = {
        0: job("a/0", planned=50.0),
        1: job("a/1", planned=50.0),
        2: job("b/0", 0, planned=1e6),
        3: job("c/0", 2, planned=1e6),
    }
    progress = Progress(jobs, {"_cores": 1})
    progress.update([1], [], [0], 0)
    assert progress.line(0) == (
        "0 of 4 jobs done, 1 failed, 2 that need them will not run, about 50 s left;"
        " running: a/1 0 s"
    )


def test_a_job_that_runs_again_starts_anew(folder):
    progress = Progress({0: job("a/0"), 1: job("a/1")}, CORES)
    progress.update([0], [], [], 0)
    progress.update([], [], [], 90)
    progress.update([0], [], [], 100)
    progress.update([], [0], [], 130)
    assert progress.measured == {0: 30}


def test_the_longest_running_jobs_are_named(folder):
    progress = Progress({i: job(f"a/{i}") for i in range(6)}, {"_cores": 5})
    for i in range(5):
        progress.update(range(i + 1), [], [], 10 * i)
    line = progress.line(50)
    assert line.endswith("; running: a/0 50 s, a/1 40 s, a/2 30 s, 2 more")


def test_what_a_training_job_logs_is_taken(folder):
    (folder / "log").write_text("inner 1: epoch 3: at most 9:00:00 left\nat most 0:05:00 left\n")
    now = time.time()
    os.utime("log", (now - 60, now - 60))
    assert stated_seconds_left("log", now - 100, now) == pytest.approx(240, abs=0.1)
    # A log of an earlier run, and none.
    assert stated_seconds_left("log", now - 50, now) is None
    assert stated_seconds_left("none", now, now) is None
    # One that a wrong clock has dated.
    os.utime("log", (now + 86_400, now + 86_400))
    assert stated_seconds_left("log", now - 100, now) == 300
    os.utime("log", (now - 60, now - 60))
    jobs = {i: job(f"train/e/{i}", limit=1440, log="log" * (i == 0)) for i in range(3)}
    progress = Progress(jobs, {"_cores": 1})
    progress.update([0], [], [], now - 120)
    # Of six minutes, four are left; the other two take six each.
    assert progress.line(now).startswith("0 of 3 jobs done, about 16 min left")
    (folder / "log").write_text("at most 2 days, 3:00:10 left\n")
    assert stated_seconds_left("log", 0, now) == pytest.approx(183610, abs=100)


def test_a_plan_that_cannot_be_read_is_none(folder):
    assert planned_seconds() == {}
    os.makedirs(os.path.dirname(PLANNED))
    for text, expected in (("model\tseconds\na\t2.5\n", {"a": 2.5}), ("model\nx\n", {})):
        with open(PLANNED, "w") as file:
            file.write(text)
        assert planned_seconds() == expected
    each = job("a/0")
    benchmark(each, "x")
    assert earlier_seconds(each.benchmark) is None


def test_times_are_spoken():
    seconds = [0, 89.4, 90, 5399, 5400, 172799, 180000]
    said = ["0 s", "89 s", "2 min", "90 min", "1.5 h", "48.0 h", "2.1 days"]
    assert list(map(spoken, seconds)) == said


def test_the_last_line_of_a_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    other, own = pty.openpty()
    termios.tcsetwinsize(own, (10, 20))
    with os.fdopen(own, "w") as stream:
        assert has_last_line(stream)
        line = LastLine(stream)
        line.show("x" * 30)
        first = os.read(other, 1000).decode()
        assert "\x1b[1;9r" in first
        # On the tenth line, in the terminal's width, and back to where other text goes on.
        assert first.endswith(f"\x1b[10;1H\x1b[2K{'x' * 19}\x1b8")
        line.show("y")
        assert "r" not in os.read(other, 1000).decode()
        termios.tcsetwinsize(own, (12, 20))
        line.show("y")
        assert "\x1b[1;11r" in os.read(other, 1000).decode()
        line.close()
        assert "\x1b[r" in os.read(other, 1000).decode()
        monkeypatch.setenv("TERM", "dumb")
        assert not has_last_line(stream)
    os.close(other)


STOPS = """
import os, signal, sys
from stnet.core.terminal import LastLine
line = LastLine(sys.stdout)
signal.signal(signal.SIGTSTP, line.stop)
for text in "xy":
    line.show(text)
    os.kill(os.getpid(), signal.SIGTSTP)
"""


def test_a_run_that_is_stopped_gives_the_line_back():
    other, own = pty.openpty()
    termios.tcsetwinsize(own, (10, 20))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", STOPS]
    # A group of its own, as a shell gives it; the shell's own would not be stopped.
    run = subprocess.Popen(command, stdout=own, env=environment, process_group=0)
    for text in "xy":
        _, status = os.waitpid(run.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        said = ""
        while "\x1b[r" not in said:
            said += os.read(other, 1000).decode()
        assert said.index("\x1b[1;9r") < said.index(text) < said.index("\x1b[r")
        os.kill(run.pid, signal.SIGCONT)
    assert run.wait() == 0
    os.close(own)
    os.close(other)
