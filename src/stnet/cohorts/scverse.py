"""AnnData in scverse's convention for Visium: what scanpy and squidpy read, and our own sections.

Spots are `obs`, genes `var`. `obsm["spatial"]` has x and y in pixels of the full-resolution image,
`obs` the place on the array, and `uns["spatial"]` a reduced image and its scale.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from PIL import Image
from scipy import sparse

from stnet.cohorts.distributed import DistributedSection, ImageFacts
from stnet.cohorts.tenx_matrix import GENE, check_genes
from stnet.cohorts.text_tables import (
    ARRAY,
    PIXELS,
    CountTable,
    are_counts,
    position_table,
    spot_name,
)
from stnet.cohorts.visium import check_no_bins, factor
from stnet.core.errors import InputError, first_of
from stnet.core.h5ad import read_foreign

# Columns of `var` that have the id of a gene, if its name is another.
IDS = ["gene_ids", "gene_id"]
SYMBOLS = ["symbol", "gene_name", "gene_names", "gene_symbols", "gene_symbol", "feature_name"]
# What a feature is. In files of CELLxGENE the second is the type of the gene, as protein_coding.
TYPES = ["feature_types", "feature_type"]
# ST names spots by their places, which may be corrected (`10.05x13.9`) or padded (`010x013`).
PLACE = re.compile(r"(\d+(?:\.\d+)?)x(\d+(?:\.\d+)?)")
# Where some files have the pixels, once more. Scanpy exchanged the two for some time.
FULLRES = ["pxl_col_in_fullres", "pxl_row_in_fullres"]
# Reduced copies of the image, each with its key in `scalefactors`. The second is HEST's.
PICTURES = {
    "hires": "tissue_hires_scalef",
    "downscaled_fullres": "tissue_downscaled_fullres_scalef",
    "lowres": "tissue_lowres_scalef",
}
# Our own sections have the second.
SCALES = ["microns_per_pixel", "um_per_px"]


def read(row: dict[str, str]) -> DistributedSection:
    """Read a section's `.h5ad`, the `counts` of its row of the sheet. Raises as `section_of`."""
    return section_of(read_foreign(row["counts"]), row["counts"])


def section_of(adata: ad.AnnData, path: str | Path) -> DistributedSection:
    """A section in memory, with spots and genes in its order; nothing is dropped.

    Counts are those of `X`, `layers["counts"]` or `raw`, whichever has raw counts of most genes.
    All spots are under tissue if `obs` has no `in_tissue`. Without `array_row` and `array_col`,
    the names of the spots give their places (`XxY`).

    Args:
        adata: in memory.
        path: what the section is read from, for messages.

    Raises:
        InputError: no raw counts, or two that differ; no or broken positions; a repeated or
            unnamed spot or gene; several sections; bins of Visium HD.

    Source: ours; the convention is that of `scanpy.read_visium`.
    """
    _check_one(adata, path)
    positions = _positions(adata, path)
    counts, remark = _counts(adata, positions.index.to_list(), path)
    stated = _stated(adata, path)
    return DistributedSection(
        positions, counts, {}, remark, image_facts=stated, spot_file=str(path)
    )


def _check_one(adata: ad.AnnData, path: str | Path) -> None:
    """Raise InputError if the file has several sections, a spot twice, or bins of Visium HD."""
    names = set(_libraries(adata))
    if "library_id" in adata.obs:
        names = max(names, set(adata.obs["library_id"].dropna().astype(str)), key=len)
    if len(names) > 1:
        raise InputError(
            f"{path}: has {len(names)} sections ({first_of(sorted(names))}); write one file"
            " for each section"
        )
    repeated = adata.obs_names[adata.obs_names.duplicated()]
    if len(repeated):
        raise InputError(f"{path}: spot {repeated[0]} is repeated; give each spot its own name")
    check_no_bins(path, adata.obs_names)


