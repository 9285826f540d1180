"""OME-TIFF: a map of predicted expression, a channel per gene, over the slide."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import NAMESPACE_OID, uuid5

import numpy as np
import tifffile

from stnet.core.atomic import atomic_path
from stnet.core.printed import EXPRESSION_UNITS
from stnet.exports.predicted import MEASURED, Predicted, read_predicted

# Pixels of the map across a spot or tile, at least, unless the map would get longer than this.
ACROSS, LONGEST = 8, 8192
# Spots or tiles that are drawn at once.
AT_ONCE = 10_000
# Side of the file's tiles; the pyramid ends with a level that fits into one.
TILE = 256


def write_map(
    predictions: str | Path, name: str, output: str | Path, *, genes: Sequence[str]
) -> None:
    """Write a map as a pyramidal OME-TIFF of float32.

    A pixel of the map is a whole number of the slide's pixels, `downsample` in the metadata, and
    both begin at the upper left corner. It has the value of the spot or tile that its centre lies
    in; NaN elsewhere, and where the model abstains. Channels are genes, and `{gene} measured` after
    those that were measured. Further levels of the pyramid are every second pixel.

    Args:
        predictions: file of predictions.
        name: id of the section or slide.
        output: the file, `.ome.tif`.
        genes: genes to write, by id or symbol, as for `Predicted.choose`.

    Raises:
        InputError: see `read_predicted` and `Predicted.choose`.
    """
    found = read_predicted(predictions, name)
    rows, downsample = _rows(found)
    channels = _channels(found, found.choose(genes))
    um = found.um_per_px * downsample
    unit = EXPRESSION_UNITS.get(str(found.spots.uns["provenance"].get("transform")), "")
    metadata = {
        "axes": "CYX",
        # By default that of the time, so that no two files would be the same.
        "UUID": str(uuid5(NAMESPACE_OID, f"{name} {found.spots.uns['provenance']}")),
        "Name": name,
        "Channel": {"Name": [*channels]},
        "PhysicalSizeX": um,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": um,
        "PhysicalSizeYUnit": "µm",
        "Description": f"Expression, {unit}; 1 pixel is {downsample} x {downsample} pixels of the"
        " slide, from its upper left corner; NaN: not predicted, or abstained from",
        "MapAnnotation": {
            "downsample": str(downsample),
            "um_per_px_of_slide": repr(found.um_per_px),
        },
    }
    n_levels = max(0, int(np.ceil(np.log2(max(rows.shape) / TILE))))
    with atomic_path(output) as temporary, tifffile.TiffWriter(temporary, bigtiff=True) as file:
        for level in range(n_levels + 1):
            reduced = rows[:: 2**level, :: 2**level]
            first = {"metadata": metadata, "subifds": n_levels}
            file.write(
                _tiles(reduced, channels.values()),
                shape=(len(channels), *reduced.shape),
                resolution=(1e4 / um / 2**level, 1e4 / um / 2**level),
                resolutionunit="CENTIMETER",
                photometric="minisblack",
                tile=(TILE, TILE),
                compression="zlib",
                dtype=np.float32,
                **({"subfiletype": 1} if level else first),
            )


def _rows(found: Predicted) -> tuple[np.ndarray, int]:
    """The row of the spot or tile of each pixel, or -1, (height, width); and the downsampling."""
    ends = [found.centres.max(axis=0) + found.radius]
    if found.picture is not None:
        ends.append(np.array(found.picture.size) * found.downsample)
    size = np.max(ends, axis=0)
    downsample = max(1, int(2 * found.radius) // ACROSS, int(np.ceil(size.max() / LONGEST)))
    width, height = np.ceil(size / downsample).astype(int)
    rows = np.full((height, width), -1, dtype=np.int32)
    # Pixels whose centres may lie in a spot or tile, by column and row.
    reach = np.arange(int(np.ceil(2 * found.radius / downsample)) + 1)
    for begin in range(0, len(found.centres), AT_ONCE):
        centres = found.centres[begin : begin + AT_ONCE, None]
        first = np.ceil((centres - found.radius) / downsample - 0.5).astype(int)
        pixels = first + reach[:, None]
        away = (pixels + 0.5) * downsample - centres
        within = (pixels >= 0) & (pixels < (width, height))
        if found.square:
            # The left and upper edges belong to a tile, the others to its neighbours.
            within &= (away >= -found.radius) & (away < found.radius)
        inside = within[:, :, None, 1] & within[:, None, :, 0]
        if not found.square:
            inside &= away[:, :, None, 1] ** 2 + away[:, None, :, 0] ** 2 <= found.radius**2
        spot, down, across = np.nonzero(inside)
        rows[pixels[spot, down, 1], pixels[spot, across, 0]] = begin + spot
    return rows, downsample


def _channels(found: Predicted, genes: Sequence[str]) -> dict[str, np.ndarray]:
    """Values (n,) of each channel by its name."""
    abstained = np.asarray(found.spots.obs.get("abstained", False), dtype=bool)
    unknown = np.full(found.spots.n_obs, np.nan)
    channels = {}
    for gene in genes:
        label, values = found.spots.var.at[gene, "label"], found.values(gene)
        channels[label] = np.where(abstained, unknown, values.get("predicted", unknown))
        if MEASURED in values:
            channels[f"{label} {MEASURED}"] = values[MEASURED]
    return channels


def _tiles(rows: np.ndarray, channels: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    """Tiles of the file, channel by channel, so that no channel is in memory as a whole."""
    height, width = rows.shape
    for values in channels:
        # The last value is that of row -1.
        lookup = np.append(values, np.nan).astype(np.float32)
        for top in range(0, height, TILE):
            for left in range(0, width, TILE):
                yield lookup[rows[top : top + TILE, left : left + TILE]]
