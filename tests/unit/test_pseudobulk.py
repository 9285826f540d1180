"""Pseudo-bulk of samples and patients, and its correlation with bulk, against plain loops."""

import anndata as ad
import numpy as np
import pytest
from scipy import stats
from slide_tiles import gene_table, row, write_tiles
from statsmodels.stats.multitest import multipletests

from stnet.analysis.bulk.correlation import correlate
from stnet.analysis.bulk.expression import write_bulk
from stnet.analysis.bulk.pseudobulk import write_pseudobulk
from stnet.core.errors import InputError
from stnet.core.tables import read_table, summary_table

GENES = gene_table("A", "B", "C", "LOST", "D")
OUTPUTS = ["slides", "samples", "patients", "alignment", "genes", "summary"]
# P1 has two samples, one of two slides; P2 a slide beside one that was refused and one without
# tiles; P3 no bulk; P4 none but refused slides.
ROWS = [
    row("P1", "P1-a", "s1", histology="8500/3;8520/3"),
    row("P1", "P1-a", "s2", histology="8500/3;8520/3"),
    row("P1", "P1-b", "s3", histology="8500/3;8520/3"),
    row("P2", "P2-a", "s4"),
    row("P2", "P2-a", "s5"),
    row("P2", "P2-b", "s6"),
    row("P3", "P3-a", "s7"),
    row("P4", "P4-a", "s8"),
    *[row(f"P{n}", f"P{n}-a", f"s{n}") for n in range(10, 18)],
]
REFUSED = {"s5": "s5.svs: truncated", "s8": "s8.svs: no image"}
EMPTY = {"s6"}
NO_BULK = {"P2-b", "P3-a", "P4-a"}


def write_star(path, values: dict[str, float], *, reverse: bool = False):
    """A STAR table; `values` is the FPKM by `id.version symbol`."""
    lines = ["# gene-model: toy", "gene_id\tgene_name\tfpkm_unstranded", "N_unmapped\t\t"]
    genes = [f"{name.replace(' ', chr(9))}\t{value}" for name, value in values.items()]
    path.write_text("\n".join([*lines, *(genes[::-1] if reverse else genes)]) + "\n")
    return path


@pytest.fixture(scope="module")
def fpkm():
    """FPKM by sample and gene: what the bulk of the toy cohort measures."""
    random = np.random.default_rng(5)
    names = ["ENSG1.4 A", "ENSG9.1 B", "ENSG3.2 C", "ENSG5.7 D", "ENSG77.1 OTHER"]
    samples = dict.fromkeys(each["sample"] for each in ROWS if each["sample"] not in NO_BULK)
    return {
        sample: dict(zip(names, random.gamma(2, 9, 5).round(4).tolist(), strict=True))
        for sample in samples
    }


@pytest.fixture(scope="module")
def tiles():
    """Predictions and features of each slide that has tiles."""
    random = np.random.default_rng(6)
    used = [each["slide"] for each in ROWS if each["slide"] not in EMPTY | set(REFUSED)]
    return {
        slide: (random.normal(size=(2 + number, 5)), random.normal(size=3))
        for number, slide in enumerate(used)
    }


def written(folder, rows, tiles, fpkm, with_features=True):
    paths = []
    for each in rows:
        values, features = tiles.get(each["slide"], (np.empty((0, 5)), None))
        refused = REFUSED.get(each["slide"], "")
        flags = ("stain", "latent") if each["slide"] == "s4" else ()
        features = features if with_features else None
        options = {"features": features, "refused": refused, "flags": flags}
        paths.append(write_tiles(folder, each, values, GENES, **options))
    of_sample = {each["sample"]: each for each in rows}
    measured = {sample: values for sample, values in fpkm.items() if sample in of_sample}
    tables = [
        write_star(folder / f"{sample}.tsv", values, reverse=number % 2 == 1)
        for number, (sample, values) in enumerate(measured.items())
    ]
    write_bulk(tables, [of_sample[sample] for sample in measured], folder / "bulk.h5ad")
    outputs = {name: folder / f"{name}.out" for name in OUTPUTS}
    write_pseudobulk(paths[::-1], rows, folder / "bulk.h5ad", None, outputs)
    return {
        name: ad.read_h5ad(path) if name in ("samples", "patients") else read_table(path)
        for name, path in outputs.items()
    }


