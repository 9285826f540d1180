"""`uns["spatial"]` and `uns["grid"]`: a section's picture, scale and array, by its id.

The first is laid out as scanpy and squidpy expect it, so that `scanpy.pl.spatial` and
`squidpy.pl.spatial_scatter` draw any of our files over its image.
"""

from collections.abc import Collection, Mapping

import numpy as np
from PIL import Image

# Longer side of the picture in pixels. scanpy's `hires` is what figures are drawn over.
THUMBNAIL = 600


def spatial(
    picture: Image.Image | None, *, width: int, spot_diameter: float, metadata: Mapping
) -> dict:
    """What `uns["spatial"]` holds of one section or slide.

    Args:
        picture: the whole image reduced, RGB; None where there is no image.
        width: of the full-resolution image, in pixels.
        spot_diameter: of a spot or tile, in full-resolution pixels.
        metadata: what else is known of the image, such as `um_per_px`.
    """
    factors = {"spot_diameter_fullres": float(spot_diameter)}
    images = {}
    if picture is not None:
        factors["tissue_hires_scalef"] = picture.width / width
        images["hires"] = np.asarray(picture)
    return {"images": images, "scalefactors": factors, "metadata": dict(metadata)}


def picture_of(of_section: Mapping) -> tuple[Image.Image | None, float]:
    """The picture of a section's `spatial`, if any, and how many pixels of the image one spans."""
    image = of_section["images"].get("hires")
    if image is None:
        return None, float("nan")
    return Image.fromarray(image), 1 / float(of_section["scalefactors"]["tissue_hires_scalef"])


def of_sections(uns: Mapping, sections: Collection[str]) -> dict[str, dict]:
    """`spatial` and `grid` of `sections`, out of a file's `uns` that may hold more of them."""
    return {
        part: {name: uns[part][name] for name in sections}
        for part in ("spatial", "grid")
        if part in uns
    }


def keep_pictures(uns: Mapping, sections: Collection[str]) -> None:
    """Drop the pictures of all but `sections` from a file's `uns`; their scale stays.

    A cohort's pictures in a file for each held-out group would be most of the disk that it takes.
    """
    for name, of_section in uns["spatial"].items():
        if name not in sections:
            of_section["images"] = {}
            of_section["scalefactors"].pop("tissue_hires_scalef", None)
