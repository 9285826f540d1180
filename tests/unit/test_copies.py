"""Sections that are one: altered copies of images and of counts."""

import io

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageEnhance
from scipy import sparse
from scipy.ndimage import gaussian_filter

from stnet.core.errors import InputError
from stnet.core.h5ad import write_h5ad
from stnet.expression.copies import compare_sections, refuse_copies
from stnet.expression.spatial import spatial
from stnet.expression.targets import write_targets

# Side of the image in pixels, µm per pixel, distance of spots in pixels.
SIDE, SCALE, PITCH = 320, 10, 20
N_GENES = 150


def drawn(seed):
    """A stained image and its spots, one in the middle of each square."""
    rng = np.random.default_rng(seed)
    texture = gaussian_filter(rng.normal(size=(SIDE, SIDE)), 5)
    texture = 0.5 * (texture - texture.min()) / np.ptp(texture)
    rgb = 255 * np.exp(-texture[..., None] * np.array([0.7, 1.2, 0.5]))
    x, y = np.meshgrid(np.arange(2, 14), np.arange(2, 14))
    spots = np.column_stack([x.ravel(), y.ravel()]) * PITCH + PITCH // 2 - seed
    return Image.fromarray(rgb.astype(np.uint8)), spots


def counted(seed):
    rng = np.random.default_rng(100 + seed)
    return rng.poisson(rng.gamma(1, 6, N_GENES), (144, N_GENES)) + (np.arange(N_GENES) < 1)


def section(name, seed, *, image=None, spots=None, counts=None, confirmed=False):
    """A section of its own, but for what is given."""
    picture, places = drawn(seed)
    picture = picture if image is None else image
    places = places if spots is None else spots
    matrix = counted(seed)[: len(places)] if counts is None else counts
    obs = pd.DataFrame({"patient": name, "section": name, "total_counts": matrix.sum(axis=1)})
    obs["label"] = pd.array(["tumour"] * len(obs), dtype="string")
    obs = obs.assign(used=True).set_axis([f"{name}{i}" for i in range(len(obs))])
    genes = [f"G{i}" for i in range(N_GENES)]
    var = pd.DataFrame({"symbol": genes, "ensembl": ""}, index=genes)
    made = ad.AnnData(sparse.csr_matrix(matrix.astype(np.int32)), obs=obs, var=var)
    made.obsm["spatial"] = places.astype(float)
    about = {"um_per_px": float(SCALE)}
    shown = spatial(picture, width=picture.width, spot_diameter=PITCH / 2, metadata=about)
    made.uns = {
        "slide": {"path": "", "sha256": name, "width": picture.width, **about},
        "grid": {name: "square"},
        "checks": {"warnings": np.array([], dtype=object), "confirmed": confirmed},
        "spatial": {name: shown},
    }
    return made


@pytest.mark.parametrize("n_counts", [1, 2, 3, 20])
def test_sections_of_few_counts_are_not_alike_by_chance(n_counts):
    """Two genes of a spot with three counts are often those of a spot of another section."""
    rates = np.random.default_rng(0).gamma(0.5, 1, N_GENES)
    sparse_sections = []
    for seed in range(4):
        counts = np.random.default_rng(seed).poisson(n_counts * rates / rates.sum(), (60, N_GENES))
        counts = counts[counts.any(axis=1)]
        spots = drawn(seed)[1][: len(counts)]
        sparse_sections.append(section(f"S{seed}", seed, spots=spots, counts=counts))
    assert compare_sections(sparse_sections, ["a", "b", "c", "d"]).copies == []


def turned(image, spots):
    return image.transpose(Image.Transpose.ROTATE_90), np.column_stack(
        [spots[:, 1], SIDE - 1 - spots[:, 0]]
    )


def mirrored(image, spots):
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), np.column_stack(
        [SIDE - 1 - spots[:, 0], spots[:, 1]]
    )


def cropped(image, spots):
    side = SIDE * 9 // 10
    kept = (spots >= 27).all(axis=1) & (spots < 27 + side).all(axis=1)
    return image.crop((27, 27, 27 + side, 27 + side)), spots[kept] - 27


def compressed(image, spots):
    file = io.BytesIO()
    image.save(file, "JPEG", quality=40)
    return Image.open(file).convert("RGB"), spots + 3


