"""Patches around spots: one memory-mapped file per section and view, and the view's index."""

import csv
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from stnet.config.base import split_view
from stnet.core.atomic import atomic_path
from stnet.core.checksums import Damaged, recorded_path
from stnet.core.errors import InputError, check_system
from stnet.core.h5ad import read_h5ad
from stnet.core.hashing import file_sha256, names_sha256, read_sha256
from stnet.core.locks import held
from stnet.expression.spots import check_image, read_used_centres, read_used_spots, spot_names
from stnet.slides.blank import BLANK, all_counts, count_blank, report_blank
from stnet.slides.image import open_image

logger = logging.getLogger(__name__)

INDEX_COLUMNS = [
    "section",
    "file",
    "rows",
    "spots_sha256",
    "sha256",
    "section_file",  # with `view`, what a removed file is recreated from
    "view",
    *BLANK,  # numbers of patches that show no stained tissue
]


def parse_view(view: str) -> tuple[int, int]:
    """Source window in pixels and downsampling from a view's name: `448x2` is (448, 2).

    Raises InputError if the downsampling does not divide the window.
    """
    try:
        return split_view(view)
    except ValueError as error:
        raise InputError(str(error)) from None


def write_patches(section: str | Path, image: str | Path, output: str | Path, *, view: str) -> None:
    """Write a section's patches as uint8 (spots, side, side, 3) to the .npy file `output`.

    Rows are the section's used spots (`read_used_centres`), the same in every view. The window of a
    spot at c is [c - window // 2, c - window // 2 + window) in both directions (Methods, "patches
    of 224 x 224 pixels from the whole-slide images centred on the spatial transcriptomics spots";
    the released code has the same bounds). Pixels outside the image are black. Downsampling takes
    the mean of each block of downsampling x downsampling pixels (ours). Raises InputError if the
    image is not the section's.
    """
    window, downsampling = parse_view(view)
    corners = read_used_centres(section) - window // 2
    shape = (len(corners), *[window // downsampling] * 2, 3)
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    with (
        atomic_path(output) as temporary,
        open_image(image) as opened,
        open(temporary, "wb") as file,
    ):
        check_image(section, image)
        np.lib.format.write_array_header_1_0(file, header)
        patches_at = file.tell()
        # Read from top to bottom, so that OpenSlide's tile cache is used; each patch is written to
        # its own row.
        for row in np.argsort(corners[:, 1], kind="stable").tolist():
            patch = opened.read(*corners[row].tolist(), window, window)
            if downsampling > 1:
                patch = np.asarray(Image.fromarray(patch).reduce(downsampling))
            file.seek(patches_at + row * patch.nbytes)
            file.write(patch)


def write_index(
    sections: Sequence[str | Path],
    patches: Sequence[str | Path],
    output: str | Path,
    *,
    view: str,
) -> None:
    """Write the index of a view: one row per section, in the given order, with hashes.

    `spots_sha256` is the hash of the spots' names in row order, `sha256` that of the file. Blank
    patches are counted and warned of (`stnet.slides.blank`). Raises InputError if the numbers of
    patches and spots of a section differ, or a section's file is another's or damaged.
    """
    with recorded_path(output) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(INDEX_COLUMNS)
        for section, path in zip(sections, patches, strict=True):
            spots = read_used_spots(section)
            name = Path(path).name
            of = spots.obs["section"].astype(str).unique().tolist()
            if of not in ([], [name.removesuffix(".npy")]):
                raise InputError(
                    f"{section}: has section {of[0]}, but its patches are {name}; delete it and"
                    " rerun"
                )
            try:
                contents = np.load(path, mmap_mode="r")
            except (ValueError, EOFError) as error:
                raise Damaged(path, error) from error
            if len(contents) != spots.n_obs:
                raise InputError(f"{path}: not the patches of the {spots.n_obs} spots of {section}")
            row = [spots.n_obs, names_sha256(spot_names(spots)), file_sha256(path)]
            blank = count_blank(contents)
            report_blank(f"section {name.removesuffix('.npy')}", blank, spots.n_obs)
            counts = all_counts(blank).values()
            writer.writerow([name.removesuffix(".npy"), name, *row, section, view, *counts])


def read_patches(index: str | Path, names: Sequence[str], sections: Sequence[str]) -> np.ndarray:
    """Patches of the spots `names` (all spots of `sections`, in order): uint8 (spots, h, w, 3).

    Every file is checked against the index, and the index against the names of the spots, so that
    patches and targets of different versions are never combined; a mismatch raises InputError.
    Removed files are recreated. Memory use is that of the patches.
    """
    index = Path(index)
    rows = read_index(index)
    unknown = [section for section in sections if section not in rows]
    if unknown:
        raise InputError(f"{index}: has no section {unknown[0]}; delete it and rerun")
    recreate(index, [rows[section] for section in sections])
    patches, start = np.empty(0, dtype=np.uint8), 0
    for section in sections:
        row = rows[section]
        path = index.parent / row["file"]
        stop = start + row["rows"]
        if names_sha256(names[start:stop]) != row["spots_sha256"]:
            raise InputError(
                f"{index}: its spots of {section} are not those of the targets; delete it and rerun"
            )
        shape, begin = _layout(path)
        if not start:
            patches = np.empty((len(names), *shape[1:]), dtype=np.uint8)
        part = patches[start:stop]
        content = part if part.shape == shape else part[:0]
        if not begin or read_sha256(path, begin, content.reshape(-1).data) != row["sha256"]:
            raise InputError(f"{path}: differs from its index; delete it and rerun")
        if shape != part.shape:
            raise InputError(f"{path}: has patches {shape}, its index says {part.shape}")
        start = stop
    if start != len(names):
        raise InputError(f"{index}: {start} rows for {len(names)} spots")
    return patches


def check_view(index: str | Path, view: str) -> None:
    """Raise InputError if an index is of another view."""
    for row in read_index(Path(index)).values():
        if row["view"] != view:
            raise InputError(f"{index}: the index of view {row['view']}; delete it and rerun")


def read_chosen(index: str | Path, sections: pd.Series, chosen: Sequence[str]) -> np.ndarray:
    """Patches of the `chosen` spots of a view, in their order: uint8 (n, side, side, 3).

    `sections` maps every spot's name to its section, in the view's order. Sections are read one at
    a time. Raises InputError as `read_patches`.
    """
    names = pd.Index(chosen)
    of = sections.loc[names].to_numpy()
    patches = np.empty((0, 0, 0, 3), dtype=np.uint8)
    for section in dict.fromkeys(of):
        known = sections.index[sections == section]
        content = read_patches(index, known.tolist(), [section])
        if not patches.size:
            patches = np.empty((len(names), *content.shape[1:]), dtype=np.uint8)
        own = of == section
        patches[own] = content[known.get_indexer(names[own])]
    return patches


def recreate(index: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Recreate the removed patch files of `rows` of an index from section and image.

    This is not a rule, because Snakemake would rerun every job that reads a recreated file, and so
    retrain every network of the view. A file is recreated only if it is byte for byte the one in
    the index, and it gets the index's date, so Snakemake sees no change. One process works at a
    time, so that jobs that start together do not repeat the work.

    Raises InputError if the file would differ, because the image or its decoder has changed.
    """
    removed = [row for row in rows if not (index.parent / row["file"]).is_file()]
    if not removed:
        return
    if not os.access(index, os.W_OK):
        raise InputError(
            f"{index.parent / removed[0]['file']}: was removed, and recreating it needs write"
            f" access to {index}; run as its owner"
        )
    # On a file system without locks, a job may fail on another's unfinished file; rerun it then.
    with held(index, wait=True):
        date = index.stat()
        for row in removed:
            path = index.parent / row["file"]
            if path.is_file():
                continue
            logger.info(f"recreating {path}, which was removed")
            section = row["section_file"]
            if not Path(section).is_file():
                raise InputError(
                    f"{path}: was removed, and recreating it needs {section}; restore either"
                )
            image = read_h5ad(section).uns["slide"]["path"]
            with atomic_path(path) as temporary:
                write_patches(section, image, temporary, view=row["view"])
                if file_sha256(temporary) != row["sha256"]:
                    raise InputError(
                        f"{path}: recreated from {image}, it differs from its index; delete {index}"
                        " to compute the view and its networks again"
                    )
                os.utime(temporary, ns=(date.st_atime_ns, date.st_mtime_ns))


def read_index(path: Path) -> dict[str, dict]:
    """Rows of an index by section, `rows` as a number. Raises InputError if it is damaged."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file, delimiter="\t", strict=True)
            rows = list(reader)
        if reader.fieldnames != INDEX_COLUMNS:
            raise ValueError("its columns are others")
        for row in rows:
            # Otherwise a removed file would be recreated under a wrong name.
            if row["file"] != f"{row['section']}.npy":
                raise ValueError(f"{row['file']} is not the file of {row['section']}")
        return {row["section"]: {**row, "rows": int(row["rows"])} for row in rows}
    except (OSError, ValueError, TypeError, csv.Error) as error:
        check_system(error, path)
        raise Damaged(path, error) from error


def _layout(path: Path) -> tuple[tuple[int, ...], int]:
    """Shape of the array in a .npy file and its offset in bytes, 0 if the file is incomplete."""
    try:
        array = np.lib.format.open_memmap(path, mode="r")
    except Exception:
        # A damaged header is evaluated as Python, so almost any error can come out of it.
        return (0,), 0
    return array.shape, array.offset
