"""Pages on attributions and on the latent space."""

import numpy as np
import pandas as pd
import pytest

from stnet.core.tables import write_table
from stnet.report.network import write_attributions_page, write_latent_page

COLUMNS = ["quantity", "value", "ci_low", "ci_high", "unit"]


def latent(tmp_path, rows):
    write_table(pd.DataFrame(rows, columns=COLUMNS), tmp_path / "summary.tsv")
    write_latent_page(tmp_path / "summary.tsv", tmp_path / "latent.html", experiment="A network")
    return (tmp_path / "latent.html").read_text(encoding="utf-8")


GAIN = [
    ("neighbour_gain", 0.03, 0.01, 0.05, "patients"),
    ("neighbour_gain_median", -0.02, -0.05, 0.01, "patients"),
    ("neighbour_gain_released", 0.02, -0.01, 0.04, "patients"),
    ("neighbour_gain_null", 0.001, -0.004, 0.006, "null"),
]


def test_latent_page_sets_each_number_beside_chance(tmp_path):
    rand = [("ari_mean", 0.14, 0.04, 0.24, "patients"), ("ari_mean_null", 0, -0.1, 0.1, "null")]
    page = latent(tmp_path, rand + GAIN)
    assert "one: 0.030 (0.010 to 0.050), mean over genes, and −0.020 (−0.050 to 0.010), med" in page
    assert "an adjusted Rand index of 0.140 (0.040 to 0.240)" in page
    row = '<td class="number">0.140 (0.040 to 0.240)</td><td class="number">0.000 (−0.100 to 0.100)'
    assert row in page
    # In the released code's form there is no number by chance.
    assert '<td class="number">0.020 (−0.010 to 0.040)</td><td class="number"></td>' in page
    assert "of patients with both" not in page


def test_latent_page_of_a_cohort_without_labels_does_not_speak_of_clusters(tmp_path):
    page = latent(tmp_path, [("ari_mean", np.nan, np.nan, np.nan, ""), *GAIN])
    assert "one: 0.030" in page
    assert "Rand index" not in page
    assert "Clusters and labels" not in page


@pytest.mark.parametrize("with_nuclei", [True, False])
def test_attributions_page_says_whether_they_add_up_and_lie_on_nuclei(tmp_path, with_nuclei):
    table = pd.DataFrame(
        {
            **{"gene": "e1", "symbol": "FASN", "section": ["S1", "S2"], "patient": ["A", "B"]},
            **{"label": ["tumour", None], "predicted": [-3.0, -4.0], "at_baseline": [-5.0, -5.0]},
            **{"difference": [2.0, 1.0], "attributed": [1.9, 0.5], "steps": [32, 1024]},
            **{"completeness_error": [0.05, 0.5], "complete": [True, False]},
        }
    )
    write_table(table, tmp_path / "attributions.tsv")
    values = {"patches_with_ratio": 2, "patches_above_1": 1, "ratio": 1.25}
    nuclei = pd.DataFrame({"quantity": [*values], "value": [*values.values()]})
    write_table(nuclei, tmp_path / "on_nuclei.tsv")
    html = tmp_path / "page.html"
    on_nuclei = tmp_path / "on_nuclei.tsv" if with_nuclei else None
    write_attributions_page(tmp_path / "attributions.tsv", on_nuclei, html, experiment="A network")
    page = html.read_text(encoding="utf-8")
    assert "What raises the prediction of FASN (A network)" in page
    assert ("lies 1.25 times as densely on nuclei" in page) == with_nuclei
    assert ("of 1 of 2 patches add up" in page) != with_nuclei
    assert page.count('<td class="number">1,024</td>') == 1
