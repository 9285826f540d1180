"""The few numbers of Visium sections, from the tables that the evaluation writes."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from stnet.analysis.visium import write_visium_summary
from stnet.core.tables import read_table
from stnet.evaluation.correlation import quarter_auroc
from stnet.evaluation.performance import evaluate
from stnet.expression.predictions import write_predictions

GENES = [f"ENSG{number}" for number in range(8)]
# S1 does not measure the last gene, neither measures the one before.
UNMEASURED = {"S1": [6, 7], "S2": [6]}


def section(name: str, patient: str, n: int) -> ad.AnnData:
    """Spots of a section: the first five genes are predicted well, the others at random."""
    random = np.random.default_rng([n, ord(patient)])
    observed = random.normal(size=(n, 8)).astype(np.float32)
    observed[:, UNMEASURED.get(name, [])] = np.nan
    x = np.arange(n)
    measured = ad.AnnData(
        observed,
        obs=pd.DataFrame(
            {
                "patient": patient,
                "section": name,
                **{"array_col": 2 * (x % 10) + (x // 10) % 2, "array_row": x // 10},
                "label": pd.Categorical([None] * n, categories=["tumour", "normal"]),
                "total_counts": random.integers(10_000, 30_000, n),
            },
            index=[f"{name}:{spot}" for spot in range(n)],
        ),
        var=pd.DataFrame({"symbol": [f"s{gene}" for gene in GENES]}, index=GENES),
        obsm={"spatial": np.zeros((n, 2))},
        uns={
            "targets": {"transform": "log_fraction", "universe": 30_000},
            "grid": {name: "hexagonal"},
        },
    )
    predicted = random.normal(size=(n, 8))
    predicted[:, :5] += np.nan_to_num(observed[:, :5])
    measured.layers["predicted"] = predicted.astype(np.float32)
    return measured


def summarised(folder, *sections: ad.AnnData) -> pd.DataFrame:
    paths = []
    for each in sections:
        paths.append(folder / f"{each.obs['section'].iloc[0]}.h5ad")
        plain = each.copy()
        del plain.layers["predicted"]
        write_predictions(paths[-1], plain, each.layers["predicted"], {"model": "all"})
    names = ["patients", "sections", "genes", "summary"]
    evaluate(
        paths,
        *(folder / f"{name}.tsv" for name in names),
        stratum="all",
        smoothing="values",
        lenient=False,
    )
    output = folder / "visium.tsv"
    write_visium_summary(paths, folder / "patients.tsv", folder / "sections.tsv", output)
    return read_table(output).set_index("quantity")


def plain(predicted, observed) -> dict[str, float]:
    """The quantities over genes, one library call a gene."""
    r, areas = [], []
    for gene in range(8):
        kept = np.isfinite(observed[:, gene])
        if kept.any():
            x, y = predicted[kept, gene].astype(float), observed[kept, gene].astype(float)
            r.append(stats.pearsonr(x, y)[0])
            areas.append(quarter_auroc(x[None], y[None])[0])
    return {
        "genes": len(r),
        "positive_genes": sum(value > 0 for value in r),
        "mean_r": np.mean(r),
        "mean_auroc": np.mean(areas),
    }


def test_quantities_are_over_the_sections_pooled_and_over_each(tmp_path):
    one, two = section("S1", "V", 60), section("S2", "V", 90)
    found = summarised(tmp_path, one, two)
    for name, parts in {"": [one, two], ".S1": [one], ".S2": [two]}.items():
        predicted = np.concatenate([part.layers["predicted"] for part in parts])
        observed = np.concatenate([part.X for part in parts])
        counts = np.concatenate([part.obs["total_counts"] for part in parts])
        expected = {**plain(predicted, observed), "median_counts": np.median(counts)}
        depth = np.broadcast_to(np.log(counts)[:, None], observed.shape)
        expected["mean_auroc_depth"] = plain(depth, observed)["mean_auroc"]
        for quantity, value in expected.items():
            assert found.loc[f"{quantity}{name}", "value"] == pytest.approx(value, rel=1e-4)
    assert found.loc[["genes", "genes.S1", "genes.S2"], "value"].tolist() == [7, 6, 7]
    assert len(found) == 18
    # One patient has no interval.
    assert found[["ci_low", "ci_high", "unit"]].isna().all(axis=None)


def test_of_several_patients_a_gene_has_the_median_r(tmp_path):
    sections = [section("S2", "V", 60), section("T1", "W", 50), section("U1", "X", 40)]
    found = summarised(tmp_path, *sections)
    table = read_table(tmp_path / "genes.tsv")
    measured = table[table["n_patients"] > 0]
    assert found.loc["genes", "value"] == len(measured) == 7 + 1
    expected = {
        "positive_genes": (measured["median_pearson"] > 0).sum(),
        "mean_r": measured["median_pearson"].mean(),
        "mean_auroc": measured["mean_auroc"].mean(),
    }
    for quantity, value in expected.items():
        assert found.loc[quantity, "value"] == pytest.approx(value, rel=1e-4)
