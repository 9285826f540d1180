"""The one end-to-end run, which the tests of the workflow share, and the order of the tests."""

import os
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from project import DEMO, copy_project, snakemake

# The name of this process under pytest -n.
WORKER = os.environ.get("PYTEST_XDIST_WORKER")
# Workers that each take all cores would hinder one another; torch reads this when it is imported.
if WORKER:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# Tests write SpatialData (`make spatialdata`).
sys.path.append(str(Path(sys.prefix) / "spatialdata"))


def pytest_make_parametrize_id(val, argname):
    """Bytes get no name of their own: an archive's hold the time, and workers compare names."""
    return argname if isinstance(val, bytes) else None


def pytest_collection_modifyitems(items):
    """What takes longest first, so that no worker is left with it at the end.

    Names of tests must be the same in every process, and an address in memory is not.
    """
    assert not (named := [item.nodeid for item in items if " at 0x" in item.nodeid]), named
    items.sort(key=lambda item: "workflow" not in item.path.parts)


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """The finished demo, ablations included, with its report. Not to be changed: copy it.

    It is run once: by the worker that asks first, on all cores, while any other that asks waits.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if WORKER else base) / "demo"
    report = "results/demo/report.html"
    with FileLock(f"{folder}.lock"):
        if not (folder / report).exists():
            assert not folder.exists(), "the demo failed before: see the first test that used it"
            copy_project(folder)
            snakemake(folder, *DEMO, "--", "supplement")
            snakemake(folder, *DEMO, "--report", report, "--", "supplement")
    return folder
