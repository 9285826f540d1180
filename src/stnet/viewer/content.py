"""What a page to look at sections has: places, labels and values of spots, and the image (ours).

Values have 8 bits: each gene's range in a section is divided into `STEPS`, which no eye tells apart
and which keeps a page small.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import anndata as ad
import numpy as np
from PIL import Image

from stnet.expression.spatial import picture_of
from stnet.slides.image import open_image

STEPS, MISSING = 254, 255
# Around the spots, in their pitches.
MARGIN = 1.5
QUALITY = 40


@dataclass(frozen=True)
class Shown:
    """A section or slide to look at.

    Attributes:
        name: its id.
        table: predictions (spots or tiles, genes) of this section alone.
        of_section: its entry of `uns["spatial"]`.
        image: file of its image; None takes the picture of `of_section`.
        about: how many spots or tiles, and of what.
        warnings: sentences that say what to doubt.
    """

    name: str
    table: ad.AnnData
    of_section: Mapping
    image: str | Path | None = None
    about: str = ""
    warnings: Sequence[str] = ()

    @property
    def is_slide(self) -> bool:
        """Whether rows are tiles of a slide, without measurement."""
        return "tiling" in self.table.uns

    @property
    def patient(self) -> str:
        """Its patient. A slide without tiles has no row that names it."""
        return (self.table.uns["slide"] if self.is_slide else self.table.obs.iloc[0])["patient"]

    def layers(self) -> dict[str, np.ndarray]:
        """Values (spots, genes) by name: `predicted`; `measured` and `half`, half the width of the
        interval, where the predictions have them."""
        table = self.table
        found = {"predicted": np.asarray(table.X)}
        if "observed" in table.layers:
            found["measured"] = np.asarray(table.layers["observed"])
        if "upper" in table.layers:
            found["half"] = (table.layers["upper"] - table.layers["lower"]) / 2
        return {name: values for name, values in found.items() if np.isfinite(values).any()}

    def spots(self, pitch: float) -> dict:
        """Places in pixels, and all of a spot but its expression, as JSON takes it."""
        obs, places = self.table.obs, self.table.obsm["spatial"]
        of_image = self.table.uns.get("slide", self.of_section["metadata"])
        found = {
            "spots": [name.removeprefix(f"{self.name}:") for name in obs.index],
            "x": np.rint(places[:, 0]).astype(int).tolist(),
            "y": np.rint(places[:, 1]).astype(int).tolist(),
            "size": known(self.of_section["scalefactors"]["spot_diameter_fullres"]),
            "pitch": known(pitch),
            "square": self.is_slide,
            "um_per_px": known(of_image.get("um_per_px", np.nan)),
            "about": self.about,
            "warnings": list(self.warnings),
        }
        for name in ("label", "annotation"):
            if name in obs and obs[name].notna().any():
                found[name] = obs[name].astype(object).where(obs[name].notna(), "").tolist()
        if "total_counts" in obs:
            found["counts"] = obs["total_counts"].astype(int).tolist()
        if "abstained" in obs:
            found["abstained"] = obs["abstained"].astype(int).tolist()
        if "ood_score" in obs and obs["ood_score"].notna().any():
            found["ood_score"] = [known(each) for each in obs["ood_score"].astype(float).round(2)]
        return found


def known(value: float) -> float | None:
    """A number as JSON takes it: None if it is not finite."""
    return float(value) if np.isfinite(value) else None


def packed(values: np.ndarray) -> dict:
    """Values (spots, genes) as JSON takes them: range by gene, and 8 bits, gene after gene.

    Decoded, a value is `low + code / STEPS * (high - low)`; the code `MISSING` is NaN.
    """
    known = np.isfinite(values)
    low = np.where(known, values, np.inf).min(axis=0, initial=np.inf)
    high = np.where(known, values, -np.inf).max(axis=0, initial=-np.inf)
    low, high = (np.where(np.isfinite(end), end, 0).astype(float) for end in (low, high))
    width = np.where(high > low, high - low, 1)
    share = np.where(known, (values - low) / width, 0)
    codes = np.where(known, np.rint(share * STEPS), MISSING).astype(np.uint8)
    return {
        "low": [float(f"{end:.6g}") for end in low],
        "high": [float(f"{end:.6g}") for end in high],
        "codes": b64encode(codes.T.tobytes()).decode(),
    }


def region(shown: Shown, pitch: float) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the part that has spots, in pixels of the full image.

    Without spots it is the whole image, and without an image it reaches beyond it.
    """
    picture, scale = picture_of(shown.of_section)
    whole = np.array([picture.width, picture.height]) * scale if picture else np.full(2, np.inf)
    places = np.asarray(shown.table.obsm["spatial"], dtype=float)
    if not len(places):
        return (0, 0, *(whole.astype(int) if picture else (1000, 1000)))
    first = np.maximum(places.min(axis=0) - MARGIN * pitch, 0)
    last = np.minimum(places.max(axis=0) + MARGIN * pitch, whole)
    return (*first.astype(int), *np.ceil(np.maximum(last, first + 1)).astype(int))


def picture(shown: Shown, box: tuple[int, int, int, int], side: int) -> Image.Image:
    """The image within `box`, its longer side at most `side` pixels; white without an image.

    Raises InputError if the image file is missing or damaged.
    """
    left, top, right, bottom = box
    longest = max(right - left, bottom - top)
    if shown.image:
        with open_image(shown.image) as image:
            full = max(image.size)
            found = image.thumbnail(min(full, round(side * full / longest)))
            scale = full / max(found.size)
    else:
        found, scale = picture_of(shown.of_section)
    if found is None:
        found, scale = Image.new("RGB", (8, 8), "white"), longest / 8
        return found.resize(
            (max(1, round((right - left) / scale)), max(1, round((bottom - top) / scale)))
        )
    part = found.crop(tuple(round(edge / scale) for edge in box))
    part.thumbnail((side, side))
    return part


def as_webp(picture: Image.Image) -> bytes:
    """A picture as the bytes of a WebP file, of half the size of a JPEG."""
    file = BytesIO()
    picture.save(file, format="webp", quality=QUALITY)
    return file.getvalue()
