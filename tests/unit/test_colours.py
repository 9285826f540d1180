"""Colours that H&E cannot have, drawn by the law of Lambert and Beer."""

import numpy as np
from PIL import Image

from stnet.slides.colours import odd_colours

# Absorption of red, green and blue, by Ruifrok and Johnston (2001).
HAEMATOXYLIN, EOSIN, DAB = (0.65, 0.70, 0.29), (0.07, 0.99, 0.11), (0.27, 0.57, 0.78)
CHANGES = {
    "inverted": (lambda image: 255 - image, "inverted"),
    "BGR": (lambda image: image[..., ::-1], "red and blue may be exchanged"),
    "GBR": (lambda image: image[..., [1, 2, 0]], "channels in another order"),
    "GRB": (lambda image: image[..., [1, 0, 2]], "channels in another order"),
    "dark": (lambda image: image // 3, "as bright as glass"),
}


def stained(first, second):
    """Tissue with nuclei of the first stain in a ground of the second, beside glass."""
    rng = np.random.default_rng(0)
    amounts = np.zeros((100, 120, 2))
    amounts[:, :60, 1] = rng.uniform(0.1, 0.5, (100, 60))
    amounts[rng.uniform(size=(100, 120)) < 0.1, 0] = 1
    amounts[:, 60:] = 0
    light = 10.0 ** -(amounts @ np.array([first, second]))
    return (245 * light).astype(np.uint8)


def test_only_colours_that_he_cannot_have_are_named():
    image = stained(HAEMATOXYLIN, EOSIN)
    assert odd_colours(Image.fromarray(image)) == ""
    for name, (change, words) in CHANGES.items():
        assert words in odd_colours(Image.fromarray(change(image))), name
    assert "another stain" in odd_colours(Image.fromarray(stained(HAEMATOXYLIN, DAB)))
    # Without colour there is nothing to judge by: blank images have their own checks.
    for grey in (255, 200):
        assert odd_colours(Image.new("RGB", (60, 60), (grey, grey, grey))) == ""
