"""Spots of a section on other places, and on another section's image."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from stnet.analysis.dataset import _compare_images
from stnet.cohorts import alignment
from stnet.cohorts.alignment import better_image, better_move, moves, placed
from stnet.cohorts.section import _check_aligned
from stnet.core.errors import InputError
from stnet.expression.spatial import spatial

# Of the image: full side, and how often it is reduced.
SIDE, REDUCED, PITCH = 2400, 4, 100
# Middle and radii of the tissue of each section.
TISSUE = {"A": (1000, 1000, 600, 800), "B": (1250, 1150, 800, 600)}


def field(name):
    """Nuclei of each pixel of the reduced image, standardised and smooth over a spot's pitch."""
    rng = np.random.default_rng(len(name) + ord(name))
    smooth = gaussian_filter(rng.standard_normal((SIDE // REDUCED,) * 2), PITCH / REDUCED)
    return smooth / smooth.std()


def drawn(name):
    """Tissue of a section in the reduced image."""
    x, y, across, along = (value / REDUCED for value in TISSUE[name])
    rows, columns = np.mgrid[: SIDE // REDUCED, : SIDE // REDUCED]
    return ((columns - x) / across) ** 2 + ((rows - y) / along) ** 2 < 1


def section(name, image="", signal=1.0, shift=(0, 0)):
    """A section with the spots of `name` on an image, as if they were placed elsewhere by `shift`.

    The first gene follows nuclei; `signal` is by how much.
    """
    rng = np.random.default_rng(7)
    columns, rows = (axis.ravel() for axis in np.meshgrid(np.arange(1, 23), np.arange(1, 23)))
    at = rows * PITCH // REDUCED, columns * PITCH // REDUCED
    inside = drawn(name)[at]
    rates = np.full((inside.sum(), 12), 20.0)
    rates[:, 0] *= np.exp(signal * field(name)[at][inside])
    obs = pd.DataFrame({"section": name, "array_col": columns, "array_row": rows})[inside]
    made = ad.AnnData(rng.poisson(rates).astype(float), obs=obs.set_index(obs.index.astype(str)))
    made.obsm["spatial"] = (np.column_stack([columns, rows])[inside] + shift) * PITCH
    image = image or name
    stain = np.clip(field(image) * 30, -60, 60)[..., None] * [1, 1, 0.5]
    picture = np.where(drawn(image)[..., None], [150, 110, 160] - stain, 245).astype(np.uint8)
    of_image = spatial(
        Image.fromarray(picture), width=SIDE, spot_diameter=50, metadata={"um_per_px": 1.0}
    )
    made.uns["spatial"] = {name: of_image}
    return made


@pytest.mark.parametrize("shift", [(1, 0), (0, -1), (-1, 1)])
def test_a_shift_by_one_spot_is_found_and_the_right_place_is_not(shift):
    assert better_move(placed(section("A"))) == ""
    back = f"shifted by {-shift[0]} columns and {-shift[1]} rows"
    assert better_move(placed(section("A", shift=shift))) == back


def test_where_neither_outline_nor_counts_tell_nothing_is_said(monkeypatch):
    monkeypatch.setitem(TISSUE, "A", (1200, 1200, 5000, 5000))
    for shift in ((0, 0), (1, 0), (0, 2)):
        assert better_move(placed(section("A", signal=0, shift=shift))) == ""
    # Counts alone do.
    assert better_move(placed(section("A", shift=(0, 2)))) == "shifted by 0 columns and -2 rows"


def test_spots_that_were_left_out_on_purpose_are_no_fault():
    """The outline of a part of the tissue fits the tissue's edge better; counts contradict."""
    made = section("B")
    part = made[made.obsm["spatial"][:, 0] < 1600].copy()
    assert better_move(placed(part)) == ""


def test_a_gradient_of_counts_is_no_reason_to_leave_the_tissue(monkeypatch):
    """If tissue fills the array, nuclei end where spots leave it, and so may counts."""
    monkeypatch.setitem(TISSUE, "A", (1150, 1150, 1900, 1900))
    made = section("A", signal=0)
    made.X[:, 0] += 200 * (made.obs["array_col"].to_numpy() > 18)
    assert better_move(placed(made)) == ""


@pytest.mark.parametrize(
    ("pale", "outline", "expression", "named"),
    [
        # Fat is as pale as glass, so that another place has more tissue: t is 3, then 6.
        (True, 3, 0.0, False),
        (True, 6, 0.0, True),
        # Counts contradict.
        (True, 6, -1.0, False),
        # All spots are on tissue: counts must speak for the other place.
        (False, 3, 0.0, False),
        (False, 3, 0.1, True),
    ],
)
def test_pale_tissue_takes_more_evidence(monkeypatch, pale, outline, expression, named):
    placed_on = placed(section("A"))
    if pale:
        placed_on.tissue[:, placed_on.tissue.shape[1] // 2 :] = 0
    n_blocks = placed_on.block.max() + 1
    of_block = np.resize([-1.0, 1.0], n_blocks)
    of_block += outline * of_block.std(ddof=1) / np.sqrt(n_blocks) - of_block.mean()
    first = [np.flatnonzero(placed_on.block == block)[0] for block in range(n_blocks)]
    gain = np.zeros((2, len(placed_on.block)))
    gain[0, first], gain[1, first] = of_block, expression

    def evidence(section, image, places):
        return gain if places is not section.places else np.zeros_like(gain)

    monkeypatch.setattr(alignment, "_evidence", evidence)
    other = [("elsewhere", placed_on, placed_on.places.copy())]
    assert alignment._better(placed_on, other) == ("elsewhere" if named else "")


def test_a_mirrored_image_is_found():
    made = section("A")
    (of_image,) = made.uns["spatial"].values()
    of_image["images"] = {"hires": of_image["images"]["hires"][:, ::-1].copy()}
    assert better_move(placed(made)) == "mirrored in x"


def test_exchanged_images_are_found_and_right_ones_are_not():
    right = {name: placed(section(name)) for name in TISSUE}
    assert [better_image(name, right, "") for name in right] == ["", ""]
    wrong = {"A": placed(section("A", "B")), "B": placed(section("B", "A"))}
    assert better_image("A", wrong, "") == "on the image of B"
    assert better_image("B", wrong, "") == "on the image of A"
    # Its own image, at the right place, fits better than another one.
    moved = right | {"A": placed(section("A", shift=(6, 0)))}
    assert better_move(moved["A"]) == "shifted by -6 columns and 0 rows"
    assert better_image("A", moved, "shifted by -6 columns and 0 rows") == ""


def test_evidence_of_expression_is_that_of_a_plain_regression():
    """Nats of spots by blocks left out, with scikit-learn's ridge regression."""
    from scipy.stats import norm
    from sklearn.linear_model import Ridge

    rng = np.random.default_rng(0)
    expression, block = rng.standard_normal((90, 3)), np.repeat(np.arange(15), 6)
    expression -= expression.mean(axis=0)
    nuclei = expression @ [1, 0.5, 0] + rng.standard_normal(90)
    values = norm.ppf((nuclei.argsort().argsort() + 0.5) / 90)
    predicted = np.empty(90)
    for fold in range(10):
        test = block % 10 == fold
        mean = values[~test].mean()
        ridge = Ridge(alpha=90, fit_intercept=False).fit(expression[~test], values[~test] - mean)
        predicted[test] = mean + ridge.predict(expression[test])
    after = np.sqrt(((values - predicted) ** 2).mean())
    expected = norm.logpdf(values, predicted, after) - norm.logpdf(values, 0, values.std())
    found = alignment._of_expression(nuclei, expression, block)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert found.sum() > 5


def test_evidence_of_the_outline_is_that_of_a_plain_count():
    tissue = np.array([1, 1, 1, 0.6, 0.1, 0, 0, 0.6, 0, 1])
    is_spot = np.array([1, 1, 1, 1, 1, 0, 0, 0, 0, 0], dtype=bool)
    spots, others = np.array([2, 1, 2, 4]) / 9, np.array([4, 1, 2, 2]) / 9
    anywhere = (spots + others) / 2
    of_grade = {1: 3, 0.6: 2, 0.1: 0, 0: 0}
    expected = [
        np.log((spots if each else others)[of_grade[share]] / anywhere[of_grade[share]])
        for share, each in zip(tissue, is_spot, strict=True)
    ]
    np.testing.assert_allclose(alignment._of_outline(tissue, is_spot), expected)


def test_a_hexagonal_array_moves_by_its_own_sites_only():
    made = section("A")
    made.obs["array_col"] = 2 * made.obs["array_col"] + made.obs["array_row"] % 2
    names = [name for name, _ in moves(placed(made))]
    assert "shifted by 2 columns and 0 rows" in names
    assert "shifted by 1 columns and 1 rows" in names
    assert "shifted by 1 columns and 0 rows" not in names


def test_a_section_without_image_or_with_few_spots_is_not_compared():
    bare = section("A")
    bare.uns["spatial"]["A"]["images"] = {}
    assert placed(bare) is None
    assert placed(section("A")[:99]) is None
    close = section("A")
    close.uns["spatial"]["A"]["metadata"]["um_per_px"] = 0.3
    assert placed(close) is None


@pytest.mark.parametrize("misaligned", ["warn", "stop"])
def test_a_shifted_section_is_named_and_ends_the_run_if_asked(misaligned, caplog):
    row = {"section": "A", "image": "A.jpg", "misaligned": misaligned}
    shifted = section("A", shift=(1, 0))
    said = "A.jpg: the spots of section A fit it clearly better shifted by -1 columns and 0 rows"
    if misaligned == "stop":
        with pytest.raises(InputError, match=said):
            _check_aligned(row, shifted)
    # A sheet that says `confirmed` is believed.
    assert _check_aligned(row | {"confirmed": "yes"}, shifted) != ""
    assert said in caplog.text
    assert _check_aligned(row, section("A")) == ""


def test_exchanged_images_are_in_the_rows_of_both_sections_and_end_the_run_if_asked():
    wrong = {"A": placed(section("A", "B")), "B": placed(section("B", "A"))}
    table = pd.DataFrame({"section": ["A", "B"], "better_alignment": "", "warnings": ""})
    with pytest.raises(InputError, match="the spots of B fit clearly better on the image of A"):
        _compare_images(table.copy(), wrong, {"B"})
    _compare_images(table, wrong, set())
    assert table["better_alignment"].tolist() == ["on the image of B", "on the image of A"]
    assert table["warnings"].str.contains("images may be exchanged").all()
