"""Images in OME-Zarr, such as the image elements of SpatialData, read chunk by chunk."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import zarr
from openslide import AbstractSlide
from PIL import Image

from stnet.core.errors import InputError
from stnet.slides.tiff import NUMBERED, refused

METADATA = ("zarr.json", ".zgroup", ".zarray")
# Where a chunk of Blosc has its length, in bytes.
BLOSC_LENGTH = slice(12, 16)
COLOURS = (["r", "g", "b"], ["red", "green", "blue"])


class ZarrImage(AbstractSlide):
    """The full resolution of an image in Zarr, with the methods of OpenSlide.

    Reduced levels are not used: programs reduce in different ways.
    """

    def __init__(self, path: Path):
        """Open the image. Raises InputError if it is not one of 8-bit RGB, or lacks chunks."""
        super().__init__()
        group = _opened(path)
        ome = group.attrs.get("ome", group.attrs)
        if "multiscales" not in ome:
            within = group.get("images", group)
            names = sorted(within.group_keys()) if isinstance(within, zarr.Group) else []
            known = f"; name one of its images: {', '.join(names)}" if within is not group else ""
            raise InputError(
                f"{path}: a Zarr, but not an image in it{known or '; name FOLDER.zarr/images/NAME'}"
            )
        (multiscale,) = ome["multiscales"]
        axes = [axis["name"] for axis in multiscale["axes"]]
        full = multiscale["datasets"][0]
        check_whole(path / full["path"])
        self._pixels = group[full["path"]]
        _check_pixels(path, self._pixels, axes)
        labels = [channel.get("label") for channel in ome.get("omero", {}).get("channels", [])]
        names = [str(label).strip().lower() for label in labels]
        if names not in COLOURS and not all(NUMBERED.fullmatch(name) for name in names):
            raise refused(path, f"has the channels {', '.join(names)}, not red, green and blue")
        scales = [step["scale"] for step in full["coordinateTransformations"] if "scale" in step]
        if any(factor != 1 for scale in scales for factor in scale):
            raise InputError(
                f"{path}: its full resolution is scaled by {scales[0]}, which SpatialData does not"
                " heed; write the image with SpatialData, and give um_per_px"
            )
        lost = self._pixels.nchunks - self._pixels.nchunks_initialized
        if lost > 0:
            raise InputError(
                f"{path}: {lost} of its {self._pixels.nchunks} chunks are missing; fetch it again."
                " If the image is black there, write it again with zarr's setting"
                " array.write_empty_chunks"
            )

    @classmethod
    def detect_format(cls, filename: str) -> str | None:
        """`zarr` for a folder of that format, else None."""
        return "zarr" if any((Path(filename) / name).is_file() for name in METADATA) else None

    def close(self) -> None:
        """Close the files."""
        self._pixels.store.close()

    @property
    def level_count(self) -> int:
        """One: full resolution."""
        return 1

    @property
    def level_dimensions(self) -> tuple[tuple[int, int], ...]:
        """Width and height."""
        _, height, width = self._pixels.shape
        return ((width, height),)

    @property
    def level_downsamples(self) -> tuple[float, ...]:
        """One."""
        return (1.0,)

    @property
    def properties(self) -> Mapping[str, str]:
        """None."""
        return {}

    @property
    def associated_images(self) -> Mapping[str, Image.Image]:
        """None."""
        return {}

    def get_best_level_for_downsample(self, downsample: float) -> int:
        """Full resolution."""
        return 0

    def read_region(
        self, location: tuple[int, int], level: int, size: tuple[int, int]
    ) -> Image.Image:
        """A region in mode RGBA, transparent outside the image."""
        (left, top), (width, height) = location, size
        across, down = max(0, -left), max(0, -top)
        inside = self._pixels[
            :, max(0, top) : max(0, top + height), max(0, left) : max(0, left + width)
        ]
        region = np.zeros((height, width, 4), dtype=np.uint8)
        _, rows, columns = inside.shape
        part = region[down : down + rows, across : across + columns]
        part[..., :3] = np.moveaxis(inside, 0, 2)
        part[..., 3] = 255
        return Image.fromarray(region)


def check_whole(folder: Path) -> None:
    """Raise InputError if a chunk in a Zarr, of an array compressed by Blosc, was cut.

    Blosc goes on beyond its end, and gives whatever is in memory there. Shards have checksums.
    """
    for path in folder.rglob("*"):
        if path.name not in (".zarray", "zarr.json"):
            continue
        about = json.loads(path.read_bytes())
        codecs = [about.get("compressor") or {}, *about.get("codecs", [])]
        if not any("blosc" in (codec.get("id"), codec.get("name")) for codec in codecs):
            continue
        for chunk in path.parent.rglob("*"):
            if chunk.is_file() and chunk.name not in (".zarray", ".zattrs", "zarr.json"):
                with open(chunk, "rb") as file:
                    stated = int.from_bytes(file.read(16)[BLOSC_LENGTH], "little")
                if stated != chunk.stat().st_size:
                    raise InputError(f"{chunk}: cut short; fetch it again")


def _opened(path: Path) -> zarr.Group:
    if ZarrImage.detect_format(path) is None:
        raise InputError(f"{path}: a folder, and no image in a Zarr; name the image")
    return zarr.open_group(path, mode="r")


def _check_pixels(path: Path, pixels: zarr.Array, axes: list[str]) -> None:
    if axes != ["c", "y", "x"] or pixels.ndim != 3:
        raise refused(path, f"has the axes {', '.join(axes)}, not c, y and x")
    if pixels.shape[0] != 3:
        raise refused(path, f"has {pixels.shape[0]} channels, not red, green and blue")
    if pixels.dtype != np.uint8:
        raise InputError(f"{path}: has pixels of type {pixels.dtype}; write it as uint8")
