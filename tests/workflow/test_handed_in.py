"""Predictions made elsewhere as an experiment of the demo, planned without any data."""

import pytest
import yaml
from project import DEMO, ROOT, planned, snakemake

PATIENTS = [f"BC9000{number}" for number in range(1, 9)]
ROW = {
    "kind": "precomputed",
    "cohort": "demo",
    "targets": "top60",
    "predictions": "theirs/{held_out}.tsv",
    "transform": "log_fraction",
    "universe": 1199,
    "trained_on": "theirs/{held_out}.txt",
}
# Without what needs a network.
REPORT = {
    **{"main": "theirs", "label": None, "features": None, "composition": None, "others": []},
    **{"nuclear_gene": None, "pathways": None, "interpretation": None, "latent": None},
    **{"visium": [], "slides": [], "colocalisation": None, "studies": {"windows": None}},
}


@pytest.fixture
def folder(tmp_path):
    """A run with the files of every group; the function plans it with a changed row."""
    (tmp_path / "theirs").mkdir()
    for patient in PATIENTS:
        for suffix in ("tsv", "txt"):
            (tmp_path / f"theirs/{patient}.{suffix}").write_text("")
    return tmp_path


def arguments(folder, **changes):
    content = {
        "cohorts": {"demo": {"report": {**REPORT, "single_genes": None}}},
        "experiments": {"theirs": {**ROW, **changes}},
    }
    (folder / "theirs.yaml").write_text(yaml.safe_dump(content))
    return ["-s", ROOT / "Snakefile", "--configfile", ROOT / DEMO[1], "theirs.yaml"]


def test_they_are_the_main_experiment_without_a_network(folder):
    jobs = planned(folder, *arguments(folder), configuration=())
    assert jobs["predict_precomputed"] == len(PATIENTS)
    assert jobs["fig_2a"] == jobs["comparison"] == 1
    # Of what was planted, and of the paper's claims.
    assert jobs["ledger"] == 2
    assert not {"train", "predict_held_out", "patches"} & jobs.keys()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"predictions": "x/{held_out}.tsv"}, "predictions: no file x/BC90001.tsv of held-out"),
        (
            {"trained_on": {name: ["BC90001"] for name in PATIENTS[1:]}},
            "trained_on: BC90001 is missing; list what each group's model saw",
        ),
    ],
)
def test_what_a_group_lacks_is_said_before_any_job(folder, changes, message):
    table = "results/demo/experiments/theirs/BC90001/predictions.h5ad"
    done = snakemake(folder, *arguments(folder, **changes), "-n", "--", table, check=False)
    assert f"error: configuration: experiments.theirs.{message}" in done.stderr
