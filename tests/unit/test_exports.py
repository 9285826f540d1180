"""Exports, read by the programs they are for: the same values at the same places."""

import gzip
import json
import math
from functools import partial
from pathlib import Path

import anndata as ad
import geopandas
import numpy as np
import pandas as pd
import pytest
import shapely
import spatialdata
import tifffile
from jsonschema import Draft202012Validator
from predicted_files import LABELS, UM_PER_PX, held_out, slide
from spatialdata.transformations import get_transformation

from stnet.core.errors import InputError
from stnet.core.h5ad import read_h5ad, write_h5ad
from stnet.exports.csv_table import write_csv
from stnet.exports.expression_map import write_map
from stnet.exports.geojson import write_geojson
from stnet.exports.spatialdata_zarr import write_spatialdata

# What QuPath reads of a feature (its PathObjectTypeAdapters).
QUPATH = {
    "type": "object",
    "required": ["type", "features"],
    "properties": {
        "type": {"const": "FeatureCollection"},
        "features": {
            "type": "array",
            "minItems": 1,
            "items": {
                "required": ["type", "geometry", "properties"],
                "properties": {
                    "type": {"const": "Feature"},
                    "geometry": {
                        "required": ["type", "coordinates"],
                        "properties": {"type": {"const": "Polygon"}},
                    },
                    "properties": {
                        "required": ["objectType", "name", "classification", "measurements"],
                        "additionalProperties": False,
                        "properties": {
                            "objectType": {"enum": ["detection", "tile"]},
                            "name": {"type": "string"},
                            "classification": {
                                "required": ["name", "color"],
                                "properties": {
                                    "name": {"type": "string", "minLength": 1},
                                    "color": {
                                        "type": "array",
                                        "items": {"type": "integer", "minimum": 0, "maximum": 255},
                                        "minItems": 3,
                                        "maxItems": 3,
                                    },
                                },
                            },
                            "measurements": {
                                "type": "object",
                                "minProperties": 1,
                                "additionalProperties": {"type": "number"},
                            },
                        },
                    },
                },
            },
        },
    },
}


def source(path, name):
    table = ad.read_h5ad(path)
    return table[table.obs["section"] == name].copy()


@pytest.fixture(params=["S2", "S1, no image and labels", "W"])
def case(request, tmp_path):
    """Path of predictions, name of the section or slide, and its predictions."""
    path = tmp_path / "predictions.h5ad"
    name = request.param[:2].strip()
    if name == "W":
        slide(path, side=6)
    else:
        held_out(path, labels=name == "S2", image=name == "S2")
    return path, name, source(path, name)


def kinds(table):
    """The values of each kind (n, genes), as the exports name them."""
    found = {"predicted": table.X}
    names = {"observed": "measured", "lower": "lower", "upper": "upper"}
    return found | {names[key]: table.layers[key] for key in table.layers if key in names}


def strict(text):
    def refuse(word):
        raise ValueError(word)

    return json.loads(text, parse_constant=refuse)


def test_qupath_gets_polygons_with_classes_and_measurements(case, tmp_path):
    path, name, table = case
    write_geojson(path, name, tmp_path / "x.geojson", genes=[])
    text = (tmp_path / "x.geojson").read_bytes()
    found = strict(text.decode("ascii"))
    Draft202012Validator(QUPATH).validate(found)
    # QuPath puts these into a map: a name that is there twice would be lost.
    features = found["features"]
    assert [each["properties"]["name"] for each in features] == table.obs_names.tolist()
    abstained = table.obs.get("abstained", pd.Series(False, index=table.obs_names)).to_numpy(bool)
    for row, each in enumerate(features):
        about = each["properties"]
        expected = {
            f"{label} {kind}": float(str(values[row, gene]))
            for gene, label in enumerate(LABELS)
            for kind, values in kinds(table).items()
            if not math.isnan(values[row, gene])
        }
        if name == "W":
            expected["abstained"] = float(row % 10 == 0)
            expected["ood_score"] = 0.7 if row % 10 else 1.2
        assert about["measurements"] == expected
        label = table.obs["label"].iloc[row] if name == "S2" else None
        known = label if isinstance(label, str) else "predicted"
        assert about["classification"]["name"] == ("abstained" if abstained[row] else known)
        shortest = [np.float32(value) for value in about["measurements"].values()]
        assert len(set(shortest)) > 1 or row == 3
    assert {each["properties"]["objectType"] for each in features} == {
        "tile" if name == "W" else "detection"
    }


