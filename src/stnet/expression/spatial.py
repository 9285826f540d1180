"""`uns["spatial"]` and `uns["grid"]`: picture, scale and grid of each section by its id.

`uns["spatial"]` has the layout of scanpy and squidpy, so that `scanpy.pl.spatial` and
`squidpy.pl.spatial_scatter` draw any of our files over its image.
"""

from collections.abc import Collection, Mapping

import numpy as np
from PIL import Image

# Longer side of the picture in pixels. It is stored as scanpy's `hires` and is the background of
# figures.
THUMBNAIL = 600


def spatial(
    picture: Image.Image | None, *, width: int, spot_diameter: float, metadata: Mapping
) -> dict:
    """The entry of one section or slide in `uns["spatial"]`.

    Args:
        picture: the whole image at low resolution, RGB; None if there is no image.
        width: width of the full-resolution image in pixels.
        spot_diameter: diameter of a spot, or side of a tile, in full-resolution pixels.
        metadata: further properties of the image, such as `um_per_px`.
    """
    factors = {"spot_diameter_fullres": float(spot_diameter)}
    images = {}
    if picture is not None:
        factors["tissue_hires_scalef"] = picture.width / width
        images["hires"] = np.asarray(picture)
    return {"images": images, "scalefactors": factors, "metadata": dict(metadata)}


def picture_of(of_section: Mapping) -> tuple[Image.Image | None, float]:
    """Picture of a section's `spatial` entry and image pixels per picture pixel; or None, NaN."""
    image = of_section["images"].get("hires")
    if image is None:
        return None, float("nan")
    return Image.fromarray(image), 1 / float(of_section["scalefactors"]["tissue_hires_scalef"])


def of_sections(uns: Mapping, sections: Collection[str]) -> dict[str, dict]:
    """`spatial` and `grid` entries of `sections` from a file's `uns`."""
    return {
        part: {name: uns[part][name] for name in sections}
        for part in ("spatial", "grid")
        if part in uns
    }


def keep_pictures(uns: Mapping, sections: Collection[str]) -> None:
    """Remove the pictures of all sections except `sections` from a file's `uns`.

    All pictures of a cohort in the file of every held-out group would be most of its size.
    """
    for name, of_section in uns["spatial"].items():
        if name not in sections:
            of_section["images"] = {}
            of_section["scalefactors"].pop("tissue_hires_scalef", None)
