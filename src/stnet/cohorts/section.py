"""Match the files of a section by spot, drop spots, and write the section as AnnData."""

import logging
from dataclasses import replace
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from PIL import Image

from stnet.cohorts import her2st, hest, scverse, st, visium, visium_hd
from stnet.cohorts.agreement import (
    check_picture,
    check_pitch,
    check_same_section,
    check_scale,
    check_spot_size,
)
from stnet.cohorts.alignment import better_move, placed
from stnet.cohorts.close_up import cut_close_up
from stnet.cohorts.distributed import DistributedSection
from stnet.cohorts.gene_names import genes_only, name_genes
from stnet.cohorts.orientation import SPOT_PX, check_misplaced
from stnet.cohorts.scale import um_per_px
from stnet.cohorts.suspicion import collect_warnings, suspect
from stnet.cohorts.text_tables import ARRAY, PIXELS
from stnet.config.section_sheet import FILE_COLUMNS
from stnet.core.checksums import check_record
from stnet.core.errors import InputError
from stnet.core.h5ad import write_h5ad
from stnet.core.hashing import file_sha256
from stnet.core.spatialdata_folder import with_spatialdata
from stnet.core.tables import write_table
from stnet.expression.genes import read_gene_table
from stnet.expression.spatial import THUMBNAIL, spatial
from stnet.slides.colours import odd_colours
from stnet.slides.image import open_image
from stnet.slides.scale import overridden

logger = logging.getLogger(__name__)


def _read_spatialdata(row: dict[str, str]) -> DistributedSection:
    with with_spatialdata(f"{row['counts']}: to read"):
        from stnet.cohorts.spatial_data import read
    return read(row)


READERS = {
    **{"st-v5": st.read_v5, "st-original": st.read_original, "her2st": her2st.read},
    "visium": visium.read,
    "visium-hd": visium_hd.read,
    "anndata": scverse.read,
    "hest": hest.read,
    "spatialdata": _read_spatialdata,
}
# A dropped position counts for the first reason that applies.
REASONS = ["unselected", "no_counts", "off_image", "no_label"]
# Longest side of the reduced image that spots are compared with.
MOST_PX = 2000
# A scan may crop a few spots. If more are off the image, positions and image do not match (ours).
MOST_OFF_IMAGE = 0.05


def write_section(
    row: dict[str, str],
    output: str | Path,
    drops_output: str | Path,
    *,
    label_classes: dict[str, list[str]],
    require_label: bool,
    spot_window: int,
    spot_pitch_um: float,
    genes: str | Path | None,
) -> None:
    """Turn a section's distributed files into `output` (h5ad) and `drops_output` (TSV).

    `output` has every spot that is selected, has counts, lies in the image and, with
    `require_label`, is annotated (Methods; the released code). Pixel positions are multiplied by
    the sheet's `pixel_scale`, then rounded to the nearest integer, half to even (released code).
    Fields have the names of scanpy and squidpy. `obs` has `in_tissue` (always 1, because other
    spots are dropped), `array_row` and `array_col` (Space Ranger's for Visium; y and x of the
    spot's name for ST). `obsm["spatial"]` is x and y in full-resolution pixels.
    `uns["spatial"][section]` has the reduced image, `uns["grid"][section]` the grid. If the files
    name the published patient, `uns["published"]` has it. `uns["checks"]` has the warnings of the
    checks, the alignment that clearly fits better (`better_move`), whether another section's image
    that does may end the run, and whether the sheet's row is `confirmed`. With an image,
    `obs["on_tissue"]` says whether a spot is on tissue (`check_misplaced`), and `uns["close_up"]`
    has a part of the image at full resolution.

    Args:
        row: the section's row of the sheet, with file columns joined to the root, and the cohort's
            `misaligned`.
        output: h5ad.
        drops_output: TSV with one row, the number of spots dropped for each reason.
        label_classes: annotations of each class (`tumour`, `normal`). Other annotations (HER2ST's
            `undetermined`) stay in `annotation`, without a class.
        require_label: whether to drop spots without an annotation.
        spot_window: a spot is used if a window of this side in pixels lies inside the image. This
            is decided here, as `obs["used"]`, and read by all later stages. `margin`, the distance
            to the nearest edge, is only informative.
        spot_pitch_um: µm between neighbouring spots; gives the scale of the image if the sheet does
            not. Bins of Visium HD are added up to spots of this side.
        genes: table of gene identifiers, or None.

    Raises:
        InputError: neither file is written. A file is unreadable or inconsistent, required
            annotations are missing, more than 5% of the selected spots are off the image, no spot
            is usable, or there is no scale in the sheet and none from the spots. For Visium, also
            if the size of spots contradicts the scale, or spots lie off the tissue.
    """
    with collect_warnings() as warnings:
        section, drops, remark = _checked(
            row,
            label_classes=label_classes,
            require_label=require_label,
            spot_window=spot_window,
            spot_pitch_um=spot_pitch_um,
            genes=genes,
        )
        better = _check_aligned(row, section)
    section.uns["checks"] = {
        "warnings": np.array(warnings, dtype=object),
        "better_alignment": better,
        "may_stop": row.get("misaligned") == "stop" and not row.get("confirmed"),
        "confirmed": bool(row.get("confirmed")),
    }
    _log(row["section"], drops, remark, section.obs)
    write_h5ad(section, output)
    write_table(pd.DataFrame([drops]), drops_output)


