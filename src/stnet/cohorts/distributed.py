"""A section as read from any format, before spots are matched and dropped."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from PIL import Image

from stnet.cohorts.text_tables import CountTable
from stnet.expression.grids import GRIDS


@dataclass(frozen=True)
class ImageFacts:
    """What a section's files say of the image; None for what they do not say.

    The names of sources are those of Space Ranger unless a reader gives others.

    Attributes:
        spot_diameter: diameter of a spot in full-resolution pixels.
        um_per_px: µm per pixel at full resolution.
        picture: reduced copy of the image, such as `tissue_hires_image.png`.
        reduction: pixels of the picture per pixel of the image.
        size: width and height of the image in pixels.
        pitch_um: µm between neighbouring spots.
        source: what says all of these, for messages.
        scale_source: what says `um_per_px`, for messages.
    """

    spot_diameter: float | None = None
    um_per_px: float | None = None
    picture: Path | Image.Image | None = None
    reduction: float | None = None
    size: tuple[float, float] | None = None
    pitch_um: float | None = None
    source: str = "scalefactors_json.json"
    scale_source: str = "microns_per_pixel of scalefactors_json.json"


@dataclass(frozen=True)
class DistributedSection:
    """A section's files as read.

    `positions`: a table of `stnet.cohorts.text_tables.position_table`, pixels as distributed.
    `counts`: rows are spots of the array, with or without a position.
    `annotations`: the pathologist's annotation by spot name; empty if there are none.
    `remark`: a message for the log, such as how annotations were matched to spots.
    `unplaced`: number of annotations at no spot of `positions`.
    `image_facts`: what the files say of the image; nothing for text tables.
    `spot_file`: the file of the positions, if it is not the sheet's `spots`.
    `published`: `dataset_title` and `patient` as published; empty if the files do not say.
    `bin_um`: side of a bin in µm, where spots are squares without gaps (Visium HD).
    """

    positions: pd.DataFrame
    counts: CountTable
    annotations: dict[str, str]
    remark: str
    unplaced: int = 0
    image_facts: ImageFacts = ImageFacts()
    spot_file: str = ""
    published: Mapping[str, str] = field(default_factory=dict)
    bin_um: float | None = None

    def spot_um(self, grid: str) -> float:
        """Diameter of a spot in µm: the side of a bin, or what is printed on arrays of the grid."""
        return self.bin_um or GRIDS[grid].spot_um
