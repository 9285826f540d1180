"""Fixtures of several test modules."""

import subprocess
import sys

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from paper_tables import PAPER

from stnet.core.tables import write_table
from stnet.expression.predictions import write_predictions
from stnet.report.claims import read_claims


@pytest.fixture(autouse=True)
def seed():
    """What torch draws in a test does not depend on the tests before it."""
    # Not imported here: most tests do without.
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)


@pytest.fixture(scope="session")
def toy(tmp_path_factory):
    """A cohort, and the outputs of two training jobs: of all patients, and without A."""
    # Imports torch, which most tests do without.
    from toy import make_cohort, train

    folder = tmp_path_factory.mktemp("toy")
    cohort = make_cohort(folder)
    trained = {
        "all": train(cohort, folder / "all", held_out=(), inner_folds=0),
        "A": train(cohort, folder / "A", held_out=("A1",), inner_folds=0),
    }
    measured = ad.read_h5ad(cohort[1])
    noise = np.random.default_rng(3).normal(size=measured.shape).astype(np.float32)
    write_predictions(folder / "held_out.h5ad", measured, measured.X + noise, {})
    genes = measured.var_names
    performance = pd.DataFrame({"gene": genes[:-1], "consistent": [True, False] * 2})
    performance = performance.assign(n_consistent=4, n_patients=5, median_pearson=0.3)
    write_table(performance, folder / "genes.tsv")
    return folder, cohort, trained


@pytest.fixture
def quick(monkeypatch):
    """Downloads give up after a few quick attempts."""
    from remote import QUICK, limit

    from stnet.sources import http

    monkeypatch.setattr(http, "PATIENCE", http.PATIENCE)
    limit(**QUICK)


@pytest.fixture(scope="session")
def claims() -> pd.DataFrame:
    return read_claims(PAPER / "claims.tsv")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 kB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)
