"""Slides and sections of your own, for the target `predict`."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from stnet.config.base import KeyFault, Keys, Positive
from stnet.config.levels import LEVELS
from stnet.config.section_sheet import FORMATS, wrong_pitch
from stnet.config.tiles import Scale, Tiles


class OwnSlide(Keys):
    """A whole slide of your own."""

    image: str
    """File of the slide."""
    name: str | None = None
    """Name of the results; null takes the file's name."""
    um_per_px: Positive | None = None
    """Scale of this slide, which overrides what it states; null takes `predict.um_per_px`.
    Unit: µm per px."""


class OwnSection(Keys):
    """A section of your own. Its keys are the columns of a section sheet."""

    name: str | None = None
    """Name of the results; null takes the folder's name, else that of the counts."""
    format: Literal[tuple(FORMATS)] = "visium"
    """Format of the files."""
    folder: str | None = None
    """Space Ranger's output folder, or that of one size of Visium HD's bins, in place of counts and
    spots."""
    counts: str = ""
    """Counts, as in a section sheet."""
    spots: str = ""
    """Positions of the spots, as in a section sheet."""
    image: str
    """The full-resolution image."""
    grid: Literal["square", "hexagonal"] = "hexagonal"
    """The array of spots."""
    spot_pitch_um: Positive = 100
    """Distance between neighbouring spots: 100 for Visium, 200 for ST; for Visium HD the side of a
    spot. Unit: µm."""
    um_per_px: Positive | None = None
    """Scale of the image, which overrides what it states; null takes that, or the scale by the
    spots' distance. Unit: µm per px."""
    pixel_scale: Positive | None = None
    """Factor to the spots' pixel coordinates, if the image was shrunk; null is 1."""

    confirmed: Literal["", "yes"] = ""
    """yes: if the files look as if they were of different sections, warn and go on."""

    @model_validator(mode="after")
    def _files_and_pitch(self) -> "OwnSection":
        if bool(self.folder) == bool(self.counts or self.spots):
            raise KeyFault("folder", "write either folder, or counts and spots")
        if wrong := wrong_pitch(self.format, self.spot_pitch_um):
            raise KeyFault("spot_pitch_um", f"{wrong}; correct it")
        return self


class Predict(Keys):
    """Slides and sections of your own, and the model to apply to them."""

    model: str | None = None
    """The .safetensors of a trained model, with its .genes.tsv in the same folder."""
    slides: list[str | OwnSlide] = []
    """Whole slides: files, or the keys of each."""
    sections: list[OwnSection] = []
    """Sections with measured expression, to compare with."""
    genes: Annotated[list[str], Field(max_length=24)] = []
    """Genes to draw, by symbol or id, at most 24; an empty list means the four consistently
    predicted genes that vary most. All genes are in the predictions."""
    scale: Scale = "micrometres"
    """pixels feeds the network the image's pixels unchanged; micrometres resizes windows that are
    as wide as the training patches."""
    um_per_px: Positive | None = None
    """Scale of all slides that have none of their own here, which overrides what they state; null
    takes theirs and refuses slides that state neither their scale nor their objective.
    Unit: µm per px."""
    level: Literal[LEVELS] = 0.9
    """Share of a new patient's spots that should be measured between `lower` and `upper`. 0.5 needs
    errors in one held-out patient, 0.8 in 4, 0.9 in 9, 0.95 in 19; with fewer there are no
    intervals, and the summary says so."""
    precision: Literal["auto", "float32", "bfloat16"] = "float32"
    """Precision of the network's layers but the last. auto is bfloat16 on the CPU if the processor
    has it, else float32; on a GPU it is the model's own. It is decided once, where the run is
    started, and kept in `precision.json` for later runs."""
    tiles: Tiles = Tiles()
    """How to cut a whole slide into tiles."""
