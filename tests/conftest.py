"""The one end-to-end run, which the tests of the workflow share."""

import pytest
from project import DEMO, copy_project, snakemake


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """The finished demo, ablations included, with its report. Not to be changed: copy it."""
    folder = copy_project(tmp_path_factory.mktemp("demo") / "project")
    snakemake(folder, *DEMO, "--", "supplement")
    snakemake(folder, *DEMO, "--report", "results/demo/report.html", "--", "supplement")
    return folder
