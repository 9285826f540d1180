"""Settings of the segmentation of nuclei."""

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from stnet.config.base import AtLeastOne, Keys, Number, Positive, Triple


class Segmentation(Keys):
    """Settings of the segmentation of nuclei."""

    haematoxylin: Triple = [0.650, 0.704, 0.286]
    """Optical density of haematoxylin in red, green and blue; the vector may have any length.
    Source: released code."""
    eosin: Triple = [0.072, 0.990, 0.105]
    """Optical density of eosin, given in the same way. Source: released code."""
    foreground: Number = 60
    """A pixel is part of a nucleus if its haematoxylin value, from 0 (dark) to 255, is below this.
    Source: released code."""
    radii: Annotated[list[Positive], Field(min_length=2, max_length=2)] = [10, 15]
    """Smallest and largest radius of a nucleus; the standard deviations of the Gaussian filters are
    √2 times these. If the ratio is 1.58 or more, HistomicsTK also filters at half the resolution,
    which makes outlines ragged. Unit: px. Source: released code."""
    search_radius: Positive = 10
    """A pixel is assigned to the highest filter response within this radius. Unit: px. Source:
    released code."""
    smallest: AtLeastOne = 80
    """Objects with a smaller area are dropped. Unit: px². Source: released code."""

    @field_validator("radii")
    @classmethod
    def _least_first(cls, radii: list[Number]) -> list[Number]:
        least, largest = radii
        if least > largest:
            raise ValueError(f"{least} and {largest}; write the smaller radius first")
        return radii

    @field_validator("eosin")
    @classmethod
    def _of_another_colour(cls, eosin: list[Number], info: ValidationInfo) -> list[Number]:
        haematoxylin = info.data.get("haematoxylin")
        if haematoxylin is None:
            return eosin
        across, *lengths = (
            sum(a * b for a, b in zip(*pair, strict=True))
            for pair in ((haematoxylin, eosin), (haematoxylin, haematoxylin), (eosin, eosin))
        )
        # Cauchy-Schwarz: equality holds only for parallel or zero vectors.
        if across**2 >= 0.9999 * lengths[0] * lengths[1]:
            raise ValueError(
                f"{eosin} has the colour of haematoxylin, {haematoxylin}, or none; stains of the"
                " same colour cannot be separated"
            )
        return eosin