def _positions(adata: ad.AnnData, path: str | Path) -> pd.DataFrame:
    """Positions of all spots, as from `position_table`, indexed by the spots' names."""
    x, y = _pixels(adata, path).T
    # As text, because text tables have the same faults.
    table = pd.DataFrame({"obsm['spatial'] x": x, "obsm['spatial'] y": y}, dtype=object)
    columns = dict(zip(PIXELS, table.columns, strict=True))
    columns |= {name: name for name in ARRAY}
    given = [name for name in [*ARRAY, "in_tissue"] if name in adata.obs]
    for name in given:
        table[name] = adata.obs[name].to_numpy(dtype=object)
    if "in_tissue" in given:
        columns["selected"] = "in_tissue"
    names = adata.obs_names.astype(str)
    lacking = [name for name in ARRAY if name not in given]
    if lacking:
        places = [PLACE.fullmatch(name) for name in names]
        if not all(places):
            raise InputError(
                f"{path}: has no obs[{lacking[0]!r}]; add array_row and array_col, the places of"
                " the spots on the array"
            )
        for number, name in enumerate(ARRAY, start=1):
            table[name] = [round(float(place[number])) for place in places]
        names = [spot_name(*spot) for spot in table[ARRAY].itertuples(index=False)]
    table.index = pd.Index(adata.obs_names, name="spot")
    return position_table(path, table.map(str), columns).set_axis(list(names), axis="index")


def _pixels(adata: ad.AnnData, path: str | Path) -> np.ndarray:
    """x and y in full-resolution pixels, float64 (spots, 2)."""
    if "spatial" not in adata.obsm:
        raise InputError(
            f"{path}: has no obsm['spatial']; add x and y of the spots in pixels of the"
            " full-resolution image"
        )
    try:
        pixels = np.asarray(adata.obsm["spatial"], dtype=float)
    except (TypeError, ValueError):
        pixels = np.empty(0)
    if pixels.shape != (adata.n_obs, 2):
        raise InputError(
            f"{path}: obsm['spatial'] is no table of two numbers, x and y, for each spot; correct"
            " it"
        )
    if all(name in adata.obs for name in FULLRES):
        again = adata.obs[FULLRES].apply(pd.to_numeric, errors="coerce").to_numpy(float)
        apart = [np.abs(pixels - places).max(axis=1) > 1 for places in (again, again[:, ::-1])]
        off = min(apart, key=np.sum)
        if off.any():
            raise InputError(
                f"{path}: obsm['spatial'] and obs[{FULLRES[0]!r}], obs[{FULLRES[1]!r}] differ for"
                f" {off.sum()} spots, such as {adata.obs_names[off.argmax()]}; remove the one that"
                " is not of the full-resolution image"
            )
    return pixels


def _counts(adata: ad.AnnData, spots: list[str], path: str | Path) -> tuple[CountTable, str]:
    """Raw counts of the features that are genes, and a remark for the log."""
    usable = [found for found in _matrices(adata) if are_counts(_values(found[1]))]
    if not usable:
        raise InputError(
            f"{path}: neither X, layers['counts'] nor raw has counts; use raw counts (non-negative"
            " integers)"
        )
    source, matrix, var = max(usable, key=lambda found: len(found[2]))
    counts = _sparse(matrix, path)
    for other, values, columns in usable:
        same_genes = columns.index.equals(var.index)
        if other != source and same_genes and (_sparse(values, path) != counts).nnz:
            raise InputError(
                f"{path}: {source} and {other} both have whole numbers, which differ; keep the raw"
                " counts only"
            )
    types = _column(var, TYPES)
    if TYPES[0] not in var and GENE not in types:
        types = []
    is_gene = np.array([kind in ("", GENE) for kind in types or [""] * len(var)], dtype=bool)
    genes, symbols = _genes(var[is_gene], path)
    others = int((~is_gene).sum())
    remarks = [] if source == "X" else [f"counts are those of {source}"]
    remarks += [f"{others} features left out that are not genes"] if others else []
    return CountTable(spots, genes, counts[:, is_gene], symbols), "; ".join(remarks)


def _matrices(adata: ad.AnnData) -> Iterator[tuple[str, np.ndarray | sparse.sparray, pd.DataFrame]]:
    """Where counts may be: its name, the values and their genes."""
    if adata.X is not None:
        yield "X", adata.X, adata.var
    if "counts" in adata.layers:
        yield "layers['counts']", adata.layers["counts"], adata.var
    if adata.raw is not None:
        yield "raw", adata.raw.X, adata.raw.var