@pytest.fixture(scope="module")
def found(tmp_path_factory, tiles, fpkm):
    return written(tmp_path_factory.mktemp("toy"), ROWS, tiles, fpkm)


# Bulk


def test_bulk_is_ln_of_one_plus_fpkm_by_sample_and_gene_without_version(tmp_path, fpkm):
    samples = list(fpkm)[:3]
    tables = [
        write_star(tmp_path / f"{sample}.tsv", fpkm[sample], reverse=sample == samples[1])
        for sample in samples
    ]
    write_bulk(tables, [row("P", sample, "s") for sample in samples], tmp_path / "bulk.h5ad")
    bulk = ad.read_h5ad(tmp_path / "bulk.h5ad")
    assert bulk.X.dtype == np.float32
    assert bulk.obs_names.tolist() == bulk.obs["sample"].tolist() == samples
    assert bulk.var_names.tolist() == ["ENSG1", "ENSG9", "ENSG3", "ENSG5", "ENSG77"]
    assert bulk.var["symbol"].tolist() == ["A", "B", "C", "D", "OTHER"]
    for sample in samples:
        expected = [np.log(1 + value) for value in fpkm[sample].values()]
        np.testing.assert_allclose(bulk[sample].X.ravel(), expected, rtol=1e-6)


def test_bulk_tables_of_other_genes_are_refused(tmp_path, fpkm):
    first, second = list(fpkm)[:2]
    other = {**fpkm[second], "ENSG99.1 NEW": 1.0}
    tables = [write_star(tmp_path / "1.tsv", fpkm[first]), write_star(tmp_path / "2.tsv", other)]
    with pytest.raises(InputError, match=r"2\.tsv: 1 genes, such as ENSG99, .*release"):
        write_bulk(tables, [row("P", "a", "s"), row("P", "b", "s")], tmp_path / "bulk.h5ad")
    assert not (tmp_path / "bulk.h5ad").exists()


# Pseudo-bulk


def test_a_sample_is_the_mean_over_the_tiles_of_its_slides(found, tiles):
    samples = found["samples"]
    assert samples.obs_names.tolist()[:4] == ["P1-a", "P1-b", "P2-a", "P3-a"]
    together = np.concatenate([tiles["s1"][0], tiles["s2"][0]])
    np.testing.assert_allclose(samples["P1-a"].X[0], together.mean(axis=0), atol=1e-6)
    assert samples.obs.loc["P1-a", "n_tiles"] == len(together)
    assert samples.obs.loc["P1-a", ["patient", "sample", "n_slides"]].tolist() == ["P1", "P1-a", 2]


def test_a_patient_is_the_mean_over_its_slides_of_the_mean_over_tiles(found, tiles):
    patients = found["patients"]
    # P4's only slide was refused.
    assert patients.obs_names.tolist() == ["P1", "P2", "P3", *[f"P{n}" for n in range(10, 18)]]
    of_slides = [tiles[slide][0].mean(axis=0) for slide in ("s1", "s2", "s3")]
    np.testing.assert_allclose(patients["P1"].X[0], np.mean(of_slides, axis=0), atol=1e-6)
    np.testing.assert_allclose(patients["P2"].X[0], tiles["s4"][0].mean(axis=0), atol=1e-6)
    features = [tiles[slide][1] for slide in ("s1", "s2", "s3")]
    np.testing.assert_allclose(
        patients["P1"].obsm["features"][0], np.mean(features, axis=0), atol=1e-6
    )
    assert patients.X.dtype == np.float64
    assert patients.obs.loc["P1", "histology"] == "8500/3;8520/3"
    assert patients.obs.loc["P1", "n_slides"] == 3
    assert patients.obs.loc["P2", "n_slides"] == 1
    assert patients.obs.loc["P1", "n_tiles"] == sum(len(tiles[f"s{n}"][0]) for n in (1, 2, 3))


