"""The tumour/normal label baseline."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from stnet.baselines.label import predict_label
from stnet.core.errors import InputError
from stnet.core.h5ad import write_h5ad
from stnet.expression.held_out_job import HeldOutJob

LABELS = {
    "A1": ["tumour", "tumour", "normal"],
    "A2": ["normal", None, "tumour"],
    "B1": ["tumour", "normal", "normal"],
    "C1": ["tumour", "tumour", None],
}

TARGETS = {"transform": "log_fraction", "universe": 9, "held_out_sections": []}


@pytest.fixture
def targets(tmp_path):
    def write(labels: dict[str, list]):
        sections = [section for section, of_section in labels.items() for _ in of_section]
        obs = pd.DataFrame(
            {
                "patient": [section[0] for section in sections],
                "section": sections,
                "label": pd.Categorical(
                    [label for of_section in labels.values() for label in of_section],
                    categories=["tumour", "normal"],
                ),
            },
            index=[f"{section}:{n}x1" for n, section in enumerate(sections)],
        )
        values = np.random.default_rng(0).normal(size=(len(sections), 4)).astype(np.float32)
        table = ad.AnnData(
            values,
            obs=obs,
            var=pd.DataFrame({"symbol": list("WXYZ")}, index=[f"G{n}" for n in range(4)]),
            obsm={"spatial": np.zeros((len(sections), 2))},
            uns={"targets": TARGETS},
        )
        write_h5ad(table, tmp_path / "targets.h5ad")
        return table

    return write


def predict(tmp_path, held_out: str, held_out_sections: list[str]) -> ad.AnnData:
    predict_label(
        tmp_path / "targets.h5ad",
        tmp_path / "predictions.h5ad",
        HeldOutJob("label", held_out, held_out_sections, threads=1, code="0123"),
        cohort="toy",
    )
    return ad.read_h5ad(tmp_path / "predictions.h5ad")


def test_predicts_the_training_mean_of_the_spots_class(targets, tmp_path):
    table = targets(LABELS)
    found = predict(tmp_path, "A", ["A1", "A2"])
    y, labels = table.X, np.array([x for part in LABELS.values() for x in part], dtype=object)
    training = np.arange(12) >= 6
    tumour = y[training & (labels == "tumour")].mean(axis=0)
    normal = y[training & (labels == "normal")].mean(axis=0)
    nothing = np.full(4, np.nan)
    expected = [tumour, tumour, normal, normal, nothing, tumour]
    np.testing.assert_allclose(found.X, expected, rtol=1e-6)
    np.testing.assert_array_equal(found.layers["observed"], y[:6])
    assert found.obs_names.tolist() == table.obs_names[:6].tolist()
    provenance = found.uns["provenance"]
    assert provenance["training_spots"] == {"tumour": 3, "normal": 2}
    assert provenance["transform"] == "log_fraction"
    assert provenance["code"] == "0123"


def test_a_class_absent_from_training_is_not_predicted_and_said(targets, tmp_path, caplog):
    targets({"A1": ["tumour", "normal"], "B1": ["tumour", "tumour"]})
    found = predict(tmp_path, "A", ["A1"])
    assert np.isfinite(found.X[0]).all()
    assert np.isnan(found.X[1]).all()
    assert "A: no training spot is labelled normal" in caplog.text


def test_no_labelled_training_spot_names_cohort_and_key(targets, tmp_path):
    targets({"A1": ["tumour", "normal"], "B1": [None, None]})
    with pytest.raises(InputError, match=r"spot of A has a label.*cohorts\.toy\.report\.label"):
        predict(tmp_path, "A", ["A1"])
    assert not (tmp_path / "predictions.h5ad").exists()
