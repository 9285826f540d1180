import re
from itertools import product

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import EllipseCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib_scalebar.scalebar import ScaleBar
from PIL import Image

from stnet.core.errors import InputError
from stnet.core.h5ad import write_h5ad
from stnet.expression.spatial import spatial
from stnet.figures import (
    fig_2c,
    prediction_map,
    slide_map,
    spot_prediction_map,
    spread,
    subtype_roc,
    supp_2,
    supp_3,
)
from stnet.figures.style import VERMILLION
from stnet.inference.account import account_of, measured_range, range_share
from stnet.inference.summary import write_summary
from stnet.inference.wanted_genes import find_genes

SYMBOLS = ["FASN", "GNAS", "CONTROL3", "", "XBP1"]
CONSISTENT = [True, True, False, True, True]
SHARES = [0.51, 0.04, 0.6, np.nan, 1.2]
N_GENES = len(SYMBOLS)


def render(figure: Figure) -> Figure:
    """Lay the figure out and draw it, so that what cannot be drawn fails here."""
    figure.draw_without_rendering()
    return figure


def texts(figure: Figure) -> str:
    return " | ".join(text.get_text() for text in figure.findobj(lambda a: hasattr(a, "get_text")))


def heights(axis) -> list[float]:
    return [bar.get_height() for bar in axis.patches]


PROVENANCE = {"transform": "log_fraction", "model": "all", "experiment": "toy"}
# What predictions of an image say that is as near to training as the training patients are.
LIKE_TRAINING = {
    "training_distance": {"stain": 0.4, "latent": 0.83, "um_per_px": 1.0},
    "flags": [],
    "blank_patches": {"black": 0, "grey": 0},
}
UNLIKE = {
    "training_distance": {"stain": 2.84, "latent": 1.69, "um_per_px": 1.5},
    "flags": ["stain", "latent", "um_per_px"],
    "blank_patches": {"black": 1, "grey": 2},
}
PICTURE = Image.new("RGB", (80, 60), (200, 100, 150))


def gene_rows() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "symbol": SYMBOLS,
            "ensembl": "",
            "consistent": CONSISTENT,
            "range_share": SHARES,
            "n_patients": 8,
        },
        index=[f"e{i}" for i in range(N_GENES)],
    )


def slide_tiles(width: int = 800, height: int = 600) -> ad.AnnData:
    """Tiles of 200 pixels but for the first, whose genes vary the more the later they are."""
    corners = np.array([(x, y) for y, x in product(range(0, height, 200), range(0, width, 200))])[
        1:
    ]
    values = np.outer(np.arange(len(corners)), np.arange(1, N_GENES + 1)) / 100 - 8
    return ad.AnnData(
        values.astype(np.float32),
        obs=pd.DataFrame(
            {
                "x": corners[:, 0],
                "y": corners[:, 1],
                "size": 200,
                "section": "S1",
                "abstained": False,
            },
            index=[f"S1:{x}x{y}" for x, y in corners],
        ),
        var=gene_rows(),
        obsm={"spatial": corners + 100.0},
        uns={
            **LIKE_TRAINING,
            "tiling": {
                "candidates": len(corners) + 1,
                "most_background": 0.5,
                "overlap": 0,
                "step": 200,
            },
            "slide": {
                **{"slide": "S1", "width": width, "height": height, "um_per_px": 2.0},
                "checks": [],
            },
            "spatial": {"S1": spatial(PICTURE, width=width, spot_diameter=200, metadata={})},
            "refused": "",
            "provenance": dict(PROVENANCE),
        },
    )


def visium_spots() -> ad.AnnData:
    """Twelve spots; the second gene is not measured."""
    places = np.array(
        [(100.0 * x + 50 * (y % 2), 87.0 * y) for x, y in product(range(4), range(3))]
    )
    values = np.outer(np.arange(12), np.arange(1, N_GENES + 1)) / 100 - 8
    observed = 2 * values
    observed[:, 1] = np.nan
    return ad.AnnData(
        values.astype(np.float32),
        obs=pd.DataFrame(
            {"section": "V.1", "abstained": False}, index=[f"V.1:{i}" for i in range(12)]
        ),
        var=gene_rows().assign(
            pearson=[0.5, np.nan, -0.001, 0.2, np.nan], match=["e0", "", "e2", "e3", "e4"]
        ),
        obsm={"spatial": places + 200},
        layers={"observed": observed.astype(np.float32)},
        uns={
            "slide": {"width": 800, "um_per_px": 2.0, "checks": []},
            "spatial": {"V.1": spatial(PICTURE, width=800, spot_diameter=50, metadata={})},
            "provenance": PROVENANCE | LIKE_TRAINING,
        },
    )


