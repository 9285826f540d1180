"""Expression against the nuclei of the patches, and their number in tumour and normal tissue."""

import re

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from performance import write_held_out
from scipy import stats
from sklearn.linear_model import LinearRegression
from sklearn.metrics import roc_auc_score
from statsmodels.stats.multitest import multipletests

from stnet.analysis.nuclear_relations import (
    correlations,
    relations,
    write_gene_relations,
    write_top_relations,
)
from stnet.analysis.nuclei_counts import write_counts
from stnet.core.errors import InputError
from stnet.core.h5ad import write_h5ad
from stnet.core.printed import decimals
from stnet.core.tables import read_table, write_table
from stnet.evaluation.consistency import fisher_t
from stnet.features.collect import collect_features
from stnet.features.files import write_features
from stnet.figures.supp_6 import draw, nuclei_counts
from stnet.report.nuclei import write_gene_page, write_supplementary_tables

PATIENTS = {"A1": "A", "A2": "A", "B1": "B", "C1": "C", "D1": "D"}
GENES = [f"g{i}" for i in range(7)]
# As the features of nuclei are named, a few of them.
FEATURES = ["count", "area_mean", "area_sd", "axis_ratio_mean", "mean_distance_mean", "red_bin0"]


def made_spots() -> tuple[ad.AnnData, np.ndarray]:
    """Measured expression of 30 spots a section, D of tumour only, and features of the nuclei.

    g1 falls with size and number of the nuclei; in the first spots of each section there are none.
    """
    random = np.random.default_rng(5)
    n = 30 * len(PATIENTS)
    section = np.repeat([*PATIENTS], 30)
    patient = np.array([PATIENTS[name] for name in section])
    label = np.where((np.arange(n) % 3 < 2) | (patient == "D"), "tumour", "normal")
    count = random.poisson(np.where(label == "tumour", 30, 15))
    count[::30] = 0
    features = random.normal(100, 10, (n, len(FEATURES)))
    features[:, 0] = count
    features[count == 0, 1:] = np.nan
    values = random.normal(size=(n, len(GENES)))
    values[:, 1] -= 0.1 * np.nan_to_num(features[:, 1] - 100) + 0.1 * count
    obs = pd.DataFrame(
        {
            "patient": patient,
            "section": section,
            "label": pd.Categorical(label),
            "total_counts": random.integers(500, 5000, n),
        },
        index=[f"{name}:{i}x0" for i, name in enumerate(section)],
    )
    symbols = [f"S{i}" for i in range(len(GENES))]
    symbols[6] = None
    measured = ad.AnnData(
        values.astype(np.float32),
        obs=obs,
        var=pd.DataFrame({"symbol": symbols}, index=GENES),
        obsm={"spatial": np.zeros((n, 2))},
        uns={
            "targets": {"transform": "log_fraction", "universe": 100},
            "grid": dict.fromkeys(PATIENTS, "square"),
        },
    )
    return measured, features.astype(np.float32)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Folder with `targets.h5ad` and `features.h5ad`, and the data that are in them."""
    folder = tmp_path_factory.mktemp("nuclei")
    measured, features = made_spots()
    write_h5ad(measured, folder / "targets.h5ad")
    paths = []
    for section in PATIENTS:
        rows = (measured.obs["section"] == section).to_numpy()
        spots = measured[rows].copy()
        spots.obs_names = [name.split(":")[1] for name in spots.obs_names]
        paths.append(folder / f"{section}.h5ad")
        write_features(paths[-1], spots, features[rows], FEATURES, {"kind": "nuclei"})
    collect_features(paths, folder / "features.h5ad")
    return folder, measured, features


def plain_r(x, y, ln_total=None) -> float:
    """r of what is defined in both, given ln_total if there is one."""
    defined = np.isfinite(x)
    sides = x[defined].astype(float), y[defined].astype(float)
    if ln_total is not None:
        depth = np.vander(ln_total[defined], 3)[:, :2]
        sides = [side - LinearRegression().fit(depth, side).predict(depth) for side in sides]
    return stats.pearsonr(*sides)[0]


def plain_rs(measured, features, gene, feature, label, **options) -> dict[str, float]:
    obs = measured.obs
    found = {}
    for patient in "ABCD":
        rows = ((obs["patient"] == patient) & (obs["label"].isin(label))).to_numpy()
        if rows.any():
            given = {name: values[rows] for name, values in options.items()}
            x, y = features[rows, FEATURES.index(feature)], measured.X[rows, gene]
            found[patient] = plain_r(x, y, **given)
    return found


CLASSES = {"all": ["tumour", "normal"], "tumour": ["tumour"], "normal": ["normal"]}


def test_a_gene_against_size_and_number_of_nuclei(made, tmp_path):
    folder, measured, features = made
    outputs = [tmp_path / "relations.tsv", tmp_path / "patients.tsv"]
    write_gene_relations(folder / "targets.h5ad", folder / "features.h5ad", *outputs, gene="S1")
    table, patients = map(read_table, outputs)
    assert (table["gene"] == "g1").all()
    rows = table.set_index(["stratum", "feature"])
    assert rows.index.tolist() == [(s, f) for s in CLASSES for f in ("count", "area_mean")]
    of_patients = patients.set_index(["stratum", "feature", "patient"])
    ln_total = np.log(measured.obs["total_counts"].to_numpy(dtype=float))
    for (stratum, feature), row in rows.iterrows():
        rs = plain_rs(measured, features, 1, feature, CLASSES[stratum])
        # D has no normal spot.
        assert row["n_patients"] == len(rs) == (3 if stratum == "normal" else 4)
        for patient, r in rs.items():
            found = of_patients.loc[(stratum, feature, patient)]
            assert found["r"] == pytest.approx(r, abs=1e-5)
        test = stats.ttest_1samp(np.arctanh([*rs.values()]), 0)
        assert row["t"] == pytest.approx(test.statistic, rel=1e-4)
        assert row["p"] == pytest.approx(test.pvalue, rel=1e-4)
        assert row["direction"] == ("negative" if test.statistic < 0 else "positive")
        assert row["mean_r"] == pytest.approx(np.mean([*rs.values()]), rel=1e-4)
        assert row["mean_r_low"] <= row["mean_r"] <= row["mean_r_high"]
        given = plain_rs(measured, features, 1, feature, CLASSES[stratum], ln_total=ln_total)
        test = stats.ttest_1samp(np.arctanh([*given.values()]), 0)
        assert row["mean_partial"] == pytest.approx(np.mean([*given.values()]), rel=1e-4)
        assert row["p_partial"] == pytest.approx(test.pvalue, rel=1e-4)
    assert (rows.loc["tumour", "direction"] == "negative").all()
    assert (rows.loc["tumour", "p"] < 0.05).all()
    # Spots without nuclei have a number of them, and no size.
    assert of_patients.loc[("all", "count", "A"), "n_spots"] == 60
    assert of_patients.loc[("all", "area_mean", "A"), "n_spots"] == 58


def test_an_id_names_a_gene_too_and_one_that_is_no_target_is_said(made, tmp_path, caplog):
    folder, *_ = made
    inputs = folder / "targets.h5ad", folder / "features.h5ad"
    outputs = [tmp_path / "relations.tsv", tmp_path / "patients.tsv"]
    write_gene_relations(*inputs, *outputs, gene="g6")
    assert read_table(outputs[0])["n_patients"].tolist() == [4, 4, 4, 4, 3, 3]
    write_gene_relations(*inputs, *outputs, gene="AEBP1")
    assert "AEBP1 is not among the target genes" in caplog.text
    table = read_table(outputs[0])
    assert table.loc[0, "gene"] == "AEBP1"
    assert table.loc[0, "note"] == "AEBP1 is not among the target genes"
    assert table[["stratum", "p", "t", "mean_r"]].isna().all(axis=None)
    assert read_table(outputs[1]).empty
    write_gene_page(outputs[0], tmp_path / "gene.html", gene="AEBP1")
    assert "<p>AEBP1 is not among the target genes</p>" in (tmp_path / "gene.html").read_text()


def test_the_page_of_a_gene_says_what_the_table_has(made, tmp_path):
    folder, *_ = made
    inputs = folder / "targets.h5ad", folder / "features.h5ad"
    outputs = [tmp_path / "relations.tsv", tmp_path / "patients.tsv"]
    write_gene_relations(*inputs, *outputs, gene="S1")
    write_gene_page(outputs[0], tmp_path / "gene.html", gene="S1")
    page = (tmp_path / "gene.html").read_text()
    rows = [
        re.findall(r"<td[^>]*>(.*?)</td>", row)
        for row in re.findall(r"<tr.*?</tr>", re.sub("</?i>", "", page))[1:]
    ]
    assert [row[:3] for row in rows] == [
        ["S1", stratum, feature] for stratum in CLASSES for feature in ("number of nuclei", "area")
    ]
    table = read_table(outputs[0])
    assert [row[4].split(" (")[0] for row in rows] == [decimals(r, 3) for r in table["mean_r"]]
    assert {row[-1] for row in rows} == {"negative"}


def test_what_is_constant_or_has_few_spots_has_no_r_and_leaves_n(made):
    _, measured, features = made
    nuclei = pd.DataFrame(features, index=measured.obs_names, columns=FEATURES)[["count"]]
    in_a, in_b = ((measured.obs["patient"] == p).to_numpy() for p in "AB")
    nuclei.loc[in_a, "count"] = 7
    nuclei.loc[measured.obs_names[in_b][3:], "count"] = np.nan
    found = correlations(measured[:, :2], measured.X[:, :2], nuclei)
    by_patient = found.set_index(["gene", "patient"])["r"]
    assert by_patient.loc["g0"].isna().to_dict() == {"A": True, "B": True, "C": False, "D": False}
    table = relations(found, ["gene", "feature"])
    assert table["n_patients"].tolist() == [2, 2]
    z = np.arctanh(by_patient.loc["g1"].dropna())
    assert table.loc[1, "p"] == pytest.approx(stats.ttest_1samp(z, 0).pvalue)
    alone = relations(found[found["patient"].isin(["A", "C"])], ["gene", "feature"])
    assert alone["n_patients"].tolist() == [1, 1]
    assert alone["mean_r"].notna().all()
    assert alone[["t", "p", "mean_r_low", "mean_r_high"]].isna().all(axis=None)
    assert (alone["direction"] == "").all()


def test_two_sided_p_is_that_of_scipy():
    r = np.random.default_rng(1).uniform(-0.5, 0.6, (9, 4))
    r[2:5, 1] = np.nan
    t, p = fisher_t(r, two_sided=True)
    for gene in range(4):
        z = np.arctanh(r[np.isfinite(r[:, gene]), gene])
        assert (t[gene], p[gene]) == pytest.approx(tuple(stats.ttest_1samp(z, 0)))
        one_sided = stats.ttest_1samp(z, 0, alternative="greater").pvalue
        assert fisher_t(r)[1][gene] == pytest.approx(one_sided)


# Supp. Tables 2, 3


@pytest.fixture(scope="module")
def top(made):
    """Tables of the five genes g5 … g1, held-out groups written in another order than the spots."""
    folder, measured, _ = made
    groups = []
    for patient in "DBAC":
        group = measured[(measured.obs["patient"] == patient).to_numpy()].copy()
        group.layers["observed"] = group.X.copy()
        group.X = -group.X
        groups.append(group)
    performance = pd.DataFrame({"gene": GENES, "median_pearson": [0, 1, 2, 3, 4, 5, np.nan]})
    write_table(performance, folder / "genes.tsv")
    names = ["measured", "predicted", "genes", "patients"]
    outputs = {name: folder / f"top_{name}.tsv" for name in names}
    inputs = folder / "targets.h5ad", write_held_out(folder, *groups), folder / "genes.tsv"
    write_top_relations(*inputs, folder / "features.h5ad", outputs)
    return outputs, {name: read_table(path) for name, path in outputs.items()}


SHOWN = ["count", "area_mean", "axis_ratio_mean", "mean_distance_mean"]


def test_top_genes_against_every_mean_feature(made, top):
    _, measured, features = made
    table = top[1]["measured"]
    keys = list(zip(table["gene"], table["feature"], strict=True))
    assert keys == [(f"g{i}", name) for i in (5, 4, 3, 2, 1) for name in SHOWN]
    for (gene, feature), row in table.set_index(["gene", "feature"]).iterrows():
        rs = plain_rs(measured, features, int(gene[1]), feature, CLASSES["all"])
        test = stats.ttest_1samp(np.arctanh([*rs.values()]), 0)
        assert row["mean_r"] == pytest.approx(np.mean([*rs.values()]), rel=1e-3)
        assert row["p"] == pytest.approx(test.pvalue, rel=1e-3)
    np.testing.assert_allclose(table["p_bh"], multipletests(table["p"], method="fdr_bh")[1], 1e-4)
    # Predictions were made to be the measurements with the other sign.
    opposite = top[1]["predicted"]
    np.testing.assert_allclose(opposite["mean_r"], -table["mean_r"], rtol=1e-4)
    np.testing.assert_allclose(opposite["p"], table["p"], rtol=1e-3)


def test_mean_over_the_top_genes_is_taken_in_each_patient(made, top):
    _, measured, features = made
    rows = top[1]["genes"].set_index(["expression", "feature"])
    assert rows.index.tolist() == [(e, f) for e in ("measured", "predicted") for f in SHOWN]
    rs = [plain_rs(measured, features, g, "area_mean", CLASSES["all"]) for g in (5, 4, 3, 2, 1)]
    means = pd.DataFrame(rs).mean()
    row = rows.loc[("measured", "area_mean")]
    assert row["mean_r"] == pytest.approx(means.mean(), rel=1e-3)
    assert row["p"] == pytest.approx(stats.ttest_1samp(np.arctanh(means), 0).pvalue, rel=1e-3)
    expected = stats.ttest_1samp(means, 0).confidence_interval()
    ends = row[["mean_r_low", "mean_r_high"]].tolist()
    assert ends == pytest.approx([*expected], rel=1e-3)


def test_supplementary_tables_as_pages(top, tmp_path):
    outputs, tables = top
    pages = [tmp_path / f"{number}.html" for number in (2, 3)]
    write_supplementary_tables(*(outputs[n] for n in ("measured", "predicted", "genes")), *pages)
    texts = [page.read_text() for page in pages]
    assert "Supp. Table 2: nuclei and measured expression" in texts[0]
    assert "Supp. Table 3: nuclei and predicted expression" in texts[1]
    for text, name in zip(texts, ("measured", "predicted"), strict=True):
        # The matrix, which has a row a gene and one of their mean.
        matrix = re.findall(r"<tr.*?</tr>", re.sub("</?i>", "", text))
        cells = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in matrix[1:7]]
        assert [row[0] for row in cells] == ["S5", "S4", "S3", "S2", "S1", "mean of these"]
        of_mean = tables["genes"].query("expression == @name")["mean_r"]
        assert cells[5][1:] == [f"{r:z.2f}".replace("-", "−") for r in of_mean]
        of_s1 = tables[name].query("gene == 'g1'")
        for cell, row in zip(cells[4][1:], of_s1.itertuples(), strict=True):
            star = "*" if row.p_bh <= 0.05 else ""
            assert cell == f"{row.mean_r:z.2f}{star}".replace("-", "−")


# Supp. Fig. 6


@pytest.fixture(scope="module")
def counted(made):
    folder, *_ = made
    outputs = {name: folder / f"{name}.tsv" for name in ("patients", "distribution", "summary")}
    write_counts(folder / "targets.h5ad", folder / "features.h5ad", outputs)
    return outputs, {name: read_table(path) for name, path in outputs.items()}


def test_the_number_of_nuclei_tells_tumour_from_normal(made, counted):
    _, measured, features = made
    tables = counted[1]
    is_tumour = (measured.obs["label"] == "tumour").to_numpy()
    nuclei = features[:, 0]
    aurocs = {}
    for patient, row in tables["patients"].set_index("patient").iterrows():
        of_patient = (measured.obs["patient"] == patient).to_numpy()
        tumour, normal = nuclei[of_patient & is_tumour], nuclei[of_patient & ~is_tumour]
        assert (row["n_tumour"], row["n_normal"]) == (len(tumour), len(normal))
        assert row["median_tumour"] == np.median(tumour)
        if patient == "D":
            assert row[["median_normal", "auroc"]].isna().all()
            continue
        assert row["median_normal"] == np.median(normal)
        aurocs[patient] = roc_auc_score(is_tumour[of_patient], nuclei[of_patient])
        assert row["auroc"] == pytest.approx(aurocs[patient], rel=1e-5)
    assert [*aurocs] == ["A", "B", "C"]
    summary = tables["summary"].iloc[0]
    assert summary["n_patients"] == 3
    assert summary["mean_auroc"] == pytest.approx(np.mean([*aurocs.values()]), rel=1e-5)
    expected = stats.ttest_1samp([*aurocs.values()], 0).confidence_interval()
    ends = summary[["mean_auroc_low", "mean_auroc_high"]].tolist()
    assert ends == pytest.approx([*expected], rel=1e-4)
    assert summary["auroc_pooled"] == pytest.approx(roc_auc_score(is_tumour, nuclei), rel=1e-5)
    by_label = tables["distribution"].groupby("label")["spots"].sum()
    assert by_label.to_dict() == {"tumour": is_tumour.sum(), "normal": (~is_tumour).sum()}
    zeros = tables["distribution"].query("nuclei == 0").set_index("label")["spots"]
    assert zeros.sum() == (nuclei == 0).sum()


def test_supp_6_shows_every_spot_and_every_patient_with_both_classes(counted, tmp_path):
    outputs, tables = counted
    draw(outputs["distribution"], outputs["patients"], outputs["summary"], [tmp_path / "6.png"])
    figure = nuclei_counts(*(tables[n] for n in ("distribution", "patients", "summary")))
    figure.draw_without_rendering()
    pooled, medians, aurocs = figure.axes
    heights = [steps.get_data().values.sum() for steps in pooled.patches]
    assert heights == pytest.approx([1, 1])
    assert len(medians.lines) == 3
    assert [text.get_text() for text in aurocs.get_yticklabels()] == tables["patients"].dropna(
        subset="auroc"
    ).sort_values("auroc")["patient"].tolist()
    mean = tables["summary"].loc[0, "mean_auroc"]
    keys = [text.get_text() for text in aurocs.get_legend().get_texts()]
    assert keys[:2] == ["chance 0.50", f"mean {mean:.2f}"]
    assert keys[2].startswith("95% interval")
    assert "as all spots are of one class: D" in figure.get_supxlabel()


def test_without_labels_supp_6_says_so(made, tmp_path):
    folder, measured, _ = made
    bare = measured.copy()
    bare.obs["label"] = pd.Categorical([None] * len(bare), categories=["tumour", "normal"])
    write_h5ad(bare, tmp_path / "targets.h5ad")
    outputs = {name: tmp_path / f"{name}.tsv" for name in ("distribution", "patients", "summary")}
    write_counts(tmp_path / "targets.h5ad", folder / "features.h5ad", outputs)
    tables = [read_table(path) for path in outputs.values()]
    assert tables[1].empty
    assert tables[2].loc[0, "n_patients"] == 0
    figure = nuclei_counts(*tables)
    assert "no spot has a label" in [text.get_text() for text in figure.axes[1].texts]


def test_a_class_without_spots_in_any_patient_still_draws(made, tmp_path):
    folder, measured, _ = made
    tumour = measured.copy()
    tumour.obs["label"] = pd.Categorical(["tumour"] * len(tumour), categories=["tumour", "normal"])
    write_h5ad(tumour, tmp_path / "targets.h5ad")
    outputs = {name: tmp_path / f"{name}.tsv" for name in ("distribution", "patients", "summary")}
    write_counts(tmp_path / "targets.h5ad", folder / "features.h5ad", outputs)
    figure = nuclei_counts(*(read_table(path) for path in outputs.values()))
    figure.draw_without_rendering()
    assert "no patient has both classes" in [text.get_text() for text in figure.axes[1].texts]


def test_features_of_other_spots_are_refused(made, tmp_path):
    folder, measured, _ = made
    write_h5ad(measured[5:], tmp_path / "targets.h5ad")
    with pytest.raises(InputError, match="delete it and rerun"):
        write_gene_relations(
            tmp_path / "targets.h5ad",
            folder / "features.h5ad",
            *(tmp_path / "relations.tsv", tmp_path / "patients.tsv"),
            gene="S1",
        )
