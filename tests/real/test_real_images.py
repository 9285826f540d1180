"""Checks of a section's image on real images, as they are and as they may be by mistake."""

import numpy as np
import pytest
from data import REAL, needs_her2st
from PIL import Image
from real_sections import IMAGES

from stnet.expression.spatial import THUMBNAIL
from stnet.slides.colours import odd_colours
from stnet.slides.image import open_image

# The background of A1 is black.
FILES = {name: f"her2st/ST-imgs/{file}" for name, file in IMAGES.items()} | {
    "A1": "her2st/app/A1_HE_image_dark.png",
    "CMU-1": "wsi/cmu-1-small-region.svs",
}
CHANGES = {
    "inverted": (lambda pixels: 255 - pixels, "inverted"),
    "BGR": (lambda pixels: pixels[..., ::-1], "red and blue may be exchanged"),
    "GBR": (lambda pixels: pixels[..., [1, 2, 0]], "channels in another order"),
}


@pytest.fixture(scope="module")
def pictures():
    """Each image at low resolution, and its width."""
    found = {}
    for name, file in FILES.items():
        with open_image(REAL / file) as image:
            found[name] = image.thumbnail(THUMBNAIL), image.size[0]
    return found


@needs_her2st
def test_colours_are_those_of_he_until_they_are_changed(pictures):
    for name, (picture, _) in pictures.items():
        assert odd_colours(picture) == "", name
        for change, (of, words) in CHANGES.items():
            changed = Image.fromarray(of(np.asarray(picture)))
            assert words in odd_colours(changed), (name, change)