# Fig. 2c and Supp. Fig. 2


def test_fig_2c_counts_the_genes_with_an_auroc_and_names_their_mean():
    auroc = pd.Series([0.5, 0.49, 0.62, 0.9, np.nan])
    figure = render(fig_2c.auroc_distribution(auroc))
    (axis,) = figure.axes
    assert sum(heights(axis)) == 4
    lines = {line.get_label(): line.get_xdata()[0] for line in axis.lines}
    assert lines == {"chance 0.5": 0.5, "mean 0.63 (4 genes)": pytest.approx(0.6275)}
    below = [bar.get_height() for bar in axis.patches if bar.get_x() < 0.5 - 1e-9]
    assert sum(below) == 1


@pytest.mark.parametrize("values", [[0.5], [0.5, 0.52], [0.0, 1.0], [0.3, 0.3]])
def test_fig_2c_has_a_place_for_every_value(values):
    axis = render(fig_2c.auroc_distribution(pd.Series(values))).axes[0]
    assert sum(heights(axis)) == len(values)


def test_fig_2c_without_values_says_so(tmp_path):
    path = tmp_path / "gene_performance.tsv"
    path.write_text("gene\tsymbol\tmean_auroc\ne1\t\t\n")
    fig_2c.draw(path, [tmp_path / "fig_2c.png", tmp_path / "fig_2c.pdf"])
    assert (tmp_path / "fig_2c.png").stat().st_size
    assert "no gene has a value" in texts(render(fig_2c.auroc_distribution(pd.Series([np.nan]))))


def test_supp_2_has_a_row_a_section():
    table = pd.DataFrame(
        {
            "section": ["V.1"] * 3 + ["V.2"] * 2,
            "pearson": [-0.1, 0.2, 0.3, 0.4, np.nan],
            "auroc": [0.4, 0.6, 0.7, np.nan, np.nan],
        }
    )
    figure = render(supp_2.by_section(table))
    assert [sum(heights(axis)) for axis in figure.axes] == [3, 3, 1, 0]
    titles = [axis.get_title("left") for axis in figure.axes[::2]]
    assert titles == ["Section V.1", "Section V.2"]
    assert "mean 0.13 (3 genes)" in texts(figure)
    assert figure.axes[0].get_xlim() == figure.axes[2].get_xlim()


# Which genes maps show


def test_maps_show_the_consistent_genes_of_the_greatest_spread():
    assert prediction_map.choose_genes(slide_tiles(), [], "S1") == ["e4", "e3", "e1", "e0"]
    tiles = slide_tiles()
    tiles.var["consistent"] = [False, False, True, False, False]
    assert prediction_map.choose_genes(tiles, [], "S1") == ["e2", "e4", "e3", "e1"]


def test_measured_genes_go_before_others_that_are_as_consistent():
    spots = visium_spots()
    spots.var["consistent"] = True
    spots.var["match"] = ["e0", "", "e2", "e3", ""]
    assert prediction_map.choose_genes(spots, [], "V.1") == ["e3", "e2", "e0", "e4"]


def test_maps_show_the_genes_asked_for_each_once():
    wanted = ["XBP1", "e3", "FASN", "e0"]
    assert prediction_map.choose_genes(slide_tiles(), wanted, "S1.h5ad") == ["e4", "e3", "e0"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("FASM", "S1.h5ad: the model does not predict FASM; is it FASN"),
        ("gnas", "does not predict gnas; is it GNAS"),
        ("OTHER", "does not predict OTHER; its genes, in its .genes.tsv, are FASN, GNAS, C"),
        ("", "does not predict "),
    ],
)
def test_a_gene_that_the_model_has_not_is_refused_with_suggestions(name, message):
    with pytest.raises(InputError, match=re.escape(message)):
        prediction_map.choose_genes(slide_tiles(), ["FASN", name], "S1.h5ad")


def test_an_id_goes_before_a_symbol_and_the_first_gene_of_a_symbol_before_others():
    genes = [("A", "B", ""), ("B", "C", ""), ("D", "C", "ENSG2"), ("E", "", "ENSG1")]
    assert find_genes(["B", "C", "A", "E", "ENSG2"], genes, "model") == ["B", "A", "E", "D"]


