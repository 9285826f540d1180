"""Features: numbers by which patches are described."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from stnet.config.base import AtLeastOne, Keys, Number, Positive, Row, Triple, View
from stnet.config.segmentation import Segmentation

Range = Annotated[list[Number], Field(min_length=2, max_length=2)]


class Features(Row):
    """Numbers by which patches are described."""

    view: View = "224x1"
    """Source window x downsampling in pixels; lengths are in pixels of its patches."""


class Ranges(Keys):
    """Limits of the histogram of each measure of nuclei, in the patch's pixels or from 0 to 255."""

    area: Range = [80, 2580]
    """Area of a nucleus. Unit: px²."""
    major_axis: Range = [10, 100]
    """Major axis. Unit: px."""
    minor_axis: Range = [0, 60]
    """Minor axis. Unit: px."""
    axis_ratio: Range = [1, 5]
    """Ratio of the axes."""
    red: Range = [20, 120]
    """Mean of red."""
    green: Range = [20, 120]
    """Mean of green."""
    blue: Range = [60, 160]
    """Mean of blue."""
    nearest: Range = [10, 80]
    """Distance of the nearest nucleus. Unit: px."""
    mean_distance: Range = [30, 130]
    """Mean distance of its neighbours. Unit: px."""
    farthest: Range = [40, 220]
    """Distance of the farthest of them. Unit: px."""

    @field_validator("*")
    @classmethod
    def _lower_first(cls, limits: list[Number]) -> list[Number]:
        if limits[0] >= limits[1]:
            raise ValueError(f"{limits[0]} to {limits[1]}; write the lower limit first")
        return limits


class NuclearFeatures(Features, Segmentation):
    """Histograms of what is measured of the nuclei of a patch."""

    kind: Literal["nuclei"] = "nuclei"
    """Nuclei. Source: paper."""
    bins: AtLeastOne = 10
    """Bins of the histogram of each measure. Source: paper."""
    ranges: Ranges = Ranges()
    """Limits of each histogram, about the 1st to the 99th percentile; values outside count in its
    first or last bin."""


class EncoderFeatures(Features):
    """The features of a frozen network."""

    kind: Literal["encoder"] = "encoder"
    """A frozen network."""
    library: Literal["torchvision", "timm"] = "torchvision"
    """Whose architecture it is."""
    architecture: str = "densenet121"
    """Its name there; it is used up to its last layer."""
    options: dict[str, Any] = {}
    """Arguments of its constructor."""
    weights: str = "imagenet"
    """imagenet, random, or the path of a safetensors file or a state dict."""
    mean: Triple | None = None
    """Mean that its images were standardised by, of values from 0 to 1; null is its own."""
    sd: Annotated[list[Positive], Field(min_length=3, max_length=3)] | None = None
    """Standard deviation, likewise."""
