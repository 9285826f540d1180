import anndata as ad
import numpy as np
import pandas as pd
import pytest
from drawing import render, texts
from matplotlib.collections import EllipseCollection, PathCollection
from matplotlib.figure import Figure
from matplotlib_scalebar.scalebar import ScaleBar
from PIL import Image

from stnet.core.errors import InputError
from stnet.core.h5ad import write_h5ad
from stnet.expression.predictions import write_predictions
from stnet.expression.spatial import spatial
from stnet.expression.transforms import normalise
from stnet.figures import fig_1b, fig_1cd, fig_2a, fig_2b, fig_2d, learning_curve, supp_1a, supp_1b
from stnet.figures.style import COLUMN_MM, PAGE_MM, save

UNIVERSE = 500


def section_table(n_patients: int, n_sections: int) -> pd.DataFrame:
    rows = [
        {"patient": f"BC{p:05d}", "section": f"BC{p:05d}_C{s}", "used": 100 + 10 * p + s}
        for p in range(n_patients)
        for s in range(n_sections)
    ]
    return pd.DataFrame(rows)


# Saving


def test_saved_at_its_printed_size_and_the_same_each_time(tmp_path):
    figure = fig_1b.spots_per_section(section_table(2, 2))
    first, second = ([tmp_path / f"{n}.png", tmp_path / f"{n}.pdf"] for n in "ab")
    save(figure, first)
    save(fig_1b.spots_per_section(section_table(2, 2)), second)
    with Image.open(first[0]) as image:
        assert abs(image.width - COLUMN_MM / 25.4 * 300) <= 1
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert b"CreationDate" not in first[1].read_bytes()


def test_a_figure_that_cannot_be_drawn_leaves_nothing(tmp_path):
    figure = fig_1b.spots_per_section(section_table(1, 1))
    figure.axes[0].set_title("$\\unclosed{$", parse_math=True)
    with pytest.raises(ValueError, match="unclosed"):
        save(figure, [tmp_path / "a.png"])
    assert not list(tmp_path.iterdir())