def _values(matrix: np.ndarray | sparse.sparray) -> np.ndarray:
    values = matrix.data if sparse.issparse(matrix) else np.asarray(matrix)
    # The largest count is beyond float16.
    return values.astype(np.float32) if values.dtype == np.float16 else values


def _sparse(matrix: np.ndarray | sparse.sparray, path: str | Path) -> sparse.csr_matrix:
    if matrix.dtype == np.float16:
        raise InputError(
            f"{path}: has counts of type float16, which rounds those above 2048; write them as"
            " int32"
        )
    try:
        if sparse.issparse(matrix):
            matrix.check_format(full_check=True)
        counts = sparse.csr_matrix(matrix)
    except (ValueError, TypeError, IndexError) as error:
        raise InputError(
            f"{path}: has a damaged matrix ({error}); download or write it again"
        ) from error
    stored = counts.nnz
    counts.sum_duplicates()
    if counts.nnz < stored:
        raise InputError(f"{path}: has several counts of a gene for one spot; write it again")
    counts.eliminate_zeros()
    return counts.astype(np.int32)


def _genes(var: pd.DataFrame, path: str | Path) -> tuple[list[str], list[str]]:
    """Ids and names of the genes. Scanpy has the names in `var_names`, our own files the ids."""
    names = _text(var.index)
    ids = _column(var, IDS) or names
    check_genes(path, pd.DataFrame({"id": ids, "genome": _column(var, ["genome"]) or ""}))
    return ids, (_column(var, SYMBOLS) or names) if ids == names else names


def _column(table: pd.DataFrame, names: list[str]) -> list[str]:
    """The first of the columns that the table has, as text; nothing if it has none."""
    return next((_text(table[name]) for name in names if name in table), [])


def _text(values: pd.Series | pd.Index) -> list[str]:
    """Text of each value, empty if it is missing."""
    return [
        value.decode() if isinstance(value, bytes) else "" if pd.isna(value) else str(value)
        for value in values.astype(object)
    ]


def _libraries(adata: ad.AnnData) -> dict[str, Mapping]:
    """Entries of `uns["spatial"]` by section. Beside them, CELLxGENE has a flag."""
    spatial = adata.uns.get("spatial")
    entries = spatial.items() if isinstance(spatial, Mapping) else ()
    return {name: entry for name, entry in entries if isinstance(entry, Mapping)}


def _stated(adata: ad.AnnData, path: str | Path) -> ImageFacts:
    """What `uns["spatial"]` of one section says of the image; nothing if there is none."""
    library = next(iter(_libraries(adata).values()), None)
    if library is None:
        return ImageFacts()
    parts = {
        part: dict(library[part]) if isinstance(library.get(part), Mapping) else {}
        for part in ("images", "scalefactors", "metadata")
    }
    # R writes a number as an array of one.
    numbers = {
        key: np.ravel(value)[0]
        for key, value in {**parts["metadata"], **parts["scalefactors"]}.items()
        if np.size(value) == 1
    }
    name = next((name for name in PICTURES if name in parts["images"]), None)
    reduction = factor(path, numbers, PICTURES[name]) if name else None
    scales = [factor(path, numbers, key) for key in SCALES]
    return ImageFacts(
        spot_diameter=factor(path, numbers, "spot_diameter_fullres"),
        um_per_px=next(filter(None, scales), None),
        picture=_picture(parts["images"][name], name, path) if reduction else None,
        reduction=reduction,
        source="uns['spatial']",
        scale_source=f"uns['spatial'] of {path}",
    )


def _picture(values: object, name: str, path: str | Path) -> Image.Image:
    """A reduced image; as numbers from 0 to 1, as matplotlib reads a PNG, or to 255."""
    pixels = np.asarray(values)
    if pixels.dtype.kind == "f":
        pixels = (pixels * 255 if pixels.size and pixels.max() <= 1 else pixels).round()
    try:
        return Image.fromarray(pixels.astype(np.uint8)).convert("RGB")
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{path}: {name} in uns['spatial'] is not an image; remove it or write it again"
        ) from error
