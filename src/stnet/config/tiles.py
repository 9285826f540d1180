"""How whole slides are cut for a network."""

from typing import Annotated, Literal

from pydantic import Field

from stnet.config.base import Keys, Number, Positive, Share

Scale = Literal["pixels", "micrometres"]


class Tiles(Keys):
    """How a whole slide is cut."""

    side: Annotated[int, Field(ge=16)] = 512
    """Side of a tile at the magnification; with scale micrometres the network's window is the tile.
    Unit: px. Source: paper."""
    magnification: Positive = 20
    """At which slides are read; 20 is 0.5 µm per pixel. Source: paper."""
    background: Number = 220
    """A pixel whose mean of red, green and blue is above this is background. Source: paper."""
    most_background: Share = 0.5
    """A tile with a larger share of background pixels is dropped. Source: paper."""


class Cut(Tiles):
    """How slides are cut, and the scale of what the network is fed.

    With scale `pixels` a tile of `side` pixels at the `magnification` is fed as it is (the paper's
    "non-overlapping windows of 512 x 512 pixels"); with `micrometres` a tile is as wide as the
    training patches were and is brought to their side (ours: the ST images have 0.67 to 0.70 µm a
    pixel, TCGA's x20 about 0.5).
    """

    scale: Scale
    """Of the images that the network is fed."""
