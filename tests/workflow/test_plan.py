"""The plan of a finished demo, and the deletion of its patches."""

import os
import re
import subprocess

import anndata as ad
import pytest
from project import DEMO, ROOT, copy_run, planned, snakemake

from stnet.slides.patches import read_patches

OTHER = """\
cohorts: {demo: {report: {others: [halves]}}}
experiments: {halves: {inherit: densenet-small, split: 2}}
"""
# The command that the documentation names.
DELETE = "rm results/*/views/*/*.npy"
INDEX = "results/demo/views/128x2/index.tsv"
TARGETS = "results/demo/targets/top60/all.h5ad"


@pytest.fixture(scope="module")
def removed(demo, tmp_path_factory):
    """A copy of the finished demo without its patches."""
    project = copy_run(demo, tmp_path_factory.mktemp("plan") / "project")
    subprocess.run(DELETE, shell=True, cwd=project, check=True)
    return project


@pytest.fixture
def pending(removed):
    """The same with another experiment on the view, and the options that configure it."""
    (removed / "other.yaml").write_text(OTHER)
    return removed, [*DEMO, "other.yaml"]


def patches(project):
    return sorted(path.name for path in (project / INDEX).parent.glob("*.npy"))


def test_deleted_patches_rerun_nothing(removed):
    assert f"`{DELETE}`" in (ROOT / "docs/reruns.md").read_text()
    assert patches(removed) == []
    assert planned(removed) == {}


def test_of_a_removed_view_only_the_new_networks_are_trained(pending):
    project, configuration = pending
    jobs = planned(project, configuration=configuration)
    # Each stands in the table of comparison, which the ledger reads.
    assert jobs == {
        **{"train": 2, "predict_held_out": 2, "performance": 1, "performance_page": 1},
        **{"compare": 1, "comparison": 1, "protocols": 1, "controls": 1, "front": 1, "ledger": 2},
        # It names what every experiment was fitted on.
        **{"leaks": 1},
    }


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("src/stnet/slides/patches.py", b"if downsampling > 1:", b"if downsampling > 2 - 1:"),
        ("config/demo.yaml", b"spot_window: 128", b"spot_window: 130"),
        ("resources/demo/BC90002_C1/image.jpg", b"", b"end"),
    ],
    ids=["code", "spot_window", "image"],
)
def test_a_real_change_of_a_removed_view_retrains_all(removed, file, old, new):
    path = removed / file
    content, stat = path.read_bytes(), path.stat()
    path.write_bytes(content.replace(old, new) if old else content + new)
    jobs = planned(removed)
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    rules = ("patches", "view_index", "train", "predict_held_out")
    # The view of the nuclei changes too; on this one are the network and that of the composition.
    assert [jobs[rule] for rule in rules] == [18, 2, 9 + 4, 8 + 4]


def test_the_plan_of_new_networks(pending):
    project, configuration = pending
    options = [*configuration, "--quiet", "all", "--config", "calibration=1", "--"]
    text = snakemake(project, *options, "plan").stdout
    n_spots = len(ad.read_h5ad(project / TARGETS, backed="r"))
    assert re.search(r"^demo +densenet-small +9 +9 +8 +0 +0 +0 +0 +0\.00$", text, re.M)
    # Every spot is in the training set of one of the two networks, and there in one of its two
    # inner runs and the final one, and predicted in the other inner run; each of four epochs.
    numbers = rf"{4 * 2 * n_spots:,} +{8 * (4 * n_spots + n_spots):,}"
    assert re.search(rf"^demo +halves +2 +0 +0 +6 +0 +{numbers} +\d+\.\d\d$", text, re.M)
    assert f"to write: {n_spots * 64 * 64 * 3 / 1e6:.2f} MB; free" in text
    assert "images/s in training" in text
    assert "in the networks at most" in text
    assert (project / "results/logs/plan.log").read_text().endswith(text)


def test_patches_made_again_are_no_news(removed, monkeypatch):
    monkeypatch.chdir(removed)
    targets = ad.read_h5ad(TARGETS)
    sections = list(dict.fromkeys(targets.obs["section"]))
    read_patches(INDEX, targets.obs_names.tolist(), sections)
    assert len(patches(removed)) == 9
    assert planned(removed) == {}
