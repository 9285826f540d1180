"""Slides and Visium sections of your own, for the target `predict`."""

from stnet.config.base import Keys, Positive
from stnet.config.tiles import Scale, Tiles


class OwnVisium(Keys):
    """A Visium section of your own."""

    folder: str
    """Space Ranger's folder."""
    image: str
    """The full-resolution image that it was run on."""


class Predict(Keys):
    """Slides and Visium sections of your own, and the model that is applied to them."""

    model: str | None = None
    """The .safetensors of a trained model; its .genes.tsv lies beside it."""
    slides: list[str] = []
    """Files of whole slides."""
    visium: list[OwnVisium] = []
    """Visium sections."""
    genes: list[str] = []
    """Genes to draw, by symbol or id; none is the four consistent ones that vary most."""
    scale: Scale = "micrometres"
    """Whether the network is fed pixels as they are, or windows of as many micrometres as it was
    trained on."""
    um_per_px: Positive | None = None
    """Of slides that say neither that nor their objective; null refuses them. Unit: µm per px."""
    spot_pitch_um: Positive = 100
    """Distance between neighbouring spots of Visium sections. Unit: µm."""
    tiles: Tiles = Tiles()
    """How a whole slide is cut."""