def _checked(
    row: dict[str, str],
    *,
    label_classes: dict[str, list[str]],
    require_label: bool,
    spot_window: int,
    spot_pitch_um: float,
    genes: str | Path | None,
) -> tuple[ad.AnnData, dict, str]:
    """The section, its table of drops as a row, and the reader's remark."""
    name = row["section"]
    if require_label and not row["labels"]:
        raise InputError(
            f"section {name}: labels is empty in the section sheet and the cohort's require_label"
            " is true; name the file or set require_label: false"
        )
    for path in filter(None, map(row.get, FILE_COLUMNS)):
        check_record(path)
    parts = READERS[row["format"]](row)
    parts = replace(parts, counts=genes_only(parts.counts, row["counts"]))
    row = {**row, "spots": parts.spot_file or row["spots"]}
    check_same_section(row, parts)
    if parts.bin_um:
        parts = visium_hd.sum_bins(row, parts, spot_pitch_um)
    positions = parts.positions
    pixels = np.rint(positions[PIXELS].to_numpy() * float(row["pixel_scale"] or 1))
    slide, overview, close_up = _slide(row, parts, pixels, spot_pitch_um)
    margin = _margins(pixels, slide)
    selected = positions["selected"].to_numpy()
    _check_on_image(row, slide, pixels[selected], margin[selected])
    spot_diameter = _spot_diameter(row, parts, slide["um_per_px"])
    on_tissue = _check_placed(row, parts, pixels, slide, overview) if overview else None

    totals = pd.Series(parts.counts.matrix.sum(axis=1).A1, index=parts.counts.spots)
    total = totals.reindex(positions.index, fill_value=0).to_numpy()
    unlabelled = ~positions.index.isin(parts.annotations)
    reason = np.select(
        [~selected, total == 0, margin < 0, require_label & unlabelled], REASONS, default=""
    )
    kept = reason == ""
    used = kept & (margin >= spot_window / 2)
    no_position = int((~totals.index.isin(positions.index)).sum())
    drops = {
        **{"patient": row["patient"], "section": name},
        **{"positions": len(positions), "counts": len(totals), "no_position": no_position},
        **{cause: int((reason == cause).sum()) for cause in REASONS},
        "kept": int(kept.sum()),
        "near_edge": int((kept & ~used).sum()),
        "used": int(used.sum()),
    }
    _check_has_spots(row, drops)

    section = _anndata(row, parts, kept, label_classes)
    section.obs["total_counts"] = total[kept]
    section.obs["margin"] = margin[kept]
    section.obs["used"] = used[kept]
    if on_tissue is not None:
        section.obs["on_tissue"] = on_tissue[kept]
    section.obsm["spatial"] = pixels[kept]
    section.var = name_genes(row["counts"], parts.counts, read_gene_table(genes))
    section.uns = {
        "slide": slide,
        "grid": {name: row["grid"]},
        "spatial": {name: _spatial(slide, spot_diameter, overview)},
    }
    if close_up:
        section.uns["close_up"] = close_up
    if parts.published:
        section.uns["published"] = dict(parts.published)
    return section, drops, parts.remark