def test_a_colour_bar_beside_a_photo_keeps_its_colours(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    photo = np.clip(rng.normal([210, 130, 200], 12, (600, 600, 3)), 0, 255).astype(np.uint8)
    figure = Figure(figsize=(3, 3))
    photo_axis, bar_axis = figure.subplots(2)
    photo_axis.imshow(photo, interpolation="nearest")
    bar_axis.imshow(np.arange(256)[None], aspect="auto", interpolation="nearest")
    save(figure, [tmp_path / "saved.png"])
    monkeypatch.setattr("stnet.figures.style._reduce_colours", lambda png: None)
    save(figure, [tmp_path / "drawn.png"])
    with Image.open(tmp_path / "drawn.png") as one, Image.open(tmp_path / "saved.png") as other:
        drawn, saved = (np.asarray(each.convert("RGB"), dtype=int) for each in (one, other))
    assert np.abs(saved - drawn).max() <= 20
    assert (saved[(drawn == 255).all(axis=2)] == 255).all()


# Fig. 1 and Supp. Fig. 1


@pytest.mark.parametrize(
    ("n_patients", "n_sections", "width"),
    [(1, 1, COLUMN_MM), (2, 1, COLUMN_MM), (8, 2, PAGE_MM), (23, 3, PAGE_MM)],
)
def test_fig_1b_has_a_bar_a_section_and_a_name_a_patient(n_patients, n_sections, width):
    table = section_table(n_patients, n_sections)
    figure = render(fig_1b.spots_per_section(table))
    (axis,) = figure.axes
    bars = sorted(axis.patches, key=lambda bar: bar.get_x())
    assert [bar.get_height() for bar in bars] == table["used"].tolist()
    assert [t.get_text() for t in axis.get_xticklabels()] == table["patient"].unique().tolist()
    assert figure.get_size_inches()[0] * 25.4 == pytest.approx(width)


def test_fig_1cd_counts_every_spot_and_names_the_median():
    values = pd.Series([1, 2, 3, 4000, 5000])
    figure = render(fig_1cd.distribution(values, "Total counts in a spot"))
    assert sum(bar.get_height() for bar in figure.axes[0].patches) == 5
    assert "median 3" in texts(figure)


@pytest.mark.parametrize("kind", ["log_fraction", "log_cp10k"])
def test_supp_1a_computes_the_counts_back_from_the_targets(tmp_path, monkeypatch, kind):
    random = np.random.default_rng(0)
    counts = random.negative_binomial(1, 0.05, size=(40, 6))
    totals = counts.sum(axis=1) + random.integers(100, 900, size=40)
    targets = ad.AnnData(
        normalise(counts, totals, UNIVERSE, kind).astype(np.float32),
        obs=pd.DataFrame({"total_counts": totals}, index=[f"s:{i}x1" for i in range(40)]),
        uns={"targets": {"transform": kind, "universe": UNIVERSE}},
    )
    write_h5ad(targets, tmp_path / "targets.h5ad")
    seen = []
    monkeypatch.setattr(
        supp_1a, "before_and_after", lambda *values: seen.extend(values) or Figure()
    )
    supp_1a.draw(tmp_path / "targets.h5ad", [tmp_path / "a.png"])
    assert np.array_equal(seen[0], counts)
    assert np.array_equal(seen[1], targets.X)


def test_supp_1a_shows_every_value_before_and_after():
    counts = np.arange(60).reshape(10, 6)
    figure = render(supp_1a.before_and_after(counts, -counts / 7))
    for axis in figure.axes:
        assert sum(bar.get_height() for bar in axis.patches) == 60


def test_supp_1b_marks_targets_and_leaves_out_genes_never_counted():
    figure = render(
        supp_1b.mean_expression(
            pd.Series([5.0, 0.0, 2.0, 0.5]), pd.Series([True, False, True, False])
        )
    )
    other, target = figure.axes[0].findobj(PathCollection)[:2]
    assert target.get_offsets().tolist() == [[1, 5.0], [2, 2.0]]
    assert other.get_offsets().tolist() == [[3, 0.5]]


def test_a_name_with_dollars_is_no_formula():
    figure = render(fig_1cd.distribution(pd.Series([1, 2]), r"$\frac{$"))
    assert r"$\frac{$" in texts(figure)


# Fig. 2a


def performance(r_by_patient: dict[str, float], gene: str = "g1") -> pd.DataFrame:
    return pd.DataFrame(
        {"gene": gene, "patient": list(r_by_patient), "pearson": list(r_by_patient.values())}
    )


def test_fig_2a_takes_the_middle_of_the_ranking():
    for n, ranks in [(23, [11, 12]), (4, [2, 3]), (2, [1, 2]), (1, [1])]:
        ranking = fig_2a.rank_patients(
            performance({f"P{i}": (i * 7 % n) / n for i in range(n)}), "g1"
        )
        chosen = fig_2a.choose_patients(ranking, [])
        assert [ranking.index.get_loc(patient) + 1 for patient in chosen] == ranks


def test_fig_2a_prefers_patients_with_r_and_knows_its_patients():
    ranking = fig_2a.rank_patients(performance({"A": np.nan, "B": 0.1, "C": np.nan}), "g1")
    assert fig_2a.choose_patients(ranking, []) == ["B"]
    assert fig_2a.choose_patients(ranking, ["C"]) == ["C"]
    undefined = fig_2a.rank_patients(performance({"A": np.nan, "B": np.nan, "C": np.nan}), "g1")
    assert len(fig_2a.choose_patients(undefined, [])) == 2
    with pytest.raises(InputError, match=r"report\.patients: D is not among .* B, A, C"):
        fig_2a.choose_patients(ranking, ["D"])


def test_fig_2a_takes_the_best_gene_where_the_wanted_one_is_no_target():
    genes = pd.DataFrame(
        {"gene": ["e1", "e2"], "symbol": ["FASN", None], "median_pearson": [0.1, 0.2]}
    )
    assert fig_2a.choose_gene(genes, "FASN")["gene"] == "e1"
    assert fig_2a.choose_gene(genes, "e1")["gene"] == "e1"
    assert fig_2a.choose_gene(genes, "GNAS")["gene"] == "e2"
    assert fig_2a.choose_gene(genes, None)["gene"] == "e2"


def test_fig_2a_takes_the_section_with_most_labels_then_most_spots():
    spots = pd.DataFrame(
        {"section": ["a", "b", "b", "c", "c", "c"], "label": ["normal"] + [None] * 5}
    )
    assert fig_2a.choose_section(spots) == "a"
    assert fig_2a.choose_section(spots.assign(label=None)) == "c"


def example(labels, r: float = 0.5, n: int = 12, image: bool = True) -> fig_2a.Example:
    places = np.array([(100.0 * (i % 4), 100.0 * (i // 4)) for i in range(n)]).reshape(n, 2) + 200
    spots = pd.DataFrame(
        {
            "x": places[:, 0],
            "y": places[:, 1],
            "label": pd.Series(labels, dtype=object),
            "measured": np.arange(n, dtype=float),
            "predicted": np.linspace(-0.1, 0.1, n),
        }
    )
    picture = Image.new("RGB", (80, 60)) if image else None
    return fig_2a.Example("BC1", "BC1_C1", r, 1, 2, spots, picture, 10.0, 2.0)


def maps(figure: Figure) -> list[EllipseCollection]:
    return figure.findobj(EllipseCollection)


def test_fig_2a_shows_values_and_labels_at_the_spots():
    shown = example(["tumour"] * 5 + ["normal"] * 5 + [None] * 2)
    figure = render(fig_2a.expression_maps([shown], "FASN"))
    labels, measured, predicted = maps(figure)
    assert len({tuple(colour) for colour in labels.get_facecolors()}) == 3
    assert np.allclose(measured.get_offsets(), shown.spots[["x", "y"]])
    for drawn, name in ((measured, "measured"), (predicted, "predicted")):
        assert np.allclose(drawn.get_array(), shown.spots[name])
        ends = np.percentile(shown.spots[["measured", "predicted"]], [2, 98], axis=0)
        assert np.allclose(drawn.get_clim(), (ends[0].min(), ends[1].max()))
    for words in ("Measured", "r = 0.50", "rank 1 of 2", "tumour", "normal", "no label"):
        assert words in texts(figure)
    [gene] = [text for text in figure.texts if text.get_text() == "FASN"]
    assert gene.get_fontstyle() == "italic"
    [bar] = figure.axes[0].findobj(ScaleBar)
    assert bar.dx == shown.um_per_px
    words = [bar.scale_formatter(75.0, bar.dimension.to_latex(unit)) for unit in ("µm", "mm")]
    assert words == ["75 µm", "75 mm"]
    picture = figure.axes[0].images[0]
    assert picture.get_extent() == [0, 800, 600, 0]


def test_fig_2a_says_what_there_is_not():
    rows = [example([None] * 12), example(["tumour"], r=np.nan, n=1, image=False)]
    rows[1].spots["predicted"] = np.nan
    figure = render(fig_2a.expression_maps(rows, "FASN"))
    assert texts(figure).count("no labels") == 1
    for words in ("no image", "r = undefined", "not predicted"):
        assert words in texts(figure)
    assert "rank 1 of 2" in texts(figure)
    assert len(maps(figure)) == 4


def test_fig_2a_without_labels_has_no_column_for_them():
    rows = [example([None] * 12), example([None] * 12)]
    figure = render(fig_2a.expression_maps(rows, "FASN"))
    assert "labels" not in texts(figure)
    columns = [axis.get_subplotspec().colspan.stop for axis in figure.axes]
    assert columns == [1, 2, 3, 1, 2, 3]


def test_fig_2a_reads_predictions_and_tables(tmp_path, monkeypatch):
    predictions = []
    for patient in ("A", "B"):
        measured = ad.AnnData(
            np.arange(18, dtype=np.float32).reshape(9, 2),
            obs=pd.DataFrame(
                {"patient": patient, "section": f"{patient}.1", "label": None},
                index=[f"{patient}.1:{i}x1" for i in range(9)],
            ).astype({"label": "category"}),
            var=pd.DataFrame(index=["g0", "g1"]),
            obsm={"spatial": np.argwhere(np.ones((3, 3))) * 50.0 + 100},
            uns={
                "targets": {"transform": "log_fraction"},
                "spatial": {
                    f"{patient}.1": spatial(
                        Image.new("RGB", (30, 30)),
                        width=300,
                        spot_diameter=40,
                        metadata={"um_per_px": 1.0},
                    )
                },
            },
        )
        predictions.append(tmp_path / f"{patient}.h5ad")
        write_predictions(predictions[-1], measured, measured.X / 2, {})
    tables = {
        "genes": "gene\tsymbol\tmedian_pearson\ng0\tFASN\t0.1\ng1\t\t0.3\n",
        "patients": "gene\tpatient\tpearson\ng1\tA\t0.2\ng1\tB\t0.4\n",
    }
    paths = {}
    for name, text in tables.items():
        paths[name] = tmp_path / f"{name}.tsv"
        paths[name].write_text(text)
    seen = {}
    monkeypatch.setattr(fig_2a, "save", lambda figure, _: seen.update(figure=render(figure)))
    fig_2a.draw(
        *(predictions, paths["genes"], paths["patients"], []),
        gene="GNAS",
        patients=["A"],
    )
    measured, predicted = maps(seen["figure"])
    assert np.array_equal(measured.get_array(), np.arange(1, 18, 2))
    assert np.array_equal(predicted.get_array(), np.arange(1, 18, 2) / 2)
    assert "g1" in texts(seen["figure"])
    assert "rank 2 of 2" in texts(seen["figure"])
    fig_2a.draw(
        *(predictions, paths["genes"], paths["patients"], []),
        gene=None,
        patients=[],
    )
    assert len(maps(seen["figure"])) == 4


# Fig. 2b and d, learning curve


def gene_table(n_genes: int, n_patients: int, seed: int) -> pd.DataFrame:
    counts = np.random.default_rng(seed).integers(0, n_patients + 1, size=(2, n_genes))
    return pd.DataFrame(
        {
            "n_patients": n_patients,
            "n_consistent": counts[0],
            "n_consistent_smooth": counts[1],
            "consistent": counts[0] == n_patients,
        }
    )


def null_table(n_genes: int, n_patients: int) -> pd.DataFrame:
    middle = np.full(n_genes, n_patients // 2)
    ends = {"permuted": 0.5, "permuted_smooth": 0.25}
    bands = {f"{name}_low": middle - width for name, width in ends.items()}
    bands |= {f"{name}_high": middle + width for name, width in ends.items()}
    return pd.DataFrame({"binomial": middle, **bands})


BANDS = {"n_consistent": "permuted", "n_consistent_smooth": "permuted_smooth"}


@pytest.mark.parametrize(("n_genes", "n_patients"), [(60, 1), (60, 2), (250, 23)])
@pytest.mark.parametrize("names", [["main"], ["main", "label", "features", "composition"]])
def test_fig_2b_sorts_genes_for_both_truths(n_genes, n_patients, names):
    tables = {name: gene_table(n_genes, n_patients, seed) for seed, name in enumerate(names)}
    null = null_table(n_genes, n_patients)
    figure = render(fig_2b.consistent_patients(tables, null))
    for axis, column in zip(figure.axes, ["n_consistent", "n_consistent_smooth"], strict=True):
        keys = [text.get_text() for text in axis.get_legend().get_texts()]
        for curve, table in zip(axis.patches, tables.values(), strict=False):
            expected = sorted(table[column], reverse=True)
            assert curve.get_data().values.tolist() == expected
        assert len(axis.patches) == len(tables) + 2
        band = axis.patches[-1].get_data()
        assert band.values.tolist() == null[f"{BANDS[column]}_high"].tolist()
        assert band.baseline.tolist() == null[f"{BANDS[column]}_low"].tolist()
        # Read off the curve: how far right it stays at the dotted line or above.
        [line] = axis.lines
        for key, curve in zip(keys[: len(tables)], axis.patches, strict=False):
            reached = curve.get_data().values >= line.get_ydata()[0]
            assert key.endswith(f": {reached.sum()}")
            assert reached[: reached.sum()].all()
        curves = axis.patches[: len(tables)]
        for style in ("edgecolor", "linestyle"):
            assert len({str(getattr(curve, f"get_{style}")()) for curve in curves}) == len(tables)
    assert f"of {n_patients})" in texts(figure)


def test_fig_2b_counts_genes_from_the_fewest_patients_of_a_consistent_gene():
    table = pd.DataFrame(
        {
            "n_patients": 6,
            "n_consistent": [6, 5, 4, 4, 1],
            "n_consistent_smooth": [6, 3, 4, 2, 4],
            "consistent": [True, True, True, False, False],
        }
    )
    for consistent, words, counts in (
        (table["consistent"], "at least 4 of 6 patients", ["ST-Net: 4", "ST-Net: 3"]),
        (False, "all 6 patients", ["ST-Net: 1", "ST-Net: 1"]),
    ):
        tables = {"ST-Net": table.assign(consistent=consistent)}
        figure = render(fig_2b.consistent_patients(tables, null_table(5, 6)))
        assert words in texts(figure)
        keys = [axis.get_legend().get_texts()[0].get_text() for axis in figure.axes]
        assert keys == counts


def test_fig_2d_places_genes_and_counts_those_ahead():
    comparison = pd.DataFrame(
        {
            "gene": ["e1", "e2", "e3"],
            "symbol": ["FASN", None, "GNAS"],
            "median_pearson": [0.3, 0.2, 0.1],
            "median_pearson_other": [0.1, 0.25, np.nan],
            "ahead": [True, False, False],
        }
    )
    figure = render(fig_2d.against(comparison, "densenet121", "nuclear features"))
    points = figure.axes[0].findobj(PathCollection)[0].get_offsets()
    assert points.tolist() == [[0.1, 0.3], [0.25, 0.2]]
    for words in ("densenet121 ahead in 1 of 3 genes", "Median r: nuclear features", "FASN", "e2"):
        assert words in texts(figure)
    assert "GNAS" not in texts(figure)


def test_fig_2d_keeps_names_apart():
    r = np.linspace(0.30, 0.31, 4)
    comparison = pd.DataFrame(
        {
            "gene": ["TUMOUR1", "TUMOUR2", "TUMOUR3", "LOW"],
            "symbol": None,
            "median_pearson": [*r[:3], -0.3],
            "median_pearson_other": [0.2, 0.28, 0.36, -0.3],
            "ahead": False,
        }
    )
    figure = render(fig_2d.against(comparison, "densenet121", "labels"))
    # A line from a name to its point is a text without letters.
    names = [text for text in figure.axes[0].texts if text.get_text()]
    boxes = [text.get_window_extent() for text in names]
    assert len(boxes) == 4
    assert_free(figure.axes[0], boxes, comparison)
    assert figure.axes[0].yaxis.label.get_window_extent().x0 > 0
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_fig_2d_leads_a_line_to_a_name_that_finds_no_place_beside_its_point():
    comparison = pd.DataFrame(
        {
            "gene": [f"TUMOUR{i}" for i in range(5)] + ["LOW"],
            "symbol": None,
            "median_pearson": [*np.linspace(0.3, 0.31, 5), -0.3],
            "median_pearson_other": [*np.linspace(0.2, 0.21, 5), -0.3],
            "ahead": True,
        }
    )
    figure = render(fig_2d.against(comparison, "densenet121", "labels"))
    names = [text for text in figure.axes[0].texts if text.get_text()]
    boxes = [text.get_window_extent() for text in names]
    assert len(boxes) == 5
    assert_free(figure.axes[0], boxes, comparison)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    lines = [text for text in figure.axes[0].texts if text.arrow_patch is not None]
    assert lines
    for line in lines:
        [box] = [b for b, name in zip(boxes, names, strict=True) if name.xy == line.xy]
        end = figure.axes[0].transData.transform(line.xy) + np.array(line.xyann) * figure.dpi / 72
        assert box.padded(0.1).contains(*end)


def test_fig_2d_leads_lines_that_do_not_cross():
    network = [0.726, 0.696, 0.677, 0.652, 0.648, 0.642, 0.63, 0.6, 0.59, 0.59, 0.505, 0.51, -0.09]
    others = [0.571, 0.367, 0.486, 0.498, 0.06, -0.1, 0.35, 0.53, 0.185, -0.09, 0.39, 0.21, 0.01]
    comparison = pd.DataFrame(
        {
            "gene": ["TUMOUR7", "STROMA5", "TUMOUR8", "TUMOUR6", "IMMUNE5", *"abcdefgh"],
            **{"symbol": None, "ahead": True},
            **{"median_pearson": network, "median_pearson_other": others},
        }
    )
    axis = render(fig_2d.against(comparison, "Small ST-Net", "Tumour/normal labels")).axes[0]
    lines = [
        (axis.transData.transform(text.xy), np.array(text.xyann) * axis.figure.dpi / 72)
        for text in axis.texts
        if text.arrow_patch is not None
    ]
    assert len(lines) > 1
    for i, (one, along) in enumerate(lines):
        for two, other in lines[:i]:
            shares = np.linalg.solve(np.column_stack([along, -other]), two - one)
            assert not ((shares > 0) & (shares < 1)).all()


def test_fig_2d_names_lie_inside_and_cover_no_point_and_no_diagonal():
    random = np.random.default_rng(1)
    r = random.uniform(0, 0.6, 250)
    comparison = pd.DataFrame(
        {
            "gene": [f"GENE{i}" for i in range(250)],
            "symbol": None,
            "median_pearson": r,
            "median_pearson_other": r - random.uniform(0, 0.1, 250),
            "ahead": True,
        }
    )
    axis = render(fig_2d.against(comparison, "ST-Net", "labels")).axes[0]
    names = [text for text in axis.texts if text.get_text()]
    best = comparison.sort_values("median_pearson", ascending=False)["gene"][:5]
    assert [name.get_text() for name in names] == best.tolist()
    assert_free(axis, [name.get_window_extent() for name in names], comparison)


def assert_free(axis, boxes, comparison) -> None:
    """Names lie inside the axes, and neither points nor the diagonal lie under them."""
    points = comparison[["median_pearson_other", "median_pearson"]].to_numpy()
    points = axis.transData.transform(points)
    for i, box in enumerate(boxes):
        assert axis.bbox.contains(*box.min)
        assert axis.bbox.contains(*box.max)
        assert not box.count_contains(points)
        corners = np.sign([y - x for x, y in axis.transData.inverted().transform(box.corners())])
        assert abs(corners.sum()) == 4
        assert not any(box.overlaps(other) for other in boxes[:i])


@pytest.mark.parametrize("epochs", [1, 4])
def test_learning_curve_marks_the_chosen_epoch(epochs):
    history = pd.DataFrame(
        {
            "run": ["inner 0"] * epochs + ["final"] * epochs,
            "epoch": [*range(1, epochs + 1)] * 2,
            "train_loss": np.linspace(2, 1, 2 * epochs),
        }
    )
    inner = {"epoch": epochs, "inner_loss": list(np.linspace(2, 1.5, epochs))}
    figure = render(learning_curve.learning_curves([history, history], [inner, inner]))
    lines = figure.axes[0].lines
    assert len(lines) == 6
    assert lines[0].get_ydata().tolist() == history["train_loss"][epochs:].tolist()
    assert (lines[2].get_xdata()[0], lines[2].get_ydata()[0]) == (epochs, 1.5 if epochs > 1 else 2)
    without = {"epoch": epochs, "inner_loss": []}
    figure = render(learning_curve.learning_curves([history], [without]))
    assert len(figure.axes[0].lines) == 1
    assert "inner" not in texts(figure)


@pytest.mark.parametrize("spread", [3.0, 0.04, 0.0002, 0.0])
def test_fig_2a_colour_bars_tell_their_ends_apart(spread):
    shown = example(["tumour"] * 12)
    for name in ("measured", "predicted"):
        shown.spots[name] = np.linspace(-9.29905, -9.29905 + spread, 12)
    words = texts(render(fig_2a.expression_maps([shown], "FASN")))
    low, high = np.percentile(shown.spots["predicted"], [2, 98])
    numbers = [word.replace("−", "-") for word in words.split(" | ") if word.startswith("−")]
    assert [float(number) for number in numbers] == pytest.approx(
        [low, high] * 2, abs=spread / 9 + 0.01
    )
    assert spread == 0 or len(set(numbers)) == 2
