"""The line that a run shows: on a terminal, and what a dry run and a failure leave of it."""

import os
import pty
import subprocess
import sys
import termios

import pytest
from project import DEMO, copy_project, edit

SECTIONS = [f"results/demo/sections/BC9000{i}_C1.h5ad" for i in (1, 2)]


def on_a_terminal(folder, *arguments):
    """What Snakemake writes to a terminal of 30 lines, and whether it succeeded."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *DEMO, *arguments]
    other, own = pty.openpty()
    termios.tcsetwinsize(own, (30, 200))
    environment = os.environ | {"TERM": "xterm"}
    run = subprocess.Popen(command, cwd=folder, stdout=own, stderr=own, env=environment)
    os.close(own)
    text = b""
    # Linux answers with an error when the last writer has gone.
    try:
        while some := os.read(other, 10_000):
            text += some
    except OSError:
        pass
    os.close(other)
    return text.decode(), run.wait() == 0


@pytest.mark.full
def test_a_run_says_how_far_it_is(tmp_path):
    folder = copy_project(tmp_path / "project")
    text, succeeded = on_a_terminal(folder, "-n", "--", *SECTIONS)
    assert succeeded
    assert "jobs done" not in text
    assert "\x1b[1;29r" not in text
    # One of the two cannot be made.
    edit(folder / "workflow/scripts/sections/section.py", "with job(", "1 / 0\nwith job(")
    text, succeeded = on_a_terminal(folder, "--", *SECTIONS)
    assert not succeeded
    assert text.count("\x1b[1;29r") == 1
    assert "\x1b[30;1H\x1b[2K0 of 5 jobs done, time left not known yet; running: simulate_" in text
    # The line is given back before the last lines of the run.
    assert "jobs done" not in text[text.rindex("\x1b[r") :]