def test_gdal_reads_the_polygons_where_the_spots_are(case, tmp_path):
    path, name, table = case
    write_geojson(path, name, tmp_path / "x.geojson", genes=["E0"])
    shapes = geopandas.read_file(tmp_path / "x.geojson").set_crs(None, allow_override=True)
    shapes = shapes.geometry
    assert len(shapes) == table.n_obs
    assert shapes.is_valid.all()
    # The right-hand rule of the standard.
    assert shapely.is_ccw(shapely.get_exterior_ring(shapes.to_numpy())).all()
    centres = np.column_stack([shapes.centroid.x, shapes.centroid.y])
    np.testing.assert_allclose(centres, table.obsm["spatial"], atol=0.01)
    if name == "W":
        x, y = table.obs["x"], table.obs["y"]
        assert (shapes.bounds == np.column_stack([x, y, x + 64, y + 64])).all(axis=None)
    else:
        # A circle of 20 px, drawn with 24 corners.
        np.testing.assert_allclose(shapes.area, np.pi * 100, rtol=0.02)


def test_pandas_reads_the_csv_as_it_was_predicted(case, tmp_path):
    path, name, table = case
    write_csv(path, name, tmp_path / "x.csv.gz")
    found = pd.read_csv(tmp_path / "x.csv.gz", index_col="name", float_precision="round_trip")
    assert found.index.tolist() == table.obs_names.tolist()
    np.testing.assert_array_equal(found[["x_px", "y_px"]], table.obsm["spatial"])
    np.testing.assert_array_equal(found[["x_um", "y_um"]], UM_PER_PX * table.obsm["spatial"])
    columns = {"x_px", "y_px", "x_um", "y_um", "patient", "section"}
    columns |= {"abstained", "ood_score"} if name == "W" else {"label"}
    for kind, values in kinds(table).items():
        for gene, label in enumerate(LABELS):
            if np.isnan(values[:, gene]).all():
                continue
            columns.add(f"{label} {kind}")
            written = found[f"{label} {kind}"].to_numpy(np.float32)
            np.testing.assert_array_equal(written, values[:, gene])
    assert set(found.columns) == columns
    if name == "W":
        # R reads no other words as logical values.
        raw = pd.read_csv(tmp_path / "x.csv.gz", dtype=str)["abstained"]
        assert raw.tolist() == [str(each).upper() for each in table.obs["abstained"]]
        assert found["abstained"].tolist() == table.obs["abstained"].tolist()
    first = (tmp_path / "x.csv.gz").read_bytes()
    write_csv(path, name, tmp_path / "again.csv.gz")
    assert gzip.decompress(first) == gzip.decompress((tmp_path / "again.csv.gz").read_bytes())


