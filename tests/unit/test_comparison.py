"""Ways of predicting, studies and single genes: against plain loops and published results."""

import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from intervals import t_interval
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from stnet.analysis.single_genes import single_genes, summarise, write_single_genes
from stnet.analysis.study import METRICS, study
from stnet.core.errors import InputError
from stnet.core.tables import TOO_FEW, read_table, write_table
from stnet.evaluation.bootstrap import patient_draws
from stnet.evaluation.comparison import compare
from stnet.evaluation.genes import gene_performance
from stnet.evaluation.methods import compare_methods
from stnet.evaluation.paired import differences, gene_medians, mean_gain, paired
from stnet.evaluation.performance_summary import summarise as summary_of
from stnet.figures import study as study_figure
from stnet.figures import supp_12
from stnet.report.claims import read_claims
from stnet.report.comparison import beside_paper, estimates, write_methods
from stnet.report.studies import write_single_genes_page, write_study

PAPER = Path(__file__).parents[2] / "resources/paper"
PUBLISHED = pd.read_csv(PAPER / "per_gene.tsv", sep="\t", index_col="gene")
R = ["pearson", "pearson_smooth", "spearman", "partial"]


@pytest.fixture(autouse=True)
def no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def patients_table(r: np.ndarray, genes: list[str] | None = None) -> pd.DataFrame:
    """A table of patients with r of (patients, genes); P0 has the fewest spots."""
    rows = [
        {"gene": gene, "patient": f"P{p}", "n_spots": 100 + 10 * p, "pearson": r[p, g]}
        for p in range(r.shape[0])
        for g, gene in enumerate(genes or [f"g{g}" for g in range(r.shape[1])])
    ]
    table = pd.DataFrame(rows)
    table["pearson_smooth"], table["spearman"] = 1.2 * table["pearson"], 0.9 * table["pearson"]
    table["auroc"] = (0.5 + table["pearson"] / 2).fillna(0.5)
    table["rmse"] = (0.5 - table["pearson"] / 4).fillna(0.6)
    return table.assign(
        partial=table["pearson"], depth=0.4, auroc_partial=table["auroc"], auroc_depth=0.7
    )


def of_genes(patients: pd.DataFrame, excused: tuple[str, ...] = ()) -> pd.DataFrame:
    names = patients["gene"].unique()
    return gene_performance(patients, pd.Series(names, index=names).str.upper(), excused)


def summary(patients: pd.DataFrame, genes: pd.DataFrame | None = None) -> pd.DataFrame:
    """The summary as it is read back."""
    sections = patients.rename(columns={"patient": "section"})
    genes = of_genes(patients) if genes is None else genes
    found = summary_of(genes, patients, sections).replace({"value": {"": np.nan}})
    found.loc[len(found)] = ["transform", "log_fraction", np.nan, np.nan, ""]
    return found


def random_r(seed: int, n_patients: int, n_genes: int, centre: float = 0.2) -> np.ndarray:
    return np.random.default_rng(seed).normal(centre, 0.1, (n_patients, n_genes))


# Two experiments over the same patients


@pytest.fixture
def two():
    """Two tables of 7 genes that share five of six patients, one of whom has no r in the second."""
    one, other = random_r(0, 6, 7, 0.3), random_r(1, 6, 7)
    other[2] = np.nan
    one[4, 3] = np.nan
    first = patients_table(one)
    second = patients_table(other).iloc[::-1]
    return first, second[second["patient"] != "P5"], one[:5], other[:5]


def test_paired_rows_are_shared_in_order_and_undefined_in_both(two):
    first, second, one, other = two
    a, b = paired(first, second)
    assert a[["gene", "patient"]].equals(b[["gene", "patient"]])
    assert a["patient"].unique().tolist() == ["P0", "P1", "P2", "P3", "P4"]
    undefined = np.isnan(one) | np.isnan(other)
    assert np.array_equal(a["pearson"].isna(), undefined.ravel())
    assert np.array_equal(b["pearson"].isna(), undefined.ravel())
    assert a["rmse"].notna().all()
    without_spots = first.assign(n_spots=first["n_spots"].where(first["patient"] != "P1", 0))
    assert "P1" not in paired(without_spots, second)[0]["patient"].to_numpy()


