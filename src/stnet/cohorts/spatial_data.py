"""Sections of SpatialData: a table, the shapes that it annotates, and maybe an image, in a Zarr.

Only sections of this format import spatialdata.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import zarr
from scipy import sparse
from spatialdata import SpatialData, read_zarr
from spatialdata.models import TableModel
from spatialdata.transformations import get_transformation

from stnet.cohorts.distributed import DistributedSection
from stnet.cohorts.scverse import FULLRES, section_of
from stnet.core.errors import InputError, check_system, reason_of
from stnet.slides.zarr_image import check_whole

# The coordinate system whose units are pixels, if the image is not in the Zarr.
GLOBAL = "global"
# By which places of a spot in the image may differ, in pixels.
SAME_PX = 1.0
# Spots have one radius; HER2ST's and Visium's do.
SAME_RADIUS = 0.01
# Where the matrices of a table are.
MATRICES = ("X", "layers/counts", "raw/X")

# It logs each attribute that it reads.
logging.getLogger("ome_zarr").setLevel(logging.WARNING)


def read(row: dict[str, str]) -> DistributedSection:
    """Read a section from a folder that spatialdata wrote, in versions 0.1 and 0.2 of its format.

    `counts` of the row is the Zarr or a table in it (`x.zarr/tables/NAME`), `spots` one of its
    shapes (`x.zarr/shapes/NAME`) or empty, `image` one of its images (`x.zarr/images/NAME`) or any
    other. Spots are the centres of the shapes, in pixels of the image by the transformations of
    both. Raises InputError as `section_of`; also if the table or its shapes are not the only ones,
    an instance of the table has no shape or several, transformations contradict one another, or a
    file is missing or damaged.
    """
    store, named = _within(row["counts"], "tables")
    image = _image(row["image"], store)
    with _named(store):
        # The first versions of shapes are arrays of Zarr too.
        for kind in ("tables", "shapes"):
            check_whole(store / kind)
        data = _opened(store, with_images=bool(image))
    name, region = _chosen(data, row, store, named)
    table = store / "tables" / name
    spots = store / "shapes" / region
    with _named(table):
        _check_complete(table)
        adata = _annotating(data.tables[name], region)
    with _named(spots):
        shapes = _matched(adata, data.shapes[region], table, spots)
        centres = shapes.geometry.centroid
        places = np.column_stack([centres.x, centres.y, np.ones(len(centres))])
        if image and image not in data.images:
            known = ", ".join(sorted(data.images)) or "none"
            raise InputError(f"{row['image']}: not an image of {store}, which has {known}")
        to_pixels = _to_pixels(shapes, data.images[image] if image else None, places, row, spots)
    # Pixels by other programs are of this image or of another.
    adata.obs = adata.obs.drop(columns=FULLRES, errors="ignore")
    adata.obsm = {"spatial": (places @ to_pixels.T)[:, :2]}
    adata.uns = {"spatial": {region: {"scalefactors": _diameter(shapes, to_pixels)}}}
    parts = section_of(adata, table)
    left = len(data.shapes[region]) - len(shapes)
    remarks = [parts.remark, f"{left} shapes of {spots} are not in {table}" if left else ""]
    return replace(
        parts,
        spot_file=str(spots),
        image_facts=replace(parts.image_facts, source="the radius of its circles"),
        remark="; ".join(filter(None, remarks)),
    )


def _within(path: str, kind: str) -> tuple[Path, str]:
    """The Zarr, and the name of the element of that kind in it; empty if `path` is the Zarr."""
    folder = Path(path)
    return (folder.parents[1], folder.name) if folder.parent.name == kind else (folder, "")


def _image(path: str, store: Path) -> str:
    """Name of the image in the Zarr; empty for an image elsewhere."""
    if not path or not Path(path).is_dir():
        return ""
    other, name = _within(path, "images")
    if name and other.resolve() == store.resolve():
        return name
    raise InputError(
        f"{path}: no image of {store}; name {store}/images/NAME, or an image that is no Zarr"
    )


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        with warnings.catch_warnings():
            # Of an older format, elements that are not read, and what is refused later.
            warnings.simplefilter("ignore")
            yield
    except InputError:
        raise
    # Those of spatialdata, anndata, Zarr and Parquet have no class in common.
    except Exception as error:
        check_system(error, path)
        raise InputError(
            f"{path}: damaged, or not written by spatialdata ({reason_of(error)}); download or"
            " write it again"
        ) from error


def _opened(store: Path, *, with_images: bool) -> SpatialData:
    kinds = ("shapes", "tables", "images") if with_images else ("shapes", "tables")
    return read_zarr(store, selection=kinds)


def _chosen(data: SpatialData, row: dict[str, str], store: Path, named: str) -> tuple[str, str]:
    """Names of the row's table, and of the shapes that it annotates."""
    known = {}
    for name, table in data.tables.items():
        regions = np.atleast_1d(table.uns.get(TableModel.ATTRS_KEY, {}).get("region", []))
        known |= {(name, region): "" for region in map(str, regions) if region in data.shapes}
    pairs = " or ".join(f"tables/{name} with shapes/{region}" for name, region in sorted(known))
    if not known:
        raise InputError(f"{store}: has no table that annotates shapes; write one with spatialdata")
    shapes = ""
    if row["spots"]:
        other, shapes = _within(row["spots"], "shapes")
        if not shapes or other.resolve() != store.resolve():
            raise InputError(
                f"{row['spots']}: no shapes of {store}, which has {pairs}; name {store}/shapes/NAME"
            )
    elif named:
        raise InputError(
            f"{row['counts']}: name its shapes too, in spots; {store} has {pairs} (or name the Zarr"
            " in counts, if it has a single section)"
        )
    fitting = [pair for pair in known if pair[0] == (named or pair[0])]
    fitting = [pair for pair in fitting if pair[1] == (shapes or pair[1])]
    if len(fitting) != 1:
        raise InputError(
            f"{store}: {'none' if not fitting else 'more than one'} of its tables and shapes is"
            f" what counts and spots name; it has {pairs}: name one as {store}/tables/NAME in"
            f" counts and {store}/shapes/NAME in spots"
        )
    return fitting[0]


