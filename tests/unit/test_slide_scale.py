"""Scales of slides: which property counts, what is nominal, and what is refused."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from stnet.core.errors import InputError
from stnet.slides.scale import NOMINAL, resolve_scale


def scale_of(mpp=None, power=None, default=None, magnification=20):
    image = SimpleNamespace(path=Path("S1.svs"), um_per_px=mpp, objective_power=power)
    return resolve_scale(image, magnification=magnification, default_um_per_px=default)


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
    assert "\n" not in str(no.value)


def test_a_slide_of_unknown_scale_is_refused():
    with pytest.raises(InputError, match=r"S1\.svs: .*um_per_px"):
        scale_of()