def test_mean_gain_equals_plain_loops(two):
    first, second, one, other = two
    undefined = np.isnan(one) | np.isnan(other)

    def gain(rows) -> float:
        medians = [
            [np.median(side[rows, g][~undefined[rows, g]]) for side in (one, other)]
            for g in range(7)
            if not undefined[rows, g].all()
        ]
        # A resample may have the one patient without r only.
        return np.mean([a - b for a, b in medians]) if medians else np.nan

    value, *bounds = mean_gain(first, second)
    assert value == pytest.approx(gain(range(5)))
    have_value = sum(not undefined[patient].all() for patient in range(5))
    assert have_value == 4
    expected = t_interval(value, [gain(draw) for draw in patient_draws(5)], have_value)
    assert bounds == pytest.approx(expected)
    medians = gene_medians(first, second)
    assert (medians["median"] - medians["median_other"]).mean() == pytest.approx(value)


def test_differences_equal_plain_loops():
    one, other = random_r(2, 5, 7), random_r(3, 5, 7)
    found = differences(patients_table(one), patients_table(other), METRICS)
    n_spots = 100 + 10 * np.arange(5)

    def plain(r: np.ndarray, rows) -> dict[str, float]:
        median = np.median(np.median(r[rows], axis=0))
        squares = np.square(0.5 - r[rows] / 4).mean(axis=1)
        return {
            "median_pearson": median,
            "median_partial": median,
            "median_pearson_smooth": 1.2 * median,
            "median_spearman": 0.9 * median,
            "mean_auroc": np.mean(0.5 + r[rows] / 2),
            "rmse": np.sqrt(np.average(squares, weights=n_spots[rows])),
        }

    def apart(rows) -> dict[str, float]:
        a, b = plain(one, rows), plain(other, rows)
        return {name: a[name] - b[name] for name in METRICS}

    value, drawn = apart(np.arange(5)), [apart(rows) for rows in patient_draws(5)]
    for name in METRICS:
        assert found[name][0] == pytest.approx(value[name]), name
        expected = t_interval(value[name], [each[name] for each in drawn], 5)
        assert found[name][1:] == pytest.approx(expected), name


def test_the_same_patients_are_drawn_of_both():
    r = random_r(4, 8, 20)
    value, low, high = mean_gain(patients_table(r), patients_table(r - 0.05))
    assert (value, low, high) == pytest.approx((0.05, 0.05, 0.05))


def test_without_a_patient_or_with_one_there_is_no_interval():
    one, other = patients_table(random_r(5, 1, 3)), patients_table(random_r(6, 1, 3))
    value, *bounds = mean_gain(one, other)
    assert np.isfinite(value)
    assert np.isnan(bounds).all()
    assert np.isnan(mean_gain(one, other.assign(patient="Q"))).all()
    assert np.isnan(mean_gain(one, other.assign(pearson=np.nan))).all()


# Ways of predicting


def published_patients(name: str, n_patients: int, n_undefined: int = 0) -> pd.DataFrame:
    """Patients of whom as many have a positive r as published, all r with the published median."""
    r = np.full((n_patients + n_undefined, len(PUBLISHED)), np.nan)
    published = PUBLISHED[[f"{name}_median_r", f"{name}_consistent"]].to_numpy()
    for gene, (median, consistent) in enumerate(published):
        n_positive = int(consistent)
        sizes = np.full(n_patients, abs(median) or 0.01)
        sizes[n_positive:] *= -1
        r[:n_patients, gene] = sizes
    return patients_table(r, list(PUBLISHED.index))