def _slide(
    row: dict[str, str], parts: DistributedSection, pixels: np.ndarray, spot_pitch_um: float
) -> tuple[dict, Image.Image | None, dict]:
    """`uns["slide"]`, the image at low resolution, and `uns["close_up"]`.

    Without an image, path and sha256 are empty, width and height 0, the second is None and the
    third empty.
    """
    scales = _scales(row, parts, pixels, spot_pitch_um)
    slide = {"path": row["image"], "sha256": "", "width": 0, "height": 0}
    overview, close_up = None, {}
    if row["image"]:
        with open_image(row["image"]) as image:
            slide["width"], slide["height"] = image.size
            if row["um_per_px"]:
                for found in overridden(image, float(row["um_per_px"])):
                    logger.warning(f"{row['image']}: {found}")
            elif image.um_per_px:
                scales[f"the properties of {row['image']}"] = image.um_per_px
            check_scale(row, scales)
            diameter = parts.spot_um(row["grid"]) / next(iter(scales.values()))
            side = max(THUMBNAIL, round(max(image.size) * SPOT_PX / diameter))
            overview = image.thumbnail(min(side, MOST_PX))
            close_up = cut_close_up(image, pixels[parts.positions["selected"].to_numpy()])
        check_picture(row, parts.image_facts, overview, slide["width"])
        slide["sha256"] = file_sha256(row["image"])
    check_scale(row, scales)
    slide["um_per_px"] = float(row["um_per_px"] or next(iter(scales.values())))
    return slide, overview, close_up


def _scales(
    row: dict[str, str], parts: DistributedSection, pixels: np.ndarray, spot_pitch_um: float
) -> dict[str, float]:
    """µm per pixel of the image by the name of what states it."""
    array, grid = parts.positions[ARRAY].to_numpy(), row["grid"]
    by_pitch = um_per_px(array, pixels, grid, spot_pitch_um, row["spots"])
    stated = parts.image_facts
    check_pitch(row, stated, spot_pitch_um)
    if by_pitch is None and not (row["um_per_px"] or stated.um_per_px):
        raise InputError(
            f"{row['spots']}: all spots lie on one line, which gives no scale; correct the"
            " positions, or set the section's um_per_px"
        )
    scales = {}
    if by_pitch is not None:
        source = (
            f"spot_pitch_um ({spot_pitch_um:g}) and the distance of the spots in {row['spots']}"
        )
        scales[source] = by_pitch
    if row["um_per_px"]:
        scales["its um_per_px"] = float(row["um_per_px"])
    if stated.um_per_px:
        scales[stated.scale_source] = stated.um_per_px / float(row["pixel_scale"] or 1)
    return scales


def _margins(pixels: np.ndarray, slide: dict) -> np.ndarray:
    """Pixels to the nearest edge of the image; negative off the image, infinite without one."""
    if not slide["path"]:
        return np.full(len(pixels), np.inf)
    sides = np.array([slide["width"], slide["height"]])
    # A spot at x = width is off the image, because the last pixel is width - 1.
    inside = np.minimum(pixels, sides - pixels).min(axis=1)
    return np.where((pixels < sides).all(axis=1), inside, np.minimum(inside, -1))


def _check_on_image(
    row: dict[str, str], slide: dict, pixels: np.ndarray, margin: np.ndarray
) -> None:
    off_image = int((margin < 0).sum())
    if off_image > MOST_OFF_IMAGE * len(pixels):
        right, bottom = pixels.max(axis=0)
        exchanged = not (_margins(pixels[:, ::-1], slide) < 0).any()
        raise InputError(
            f"{row['image']}: {off_image} of {len(pixels)} spots of section {row['section']} lie"
            f" off this image of {slide['width']} x {slide['height']} px (they reach x"
            f" {right:.0f}, y {bottom:.0f}"
            f"{', and all fit with x and y exchanged' if exchanged else ''}); name the image that"
            " the spots belong to, or set pixel_scale"
        )