def test_tifffile_reads_a_map_that_lies_on_the_slide(case, tmp_path):
    path, name, table = case
    write_map(path, name, tmp_path / "x.ome.tif", genes=["E3", "<b>&\"β'"])
    with tifffile.TiffFile(tmp_path / "x.ome.tif") as file:
        series = file.series[0]
        levels = [level.asarray() for level in series.levels]
        about = tifffile.xml2dict(file.ome_metadata)["OME"]
    pixels = about["Image"]["Pixels"]
    names = [each["Name"] for each in pixels["Channel"]]
    genes = ["E3", "<b>&\"β'"]
    channels = {
        gene: table[:, key].X[:, 0].copy() for gene, key in zip(genes, ["E3", "E2"], strict=True)
    }
    if name == "W":
        for values in channels.values():
            values[::10] = np.nan
        assert names == genes
    else:
        assert names == [genes[0], "E3 measured", genes[1], f"{genes[1]} measured"]
        for gene, key in zip(genes, ["E3", "E2"], strict=True):
            channels[f"{gene} measured"] = table[:, key].layers["observed"][:, 0]
    downsample = 8 if name == "W" else 2
    assert pixels["PhysicalSizeX"] == pixels["PhysicalSizeY"] == UM_PER_PX * downsample
    assert pixels["PhysicalSizeXUnit"] == "µm"
    kept = about["StructuredAnnotations"]["MapAnnotation"]["Value"]["M"]
    assert {each["K"]: each["value"] for each in kept}["downsample"] == downsample
    width, height = {"W": (48, 48), "S2": (200, 150), "S1": (162, 118)}[name]
    assert levels[0].shape == (len(channels), height, width)
    # Which spot the centre of each pixel lies in, by the distance from each spot.
    places, radius = table.obsm["spatial"], 32 if name == "W" else 10
    y, x = (np.mgrid[:height, :width] + 0.5) * downsample
    for channel, gene in enumerate(names):
        expected = np.full((height, width), np.nan, dtype=np.float32)
        for (left, top), value in zip(places, channels[gene], strict=True):
            if name == "W":
                expected[(abs(x - left) < radius) & (abs(y - top) < radius)] = value
            else:
                expected[np.hypot(x - left, y - top) <= radius] = value
        np.testing.assert_array_equal(levels[0][channel], expected)
    assert len(levels) == 1
    write_map(path, name, tmp_path / "y.ome.tif", genes=["E3", "<b>&\"β'"])
    assert (tmp_path / "y.ome.tif").read_bytes() == (tmp_path / "x.ome.tif").read_bytes()


def test_a_large_map_is_a_pyramid(tmp_path):
    slide(tmp_path / "p.h5ad", side=42)
    write_map(tmp_path / "p.h5ad", "W", tmp_path / "x.ome.tif", genes=["E3", "E5"])
    with tifffile.TiffFile(tmp_path / "x.ome.tif") as file:
        full, half = (level.asarray() for level in file.series[0].levels)
    assert (full.shape, half.shape) == ((2, 336, 336), (2, 168, 168))
    np.testing.assert_array_equal(half, full[:, ::2, ::2])
    values = source(tmp_path / "p.h5ad", "W")[:, ["E3", "E5"]].X.T.reshape(2, 42, 42)
    known = np.arange(42**2).reshape(42, 42) % 10 > 0
    np.testing.assert_array_equal(full[:, 4::8, 4::8][:, known], values[:, known])


def test_spatialdata_reads_image_shapes_and_table(case, tmp_path):
    path, name, table = case
    store = tmp_path / f"{name}.zarr"
    write_spatialdata(path, name, store, tmp_path / "x.vitessce.json")
    data = spatialdata.read_zarr(store)
    region = f"{name}_{'tiles' if name == 'W' else 'spots'}"
    found, shapes = data["table"], data[region]
    assert found.obs_names.tolist() == table.obs_names.tolist()
    assert found.var_names.tolist() == table.var_names.tolist()
    assert found.var["label"].tolist() == LABELS
    for kind, values in kinds(table).items():
        stored = found.X if kind == "predicted" else found.layers[kind]
        np.testing.assert_array_equal(stored, values)
    if name == "W":
        assert found.obs["abstained"].tolist() == table.obs["abstained"].tolist()
    assert spatialdata.get_centroids(shapes).compute().to_numpy().tolist() == (
        table.obsm["spatial"].tolist()
    )
    # The table annotates these shapes, row by row.
    element, matched = spatialdata.join_spatialelement_table(
        data, spatial_element_names=region, table_name="table", how="inner"
    )
    assert matched.obs_names.tolist() == found.obs_names.tolist()
    if name == "W":
        assert set(shapes.geometry.area) == {64.0**2}
    else:
        assert set(shapes["radius"]) == {10.0}
    assert [*data.images] == ([] if name == "S1" else [f"{name}_image"])
    for image in data.images.values():
        kept = table.uns["spatial"][name]
        pixels = np.moveaxis(image.to_numpy(), 0, 2)
        np.testing.assert_array_equal(pixels, kept["images"]["hires"])
        to_slide = get_transformation(image).to_affine_matrix(("x", "y"), ("x", "y"))
        factor = 1 / kept["scalefactors"]["tissue_hires_scalef"]
        np.testing.assert_allclose(to_slide, np.diag([factor, factor, 1]))
    check_page(tmp_path / "x.vitessce.json", store, {"S1": 3, "W": 4, "S2": 5}[name])