def _check_complete(path: Path) -> None:
    """Raise InputError if what a table lacks would be made up: its names, or counts of zero."""
    group = zarr.open_group(path, mode="r")
    if not {"obs", "var"} <= {*group.group_keys()}:
        raise InputError(f"{path}: lacks its spots (obs) or genes (var); download it again")
    for part in MATRICES:
        matrix = group.get(part)
        arrays = dict(matrix.arrays()) if isinstance(matrix, zarr.Group) else {"": matrix}
        for name, array in arrays.items():
            if array is not None and array.nchunks_initialized < array.nchunks:
                raise InputError(
                    f"{path / part / name}: {array.nchunks - array.nchunks_initialized} of its"
                    f" {array.nchunks} chunks are missing; download it again. If all counts there"
                    " are zero, write it again with zarr's setting array.write_empty_chunks"
                )


def _annotating(table: ad.AnnData, region: str) -> ad.AnnData:
    """The rows of a table that annotate a region."""
    matrices = [table.X, *table.layers.values(), *([table.raw.X] if table.raw else [])]
    for matrix in filter(sparse.issparse, matrices):
        # Selecting rows would read beyond the end of a damaged one.
        matrix.check_format(full_check=True)
    regions = table.obs[table.uns[TableModel.ATTRS_KEY]["region_key"]]
    return table[(regions.astype(str) == region).to_numpy()].copy()


def _matched(adata: ad.AnnData, shapes: pd.DataFrame, table: Path, spots: Path) -> pd.DataFrame:
    """Shapes in the order of the table's rows."""
    key = adata.uns[TableModel.ATTRS_KEY]["instance_key"]
    instances = pd.Index(adata.obs[key])
    for path, index in ((table, instances), (spots, shapes.index)):
        repeated = index[index.duplicated()]
        if len(repeated):
            raise InputError(
                f"{path}: instance {repeated[0]} is repeated; keep one row for each spot"
            )
    lost = instances[~instances.isin(shapes.index)]
    if len(lost):
        raise InputError(
            f"{table}: {len(lost)} of {len(instances)} instances, such as {lost[0]}"
            f" (obs[{key!r}]), are not in {spots}; write the shapes that it annotates"
        )
    return shapes.loc[instances]


def _to_pixels(
    shapes: pd.DataFrame,
    image: object | None,
    places: np.ndarray,
    row: dict[str, str],
    spots: Path,
) -> np.ndarray:
    """The affine map (3, 3) from coordinates of the shapes to pixels of the image.

    Args:
        shapes: the spots.
        image: element of the Zarr; None for an image elsewhere, whose pixels are those of the
            coordinate system `global`, else of the one that leaves the shapes as they are, else
            of the only one.
        places: x, y and 1 of the spots' centres, (spots, 3).
        row: of the sheet.
        spots: path of the shapes, for messages.

    Raises:
        InputError: no or several coordinate systems, or two that contradict one another.
    """
    placed = _affine(shapes)
    if image is None:
        unchanged = [matrix for matrix in placed.values() if np.array_equal(matrix, np.eye(3))]
        if GLOBAL not in placed and not unchanged and len(placed) > 1:
            raise InputError(
                f"{spots}: has the coordinate systems {', '.join(sorted(placed))}, and none is"
                " called global; write the image into the Zarr and name it"
            )
        return placed.get(GLOBAL, [*unchanged, *placed.values()][0])
    shown = _affine(image)
    shared = sorted(placed.keys() & shown.keys())
    if not shared:
        raise InputError(
            f"{spots}: has the coordinate systems {', '.join(sorted(placed))}, and {row['image']}"
            f" {', '.join(sorted(shown))}; set the transformation of both to one system"
        )
    maps = [np.linalg.inv(shown[system]) @ placed[system] for system in shared]
    for system, other in zip(shared, maps, strict=True):
        apart = np.abs(places @ (other - maps[0]).T).max(initial=0)
        if not apart <= SAME_PX:
            raise InputError(
                f"{spots}: by the coordinate system {system} its spots are on {row['image']} up to"
                f" {apart:.0f} px from where they are by {shared[0]}; remove the transformations"
                " that are wrong"
            )
    return maps[0]


def _affine(element: object) -> dict[str, np.ndarray]:
    """Matrices (3, 3) from x and y of an element to each of its coordinate systems."""
    axes = ("x", "y")
    systems = get_transformation(element, get_all=True)
    return {name: step.to_affine_matrix(axes, axes) for name, step in systems.items()}


def _diameter(shapes: pd.DataFrame, to_pixels: np.ndarray) -> dict[str, float]:
    """Diameter of the circles in pixels, as Space Ranger calls it; nothing if they differ."""
    radii = shapes["radius"].to_numpy(float) if "radius" in shapes else np.zeros(1)
    if not 0 < radii.max(initial=0) <= radii.min(initial=np.inf) * (1 + SAME_RADIUS):
        return {}
    factor = np.sqrt(abs(np.linalg.det(to_pixels[:2, :2])))
    return {"spot_diameter_fullres": float(2 * radii[0] * factor)}
