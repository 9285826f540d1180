"""Scales of slides: which property counts, what is nominal, and what is refused."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from stnet.core.errors import InputError
from stnet.slides.image import SlideImage
from stnet.slides.scale import NOMINAL, Configured, implausible, overridden, resolve_scale


def image_of(mpp=None, power=None):
    return SimpleNamespace(path=Path("S1.svs"), um_per_px=mpp, objective_power=power)


def scale_of(mpp=None, power=None, default=None, magnification=20, overrides=False):
    image = image_of(mpp, power)
    configured = Configured(default, overrides)
    return resolve_scale(image, magnification=magnification, configured=configured)


def test_micrometres_go_before_the_objective_and_that_before_the_configuration():
    assert scale_of(0.25, 20, 1.0) == (0.25, 40, 2, "mpp")
    assert scale_of(None, 20, 1.0) == (0.5, 20, 1, "objective power")
    assert scale_of(None, None, 0.25) == (0.25, 40, 2, "configured")


@pytest.mark.parametrize("mpp", [0.45, 0.499, 0.5023, 0.55])
def test_scanners_of_about_the_magnification_are_not_resampled(mpp):
    assert scale_of(mpp).downsample == 1


@pytest.mark.parametrize("mpp", [0.2265, 0.2525, 0.275])
def test_scanners_of_about_twice_the_magnification_are_halved(mpp):
    assert scale_of(mpp).downsample == 2


def test_what_is_between_is_resampled_as_it_is():
    assert scale_of(10 / 30).downsample == pytest.approx(1.5)
    assert scale_of(0.25, magnification=16).downsample == pytest.approx(2.5)


def test_no_slide_is_ever_enlarged():
    for um_per_px in [10 / 17, 10 / 23, *np.arange(0.1, 1, 0.001)]:
        try:
            scale = scale_of(um_per_px)
        except InputError:
            assert um_per_px > 0.55
        else:
            assert scale.downsample >= 1
            assert abs(scale.magnification / 20 / scale.downsample - 1) <= NOMINAL


def test_too_low_a_magnification_is_refused():
    with pytest.raises(InputError, match=r"S1\.svs: scanned at x10 .* objective power.* x20") as no:
        scale_of(power=10)
    assert str(no.value).endswith("lower predict.tiles.magnification to 10")
    with pytest.raises(InputError, match=r"magnification to 2, or correct um_per_px$"):
        scale_of(mpp=0.5, default=5, overrides=True)


def test_a_slide_of_unknown_scale_is_refused():
    with pytest.raises(InputError, match=r"S1\.svs: .*um_per_px"):
        scale_of()


def test_the_users_scale_overrides_the_slides_own_and_is_doubted_if_they_differ():
    cases = [
        (0.5, {"mpp": 0.25}, ["set to 0.5, 2 times the image's own 0.25;"]),
        (0.5, {"mpp": 0.499}, []),
        (0.5, {"power": 40}, ["set to 0.5, 2 times the image's own 0.25;"]),
        (0.5, {}, []),
        (0.01, {"mpp": 0.25}, ["set to 0.01, 0.04 times the image's own 0.25"]),
    ]
    wrong = []
    for um_per_px, own, said in cases:
        found = overridden(image_of(**own), um_per_px)
        if len(found) != len(said) or not all(map(str.__contains__, found, said)):
            wrong.append((um_per_px, own, found))
    assert not wrong
    said = [len(implausible(um_per_px)) for um_per_px in (0.01, 0.1, 0.5, 2.7, 4, 5)]
    assert said == [1, 0, 0, 0, 0, 1]
    assert scale_of(mpp=0.25, default=0.5, overrides=True) == (0.5, 20, 1, "configured")


def stated(**properties):
    named = {name.replace("mpp", "openslide.mpp-"): value for name, value in properties.items()}
    return SlideImage(Path("S1.svs"), None, named)


def test_scales_that_contradict_each_other_are_refused_and_both_are_named():
    same, x, y = stated(mppx="0.25", mppy="0.27"), stated(mppx="0.25"), stated(mppy="0.25")
    ome = stated(PhysicalSizeX=0.26, PhysicalSizeY=0.25, mppx="0.25", mppy="0.25")
    printer = stated(PhysicalSizeX=0.25, PhysicalSizeY=0.25, mppx="353", mppy="353")
    given = [image.um_per_px for image in (same, x, y, ome, printer)]
    assert given == [0.25, 0.25, 0.25, 0.26, 0.25]
    nothing = [stated(), stated(mppx="353", mppy="353"), stated(mppx="nan", mppy="0,25")]
    assert [image.um_per_px for image in nothing] == [None] * 3
    wrong = []
    for properties, named in [
        ({"mppx": "0.25", "mppy": "0.5"}, r"0\.25 \(openslide.mpp-x\) and 0\.5 \(openslide.mpp-y"),
        ({"mppx": "25", "mppy": "0.5"}, r"0\.5 \(openslide.mpp-y\) and 25 \(openslide.mpp-x"),
        ({"PhysicalSizeX": 0.5, "mppx": "0.25"}, r"0\.25 \(openslide.mpp-x\) and 0\.5 \(Phys"),
        ({"PhysicalSizeX": 0.25, "PhysicalSizeY": 0.3}, r"SizeX\) and 0\.3 \(PhysicalSizeY"),
    ]:
        try:
            wrong.append((properties, stated(**properties).um_per_px))
        except InputError as error:
            if not re.search(named, str(error)) or "\n" in str(error):
                wrong.append((properties, str(error)))
    assert not wrong


def test_the_users_scale_settles_a_contradiction():
    image = stated(mppx="0.25", mppy="0.5")
    scale = resolve_scale(image, magnification=20, configured=Configured(0.5, overrides=True))
    assert scale == (0.5, 20, 1, "configured")
    [said] = overridden(image, 0.5)
    assert "openslide.mpp-y" in said
    with pytest.raises(InputError, match="mpp-y"):
        resolve_scale(image, magnification=20, configured=Configured(0.5))