@pytest.fixture(scope="module")
def published():
    """Tables that `compare_methods` takes, of published results and of constant predictions."""
    constant = published_patients("stnet", 23)
    constant[R] = np.nan
    patients = {
        "main": published_patients("stnet", 23),
        "labels": published_patients("pathologist", 21, 2),
        "forest": published_patients("features", 23),
        "mean": constant.assign(auroc=0.5),
    }
    excused = {"labels": ("P21", "P22")}
    genes = {name: of_genes(table, excused.get(name, ())) for name, table in patients.items()}
    summaries = {name: summary(table, genes[name]) for name, table in patients.items()}
    symbols = genes["main"].set_index("gene")["symbol"]
    against = {name: compare(patients["main"], patients[name], symbols) for name in [*patients][1:]}
    return summaries, genes, patients, against


METHODS = {
    "main": {"role": "main", "kind": "network", "of": "densenet121", "targets": "top250"},
    "labels": {"role": "label", "kind": "label", "of": "", "targets": "top250"},
    "forest": {"role": "features", "kind": "forest", "of": "nuclei", "targets": "top250"},
    "mean": {"role": "other", "kind": "mean", "of": "", "targets": "top250"},
}
METHODS = {name: {"title": f"The {name}", **keys} for name, keys in METHODS.items()}


def test_published_methods_side_by_side(published):
    table = compare_methods(*published).set_index("experiment")
    assert table["consistent_genes"].tolist() == [102, 35, 34, 0]
    assert (table["consistency_rule"] == "holm").all()
    assert table["threshold"].tolist() == [20] * 4
    assert table["genes_at_threshold"].tolist() == [102, 35, 34, 0]
    assert table.loc["main", "consistent_genes_bh"] == 205
    assert table["n_patients"].tolist() == [23] * 4
    assert table["n_patients_with_r"].tolist() == [23, 21, 23, 0]
    assert table["genes_compared"].tolist()[1:] == [250, 250, 0]
    assert pd.isna(table.loc["main", "genes_ahead"])
    medians = {
        name: each.groupby("gene")["pearson"].median() for name, each in published[2].items()
    }
    main, forest = medians["main"], medians["forest"]
    assert table.loc["forest", "genes_ahead"] == (main > forest).sum()
    assert table.loc["forest", "mean_r_gain"] == pytest.approx((main - forest).mean())


def test_what_has_no_r_has_an_error_still(published):
    row = compare_methods(*published).set_index("experiment").loc["mean"]
    of_patients = published[2]["mean"]
    squares = of_patients["rmse"] ** 2
    assert row["rmse"] == pytest.approx(
        np.sqrt(np.average(squares, weights=of_patients["n_spots"])), rel=1e-4
    )
    assert row["rmse_low"] < row["rmse"] < row["rmse_high"]
    assert row["mean_auroc"] == 0.5
    for name in ("median_pearson", "median_pearson_low", "mean_r_gain", "mean_r_gain_high"):
        assert np.isnan(row[name]), name
    assert (row["genes_ahead"], row["genes_ahead_shared"]) == (0, 0)


def test_a_main_without_a_consistent_gene_sets_no_threshold():
    r = random_r(7, 23, 25, 0.0)
    patients = {"a": patients_table(r), "b": patients_table(r + 1)}
    genes = {name: of_genes(table) for name, table in patients.items()}
    against = {"b": compare(patients["a"], patients["b"], genes["a"].set_index("gene")["symbol"])}
    summaries = {name: summary(table) for name, table in patients.items()}
    table = compare_methods(summaries, genes, patients, against)
    assert table["consistent_genes"].tolist() == [0, 25]
    assert table["genes_at_threshold"].isna().all()
    assert table["genes_ahead"].tolist()[1] == 0


