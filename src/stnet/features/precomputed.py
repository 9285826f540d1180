"""Features of a section's spots that another program computed."""

import json
import logging
import re
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from stnet.config.base import split_view
from stnet.core.errors import InputError, first_of
from stnet.core.hashing import file_sha256
from stnet.core.versions import versions
from stnet.expression.spots import read_used_spots
from stnet.features.embeddings import Embeddings, read_embeddings
from stnet.features.files import write_features

logger = logging.getLogger(__name__)

# A tile has the window of the view within this factor (ours).
MOST_APART = 1.1
# Tiles are on a grid if all corners are multiples of a step apart that is at least this share of a
# tile. So are TRIDENT's, with up to three quarters of overlap; patches cut at spots are not (ours).
LEAST_STEP = 0.25
# So many spots with the same features were not looked at.
FEWEST_ALIKE = 10


def write_precomputed_features(
    section: str | Path, embeddings: str | Path, output: str | Path, *, view: str, code: str
) -> None:
    """Write the features of a section's used spots from a file of embeddings.

    Spots are matched by barcode if the file has barcodes, else by place: a spot takes the tile
    whose centre is nearest. On a grid of tiles the spot must be within half a step of the centre,
    in x and in y; of tiles cut at the spots, the centre must lie in the spot.

    Args:
        section: section file.
        embeddings: a file of `read_embeddings`.
        output: a file of `write_features`.
        view: view of the tiles. Only its window is compared with theirs.
        code: code digest, for the provenance.

    Raises:
        InputError: the file is damaged, or its features are of another slide or window, in another
            order, not finite, or miss a spot.

    Source: ours.
    """
    spots = read_used_spots(section)
    given = read_embeddings(embeddings)
    _check_slide(given, spots)
    # As TRIDENT and as HEST's patches name it.
    side = given.number("patch_size_level0") or given.number("patch_size_src")
    rows = None if given.barcodes is None else _by_barcode(given, spots)
    if rows is not None and given.corners is not None:
        # HEST's embeddings do not state the side.
        if side is None:
            side = 2 * np.median(spots.obsm["spatial"] - given.corners[rows])
            if abs(side) < _radius(spots) < split_view(view)[0] / 2:
                raise InputError(
                    f"{given.path}: its coords are at the centres of the spots; write the top left"
                    " corners of the tiles"
                )
        _check_order(given, spots, rows, side)
    if side is not None:
        _check_window(given, view, side, "px wide", "give features of this one")
    if rows is None:
        rows = _by_place(given, spots, side, view)
    # A float64 may be beyond float32.
    with np.errstate(over="ignore"):
        values = given.values[rows].astype(np.float32)
    bad = ~np.isfinite(values).all(axis=1)
    if bad.any():
        raise InputError(
            f"{given.path}: not all features of {_named(spots, bad)} are finite; compute them again"
        )
    if len(values) >= FEWEST_ALIKE and (values == values[0]).all():
        raise InputError(
            f"{given.path}: all {len(values)} used spots of section {_section(spots)} have the same"
            " features; compute them again"
        )
    provenance = {
        "kind": "precomputed",
        "view": view,
        "file": given.path,
        "sha256": file_sha256(embeddings),
        "encoder": given.stated("encoder"),
        "attributes": json.dumps(given.attributes, sort_keys=True),
        "code": code,
        "versions": versions("h5py", "numpy", "scipy"),
    }
    names = [f"feature{number}" for number in range(values.shape[1])]
    write_features(output, spots, values, names, provenance)


def _check_slide(given: Embeddings, spots: ad.AnnData) -> None:
    """Raise InputError if the file states the name or the size of another slide."""
    slide, section, name = spots.uns["slide"], _section(spots), given.stated("name")
    image = Path(slide["path"]).name
    # TRIDENT leaves out the suffix, and also that of `.ome.tif`.
    if name and image and name != section and not f"{image}.".startswith(f"{name}."):
        raise InputError(
            f"{given.path}: features of slide {name}, but the image of section {section} is"
            f" {image}; name this section's file, or correct its attribute name if the slide was"
            " renamed"
        )
    sides = {each: given.number(f"level0_{each}") for each in ("width", "height")}
    if image and any(side and side != slide[each] for each, side in sides.items()):
        raise InputError(
            f"{given.path}: features of a slide of {sides['width']:g} x {sides['height']:g} px, but"
            f" the image of section {section} has {slide['width']} x {slide['height']}; give"
            " features of the image that the section sheet names"
        )


def _check_window(given: Embeddings, view: str, px: float, what: str, remedy: str) -> None:
    """Raise InputError if tiles that are so many pixels wide, or apart, are not of the view."""
    window, _ = split_view(view)
    if not window / MOST_APART <= px <= window * MOST_APART:
        raise InputError(
            f"{given.path}: its tiles are {px:.0f} {what} in the image, but the window of view"
            f" {view} is {window}; set view to that of these tiles, or {remedy}"
        )