def test_all_genes_that_the_model_has_not_are_named_at_once():
    genes = [("ENSG169", "FASN", "ENSG169"), ("ENSG160", "FASLG", "ENSG160")]
    wanted = ["fasn", "FASN", "ENSG169.12", "ensg169", "ENSG168", "zzzzz"]
    with pytest.raises(InputError) as no:
        find_genes(wanted, genes, "m")
    assert str(no.value) == (
        "m: the model does not predict fasn; is it FASN?; nor ENSG169.12; is it ENSG169?;"
        " nor ensg169; is it ENSG169?; nor ENSG168; nor zzzzz; its genes, in its .genes.tsv, are"
        " FASN, FASLG"
    )
    with pytest.raises(InputError, match="nor q4; nor 3 others; its genes"):
        find_genes([f"q{i}" for i in range(8)], genes, "m")


def test_titles_say_what_to_think_of_a_gene():
    rows = [gene for _, gene in visium_spots().var.iterrows()]
    assert [prediction_map.gene_title(gene) for gene in rows] == [
        "FASN\nrange: 51% of training",
        "GNAS\nrange: 4% of training\nhardly varies here",
        "CONTROL3\nrange: 60% of training\nnot consistent in training",
        "e3",
        "XBP1\nrange: 120% of training",
    ]
    assert [prediction_map.gene_title(gene, measured=True) for gene in rows] == [
        "FASN\nr = 0.50",
        "GNAS\nr undefined\nhardly varies here",
        "CONTROL3\nr = 0.00\nnot consistent in training",
        "e3\nr = 0.20",
        "XBP1\nr undefined",
    ]


# Headings


@pytest.mark.parametrize("of", [slide_tiles, visium_spots])
def test_a_heading_warns_as_the_summary_does_in_colour(of, tmp_path):
    table = of()
    (table.uns if of is slide_tiles else table.uns["provenance"]).update(UNLIKE)
    table.uns["provenance"]["initial_weights"] = "random"
    table.uns["slide"]["checks"] = ["um_per_px is set to 1.5, 3 times the image's own 0.5"]
    write_h5ad(table, tmp_path / "table.h5ad")
    write_summary(tmp_path / "table.h5ad", tmp_path / "summary.tsv")
    summary = pd.read_csv(tmp_path / "summary.tsv", sep="\t")
    warnings = summary.loc[summary["quantity"] == "warning", "value"].tolist()
    assert [re.search(r"3 times|2\.84|1\.69|1\.50|3 of", each)[0] for each in warnings] == [
        *("3 times", "2.84", "1.69", "1.50", "3 of")
    ]
    figure = prediction_map.headed_figure(table, "Slide S1", "", 60)
    [said] = [text for text in figure.texts if "Warning" in text.get_text()]
    assert [line.removeprefix("Warning: ") for line in said.get_text().split("\n")] == warnings
    assert said.get_color() == VERMILLION
    assert_apart(render(figure))


def test_a_heading_without_warnings_has_the_distances():
    figure = prediction_map.headed_figure(slide_tiles(), "Slide S1", "", 60)
    assert "stain 0.40, latent features 0.83 (1: the farthest" in texts(figure)
    assert "Warning" not in texts(figure)
    assert "11 of 12 tiles, the rest mostly glass; model toy/all" in texts(figure)


def test_unknown_distances_are_called_unknown():
    tiles = slide_tiles()
    tiles.uns["training_distance"] = dict.fromkeys(LIKE_TRAINING["training_distance"], np.nan)
    account = account_of(tiles)
    assert set(account.far.values()) == {
        "unknown: the model has fewer than three training patients"
    }
    said = texts(prediction_map.headed_figure(tiles, "Slide S1", "", 60))
    assert "the training images unknown: the model has fewer than three training" in said
    assert account_of(tiles[:0].copy()).far["stain"] == "unknown: no tile has enough tissue"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "11 of 12 tiles, the rest mostly glass"),
        ({"candidates": 11}, "11 of 11 tiles"),
        ({"most_background": 0.2}, "11 of 12 tiles, the rest more than 20% glass"),
        ({"overlap": 0.5}, "11 of 12 tiles, the rest mostly glass; tiles overlap by 50%"),
    ],
)
def test_it_is_said_how_many_tiles_there_are_and_why_not_more(changes, said):
    tiles = slide_tiles()
    tiles.uns["tiling"] |= changes
    assert account_of(tiles).predicted == said