def test_the_papers_numbers_stand_beside_those_it_gives(published):
    claims = read_claims(PAPER / "claims.tsv")
    table = beside_paper(compare_methods(*published), claims, METHODS).set_index("experiment")
    value = claims.set_index("id")["value"].astype(str)
    for name, prefix in (("main", "stnet"), ("labels", "label"), ("forest", "features")):
        paper = float(value[f"{prefix}.consistent_genes"])
        assert table.loc[name, "paper_consistent_genes"] == paper
    assert table.loc["labels", "paper_genes_ahead"] == float(value["label.beaten"])
    assert np.isnan(table.loc["mean", "paper_consistent_genes"])
    assert table["paper_mean_r_gain"].isna().all()
    # Nor is a number of the paper's in the row of another kind of method.
    ridge = {**METHODS, "main": {**METHODS["main"], "kind": "ridge"}}
    others = beside_paper(compare_methods(*published), claims, ridge).set_index("experiment")
    assert np.isnan(others.loc["main", "paper_consistent_genes"])
    assert others.loc["labels", "paper_consistent_genes"] == 35
    composition = {"role": "composition", "kind": "network"}
    composition = {**METHODS, "forest": {**METHODS["forest"], **composition}}
    summaries, *others = published
    in_other_units = summaries["forest"].replace({"value": {"log_fraction": "log_cp10k"}})
    methods = compare_methods({**summaries, "forest": in_other_units}, *others)
    table = beside_paper(methods, claims, composition)
    gain = float(value["composition.mean_r_gain"])
    assert table.loc[2, "paper_mean_r_gain"] == gain
    # An error in other units is none to compare.
    assert table["rmse"].isna().tolist() == [False, False, True, False]
    assert table["note"].tolist() == [
        "",
        "r undefined in 2 of 23 patients; they count as consistent",
        "",
        "r undefined in 23 of 23 patients",
    ]


def write_all(folder: Path, tables: dict[str, pd.DataFrame], name: str) -> dict[str, Path]:
    paths = {each: folder / f"{name}-{each}.tsv" for each in tables}
    for each, path in paths.items():
        write_table(tables[each], path)
    return paths


def outputs_in(folder: Path) -> dict[str, Path]:
    files = {"tsv": "c.tsv", "html": "c.html", "compact": "m.tsv", "tex": "m.tex"}
    return {name: folder / file for name, file in (files | {"compact_html": "m.html"}).items()}


UNUSUAL = {"title": "50% & _more_"}


def test_methods_as_table_and_page(tmp_path, published):
    paths = [write_all(tmp_path, tables, f"{i}") for i, tables in enumerate(published)]
    outputs = outputs_in(tmp_path)
    html = outputs["html"]
    write_methods(*paths, PAPER / "claims.tsv", outputs, methods=METHODS)
    table = read_table(outputs["tsv"])
    assert table["genes_ahead"].tolist()[1:] == [
        published[3][name]["ahead"].sum() for name in ("labels", "forest", "mean")
    ]
    assert table["n_patients"].dtype == int
    page = html.read_text(encoding="utf-8")
    for words in (
        *("network on patches: densenet121", "random forest on features: nuclei"),
        *("undefined", "r undefined in 23 of 23 patients", "Holm ≤ 0.1", "20 patients"),
    ):
        assert words in page
    assert "nan" not in page.lower().replace("resonan", "")


def test_one_method_alone_has_a_page(tmp_path, published):
    paths = [
        write_all(tmp_path, {k: v for k, v in tables.items() if k == "main"}, f"{i}")
        for i, tables in enumerate(published)
    ]
    outputs = outputs_in(tmp_path)
    write_methods(*paths, PAPER / "claims.tsv", outputs, methods=METHODS)
    assert "The main against each" in outputs["html"].read_text(encoding="utf-8")


