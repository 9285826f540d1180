"""Features: numbers that describe patches."""

import re
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from stnet.config.base import AtLeastOne, KeyFault, Keys, Number, Positive, Row, Share, View
from stnet.config.names import IMAGENET, Architecture
from stnet.config.segmentation import Segmentation

# Numbers that YAML 1.1 takes for text, because they lack a dot, or a sign after the e.
EXPONENT = re.compile(r"([-+]?\d+)\.?(\d*)[eE]([-+]?)(\d+)")

Range = Annotated[list[Number], Field(min_length=2, max_length=2)]


class Features(Row):
    """Numbers that describe patches."""

    view: View = "224x1"
    """Source window x downsampling in pixels; lengths are in pixels of the patches."""


class Ranges(Keys):
    """Limits of the histogram of each nuclear measure. Lengths are in pixels of the patch, colours
    from 0 to 255."""

    area: Range = [80, 2580]
    """Area of a nucleus. Unit: px²."""
    major_axis: Range = [10, 100]
    """Major axis. Unit: px."""
    minor_axis: Range = [0, 60]
    """Minor axis. Unit: px."""
    axis_ratio: Range = [1, 5]
    """Ratio of the axes."""
    red: Range = [20, 120]
    """Mean red value."""
    green: Range = [20, 120]
    """Mean green value."""
    blue: Range = [60, 160]
    """Mean blue value."""
    nearest: Range = [10, 80]
    """Distance to the nearest nucleus. Unit: px."""
    mean_distance: Range = [30, 130]
    """Mean distance to the neighbouring nuclei. Unit: px."""
    farthest: Range = [40, 220]
    """Distance to the farthest neighbouring nucleus. Unit: px."""

    @field_validator("*")
    @classmethod
    def _lower_first(cls, limits: list[Number]) -> list[Number]:
        if limits[0] >= limits[1]:
            raise ValueError(f"{limits[0]} to {limits[1]}; write the lower limit first")
        return limits


class NuclearFeatures(Features, Segmentation):
    """Histograms of measures of the nuclei in a patch."""

    kind: Literal["nuclei"] = "nuclei"
    """Nuclei. Source: paper."""
    bins: AtLeastOne = 10
    """Number of bins of each histogram. Source: paper."""
    ranges: Ranges = Ranges()
    """Limits of each histogram, about the 1st to the 99th percentile; values outside go into the
    first or last bin."""


class EncoderFeatures(Features):
    """The features of a frozen network."""

    kind: Literal["encoder"] = "encoder"
    """A frozen network."""
    library: Literal["torchvision", "timm"] = "torchvision"
    """Library of the architecture."""
    architecture: Architecture = "densenet121"
    """Name of the architecture in the library; its last layer is left out."""
    options: dict[str, Any] = {}
    """Arguments of the architecture's constructor; layers of timm are written by name. For a vision
    transformer of timm, `global_pool: token+avg` gives the class token and then the mean of the
    patch tokens."""
    weights: str = IMAGENET
    """imagenet, random, or the path of a safetensors file or a state dict."""
    mean: Annotated[list[Share], Field(min_length=3, max_length=3)] | None = None
    """Mean of each channel that standardises the images, for values from 0 to 1; null uses the
    encoder's own."""
    sd: (
        Annotated[list[Annotated[Positive, Field(le=1)]], Field(min_length=3, max_length=3)] | None
    ) = None
    """Standard deviation of each channel, used and given in the same way."""
    model_card: str | None = None
    """Repository of the weights on Hugging Face. Rows that share it must agree with the row of
    `config/encoders.yaml` that has it; null allows any keys."""

    @field_validator("options")
    @classmethod
    def _numbers(cls, options: dict[str, Any]) -> dict[str, Any]:
        for key, value in options.items():
            if isinstance(value, str) and (parts := EXPONENT.fullmatch(value)):
                whole, fraction, sign, power = parts.groups()
                number = f"{whole}.{fraction or 0}e{sign or '+'}{power}"
                raise KeyFault(key, f"YAML reads {value} as text; write {number}")
        return options


class ColourFeatures(Features):
    """Mean and s.d. of red, green and blue of a patch, which show no structure."""

    kind: Literal["colour"] = "colour"
    """Mean colour and its spread."""


class PrecomputedFeatures(Features):
    """Features that another program computed, such as TRIDENT or HEST's benchmark."""

    kind: Literal["precomputed"] = "precomputed"
    """Features from files."""
    files: str
    """Path of a section's HDF5 file, in which {section} stands for the section's id and {slide} for
    the name of its image without the suffix."""
    view: View = "224x1"
    """The view that the features describe; its window must be that of the files' tiles."""

    @field_validator("files")
    @classmethod
    def _one_for_each_section(cls, files: str) -> str:
        names = re.findall(r"\{(.*?)\}", files)
        if not names or not {"section", "slide"}.issuperset(names) or files.count("{") > len(names):
            raise ValueError(
                f"{files!r} does not name a file for each section; write {{section}} or {{slide}},"
                " and no other braces"
            )
        return files