def test_ranges_are_shares_of_those_measured_in_training():
    random = np.random.default_rng(2)
    measured = random.normal(size=(300, 3)) * [1, 2, 0]
    genes = pd.DataFrame(measured_range(measured))
    shares = range_share(measured[:, :] / 4 + 7, genes)
    np.testing.assert_allclose(shares, [0.25, 0.25, np.nan])
    assert np.isnan(range_share(measured[:1], genes)).all()


@pytest.mark.parametrize("spread", [3.0, 0.04, 0.0002, 0.0])
def test_colour_bars_tell_their_ends_apart(spread):
    spots = visium_spots()[:, ["e0"]].copy()
    spots.X = np.linspace(-9.29905, -9.29905 + spread, 12)[:, None]
    spots.layers["observed"] = np.full((12, 1), np.nan)
    words = texts(render(spot_prediction_map.spot_maps(spots)))
    numbers = [word.replace("−", "-") for word in words.split(" | ") if word.startswith("−")]
    assert [float(number) for number in numbers] == pytest.approx(
        np.percentile(spots.X, [2, 98]), abs=spread / 9 + 0.01
    )
    assert spread == 0 or len(set(numbers)) == 2


# Maps of slides


def test_slide_map_draws_tiles_where_they_are():
    tiles = slide_tiles()[:, ["e0", "e2"]]
    figure = render(slide_map.tile_maps(tiles, PICTURE))
    maps = figure.findobj(PolyCollection)
    assert len(maps) == 2
    for drawn, column in zip(maps, tiles.X.T, strict=True):
        assert np.array_equal(drawn.get_array(), column)
        assert np.allclose(drawn.get_clim(), np.percentile(column, [2, 98]))
        assert 0 < drawn.get_alpha() < 1
        for path, (_, tile) in zip(drawn.get_paths(), tiles.obs.iterrows(), strict=True):
            box = path.get_extents().bounds
            assert box == (tile["x"], tile["y"], 200, 200)
    # A gene to doubt is drawn in pale colours.
    vivid, muted = (np.ptp(drawn.get_facecolor()[:, :3], axis=1).max() for drawn in maps)
    assert muted < vivid / 2
    image, first, second = (axis for axis in figure.axes if axis.images)
    assert image.images[0].get_extent() == [0, 800, 600, 0]
    assert image.get_ylim() == first.get_ylim() == second.get_ylim() == (600, 0)
    # Below the tiles the picture is grey and paler.
    below = first.images[0].get_array()
    assert np.ptp(below, axis=2).max() == 0
    assert below.mean() > image.images[0].get_array().mean()
    for words in ("Slide S1", "tiles are 400 µm wide", "FASN", "CONTROL3\nrange: 60%"):
        assert words in texts(figure)
    [bar] = figure.axes[0].findobj(ScaleBar)
    assert bar.info.scale_text


@pytest.mark.parametrize("share", [0.3, 1])
def test_what_is_abstained_from_is_drawn_as_unknown_and_counted(share):
    tiles, spots = slide_tiles()[:, ["e0"]].copy(), visium_spots()[:, ["e0"]].copy()
    for table in (tiles, spots):
        table.obs["abstained"] = np.arange(table.n_obs) < share * table.n_obs
    maps = {
        PolyCollection: (tiles, slide_map.tile_maps(tiles, PICTURE)),
        EllipseCollection: (spots, spot_prediction_map.spot_maps(spots)),
    }
    for kind, (table, figure) in maps.items():
        *_, shown, unknown = render(figure).findobj(kind)
        abstained = table.obs["abstained"].to_numpy()
        assert unknown.get_hatch()
        marks = unknown.get_paths() if kind is PolyCollection else unknown.get_offsets()
        assert len(marks) == abstained.sum()
        np.testing.assert_array_equal(np.ma.getmaskarray(shown.get_array()), abstained)
        assert f"; {abstained.sum()} abstained from" in texts(figure)
        assert "unknown: unlike\nthe training images" in texts(figure)
        assert_apart(figure)
    assert account_of(tiles).abstained == str(tiles.obs["abstained"].sum())