def test_a_cohort_that_does_not_ask_sees_nothing_of_the_paper(tmp_path, published):
    paths = [write_all(tmp_path, tables, f"{i}") for i, tables in enumerate(published)]
    outputs = outputs_in(tmp_path)
    write_methods(*paths, None, outputs, methods=METHODS)
    page = outputs["html"].read_text(encoding="utf-8")
    assert not re.search(r"<th[^>]*>[^<]*paper", page)
    table = read_table(outputs["tsv"])
    assert table.filter(like="paper_").isna().all(axis=None)


def test_the_compact_table_has_each_method_with_intervals(tmp_path, published):
    paths = [write_all(tmp_path, tables, f"{i}") for i, tables in enumerate(published)]
    outputs = outputs_in(tmp_path)
    write_methods(*paths, None, outputs, methods={**METHODS, "mean": METHODS["mean"] | UNUSUAL})
    table = read_table(outputs["compact"])
    assert table["Method"].tolist() == ["The main", "The labels", "The forest", "50% & _more_"]
    value = published[0]["main"].set_index("quantity").loc["median_pearson"]
    numbers = [f"{float(value[end]):.2f}" for end in ("value", "ci_low", "ci_high")]
    assert table["Median r"][0] == "{} ({} to {})".format(*numbers)
    assert table["Consistent genes"].tolist() == [102, 35, 34, 0]
    latex = outputs["tex"].read_text(encoding="utf-8")
    assert r"50\% \& \_more\_" in latex
    assert "−" not in latex
    assert latex.count(r"\\") == 1 + len(table)
    assert numbers[1] in outputs["compact_html"].read_text(encoding="utf-8")


def test_three_patients_have_words_in_place_of_counts(tmp_path):
    r = random_r(9, 3, 250, 0.3)
    patients = {"main": patients_table(r), "forest": patients_table(r - 0.1)}
    genes = {name: of_genes(table) for name, table in patients.items()}
    summaries = {name: summary(table, genes[name]) for name, table in patients.items()}
    symbols = genes["main"].set_index("gene")["symbol"]
    against = {"forest": compare(*patients.values(), symbols)}
    parts = summaries, genes, patients, against
    paths = [write_all(tmp_path, tables, f"{i}") for i, tables in enumerate(parts)]
    outputs = outputs_in(tmp_path)
    write_methods(*paths, None, outputs, methods=METHODS)
    table = read_table(outputs["tsv"])
    assert table["consistent_genes"].isna().all()
    assert (table["consistency_rule"] == "few").all()
    assert (read_table(outputs["compact"])["Consistent genes"] == TOO_FEW).all()
    page = outputs["html"].read_text(encoding="utf-8")
    # The rule, and numbers by it, given depth, by Holm and by BH.
    assert page.count(f">{TOO_FEW}<") == 5 * len(table)
    changed = {name: {"view": name} for name in patients}
    html = tmp_path / "study.html"
    write_study(
        *(paths[0], paths[2], tmp_path / "study.tsv", html),
        changed=changed,
        titles={name: f"The {name}" for name in patients},
        reference="main",
        title="Windows",
    )
    assert html.read_text(encoding="utf-8").count(f">{TOO_FEW}<") == 2 * len(table)


def test_estimates_in_words():
    numbers = [(0.1234, 0.1, 0.2), (-0.05, np.nan, np.nan), (np.nan,) * 3, (-0.0001, -0.01, 0.0)]
    table = pd.DataFrame(numbers, columns=["x", "x_low", "x_high"])
    assert estimates(table, "x") == [
        "0.123 (0.100 to 0.200)",
        "−0.050",
        "undefined",
        "0.000 (−0.010 to 0.000)",
    ]


# Studies


@pytest.fixture
def studied():
    """Three experiments: the second predicts worse, the third holds out folds of fewer patients."""
    r = random_r(8, 14, 30)
    patients = {
        "main": patients_table(r),
        "worse": patients_table(r - 0.1),
        "fewer": patients_table(r[:12] + 0.02),
    }
    changed = {
        "main": {"view": "224x1", "split": "patient", "trained": "all"},
        "worse": {"view": "128x1", "split": "patient", "trained": []},
        "fewer": {"view": "224x1", "split": 4, "trained": ["a", "b"]},
    }
    return {name: summary(table) for name, table in patients.items()}, patients, changed