def check_page(page, store, n_named):
    """Vitessce is told of what is in the Zarr."""
    page = json.loads(page.read_text())
    file = page["datasets"][0]["files"][0]
    assert file["url"].endswith(f"/{store.name}")

    def paths(value):
        if isinstance(value, dict):
            yield from [value["path"]] if "path" in value else []
            value = value.values()
        if not isinstance(value, str):
            yield from (each for part in value for each in paths(part))

    named = sorted(paths(file["options"]))
    assert len(named) == n_named
    assert [each for each in named if not (store / each).is_dir()] == []


@pytest.mark.parametrize("name", ["table", "Table", "zarr.json", "global"])
def test_any_id_can_be_a_name_in_spatialdata(name, tmp_path):
    table = read_h5ad(held_out(tmp_path / "h.h5ad"))
    table.obs["section"] = table.obs["section"].cat.rename_categories({"S1": name})
    table.uns["spatial"][name] = table.uns["spatial"].pop("S1")
    write_h5ad(table, tmp_path / "h.h5ad")
    write_spatialdata(tmp_path / "h.h5ad", name, tmp_path / "x.zarr", tmp_path / "x.json")
    data = spatialdata.read_zarr(tmp_path / "x.zarr")
    assert {*data.shapes, *data.images, *data.tables} == {f"{name}_spots", f"{name}_image", "table"}


@pytest.mark.parametrize(
    ("write", "name", "layers"),
    [
        (held_out, "S1", {"spotLayer"}),
        (partial(slide, side=6), "W", {"segmentationLayer", "segmentationChannel"}),
    ],
)
def test_what_is_chosen_in_vitessces_lists_colours_spots_and_tiles(tmp_path, write, name, layers):
    write(tmp_path / "p.h5ad")
    write_spatialdata(tmp_path / "p.h5ad", name, tmp_path / "x.zarr", tmp_path / "x.json")
    page = json.loads((tmp_path / "x.json").read_text())
    space, views = page["coordinationSpace"], page["layout"]
    assert {view["coordinationScopes"]["featureSelection"] for view in views} == {"A"}
    # The layer of spots or tiles follows the same choice.
    followed = [
        by["featureSelection"]
        for levels in space["metaCoordinationScopesBy"].values()
        for level, by in levels.items()
        if level in layers and "featureSelection" in by
    ]
    assert [set(each.values()) for each in followed] == [{"A"}]
    shown = [view for view in views if "metaCoordinationScopes" in view["coordinationScopes"]]
    assert [view["component"] for view in shown] == ["spatialBeta", "layerControllerBeta"]
    for view in shown:
        assert {*space["metaCoordinationScopesBy"]} == {
            *view["coordinationScopes"]["metaCoordinationScopesBy"]
        }