def test_spread_is_compared_with_the_error_of_each_gene():
    random = np.random.default_rng(4)
    error = random.normal(size=(200, 3))
    spots = ad.AnnData(np.zeros((200, 4)))
    spots.layers["observed"] = np.column_stack([error, np.full(200, np.nan)])
    spots.layers["sd"] = np.abs(spots.layers["observed"]) ** 2
    spots.layers["symmetry_sd"] = random.uniform(size=(200, 4))
    figure = render(spread.spread_and_error(spots))
    assert "200 spots, 3 genes" in texts(figure)
    assert "networks of an ensemble: median 1.00" in texts(figure)
    _, ensemble, symmetry = figure.axes[0].lines
    ordered = np.sort(np.abs(error), axis=0).reshape(10, 20, 3).mean(axis=1)
    expected = np.median(ordered / np.abs(error).mean(axis=0), axis=1)
    np.testing.assert_allclose(ensemble.get_ydata(), expected)
    assert np.ptp(symmetry.get_ydata()) < np.ptp(ensemble.get_ydata()) / 2
    assert_apart(figure)
    del spots.layers["sd"]
    assert "ensemble" not in texts(spread.spread_and_error(spots))


def test_slide_map_is_cropped_to_the_tiles_and_a_tile_around_them():
    tiles = slide_tiles(4000, 3000)
    few = ((tiles.obs["x"] == 1000) & (tiles.obs["y"].isin([1000, 1200]))).to_numpy()
    figure = render(slide_map.tile_maps(tiles[few, ["e0"]].copy(), PICTURE))
    for axis in (axis for axis in figure.axes if axis.images):
        left, right = axis.get_xlim()
        assert axis.get_ylim() == (1500, 900)
        # Two tiles above one another would be too tall a map: as much more at both sides.
        assert left < 900
        assert left + right == pytest.approx(900 + 1300)


def test_tiles_that_overlap_are_drawn_as_their_middles_and_it_is_said():
    tiles = slide_tiles()[:, ["e0"]].copy()
    tiles.uns["tiling"] |= {"overlap": 0.5, "step": 100}
    figure = render(slide_map.tile_maps(tiles, PICTURE))
    [drawn] = figure.findobj(PolyCollection)
    corner = tiles.obs.iloc[0]
    middle = (corner["x"] + 50, corner["y"] + 50, 100, 100)
    assert drawn.get_paths()[0].get_extents().bounds == middle
    assert "tiles overlap by 50%, each drawn as its middle; tiles are 400 µm" in texts(figure)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