def test_a_study_says_what_is_changed_and_by_how_much(studied):
    table = study(*studied, "main").set_index("experiment")
    assert table["view"].tolist() == ["224x1", "128x1", "224x1"]
    assert table["trained"].tolist() == ["all", "none", "a, b"]
    assert table["reference"].tolist() == [True, False, False]
    assert np.isnan(table.loc["main", "median_pearson_difference"])
    columns = [f"median_pearson_difference{end}" for end in ("", "_low", "_high")]
    assert table.loc["worse", columns].tolist() == pytest.approx([-0.1] * 3)
    # Over the twelve patients of both, not over the reference's fourteen.
    assert table.loc["fewer", columns].tolist() == pytest.approx([0.02] * 3)
    assert table["n_shared"].tolist() == [14, 14, 12]
    value = studied[0]["worse"].set_index("quantity")["value"]
    assert table.loc["worse", "rmse"] == float(value["rmse"])


def test_a_study_says_where_experiments_are_not_alike(studied):
    summaries, patients, changed = studied
    table = study(summaries, patients, changed, "main").set_index("experiment")
    assert table.loc["worse", "note"] == ""
    assert table.loc["fewer", "note"] == (
        "difference over 12 shared patients of 12, main has 14; held out by 4"
    )
    patients["worse"] = patients["worse"].assign(n_spots=50)
    note = study(summaries, patients, changed, "main").set_index("experiment")["note"]
    assert note["worse"] == "not the same spots"
    patients["worse"] = patients["worse"].assign(gene="other")
    patients["worse"] = patients["worse"].drop_duplicates(["gene", "patient"])
    with pytest.raises(InputError, match="worse: no gene and patient in common with main"):
        study(summaries, patients, changed, "main")


def test_a_study_as_table_and_page(tmp_path, studied):
    summaries, patients, changed = studied
    tsv, html = tmp_path / "study.tsv", tmp_path / "study.html"
    write_study(
        *(write_all(tmp_path, summaries, "s"), write_all(tmp_path, patients, "p")),
        *(tsv, html),
        changed=changed,
        reference="main",
        titles={name: f"The {name}" for name in changed},
        title="Windows",
    )
    assert read_table(tsv)["reference"].tolist() == [True, False, False]
    page = html.read_text(encoding="utf-8")
    for words in (
        "Windows",
        "Difference to The main",
        "−0.1000 (−0.1000 to −0.1000)",
        "128x1",
        "held out",
    ):
        assert words in page
    assert "undefined" not in page


def render(figure: Figure) -> str:
    """Draw the figure, so that what cannot be drawn fails here, and return its words."""
    figure.draw_without_rendering()
    return " | ".join(t.get_text() for t in figure.findobj(lambda a: hasattr(a, "get_text")))


TITLES = {"main": "ST-Net", "worse": "Blurred", "fewer": "Fewer patients"}


def test_the_figure_of_a_study_shows_every_gene(studied):
    summaries, patients, changed = studied
    table = study(summaries, patients, changed, "main")
    genes = {name: of_genes(each) for name, each in patients.items()}
    figure = study_figure.experiments(table, genes, patients, TITLES)
    words = render(figure)
    for word in ("Blurred", "reference", "Difference in median r to ST-Net", "95% interval"):
        assert word in words
    assert "worse" not in words
    points = figure.axes[1].findobj(PathCollection)
    assert np.allclose(points[0].get_offsets()[:, 0], -0.1)
    assert np.allclose(points[1].get_offsets()[:, 0], 0.02)
    assert [len(each.get_offsets()) for each in points] == [30, 30]


