"""GeoJSON for QuPath: tiles as its tiles and spots as its detections, with measurements."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stnet.core.atomic import atomic_path
from stnet.exports.predicted import Predicted, read_predicted

# Rows that are written at once.
ROWS = 1000
# Classes of QuPath and their colours: what the model abstains from, labels, and the others.
ABSTAINED, OTHER = "abstained", "predicted"
COLOURS = {"tumour": (213, 94, 0), "normal": (0, 114, 178), ABSTAINED: (150, 150, 150)}
OTHER_COLOUR = (86, 180, 233)


def write_geojson(
    predictions: str | Path, name: str, output: str | Path, *, genes: Sequence[str]
) -> None:
    """Write a section or slide as a FeatureCollection in full-resolution pixels.

    A feature has the name of its spot or tile, a class (`abstained`, else the label, else
    `predicted`) and measurements: of each gene those of `Predicted.values`, `abstained` (0 or
    1) and `ood_score` where they are known. Numbers are the shortest that give the same float32;
    places are rounded to 0.01 px. Missing values are left out, because JSON has none. The file is
    ASCII, because QuPath reads it in the encoding of its machine.

    Args:
        predictions: file of predictions.
        name: id of the section or slide.
        output: the file.
        genes: genes to write, by id or symbol, as for `Predicted.choose`.

    Raises:
        InputError: see `read_predicted` and `Predicted.choose`.
    """
    found = read_predicted(predictions, name)
    columns = {
        f"{found.spots.var.at[gene, 'label']} {kind}": _shortest(values)
        for gene in found.choose(genes)
        for kind, values in found.values(gene).items()
    }
    for each in found.spots.obs.columns.intersection([ABSTAINED, "ood_score"]):
        columns[each] = _shortest(found.spots.obs[each].to_numpy(np.float32))
    table = np.column_stack([*columns.values()]) if columns else np.empty((found.spots.n_obs, 0))
    classes, outlines = _classes(found), np.round(found.outlines(), 2)
    with atomic_path(output) as temporary, open(temporary, "w", encoding="ascii") as file:
        file.write('{"type": "FeatureCollection", "features": [')
        for first in range(0, len(table), ROWS):
            rows = slice(first, first + ROWS)
            features = zip(
                found.spots.obs_names[rows],
                classes[rows],
                outlines[rows].tolist(),
                table[rows].tolist(),
                strict=True,
            )
            kind = "tile" if found.square else "detection"
            lines = [json.dumps(_feature(kind, [*columns], *each)) for each in features]
            file.write((",\n" if first else "\n") + ",\n".join(lines))
        file.write("\n]}\n")


def _feature(
    kind: str,
    columns: list[str],
    name: str,
    of_class: str,
    outline: list[list[float]],
    values: list[float],
) -> dict:
    named = zip(columns, values, strict=True)
    return {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [outline]},
        "properties": {
            "objectType": kind,
            "name": name,
            "classification": {"name": of_class, "color": COLOURS.get(of_class, OTHER_COLOUR)},
            "measurements": {key: value for key, value in named if value == value},
        },
    }


def _shortest(values: np.ndarray) -> np.ndarray:
    """The float64 with the fewest digits that are these float32 values."""
    return values.astype(str).astype(float)


def _classes(found: Predicted) -> np.ndarray:
    obs = found.spots.obs
    labels = obs["label"].astype(object).fillna(OTHER).to_numpy() if "label" in obs else OTHER
    abstained = obs[ABSTAINED].to_numpy(bool) if ABSTAINED in obs else np.zeros(len(obs), bool)
    return np.where(abstained, ABSTAINED, labels)