def test_bulk_is_beside_it_by_gene_and_sample(found, fpkm):
    samples, patients = found["samples"], found["patients"]
    # ENSG1, ENSG3 and ENSG5 by their ids, ENSG2 by its symbol B.
    ids = ["ENSG1.4 A", "ENSG9.1 B", "ENSG3.2 C", None, "ENSG5.7 D"]
    assert patients.var["match"].tolist() == ["ENSG1", "ENSG9", "ENSG3", "", "ENSG5"]

    def of(sample):
        return [np.nan if gene is None else np.log1p(fpkm[sample][gene]) for gene in ids]

    np.testing.assert_allclose(samples["P1-b"].layers["observed"][0], of("P1-b"), rtol=1e-6)
    both = np.mean([of("P1-a"), of("P1-b")], axis=0)
    np.testing.assert_allclose(patients["P1"].layers["observed"][0], both, rtol=1e-6)
    np.testing.assert_allclose(patients["P2"].layers["observed"][0], of("P2-a"), rtol=1e-6)
    assert np.isnan(patients["P3"].layers["observed"]).all()


def test_the_gene_table_is_pearson_over_patients_with_bulk(found):
    patients, genes = found["patients"], found["genes"].set_index("symbol")
    shared = ["A", "B", "C", "D"]
    has_bulk = (patients.obs_names != "P3").tolist()
    p = []
    for symbol in shared:
        at = patients.var["symbol"].tolist().index(symbol)
        r = stats.pearsonr(patients.X[has_bulk, at], patients.layers["observed"][has_bulk, at])
        p.append(r.pvalue)
        assert genes.loc[symbol, "pearson"] == pytest.approx(r.statistic, abs=1e-5)
        assert genes.loc[symbol, "p"] == pytest.approx(r.pvalue, rel=1e-4)
        assert genes.loc[symbol, "positive"] == (r.statistic > 0)
    adjusted = multipletests(p, method="fdr_bh")[1]
    np.testing.assert_allclose(genes.loc[shared, "p_bh"], adjusted, rtol=1e-4)
    assert (genes.loc[shared, "n_patients"] == sum(has_bulk)).all()
    assert genes.loc["LOST", "n_patients"] == 0
    assert genes.loc["LOST", ["match", "pearson", "p_bh"]].isna().all()
    lost = found["alignment"].set_index("symbol").loc["LOST"]
    assert lost["reason"] == "not measured"


def test_slides_left_out_are_counted_and_named(found, tiles):
    slides = found["slides"].set_index("slide")
    assert slides.index.tolist() == [each["slide"] for each in ROWS]
    assert slides.loc["s5", "refused"] == "s5.svs: truncated"
    assert np.isnan(slides.loc["s5", "um_per_px"])
    assert slides.loc["s4", "unlike_training"] == "stain,latent"
    assert slides.loc["s4", ["candidates", "skipped", "checked", "refuted"]].tolist() == [
        *[len(tiles["s4"][0]) + 3, 3, 2, 1]
    ]
    summary = found["summary"].set_index("quantity")["value"]
    expected = {
        **{
            "slides": 13,
            "slides_refused": 2,
            "slides_without_tiles": 1,
            "slides_unlike_training": 1,
        },
        **{"tiles": sum(len(values) for values, _ in tiles.values()), "samples": 12},
        **{"patients": 11, "patients_with_bulk": 10, "genes": 4},
        "positive_genes": int(found["genes"]["positive"].sum()),
    }
    assert {name: int(summary[name]) for name in expected} == expected
    assert np.isnan(summary["note"])