@pytest.mark.parametrize("size", [(800, 600), (400, 1600), (2000, 400)])
def test_slide_map_leaves_its_words_apart(n, size):
    tiles = slide_tiles(*size)[:, :n].copy()
    tiles.var["consistent"] = False
    figure = render(slide_map.tile_maps(tiles, PICTURE.resize((size[0] // 10, size[1] // 10))))
    assert_apart(figure)


@pytest.mark.parametrize("size", [(1000, 1800), (400, 2400)])
def test_maps_of_a_tall_slide_keep_to_their_height(size):
    figure = render(slide_map.tile_maps(slide_tiles(*size)[:, :4].copy(), PICTURE))
    heights = [axis.get_window_extent().height / figure.dpi * 25.4 for axis in figure.axes]
    assert max(heights) <= 1.07 * slide_map.TALLEST_MM
    assert len({round(axis.get_position().y0, 3) for axis in figure.axes[:5]}) == 1


def assert_apart(figure: Figure) -> None:
    """No words of the figure are cut off or overlap others."""
    page = figure.bbox
    words = [
        text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()
    ]
    boxes = [(text.get_text(), text.get_window_extent()) for text in words]
    for i, (text, box) in enumerate(boxes):
        assert box.x0 >= 0, text
        assert box.x1 <= page.x1, text
        assert box.y0 >= 0, text
        assert box.y1 <= page.y1, text
        for other, beside in boxes[:i]:
            assert not box.overlaps(beside), (text, other)


def test_a_slide_without_tiles_says_why(tmp_path):
    tiles = slide_tiles()[:0].copy()
    tiles.uns["slide"] = {"slide": "S1"}
    for reason, words in [("S1.svs: damaged image; fetch it again", "damaged"), ("", "tissue")]:
        tiles.uns["refused"] = reason
        write_h5ad(tiles, tmp_path / "S1.h5ad")
        slide_map.draw(tmp_path / "S1.h5ad", [tmp_path / "m.png"], genes=[])
        figure = render(slide_map.without_tiles(PICTURE, "S1", reason or "no tile has tissue"))
        assert words in texts(figure)
        assert "S1: no tiles" in texts(figure)


def test_maps_are_drawn_from_files(tmp_path):
    write_h5ad(slide_tiles(), tmp_path / "slide.h5ad")
    write_h5ad(visium_spots(), tmp_path / "spots.h5ad")
    outputs = [tmp_path / "map.png", tmp_path / "map.pdf"]
    slide_map.draw(tmp_path / "slide.h5ad", outputs, genes=[])
    first = [path.read_bytes() for path in outputs]
    slide_map.draw(tmp_path / "slide.h5ad", outputs, genes=[])
    assert [path.read_bytes() for path in outputs] == first
    spot_prediction_map.draw(tmp_path / "spots.h5ad", outputs, genes=["FASN"])
    assert [path.read_bytes() for path in outputs] != first


# Maps of Visium sections


def test_section_map_draws_measured_above_predicted_at_the_spots():
    spots = visium_spots()[:, ["e0", "e1"]]
    figure = render(spot_prediction_map.spot_maps(spots))
    drawn = figure.findobj(EllipseCollection)
    values = [spots.layers["observed"][:, 0], spots.X[:, 0], spots.X[:, 1]]
    assert len(drawn) == 3
    for discs, expected in zip(drawn, values, strict=True):
        assert np.array_equal(discs.get_array(), expected)
        assert np.allclose(discs.get_offsets(), spots.obsm["spatial"])
    measured, predicted = drawn[0].axes.get_position(), drawn[1].axes.get_position()
    assert measured.y0 > predicted.y1
    assert measured.x0 == pytest.approx(predicted.x0, abs=1e-3)
    # One scale for both, from the lower of the two to the higher.
    ends = np.percentile(values[:2], [2, 98], axis=1)
    for discs in drawn[:2]:
        assert np.allclose(discs.get_clim(), (ends[0].min(), ends[1].max()))
    assert np.allclose(drawn[2].get_clim(), np.percentile(values[2], [2, 98]))
    # A gene that is not measured is predicted below the others, in no empty place.
    assert drawn[2].axes.get_position().y1 < predicted.y0
    assert "not measured" not in texts(figure)
    for words in ("Section V.1", "12 spots", "Measured", "Predicted", "FASN\nr = 0.50", "GNAS"):
        assert words in texts(figure)
    assert len(figure.findobj(ScaleBar)) == 1


def test_section_map_without_measurements_has_predictions_only():
    spots = visium_spots()[:, ["e1"]]
    figure = render(spot_prediction_map.spot_maps(spots))
    assert len(figure.findobj(EllipseCollection)) == 1
    assert "Measured" not in texts(figure)
    assert "GNAS\nrange: 4% of training" in texts(figure)


@pytest.mark.parametrize("n", [1, 2, 4, 5])
def test_section_map_leaves_its_words_apart(n):
    spots = visium_spots()[:, :n].copy()
    spots.var["consistent"] = False
    assert_apart(render(spot_prediction_map.spot_maps(spots)))


# Supp. Fig. 3


def colocalisation_tables(observed, chance, p: float) -> list[pd.DataFrame]:
    observed, chance = np.array(observed, float), np.array(chance, float)
    patients = pd.DataFrame(
        {
            "patient": [f"P{i}" for i in range(len(observed))],
            "observed_z": observed,
            "chance_z": chance,
        }
    )
    values = {
        "p": p,
        "p_random_sets": 0.2,
        "mean_difference": np.mean(observed - chance) if len(observed) else np.nan,
        "direction": "less" if sum(observed) < sum(chance) else "more",
    }
    summary = pd.DataFrame({"quantity": [*values], "value": [*map(str, values.values())]})
    pairs = pd.DataFrame({"r": np.tanh(np.repeat(observed, 9))})
    return [patients, pairs, summary]


def test_supp_3_sets_each_patient_against_chance():
    tables = {
        "Sections": colocalisation_tables([0.1, 0.0, 0.3], [0.3, 0.1, 0.2], 0.0004),
        "Slides": colocalisation_tables([0.5, 0.4], [0.3, 0.1], 0.04),
    }
    figure = render(supp_3.colocalisation(tables))
    left, right, other, _ = figure.axes
    assert (
        left.get_title()
        == "Sections: less together than by chance\nP < 0.001; among random genes P = 0.200"
    )
    assert (
        other.get_title()
        == "Slides: more together than by chance\nP = 0.040; among random genes P = 0.200"
    )
    ends = sorted(tuple(line.get_ydata()) for line in left.lines if len(line.get_ydata()))
    mean = (pytest.approx(0.2), pytest.approx(0.4 / 3))
    assert ends == [(0.1, 0.0), (0.2, 0.3), mean, (0.3, 0.1)]
    assert sum(heights(right)) == 27
    assert "patients below chance: 2" in texts(figure)
    assert "patients not below chance: 1" in texts(figure)
    assert f"mean by chance {np.tanh(0.2):.2f}" in texts(figure)


def test_supp_3_says_where_nothing_can_be_tested(tmp_path):
    tables = {"Sections": colocalisation_tables([], [], np.nan)}
    words = texts(render(supp_3.colocalisation(tables)))
    assert "no patient has such pairs" in words
    assert "no test possible" in words
    paths = [tmp_path / f"{i}.tsv" for i in range(3)]
    for table, path in zip(colocalisation_tables([0.1], [0.2], np.nan), paths, strict=True):
        table.to_csv(path, sep="\t", index=False)
    supp_3.draw({"Sections": paths}, [tmp_path / "supp_3.png"])
    assert (tmp_path / "supp_3.png").stat().st_size


# Subtypes


def test_the_area_below_a_curve_is_the_share_of_pairs_in_order():
    random = np.random.default_rng(0)
    positive, negative = random.integers(0, 9, 40) + 1, random.integers(0, 9, 30)
    wins = [(p > n) + (p == n) / 2 for p, n in product(positive, negative)]
    false, true = subtype_roc.roc(positive, negative)
    assert (false[0], true[0], false[-1], true[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(true, false) == pytest.approx(np.mean(wins))


def subtype_tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    table = pd.DataFrame(
        [
            ("pseudobulk", 0.75, 0.6, 0.9, np.nan),
            ("pseudobulk_split_first", np.nan, np.nan, np.nan, "no gene is significantly positive"),
            ("bulk", 1.0, np.nan, np.nan, np.nan),
        ],
        columns=["features", "auroc", "ci_low", "ci_high", "note"],
    )
    classes = ["IDC", "IDC", "ILC", "ILC"]
    scores = pd.DataFrame(
        {
            "features": ["pseudobulk"] * 4 + ["bulk"] * 4,
            "patient": ["A", "B", "C", "D"] * 2,
            "class": classes * 2,
            "score": [0.9, 0.4, 0.5, 0.2, 0.9, 0.8, 0.1, 0.2],
        }
    )
    return scores, table


def test_roc_has_a_curve_and_its_interval_for_what_was_tested(tmp_path):
    scores, table = subtype_tables()
    figure = render(subtype_roc.curves(scores, table, "IDC"))
    curves = [line for line in figure.axes[0].lines if len(line.get_xdata()) > 2]
    areas = [np.trapezoid(line.get_ydata(), line.get_xdata()) for line in curves]
    assert areas == [0.75, 1.0]
    words = texts(figure).replace("\n", " ")
    assert "pseudo-bulk, significant genes: 0.75 (0.60 to 0.90)" in words
    assert "genes of the training patients: no gene is significantly positive" in words
    assert "bulk RNA-seq: 1.00 |" in words
    assert subtype_roc.auroc_text(1.0, 1.0, 1.0) == "1.00 (all told apart, no interval)"
    assert "chance: 0.50" in words
    assert "ImageNet" not in words
    assert "True positive rate (IDC)" in words
    legend = figure.legends[0].get_window_extent()
    assert figure.bbox.x0 <= legend.x0 < legend.x1 <= figure.bbox.x1
    for frame, name in ((scores, "scores.tsv"), (table, "subtype.tsv")):
        frame.to_csv(tmp_path / name, sep="\t", index=False)
    subtype_roc.draw(
        *(tmp_path / "scores.tsv", tmp_path / "subtype.tsv", [tmp_path / "roc.png"]), positive="IDC"
    )
    assert (tmp_path / "roc.png").stat().st_size


def test_roc_of_the_other_class_is_the_mirror_image():
    scores, table = subtype_tables()
    figure = subtype_roc.curves(scores, table, "ILC")
    line = next(line for line in figure.axes[0].lines if len(line.get_xdata()) > 2)
    assert np.trapezoid(line.get_ydata(), line.get_xdata()) == 0.25