def _check_placed(
    row: dict[str, str],
    parts: DistributedSection,
    pixels: np.ndarray,
    slide: dict,
    overview: Image.Image,
) -> np.ndarray:
    """Look at the colours of the image, and whether spots are on tissue (`check_misplaced`)."""
    if odd := odd_colours(overview):
        logger.warning(f"{row['image']}: {odd}")
    array = parts.positions[ARRAY].to_numpy()
    selected = parts.positions["selected"].to_numpy()
    reduced = np.array(overview.size) / [slide["width"], slide["height"]]
    diameter = parts.spot_um(row["grid"]) / slide["um_per_px"] * reduced.mean()
    return check_misplaced(row, overview, array, pixels * reduced, selected, diameter)


def _check_aligned(row: dict[str, str], section: ad.AnnData) -> str:
    """Name of another placement on the image that clearly fits the section better, or ""."""
    on_image = placed(section)
    if on_image is None or not (better := better_move(on_image)):
        return ""
    found = (
        f"{row['image']}: the spots of section {row['section']} fit it clearly better {better}: the"
        " image is of another section, or its place, scale or orientation is not that of the spots;"
        " name the image that the spots were placed on, or correct the positions"
    )
    if row.get("misaligned") == "stop":
        suspect(row, found)
    else:
        logger.warning(found)
    return better


def _spot_diameter(row: dict[str, str], parts: DistributedSection, um_per_px: float) -> float:
    """Diameter of a spot in pixels of the image: as distributed, else that of its platform."""
    if not parts.image_facts.spot_diameter:
        return parts.spot_um(row["grid"]) / um_per_px
    diameter = parts.image_facts.spot_diameter * float(row["pixel_scale"] or 1)
    if row["grid"] == "hexagonal" or parts.bin_um:
        check_spot_size(row, diameter * um_per_px, parts.image_facts.source, parts.bin_um)
    return diameter


def _spatial(slide: dict, spot_diameter: float, overview: Image.Image | None) -> dict:
    """The section's entry in `uns["spatial"]`, with a picture if there is an image."""
    if overview:
        overview.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.BICUBIC, reducing_gap=3.0)
    metadata = {"source_image_path": slide["path"], "um_per_px": slide["um_per_px"]}
    return spatial(overview, width=slide["width"], spot_diameter=spot_diameter, metadata=metadata)


def _check_has_spots(row: dict[str, str], drops: dict) -> None:
    if not drops["used"]:
        causes = ", ".join(f"{drops[cause]} {cause}" for cause in [*REASONS, "near_edge"])
        raise InputError(
            f"section {row['section']}: no usable spot: of {drops['positions']} positions in"
            f" {row['spots']} {causes}; check that counts, spots and image belong together"
        )


def _anndata(
    row: dict[str, str],
    parts: DistributedSection,
    kept: np.ndarray,
    label_classes: dict[str, list[str]],
) -> ad.AnnData:
    """Counts and obs of the kept spots, in the order of the spot file."""
    positions = parts.positions[kept]
    rows = pd.Index(parts.counts.spots).get_indexer(positions.index)
    annotation = positions.index.to_series().map(parts.annotations)
    words = pd.Index(sorted(set(parts.annotations.values())), dtype=object)
    class_of = {word: name for name, words in label_classes.items() for word in words}
    obs = pd.DataFrame(
        {
            "patient": pd.Categorical([row["patient"]] * len(positions)),
            "section": pd.Categorical([row["section"]] * len(positions)),
            "in_tissue": positions["selected"].astype(int),
            "array_row": positions["array_row"],
            "array_col": positions["array_col"],
            "label": pd.Categorical(annotation.map(class_of), categories=list(label_classes)),
            "annotation": pd.Categorical(annotation, categories=words),
        },
        index=positions.index,
    )
    return ad.AnnData(parts.counts.matrix[rows], obs=obs)


def _log(name: str, drops: dict, remark: str, obs: pd.DataFrame) -> None:
    counted = ", ".join(f"{value} {key}" for key, value in drops.items() if isinstance(value, int))
    logger.info(f"section {name}: {counted}")
    if remark:
        logger.info(f"section {name}: {remark}")
    unclassed = obs["annotation"][obs["label"].isna()].value_counts()
    words = ", ".join(f"{word} ({count})" for word, count in unclassed.items() if count)
    if words:
        logger.warning(f"section {name}: annotations without a class in label_classes: {words}")