def test_with_two_patients_nothing_is_correlated_and_the_summary_says_so(tmp_path, tiles, fpkm):
    found = written(tmp_path, [ROWS[0], *ROWS[3:7]], tiles, fpkm, with_features=False)
    summary = found["summary"].set_index("quantity")["value"]
    assert summary["note"] == "2 patients have tiles and bulk expression: r needs 3"
    assert summary[["positive_genes", "significant_genes"]].isna().all()
    assert summary[["patients", "genes"]].tolist() == ["3", "4"]
    assert found["genes"]["pearson"].isna().all()
    assert not found["patients"].obsm


def test_no_slide_with_tiles_gives_tables_without_patients(tmp_path, tiles, fpkm):
    found = written(tmp_path, [ROWS[4], ROWS[7]], tiles, fpkm)
    assert found["patients"].shape == (0, 5)
    summary = found["summary"].set_index("quantity")["value"]
    assert summary[["slides", "slides_refused", "patients"]].tolist() == ["0", "2", "0"]
    assert summary["note"].startswith("0 patients")


def test_slides_of_different_models_are_refused(tmp_path, tiles, fpkm):
    first, other = ROWS[0], ROWS[3]
    paths = [
        write_tiles(tmp_path, first, tiles["s1"][0], GENES),
        write_tiles(tmp_path, other, tiles["s4"][0], GENES.set_axis([*"abcde"])),
    ]
    write_bulk([], [], tmp_path / "bulk.h5ad")
    outputs = {name: tmp_path / f"{name}.out" for name in OUTPUTS}
    with pytest.raises(InputError, match=r"s4\.h5ad: predicts other genes than .*s1\.h5ad"):
        write_pseudobulk(paths, [first, other], tmp_path / "bulk.h5ad", None, outputs)
    write_tiles(tmp_path, other, tiles["s4"][0], GENES).replace(paths[0])
    write_tiles(tmp_path, other, tiles["s4"][0], GENES)
    with pytest.raises(InputError, match=r"s1\.h5ad: the predictions of slide s4, not of s1"):
        write_pseudobulk(paths, [first, other], tmp_path / "bulk.h5ad", None, outputs)
    assert not list(tmp_path.glob("*.out"))


# Correlation over patients


def test_planted_genes_are_significant_in_their_direction_and_others_are_not():
    random = np.random.default_rng(13)
    observed = random.normal(size=(60, 30))
    predicted = random.normal(size=(60, 30))
    predicted[:, :5] += 2 * observed[:, :5]
    predicted[:, 5:8] -= 2 * observed[:, 5:8]
    found = correlate(predicted, observed)
    assert np.flatnonzero(found["significant_positive"]).tolist() == [0, 1, 2, 3, 4]
    assert np.flatnonzero(found["significant_negative"]).tolist() == [5, 6, 7]


@pytest.mark.filterwarnings("error")
def test_missing_and_constant_values_are_left_out_gene_by_gene():
    random = np.random.default_rng(8)
    predicted, observed = random.normal(size=(2, 20, 4))
    observed[:5, 0] = np.nan
    observed[:, 1] = np.nan
    predicted[:, 2] = 0.1
    found = correlate(predicted, observed)
    assert found["n_patients"].tolist() == [15, 0, 20, 20]
    expected = stats.pearsonr(predicted[5:, 0], observed[5:, 0])
    assert found.loc[0, ["pearson", "p"]].tolist() == pytest.approx([*expected])
    assert found.loc[[1, 2], ["pearson", "p", "p_bh"]].isna().all(axis=None)
    # The constant gene is a hypothesis, the one that was not measured is none.
    p = [found.loc[0, "p"], 1, found.loc[3, "p"]]
    np.testing.assert_allclose(
        found.loc[[0, 3], "p_bh"], multipletests(p, method="fdr_bh")[1][[0, 2]]
    )


def test_the_summary_has_words_and_numbers_as_text():
    table = summary_table(
        {"n": 3, "mean": 0.12345678, "unknown": float("nan"), "word": "less"},
        {"mean": np.array([0.1, 0.2])},
    )
    assert table["value"].tolist() == ["3", "0.123457", "", "less"]
    assert table["unit"].tolist() == ["", "patients", "", ""]
