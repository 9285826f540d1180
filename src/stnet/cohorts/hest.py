"""HEST-1k (Jaume et al. 2024): an AnnData of each sample, and its metadata as JSON.

A sample is `st/ID.h5ad`, `wsis/ID.tif` and `metadata/ID.json`.
"""

import json
from dataclasses import replace
from pathlib import Path

import anndata as ad
import pandas as pd

from stnet.cohorts.distributed import DistributedSection
from stnet.cohorts.scverse import section_of
from stnet.cohorts.text_tables import ARRAY
from stnet.cohorts.visium import factor
from stnet.config.section_sheet import MOST_APART
from stnet.core.errors import InputError, check_system
from stnet.core.h5ad import read_foreign

ST = "Spatial Transcriptomics"
# HEST pooled the bins of Visium HD and states the distance of the bins, not that of its spots.
TECHNOLOGIES = [ST, "Visium", "Xenium"]


def read(row: dict[str, str]) -> DistributedSection:
    """Read a sample: `counts` is its `.h5ad`, `spots` its `.json`.

    `row` is the section's row of the sheet. For ST, HEST has x of the array as `array_row` and y as
    `array_col`; the names of the spots are used instead. `pixel_size_um_embedded` is not read: it
    is what the submitted image said, and often the default of a program. Raises InputError as
    `read_foreign` and `section_of`, and if the files are not of one sample of a known technology.
    """
    path, metadata = row["counts"], row["spots"]
    adata, said = read_foreign(path), _metadata(metadata)
    for column in ("counts", "spots", "image"):
        if row[column] and Path(row[column]).stem != said.get("id"):
            raise InputError(
                f"{row[column]}: id is {said.get('id')!r} in {metadata}; name the files of one"
                " sample, ID.h5ad, ID.json and ID.tif"
            )
    technology = said.get("st_technology")
    if technology not in TECHNOLOGIES:
        raise InputError(
            f"{metadata}: st_technology {technology!r} is not one of {', '.join(TECHNOLOGIES)};"
            " leave the sample out"
        )
    if technology == ST:
        adata.obs = adata.obs.drop(columns=ARRAY, errors="ignore")
    parts = section_of(adata, path)
    _check_numbers(adata, parts.positions, said, path, metadata)
    sides = [factor(metadata, said, f"fullres_px_{side}") for side in ("width", "height")]
    stated = replace(
        parts.image_facts,
        um_per_px=factor(metadata, said, "pixel_size_um_estimated"),
        size=tuple(sides) if all(sides) else None,
        pitch_um=factor(metadata, said, "inter_spot_dist"),
        scale_source=metadata,
    )
    published = {key: str(said[key]) for key in ("dataset_title", "patient") if key in said}
    return replace(parts, image_facts=stated, published=published if len(published) == 2 else {})


def _metadata(path: str) -> dict:
    """What a sample's JSON says, without what is null, NaN or empty."""
    try:
        said = json.loads(Path(path).read_text(encoding="utf-8"))
        if not isinstance(said, dict):
            raise ValueError("not an object")
    except (OSError, ValueError, RecursionError) as error:
        check_system(error, path)
        raise InputError(f"{path}: not a sample's metadata ({error}); download it again") from error
    return {key: value for key, value in said.items() if value not in (None, "") and value == value}


def _check_numbers(
    adata: ad.AnnData, positions: pd.DataFrame, said: dict, path: str, metadata: str
) -> None:
    """Compare the numbers of spots and genes with those that the metadata state."""
    found = {
        "spots_under_tissue": [adata.n_obs, int(positions["selected"].sum())],
        "nb_genes": [adata.n_vars],
    }
    for key, numbers in found.items():
        stated = factor(metadata, said, key)
        if stated and not any(1 / MOST_APART <= n / stated <= MOST_APART for n in numbers):
            raise InputError(
                f"{path}: has {numbers[0]} {key}, but {stated:g} by {metadata}; download both of"
                " them again"
            )
