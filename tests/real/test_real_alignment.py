"""Spots of real sections on their own, moved, turned and exchanged images."""

from itertools import combinations, permutations, product

import anndata as ad
import numpy as np
import pytest
from data import needs_her2st
from real_sections import IMAGES, OPTIONS, her2st_row

from stnet.cohorts.alignment import better_image, better_move, placed
from stnet.cohorts.section import write_section

pytestmark = needs_her2st


@pytest.fixture(scope="module")
def sections(tmp_path_factory):
    """The sections as the workflow writes them: none of the four is refused or warned of."""
    folder, found = tmp_path_factory.mktemp("aligned"), {}
    for name in IMAGES:
        path = folder / f"{name}.h5ad"
        write_section(her2st_row(name), path, folder / f"{name}.tsv", **OPTIONS)
        found[name] = ad.read_h5ad(path)
        assert found[name].uns["checks"]["better_alignment"] == ""
    return found


def with_picture(section, picture_of):
    """The section with its reduced image changed by a function."""
    changed = section.copy()
    (of_section,) = changed.uns["spatial"].values()
    picture = np.ascontiguousarray(picture_of(of_section["images"]["hires"]))
    of_section["images"] = {"hires": picture}
    return changed


def test_a_shift_by_one_spot_is_found_in_every_direction(sections):
    for name, section in sections.items():
        steps = placed(section).steps
        for column, row in product((-1, 0, 1), repeat=2):
            moved = section.copy()
            moved.obsm["spatial"] = section.obsm["spatial"] + np.array([column, row]) @ steps
            back = f"shifted by {-column} columns and {-row} rows" if column or row else ""
            assert better_move(placed(moved)) == back, (name, column, row)


def test_a_turned_or_mirrored_image_is_found(sections):
    turns = {
        "with x and y exchanged": lambda image: image.transpose(1, 0, 2),
        "mirrored in x": lambda image: image[:, ::-1],
        "mirrored in y": lambda image: image[::-1],
        "mirrored in x and mirrored in y": lambda image: image[::-1, ::-1],
        "with x and y exchanged and mirrored in x": np.rot90,
        "with x and y exchanged and mirrored in y": lambda image: np.rot90(image, -1),
    }
    for (name, section), (turn, of) in product(sections.items(), turns.items()):
        found = better_move(placed(with_picture(section, of)))
        assert found, (name, turn)
        if "with" not in turn:
            assert found == turn, name


def test_exchanged_images_are_found_and_right_ones_are_not(sections):
    right = {name: placed(section) for name, section in sections.items()}
    assert [better_image(name, right, "") for name in right] == [""] * len(right)
    for pair in combinations(sections, 2):
        found = dict(right)
        for name, other in permutations(pair):
            (of_other,) = sections[other].uns["spatial"].values()
            swapped = sections[name].copy()
            swapped.uns["spatial"] = {name: of_other}
            found[name] = placed(swapped)
        named = {name: better_image(name, found, "") for name in found}
        a, b = pair
        expected = dict.fromkeys(found, "") | {a: f"on the image of {b}", b: f"on the image of {a}"}
        assert named == expected