@pytest.mark.full
def test_vitessce_takes_its_page(tmp_path):
    vitessce = pytest.importorskip("vitessce", reason="vitessce is not installed")
    slide(tmp_path / "p.h5ad", side=6)
    write_spatialdata(tmp_path / "p.h5ad", "W", tmp_path / "W.zarr", tmp_path / "W.json")
    page = json.loads((tmp_path / "W.json").read_text())
    assert vitessce.VitessceConfig.from_dict(page).to_dict(base_url="") == page


@pytest.mark.full
def test_squidpy_takes_the_table(tmp_path):
    squidpy = pytest.importorskip("squidpy", reason="squidpy is not installed")
    slide(tmp_path / "p.h5ad", side=6)
    write_spatialdata(tmp_path / "p.h5ad", "W", tmp_path / "W.zarr", tmp_path / "W.json")
    table = spatialdata.read_zarr(tmp_path / "W.zarr")["table"]
    squidpy.gr.spatial_neighbors_knn(table, n_neighs=4)
    squidpy.gr.spatial_autocorr(table, mode="moran")
    assert set(table.uns["moranI"].index) == set(table.var_names)


@pytest.mark.full
def test_ome_types_takes_the_map(tmp_path):
    ome_types = pytest.importorskip("ome_types", reason="ome-types is not installed")
    slide(tmp_path / "p.h5ad", side=6)
    write_map(tmp_path / "p.h5ad", "W", tmp_path / "x.ome.tif", genes=[])
    found = ome_types.from_tiff(tmp_path / "x.ome.tif", validate=True)
    assert [each.name for each in found.images[0].pixels.channels] == LABELS[1::-1] + LABELS[:1:-1]


def test_without_named_genes_those_that_vary_most_come_first(tmp_path):
    held_out(tmp_path / "h.h5ad")
    slide(tmp_path / "s.h5ad", side=6)
    for path, name, order in (
        ("h.h5ad", "S1", LABELS[::-1]),
        # Of a model, the genes that were consistent in training.
        ("s.h5ad", "W", LABELS[1::-1] + LABELS[:1:-1]),
    ):
        write_geojson(tmp_path / path, name, tmp_path / "x.geojson", genes=[])
        first = strict((tmp_path / "x.geojson").read_text())["features"][1]["properties"]
        named = [key for key in first["measurements"] if key.endswith(" predicted")]
        assert named == [f"{label} predicted" for label in order]


def test_what_cannot_be_exported_is_one_line(tmp_path):
    path = held_out(tmp_path / "h.h5ad")
    with pytest.raises(InputError, match=r"h\.h5ad: nothing to export of S3: no spot or tile of"):
        write_csv(path, "S3", tmp_path / "x.csv.gz")
    with pytest.raises(InputError, match=r"export\.genes: S1: the model does not predict HLA-A"):
        write_map(path, "S1", tmp_path / "x.ome.tif", genes=["HLA-A"])
    dark = slide(tmp_path / "dark.h5ad", side=0)
    with pytest.raises(InputError, match="nothing to export of W: too dark; leave it out"):
        write_geojson(dark, "W", tmp_path / "x.geojson", genes=[])
    assert sorted(each.name for each in tmp_path.iterdir()) == ["dark.h5ad", "h.h5ad"]


def test_an_interrupted_zarr_leaves_the_older_one(tmp_path, monkeypatch):
    path, store, page = held_out(tmp_path / "h.h5ad"), tmp_path / "S1.zarr", tmp_path / "S1.json"
    write_spatialdata(path, "S1", store, page)

    def listed(folder):
        return {each: each.read_bytes() for each in Path(folder).rglob("*") if each.is_file()}

    before = listed(tmp_path)
    write_spatialdata(path, "S1", store, page)
    assert listed(tmp_path) == before

    def half(data, folder):
        (Path(folder) / "images").mkdir(parents=True)
        raise KeyboardInterrupt

    monkeypatch.setattr(spatialdata.SpatialData, "write", half)
    with pytest.raises(KeyboardInterrupt):
        write_spatialdata(path, "S1", store, page)
    assert listed(tmp_path) == before