def _by_barcode(given: Embeddings, spots: ad.AnnData) -> np.ndarray:
    """Row of each spot's barcode in the file."""
    barcodes = pd.Index(map(_unpadded, given.barcodes or []))
    repeated = barcodes.duplicated()
    if repeated.any():
        raise InputError(
            f"{given.path}: barcode {barcodes[repeated.argmax()]} is repeated; keep one of its rows"
        )
    rows = barcodes.get_indexer(list(map(_unpadded, spots.obs_names)))
    _check_complete(given, spots, rows < 0, "has no features with the barcode of")
    return rows


def _unpadded(name: str) -> str:
    """A spot's name without leading zeros: HEST has 004x012 for the spot 4x12 of ST."""
    return re.sub(r"^0*(\d+)x0*(\d+)$", r"\1x\2", name)


def _check_order(given: Embeddings, spots: ad.AnnData, rows: np.ndarray, side: float) -> None:
    """Raise InputError if the tile with a spot's barcode has its centre elsewhere."""
    apart = np.hypot(*(given.corners[rows] + side / 2 - spots.obsm["spatial"]).T)
    astray = apart > _radius(spots)
    if astray.any():
        raise InputError(
            f"{given.path}: by coords the tiles of {_named(spots, astray)} are up to"
            f" {apart.max():.0f} px away, so coords and barcodes have another order, or are of"
            " another slide or resolution; compute them again"
        )


def _by_place(given: Embeddings, spots: ad.AnnData, side: float | None, view: str) -> np.ndarray:
    """Row of the tile whose centre is nearest to each spot. `side` is None if it is not stated."""
    is_stated, side = side is not None, side or split_view(view)[0]
    corners, slide, section = given.corners, spots.uns["slide"], _section(spots)
    size = np.array([slide["width"], slide["height"]])
    off = ((corners >= size) | (corners <= -side)).any(axis=1)
    if size.all() and off.any():
        raise InputError(
            f"{given.path}: {off.sum()} of {len(off)} tiles are off the image of section {section}"
            f" ({size[0]} x {size[1]} px); give features of the image that the section sheet names"
        )
    if len(np.unique(corners, axis=0)) < max(1, len(corners)):
        raise InputError(f"{given.path}: no tiles, or two with the same coords; compute it again")
    step = _step(corners)
    on_grid = step >= LEAST_STEP * side
    if on_grid and not is_stated:
        # CLAM's files do not state it; its tiles are side by side.
        remedy = "state their width as attribute patch_size_level0 of coords"
        _check_window(given, view, step, "px apart", remedy)
    centres, places = corners + side / 2, spots.obsm["spatial"]
    _, rows = cKDTree(centres).query(places)
    apart = np.abs(centres[rows] - places)
    if on_grid:
        reach, distance = min(step, side) / 2, apart.max(axis=1)
    else:
        reach, distance = _radius(spots), np.hypot(*apart.T)
    lacks = f"has no tile with its centre within {reach:.3g} px of"
    _check_complete(given, spots, distance > reach, lacks)
    logger.info(f"section {section}: centres of tiles are up to {distance.max():.3g} px from spots")
    if shared := len(rows) - len(np.unique(rows)):
        logger.warning(
            f"section {section}: {shared} of {len(rows)} spots share a tile, so their features are"
            " equal; tiles cut at the spots tell them apart"
        )
    return rows


def _step(corners: np.ndarray) -> int:
    """The largest step that all corners are multiples of apart in x and y; 0 if there is none."""
    if (corners != np.rint(corners)).any():
        return 0
    return int(np.gcd.reduce((corners - corners[0]).astype(np.int64).ravel()))


def _check_complete(given: Embeddings, spots: ad.AnnData, missing: np.ndarray, lacks: str) -> None:
    if missing.any():
        remedy = (
            "give the features of this section's image"
            if missing.sum() > len(missing) / 2
            else "compute features of every used spot, also off the tissue"
        )
        raise InputError(f"{given.path}: {lacks} {_named(spots, missing)}; {remedy}")


def _named(spots: ad.AnnData, chosen: np.ndarray) -> str:
    names = spots.obs_names[chosen]
    return (
        f"{len(names)} of {len(chosen)} used spots of section {_section(spots)} ({first_of(names)})"
    )


def _section(spots: ad.AnnData) -> str:
    return str(spots.obs["section"].iloc[0])


def _radius(spots: ad.AnnData) -> float:
    """Radius of a spot in pixels of the image."""
    factors = spots.uns["spatial"][_section(spots)]["scalefactors"]
    return float(factors["spot_diameter_fullres"]) / 2