def test_the_figure_of_a_study_without_r_is_drawn(studied):
    summaries, patients, changed = studied
    patients["worse"][R] = np.nan
    summaries["worse"] = summary(patients["worse"])
    table = study(summaries, patients, changed, "main")
    assert np.isnan(table["median_pearson"][1])
    genes = {name: of_genes(each) for name, each in patients.items()}
    render(study_figure.experiments(table, genes, patients, TITLES))


# Single genes


@pytest.fixture
def alone():
    """Four genes together in nine patients, and two of them alone in eight."""
    r = random_r(9, 9, 4)
    together = patients_table(r)
    own = {
        "G1": patients_table(r[:8, [1]] + 0.1, ["g1"]),
        "G3": patients_table(r[:8, [3]] - 0.3, ["g3"]),
    }
    return of_genes(together), together, own, r[:8]


def test_single_genes_over_the_same_patients(alone):
    genes, together, own, r = alone
    table = single_genes(genes, together, own).set_index("symbol")
    assert table["gene"].tolist() == ["g1", "g3"]
    assert table["n_patients"].tolist() == [8, 8]
    assert table["median_pearson_together"].tolist() == pytest.approx(
        np.median(r[:, [1, 3]], axis=0)
    )
    ends = ["difference", "difference_low", "difference_high"]
    assert table.loc["G1", ends].tolist() == pytest.approx([-0.1] * 3)
    assert table.loc["G3", ends].tolist() == pytest.approx([0.3] * 3)
    found = summarise(together, own).set_index("quantity")
    assert found.loc["n_genes", "value"] == 2
    row = found.loc["mean_difference"]
    assert row[["value", "ci_low", "ci_high"]].tolist() == pytest.approx([0.1] * 3)
    assert row["unit"] == "patients"


def test_single_genes_must_be_single_and_targets(alone):
    genes, together, own, _ = alone
    with pytest.raises(InputError, match="the experiment of G9 predicts g1; its targets must be"):
        single_genes(genes, together, {"G9": own["G1"]})
    with pytest.raises(InputError, match="the experiment of G1 predicts g0, g1, g2"):
        single_genes(genes, together, {"G1": together})
    new = own["G1"].assign(gene="g9")
    with pytest.raises(InputError, match="g9 is no target gene of the main experiment"):
        single_genes(genes, together, {"g9": new})


def test_single_genes_as_tables_and_figure(tmp_path, alone):
    genes, together, own, _ = alone
    paths = write_all(tmp_path, {"genes": genes, "together": together} | own, "t")
    outputs = tmp_path / "single_genes.tsv", tmp_path / "summary.tsv"
    about = {symbol: {"experiment": f"alone-{symbol}", "split_alone": 3} for symbol in own}
    write_single_genes(
        *(paths["genes"], paths["together"], {symbol: paths[symbol] for symbol in own}, *outputs),
        experiments=about,
    )
    table = read_table(outputs[0])
    assert table["experiment"].tolist() == ["alone-G1", "alone-G3"]
    assert read_table(outputs[1])["quantity"].tolist() == [
        *("n_genes", "mean_together", "mean_difference")
    ]
    found = read_table(outputs[1]).set_index("quantity")["value"]
    assert found["mean_together"] == pytest.approx(table["median_pearson_together"].mean())
    html = tmp_path / "page.html"
    write_single_genes_page(*outputs, html, main="All genes")
    page = html.read_text(encoding="utf-8")
    assert "r together with all genes minus r alone: 0.100 (0.100 to 0.100), mean" in page
    assert "<td><i>G1</i></td>" in page
    figure = supp_12.together_and_alone(table, together, own)
    words = render(figure)
    assert "G1" in words
    assert "predicted alone" in words
    assert "difference, 95% interval" in words
    drawn = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 8]
    assert len(drawn) == 4
    assert np.allclose(np.sort(drawn[1].get_xdata()), np.sort(own["G1"]["pearson"]))
