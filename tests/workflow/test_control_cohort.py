"""The cohort of controls: what each method finds of genes of shape, of colour and of depth."""

import numpy as np
import pandas as pd
import pytest
from project import DEMO, copy_project, planned, snakemake

CONTROLS = (*DEMO, "--config", "report=[controls]", "--")
TABLE = "results/controls/tables/controls.tsv"
MAIN, COLOUR = "controls-network", "controls-colour"
BLIND = ["controls-label", "controls-coordinates"]


def test_jobs_are_few_and_the_demo_has_none_of_them(tmp_path):
    project = copy_project(tmp_path / "project")
    jobs = planned(project, *CONTROLS, TABLE)
    assert (jobs["simulate_section"], jobs["train"], jobs["colour_features"]) == (8, 2, 1)
    assert sum(jobs.values()) <= 85
    # The label and the colour of the page are those of the report.
    assert planned(project, *CONTROLS)["controls"] == 1


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    project = copy_project(tmp_path_factory.mktemp("controls") / "project")
    snakemake(project, *CONTROLS, TABLE)
    return pd.read_csv(project / TABLE, sep="\t").set_index(["kind", "experiment"])


@pytest.mark.full
def test_only_what_sees_structure_finds_genes_of_the_size_of_nuclei(table):
    size = table.loc["size"]
    assert size.loc[MAIN, "median_partial"] > 0.3
    assert size.loc[COLOUR, "median_partial"] < 0.15
    # The network is ahead of colour by more than chance, also where depth is taken out.
    assert size.loc[COLOUR, "lead_pearson_low"] > 0.1
    assert size.loc[COLOUR, "lead_partial_low"] > 0.1
    for name in BLIND:
        assert abs(size.loc[name, "median_partial"]) < 0.15


@pytest.mark.full
def test_colour_alone_finds_genes_of_eosin_and_of_tumour(table):
    for kind in ("eosin", "tumour"):
        assert table.loc[(kind, COLOUR), "median_partial_low"] > 0.3
        assert table.loc[(kind, MAIN), "median_partial_low"] > 0.2


@pytest.mark.full
def test_nothing_is_left_of_genes_of_depth_once_depth_is_taken_out(table):
    depth = table.loc["depth"].drop("controls-depth")
    assert depth["median_partial"].abs().max() < 0.06
    # Of the measured total counts themselves nothing is left, by definition.
    assert np.isnan(table.loc[("depth", "controls-depth"), "median_partial"])
    assert table.loc[("depth", "controls-depth"), "median_pearson"] > depth["median_pearson"].max()
    for name in (MAIN, COLOUR):
        assert depth.loc[name, "median_pearson_low"] > 0.1
        assert depth.loc[name, "consistent_genes"] > 20
        # Of 40; a few are consistent by chance.
        assert depth.loc[name, "consistent_genes_partial"] < 8
        assert depth.loc[name, "median_partial_low"] < 0 < depth.loc[name, "median_partial_high"]
