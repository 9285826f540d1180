"""Small pictures of whole sections, for figures."""

from pathlib import Path

from stnet.core.atomic import atomic_path
from stnet.slides.image import open_image


def write_thumbnail(image: str | Path, output: str | Path, *, side: int) -> None:
    """Write a JPEG of the section's image, its longer side at most `side` pixels."""
    with open_image(image) as opened, atomic_path(output) as temporary:
        opened.thumbnail(side).save(temporary, quality=90)
