"""How nuclei are told from the rest of a patch."""

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from stnet.config.base import AtLeastOne, Keys, Number, Positive, Triple


class Segmentation(Keys):
    """Settings of the segmentation of nuclei."""

    haematoxylin: Triple = [0.650, 0.704, 0.286]
    """Optical density of the stain in red, green and blue; any length. Source: released code."""
    eosin: Triple = [0.072, 0.990, 0.105]
    """The same of the other stain. Source: released code."""
    foreground: Number = 60
    """A pixel is of a nucleus where its haematoxylin, from 0 (dark) to 255, is below this. Source:
    released code."""
    radii: Annotated[list[Positive], Field(min_length=2, max_length=2)] = [10, 15]
    """Least and largest radius of a nucleus, of whose √2-fold the differences of Gaussians are
    taken. From a ratio of 1.58 HistomicsTK takes some of them at half the resolution, which frays
    outlines. Unit: px. Source: released code."""
    search_radius: Positive = 10
    """A pixel belongs to the highest of the filter's values within this radius. Unit: px. Source:
    released code."""
    smallest: AtLeastOne = 80
    """Area below which an object is dropped. Unit: px². Source: released code."""

    @field_validator("radii")
    @classmethod
    def _least_first(cls, radii: list[Number]) -> list[Number]:
        least, largest = radii
        if least > largest:
            raise ValueError(f"{least} and {largest}; write the least radius first")
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
        # Cauchy and Schwarz: equal only where one is a multiple of the other, or nothing.
        if across**2 >= 0.9999 * lengths[0] * lengths[1]:
            raise ValueError(
                f"{eosin} has the colour of haematoxylin, {haematoxylin}, or none; two stains of"
                " one colour cannot be told apart"
            )
        return eosin