def brighter(image, spots):
    return ImageEnhance.Brightness(image).enhance(1.2), spots + 3


def another_hue(image, spots):
    hsv = np.array(image.convert("HSV"))
    hsv[..., 0] += 30
    return Image.fromarray(hsv, "HSV").convert("RGB"), spots + 3


def all_of_it(image, spots):
    return brighter(*compressed(*mirrored(*turned(*cropped(image, spots)))))


def found(*sections):
    names = [each.obs["section"].iloc[0] for each in sections]
    return compare_sections(sections, names)


def test_different_sections_are_no_copies():
    compared = found(*(section(f"S{seed}", seed) for seed in range(4)))
    assert compared.copies == []
    assert 0 < compared.correlation < 0.3
    assert 0 < compared.lead < 1.5


@pytest.mark.parametrize(
    "alter", [turned, mirrored, cropped, compressed, brighter, another_hue, all_of_it]
)
def test_an_altered_image_is_recognised(alter):
    image, spots = alter(*drawn(0))
    compared = found(section("A", 0), section("X", 5), section("B", 1, image=image, spots=spots))
    (copy,) = compared.copies
    assert copy.where == ("B", "A")
    assert copy.found.startswith("has an altered copy of the image (they correlate by ")
    assert compared.correlation < 0.3


@pytest.mark.parametrize("kept", [1, 0.5, 0.25])
def test_thinned_counts_are_recognised_whatever_the_order_of_spots(kept):
    rng = np.random.default_rng(0)
    thinned = rng.permutation(rng.binomial(counted(0), kept))
    compared = found(section("A", 0), section("X", 5), section("B", 1, counts=thinned))
    (copy,) = compared.copies
    what = "counts of" if kept == 1 else "altered copy of the counts (each spot has a partner"
    assert copy.where == ("B", "A")
    assert what in copy.found
    assert compared.lead < 1.5


def test_less_than_half_of_a_section_is_no_copy():
    part = counted(1)
    part[:60] = np.random.default_rng(0).binomial(counted(0)[:60], 0.5)
    assert found(section("A", 0), section("B", 1, counts=part)).copies == []
    part[:90] = np.random.default_rng(0).binomial(counted(0)[:90], 0.5)
    assert len(found(section("A", 0), section("B", 1, counts=part)).copies) == 1


def test_an_altered_copy_may_be_confirmed_and_an_exact_one_not():
    thinned = np.random.default_rng(0).binomial(counted(0), 0.5)
    altered = section("B", 1, counts=thinned, confirmed=True)
    refuse_copies([section("A", 0), altered], ["a", "b"])
    altered.uns["checks"]["confirmed"] = False
    with pytest.raises(InputError, match=r"b: has an altered copy of the counts .* of a; name"):
        refuse_copies([section("A", 0), altered], ["a", "b"])
    exact = section("B", 1, counts=counted(0), confirmed=True)
    with pytest.raises(InputError, match="b: has the counts of a; name"):
        refuse_copies([section("A", 0), exact], ["a", "b"])


def test_what_cannot_be_compared_is_not():
    few = [section(f"S{n}", n, spots=drawn(n)[1][:5]) for n in range(2)]
    plain = [section(f"P{n}", n, image=Image.new("RGB", (SIDE, SIDE), "pink")) for n in range(2)]
    bare = section("T", 3)
    bare.uns["spatial"]["T"]["images"] = {}
    compared = found(few[0], few[1].copy(), bare)
    assert compared == ([], -1, -1)
    assert found(*plain).correlation == -1


def test_no_targets_are_made_of_a_copy(tmp_path):
    image, spots = all_of_it(*drawn(0))
    sections = [section("A", 0), section("B", 1, image=image, spots=spots)]
    paths = [tmp_path / f"{each.obs['section'].iloc[0]}.h5ad" for each in sections]
    for each, path in zip(sections, paths, strict=True):
        write_h5ad(each, path)
    output = tmp_path / "targets.h5ad"
    with pytest.raises(InputError, match=r"B\.h5ad: has an altered copy of the image"):
        write_targets(paths, output, genes=5, transform="log_fraction")
    assert not output.exists()
