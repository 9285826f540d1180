"""SpatialData: image, spots or tiles as shapes, a table of predictions; and Vitessce to show it.

spatialdata is imported by the function that needs it.
"""

import json
import logging
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from stnet.core.atomic import atomic_path
from stnet.core.spatialdata_folder import with_spatialdata
from stnet.exports.predicted import Predicted, read_predicted

REGION, INSTANCE, TABLE = "region", "instance_id", "table"
# Where docs/how-to/export.md has the files served.
SERVER = "http://localhost:8000"
# What the views of Vitessce have in common, so that a gene or a label that is chosen in a list
# colours spots and tiles; and its value at first.
SHARED = {
    "obsColorEncoding": "cellSetSelection",
    "featureSelection": None,
    "obsSetSelection": None,
    "obsSetColor": None,
    "additionalObsSets": None,
}


def write_spatialdata(
    predictions: str | Path, name: str, output: str | Path, page: str | Path
) -> None:
    """Write a section or slide as SpatialData, and a configuration of Vitessce that shows it.

    Its elements are `images/{name}_image` (the reduced image, if there is one),
    `shapes/{name}_spots` (circles) or `shapes/{name}_tiles` (squares), and `tables/table`
    (`Predicted.spots`, all genes), so that none has the name of another or of a file of Zarr. The
    coordinate system `global` has full-resolution pixels.

    Raises InputError if spatialdata is not installed; otherwise as `read_predicted`.
    """
    with with_spatialdata(f"{output}: to write"):
        from spatialdata import SpatialData
        from spatialdata.models import Image2DModel, ShapesModel, TableModel
        from spatialdata.transformations import Identity, Scale

    logging.getLogger("ome_zarr").setLevel(logging.WARNING)
    found = read_predicted(predictions, name)
    n = found.spots.n_obs
    table, region = found.spots, _region(found)
    table.obs[REGION], table.obs[INSTANCE] = pd.Categorical([region] * n), np.arange(n)
    table.uns["um_per_px"] = found.um_per_px
    # Circles (type 0) have no corners, polygons (type 3) one ring each.
    shape = {"geometry": 0, "radius": found.radius}
    places = found.centres
    if found.square:
        places = found.outlines()
        corners = np.arange(n + 1) * places.shape[1]
        shape = {"geometry": 3, "offsets": (corners, np.arange(n + 1))}
    images = {}
    if found.picture is not None:
        images[f"{name}_image"] = Image2DModel.parse(
            np.moveaxis(np.asarray(found.picture), 2, 0),
            dims=("c", "y", "x"),
            c_coords=("r", "g", "b"),
            transformations={"global": Scale([found.downsample] * 2, axes=("x", "y"))},
        )
    shapes = ShapesModel.parse(
        places.reshape(-1, 2),
        index=pd.Index(np.arange(n)),
        transformations={"global": Identity()},
        **shape,
    )
    data = SpatialData(
        images=images,
        shapes={region: shapes},
        tables={
            TABLE: TableModel.parse(table, region=region, region_key=REGION, instance_key=INSTANCE)
        },
    )
    with warnings.catch_warnings(), atomic_path(output) as temporary:
        # Of the formats of others, which change.
        warnings.simplefilter("ignore")
        data.write(temporary)
    with atomic_path(page) as temporary:
        temporary.write_text(json.dumps(_vitessce(found, Path(output).name), indent=2) + "\n")


def _region(found: Predicted) -> str:
    return f"{found.name}_{'tiles' if found.square else 'spots'}"


def _vitessce(found: Predicted, zarr: str) -> dict:
    """Configuration of Vitessce: the image with its spots or tiles, layers, genes and labels."""
    table, region = f"tables/{TABLE}", _region(found)
    shown = {"path": f"shapes/{region}", "tablePath": table, "coordinateSystem": "global"}
    options = {
        "obsFeatureMatrix": {"path": f"{table}/X", "region": region},
        "featureLabels": {"path": f"{table}/var/label"},
        # Vitessce draws circles as spots, and only polygons as segmentations.
        **({"obsSegmentations": shown} if found.square else {"obsSpots": shown | {REGION: region}}),
    }
    if found.picture is not None:
        options["image"] = {"path": f"images/{found.name}_image", "coordinateSystem": "global"}
    if "label" in found.spots.obs and found.spots.obs["label"].notna().any():
        sets = [{"name": "label", "path": f"{table}/obs/label"}]
        options["obsSets"] = {"obsSets": sets, "tablePath": table, "region": region}
    kind = "tile" if found.square else "spot"
    file = {
        "fileType": "spatialdata.zarr",
        "url": f"{SERVER}/{zarr}",
        "options": options,
        "coordinationValues": {"obsType": kind},
    }
    common = {"dataset": "A", "obsType": kind, **SHARED}
    scopes = dict.fromkeys(common, "A")
    layers = _layers(found)
    named = ("metaCoordinationScopes", "metaCoordinationScopesBy")
    of_layers = {parameter: [*layers] for parameter in named}
    views = [("spatialBeta", 0, 0, 8, 12), ("layerControllerBeta", 8, 0, 4, 5)]
    views += [("featureList", 8, 5, 4, 4), ("obsSets", 8, 9, 4, 3)]
    return {
        "version": "1.0.18",
        "name": found.name,
        "description": "Predicted expression",
        "datasets": [{"uid": "A", "name": found.name, "files": [file]}],
        "coordinationSpace": {
            **{parameter: {"A": value} for parameter, value in common.items()},
            "photometricInterpretation": {"RGB": "RGB"},
            **{level: {scope: "__dummy__"} for scope, levels in layers.items() for level in levels},
            "metaCoordinationScopes": {
                scope: {next(iter(levels)): [scope]} for scope, levels in layers.items()
            },
            "metaCoordinationScopesBy": layers,
        },
        "layout": [
            {
                "component": component,
                "coordinationScopes": scopes | (of_layers if component.endswith("Beta") else {}),
                **dict(zip("xywh", place, strict=True)),
            }
            for component, *place in views
        ],
        "initStrategy": "auto",
    }


def _layers(found: Predicted) -> dict[str, dict]:
    """The layers of Vitessce's picture, by the names that it would give them itself.

    It makes layers of what it finds, but by itself spots and tiles do not follow the lists, and an
    image has other colours.
    """
    scope = f"init_A_{'obsSegmentations' if found.square else 'obsSpots'}_0"
    linked = {parameter: {scope: "A"} for parameter in ("obsType", *SHARED)}
    layers = {scope: {"spotLayer": linked}}
    if found.square:
        channels = {"segmentationChannel": {scope: [scope]}}
        layers = {scope: {"segmentationLayer": channels, "segmentationChannel": linked}}
    if found.picture is not None:
        scope = "init_A_image_0"
        layers[scope] = {"imageLayer": {"photometricInterpretation": {scope: "RGB"}}}
    return layers
