"""Slides and Visium sections of your own, for the target `predict`."""

from stnet.config.base import Keys, Positive
from stnet.config.tiles import Scale, Tiles


class OwnVisium(Keys):
    """A Visium section of your own."""

    folder: str
    """Space Ranger's folder."""
    image: str
    """The full-resolution image that Space Ranger was run on."""
    um_per_px: Positive | None = None
    """Scale of the image, which overrides what it states; null takes that, or the scale by the
    spots' distance. Unit: µm per px."""


class Predict(Keys):
    """Slides and Visium sections of your own, and the model to apply to them."""

    model: str | None = None
    """The .safetensors of a trained model, with its .genes.tsv in the same folder."""
    slides: list[str] = []
    """Files of whole slides."""
    visium: list[OwnVisium] = []
    """Visium sections."""
    genes: list[str] = []
    """Genes to draw, by symbol or id; an empty list means the four consistently predicted genes
    that vary most."""
    scale: Scale = "micrometres"
    """pixels feeds the network the image's pixels unchanged; micrometres resizes windows that are
    as wide as the training patches."""
    um_per_px: Positive | None = None
    """Scale of your slides, which overrides what they state; null takes theirs and refuses slides
    that state neither their scale nor their objective. Unit: µm per px."""
    spot_pitch_um: Positive = 100
    """Distance between neighbouring spots of Visium sections. Unit: µm."""
    tiles: Tiles = Tiles()
    """How to cut a whole slide into tiles."""
