"""Check that counts, spots, labels and image of a section are of the same section (ours)."""

import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd
from PIL import Image

from stnet.cohorts.distributed import DistributedSection, ImageFacts
from stnet.cohorts.suspicion import suspect
from stnet.cohorts.text_tables import unpacked
from stnet.cohorts.visium import THEORETICAL_SPOT_UM
from stnet.config.section_sheet import MOST_APART
from stnet.core.errors import InputError
from stnet.expression.grids import GRIDS
from stnet.slides.image import open_image

logger = logging.getLogger(__name__)

# Of two files of one section, one has all spots of the other: a matrix has the whole array or the
# tissue, labels may be of a part. If more than this share is unmatched on both sides, they are of
# different sections. Of HER2ST's 27 sections up to 1.6% of the spots have no counts, and no counts
# lack a spot; of 702 pairs of counts and spots of different sections, each has more than this
# share, and two spots, unmatched on both sides. A single spot never decides.
MOST_UNMATCHED = 0.01
# Labels are placed by coordinates, some of which round to a neighbour: those are unmatched on both
# sides, but few. Of HER2ST's labels none are; with another section's spots more than this share is
# unmatched on one side at least.
MOST_MISPLACED = 0.05
# A whole array whose totals fall into two groups shows its tissue: the groups explain more than the
# first of the variance of the log totals (0.64 for a normal distribution). Then spots of at most
# the second share should be on the wrong side, in both directions.
TWO_GROUPS, MOST_ON_WRONG_SIDE = 0.8, 0.05
# Counts outside the tissue are of a whole array if their median total is below this share of that
# under tissue (0.89 and more between HER2ST's sections). There, more spots may lack counts. If even
# more do, the table of counts was cut short.
BACKGROUND, MOST_EMPTY = 0.5, 0.05
# Space Ranger's picture is of the image if they correlate at least so much, at this side. It is
# reduced at once only if it is larger than any that Space Ranger makes.
LEAST_CORRELATION, SIDE = 0.5, 100
MOST_SHOWN = 4000


def check_same_section(row: dict[str, str], parts: DistributedSection) -> None:
    """Raise InputError if the counts or labels belong to other spots than the spot file's."""
    positions, counts = parts.positions, parts.counts
    under_tissue = positions.index[positions["selected"]]
    totals = counts.matrix.sum(axis=1).A1
    inside = pd.Index(counts.spots).isin(under_tissue)
    elsewhere, lost = int((~inside).sum()), len(under_tissue) - int(inside.sum())
    whole_array = (
        elsewhere
        and inside.any()
        and np.median(totals[~inside]) < BACKGROUND * np.median(totals[inside])
    )
    if _many(lost, len(under_tissue), MOST_EMPTY if whole_array else MOST_UNMATCHED) and _many(
        elsewhere, len(totals), MOST_UNMATCHED
    ):
        suspect(
            row,
            f"{row['counts']}: {elsewhere} of its {len(totals)} spots are not under tissue in"
            f" {row['spots']}, and {lost} of the {len(under_tissue)} spots under tissue are not in"
            " it; name counts and spots of the same section",
        )
    if _many(lost, len(under_tissue), MOST_EMPTY):
        suspect(
            row,
            f"{row['counts']}: {lost} of the {len(under_tissue)} spots under tissue in"
            f" {row['spots']} are not in it; fetch it again if it was cut short, or leave these"
            " spots out of both files",
        )
    if elsewhere:
        _compare_tissue(row, totals, inside)
    placed = int(under_tissue.isin(parts.annotations).sum())
    labels, unlabelled = len(parts.annotations) + parts.unplaced, len(under_tissue) - placed
    unmatched = [(parts.unplaced, labels), (unlabelled, len(under_tissue))]
    if all(_many(*each, MOST_UNMATCHED) for each in unmatched) and any(
        _many(*each, MOST_MISPLACED) for each in unmatched
    ):
        suspect(
            row,
            f"{row['labels']}: {parts.unplaced} of its {labels} labels are at no spot of"
            f" {row['spots']}, and {unlabelled} of the {len(under_tissue)} spots under tissue have"
            " none; name labels and spots of the same section",
        )


def _compare_tissue(row: dict[str, str], totals: np.ndarray, inside: np.ndarray) -> None:
    """Warn if the spots with many counts are others than those under tissue (Otsu's method)."""
    logs = np.log1p(totals)
    ordered, left = np.sort(logs), np.arange(1, len(logs))
    apart = np.cumsum(ordered - logs.mean())[:-1] ** 2 * len(logs) / (left * (len(logs) - left))
    split = apart.argmax()
    rich = logs > ordered[split]
    poor_inside, rich_outside = int((inside & ~rich).sum()), int((~inside & rich).sum())
    most = MOST_ON_WRONG_SIDE * inside.sum()
    if apart[split] > TWO_GROUPS * len(logs) * logs.var() and min(poor_inside, rich_outside) > most:
        logger.warning(
            f"{row['counts']}: {rich_outside} spots outside the tissue of {row['spots']} have as"
            f" many counts as those inside, and {poor_inside} inside as few as those outside: check"
            " that both are of the same section"
        )


