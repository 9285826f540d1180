"""How whole slides are cut into tiles for a network."""

from typing import Annotated, Literal

from pydantic import Field

from stnet.config.base import AS_WRITTEN, Keys, Number, Positive, Share

Scale = Literal["pixels", "micrometres"]


class Tiles(Keys):
    """How a whole slide is cut into tiles."""

    side: Annotated[int, Field(ge=16)] = 512
    """Side of a tile at the magnification. With scale micrometres it is not used: a tile is as wide
    as the training patches. Unit: px. Source: paper."""
    magnification: Positive = 20
    """Magnification at which slides are read; 20 is 0.5 µm per pixel. Source: paper."""
    background: Number = 220
    """A pixel is background if the mean of red, green and blue is above this. Source: paper."""
    most_background: Share = 0.5
    """A tile with a larger share of background pixels is dropped. Source: paper."""
    overlap: Annotated[float, Field(ge=0, lt=1), AS_WRITTEN] = 0
    """Share of a tile's side by which neighbouring tiles overlap; 0.5 makes four times as many.
    Source: paper."""


class Cut(Tiles):
    """How slides are cut, and the scale of the network's input.

    With scale `pixels` the network gets tiles of `side` pixels at the `magnification` unchanged
    (the paper's "non-overlapping windows of 512 x 512 pixels"). With `micrometres` a tile is as
    wide as the training patches and is resized to their side (ours: the ST images have 0.67 to
    0.70 µm per pixel, TCGA's x20 about 0.5).
    """

    scale: Scale
    """Scale of the network's input."""
