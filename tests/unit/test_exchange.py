"""Sections of a cohort whose images were exchanged in the sheet."""

import anndata as ad
import numpy as np
import pandas as pd
from PIL import Image

from stnet.cohorts.exchange import exchanged, placed
from stnet.expression.spatial import spatial

# Of the image: full side, and how often it is reduced.
SIDE, REDUCED, PITCH = 2000, 5, 100
# Middle and radii of the tissue of each section.
TISSUE = {"A": (900, 900, 500, 700), "B": (1100, 1000, 700, 500), "C": (1100, 1020, 700, 500)}


def drawn(name):
    """Tissue of a section as (side, side) at low resolution."""
    x, y, across, along = (value / REDUCED for value in TISSUE[name])
    rows, columns = np.mgrid[: SIDE // REDUCED, : SIDE // REDUCED]
    return ((columns - x) / across) ** 2 + ((rows - y) / along) ** 2 < 1


def section(name, image):
    """A section with the spots of `name` on the image of another."""
    columns, rows = (axis.ravel() for axis in np.meshgrid(np.arange(1, 20), np.arange(1, 20)))
    x, y = columns * PITCH, rows * PITCH
    inside = drawn(name)[y // REDUCED, x // REDUCED]
    obs = pd.DataFrame({"section": name, "array_col": columns, "array_row": rows})[inside]
    made = ad.AnnData(np.zeros((len(obs), 1)), obs=obs.set_index(obs.index.astype(str)))
    made.obsm["spatial"] = np.column_stack([x, y])[inside]
    picture = np.where(drawn(image)[..., None], (190, 140, 170), 245).astype(np.uint8)
    made.uns["spatial"] = {
        name: spatial(Image.fromarray(picture), width=SIDE, spot_diameter=50, metadata={})
    }
    return made


def found(images):
    """Pairs that are named if the section of each name has the image of another."""
    sections = {name: placed(section(name, image)) for name, image in images.items()}
    return exchanged(sections)


def test_exchanged_images_are_named_and_right_ones_are_not():
    assert found({name: name for name in TISSUE}) == []
    assert found({"A": "B", "B": "A"}) == [("A", "B")]
    assert found({"A": "C", "B": "B", "C": "A"})[0] == ("A", "C")
    # In a circle all are wrong, and no exchange of two makes all right.
    assert len(found({"A": "B", "B": "C", "C": "A"})) > 1
    # Nothing can tell two sections of the same shape and place.
    assert found({"B": "C", "C": "B"}) == []


def test_a_section_without_image_or_with_few_spots_is_not_compared():
    bare = section("A", "A")
    bare.uns["spatial"]["A"]["images"] = {}
    assert placed(bare) is None
    assert placed(section("A", "A")[:10]) is None
