"""The control on a simulated cohort: performance by kind of planted gene, and its page."""

import numpy as np
import pandas as pd
import pytest

from stnet.analysis.control import controls
from stnet.core.errors import InputError
from stnet.core.tables import read_table, write_table
from stnet.evaluation.genes import MEDIANS
from stnet.evaluation.performance_summary import MEANS
from stnet.report.controls import FOLLOWED, write_controls
from stnet.simulation.counts import simulate_genes


@pytest.fixture
def results():
    """Gene and patient tables of two experiments, one without r in gene B, and a truth."""
    truth = pd.DataFrame({"gene": list("ABCDEFZ"), "planted": [1, 1, 1, 0, 0, 0, 1]})
    truth["kind"] = ["size", "size", "tumour", "none", "none", "none", "size"]
    truth = truth.assign(tumour=0.0, size=0.0).sample(frac=1, random_state=0)
    rng = np.random.default_rng(0)
    genes, patients = {}, {}
    for name in ("main", "other"):
        table = pd.DataFrame(
            [(gene, patient) for gene in "ABCDEF" for patient in "PQR"],
            columns=["gene", "patient"],
        ).assign(n_spots=9, rmse=1.0)
        for column in dict.fromkeys([*MEDIANS.values(), *MEANS.values()]):
            table[column] = rng.normal(0, 0.1, len(table))
        patients[name] = table
        medians = table.groupby("gene")["pearson"].median().reset_index(name="median_pearson")
        medians["consistent"] = medians["gene"].isin(["A", "D"])
        genes[name] = medians.assign(consistent_partial=medians["gene"].isin(["C"]))
    patients["other"].loc[patients["other"]["gene"] == "B", ["pearson", "partial"]] = np.nan
    genes["other"].loc[genes["other"]["gene"] == "B", "median_pearson"] = np.nan
    return genes, patients, truth


def test_controls_are_medians_by_kind_of_gene(results):
    genes, patients, truth = results
    table = controls(genes, patients, truth).set_index(["kind", "experiment"])
    # Fields in the order of the truth's columns, then what follows none.
    assert table.index.tolist() == [
        (kind, name) for kind in ("tumour", "size", "none") for name in ("main", "other")
    ]
    assert table["genes"].tolist() == [1, 1, 2, 2, 3, 3]
    assert table["consistent_genes"].tolist() == [0, 0, 1, 1, 1, 1]
    assert table["consistent_genes_partial"].tolist() == [1, 1, 0, 0, 0, 0]
    for (kind, name), row in table.iterrows():
        own = truth["gene"][truth["kind"] == kind]
        for quantity in ("pearson", "partial"):
            wide = {
                each: patients[each].pivot(index="gene", columns="patient", values=quantity)
                for each in genes
            }
            medians = {each: wide[each].median(axis=1).reindex(own).dropna() for each in genes}
            assert row[f"median_{quantity}"] == pytest.approx(medians[name].median())
            assert row[f"median_{quantity}_low"] <= row[f"median_{quantity}"]
            both = medians["main"][medians[name].index]
            lead = both.median() - medians[name].median()
            assert row[f"lead_{quantity}"] == pytest.approx(lead)
        r = genes[name].set_index("gene")["median_pearson"].fillna(0)
        if kind == "none":
            assert np.isnan(row["auroc"])
        else:
            ahead = [r[gene] > r[other] for gene in own if gene in r for other in "DEF"]
            assert row["auroc"] == pytest.approx(np.mean(ahead))
    with pytest.raises(InputError, match="truth table: no row for gene A"):
        controls(genes, patients, truth[truth["gene"] != "A"])
    with pytest.raises(InputError, match="both planted and unplanted"):
        controls(genes, patients, truth.assign(kind="size"))


def test_the_page_says_what_each_kind_follows_and_shows_every_method(results, tmp_path):
    genes, patients, truth = results
    paths = {}
    for part, tables in {"genes": genes, "patients": patients}.items():
        paths[part] = {name: tmp_path / f"{part}-{name}.tsv" for name in tables}
        for name, table in tables.items():
            write_table(table, paths[part][name])
    write_table(truth, tmp_path / "truth.tsv")
    outputs = tmp_path / "controls.tsv", tmp_path / "controls.html"
    methods = {
        "main": {"title": "Net", "kind": "network", "of": "densenet"},
        "other": {"title": "Ridge", "kind": "ridge", "of": "colour"},
    }
    write_controls(*paths.values(), tmp_path / "truth.tsv", *outputs, methods=methods)
    expected = controls(genes, patients, truth)
    pd.testing.assert_frame_equal(read_table(outputs[0]), expected, atol=1e-5, check_dtype=False)
    page = outputs[1].read_text()
    assert page.count("ridge regression on features: colour") == page.count("<td>Ridge</td>") == 3
    for kind in ("tumour", "size", "none"):
        assert f"{kind}: {FOLLOWED[kind]}".replace("'", "&#39;") in page


def test_every_kind_of_both_cohorts_has_words():
    for planted in (False, True):
        assert set(simulate_genes(1, controls=planted)["kind"]) <= set(FOLLOWED)