def _many(unmatched: int, of: int, share: float) -> bool:
    return unmatched > max(1, share * of)


def check_scale(row: dict[str, str], scales: dict[str, float]) -> None:
    """Raise InputError if two of the µm per pixel, by the names of their sources, disagree.

    The first is compared with each of the others.
    """
    (first, um_per_px), *others = scales.items()
    for source, stated in others:
        if not 1 / MOST_APART <= stated / um_per_px <= MOST_APART:
            raise InputError(
                f"section {row['section']}: {stated:.4g} µm per pixel by {source}, but"
                f" {um_per_px:.4g} by {first}; name the image that the spots were placed on, and"
                " correct the wrong one (um_per_px of the section overrides the image's own)"
            )


def check_spot_size(
    row: dict[str, str], diameter_um: float, source: str, bin_um: float | None
) -> None:
    """Compare the diameter of a Visium spot in `source`, by the section's scale, with the physical.

    Printed spots are 55 µm wide, and Space Ranger mostly gives its theoretical one; `bin_um` is the
    side of a spot of Visium HD. Raises InputError if it is smaller or larger than both: the pitch
    of the spots, the positions or `source` are then not the section's.
    """
    least, most = bin_um or GRIDS["hexagonal"].spot_um, bin_um or THEORETICAL_SPOT_UM
    if not least / MOST_APART <= diameter_um <= most * MOST_APART:
        raise InputError(
            f"{row['spots']}: the spot diameter in {source} is {diameter_um:.0f} µm"
            f" by the scale of section {row['section']}, not {least:.0f} to"
            f" {most:.0f}; check spot_pitch_um (100 for Visium) and the"
            " section's um_per_px and pixel_scale"
        )


def check_picture(row: dict[str, str], said: ImageFacts, image: Image.Image, width: int) -> None:
    """Raise InputError if the image is not the one that Space Ranger reduced to its picture.

    `image` is a reduced copy of the image, which is `width` pixels wide. Its size is compared with
    the stated one, too.
    """
    sides = (width, width * image.height / image.width)
    if said.size:
        _check_sides(row, sides, said.size, said.scale_source)
    if not said.picture:
        return
    if isinstance(said.picture, Image.Image):
        name, picture = f"the picture of {row['spots']}", said.picture
        size = picture.size
    else:
        name = str(said.picture)
        with unpacked(said.picture) as file, open_image(file) as opened:
            size, picture = opened.size, opened.thumbnail(MOST_SHOWN)
    _check_sides(row, sides, [side / said.reduction for side in size], f"{name} and {said.source}")
    grey = [np.asarray(p.convert("L").resize((SIDE, SIDE))).ravel() for p in (image, picture)]
    if min(values.std() for values in grey) == 0:
        return
    correlation = np.corrcoef(*grey)[0, 1]
    if correlation < LEAST_CORRELATION:
        suspect(
            row,
            f"{row['image']}: not what {name} shows (they correlate by {correlation:.2f});"
            " name the image that it was made from",
        )


def _check_sides(
    row: dict[str, str], sides: Sequence[float], stated: Sequence[float], source: str
) -> None:
    """Compare width and height of the image with those that `source` states."""
    stated = [side * float(row["pixel_scale"] or 1) for side in stated]
    apart = [side / other for side, other in zip(sides, stated, strict=True)]
    if not all(1 / MOST_APART <= factor <= MOST_APART for factor in apart):
        raise InputError(
            f"{row['image']}: {sides[0]:.0f} x {sides[1]:.0f} px, but {stated[0]:.0f} x"
            f" {stated[1]:.0f} px by {source}; name the image that the spots were placed on, or set"
            " pixel_scale"
        )


def check_pitch(row: dict[str, str], said: ImageFacts, spot_pitch_um: float) -> None:
    """Raise InputError if the file states another distance of spots than the cohort."""
    if said.pitch_um and not 1 / MOST_APART <= said.pitch_um / spot_pitch_um <= MOST_APART:
        raise InputError(
            f"section {row['section']}: spots are {said.pitch_um:g} µm apart by"
            f" {said.scale_source}, but {spot_pitch_um:g} by spot_pitch_um; correct"
            " spot_pitch_um (sections of a cohort have the same)"
        )
