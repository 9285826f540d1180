"""Architectures that an installed library has, found in its code."""

import pytest

from stnet.config import installed
from stnet.config.installed import missing_architecture

CODE = """
@register_model
def vit_small(pretrained=False):
    return _create("vit_small")

@register_model()
@handle_legacy_interface(weights=None)
def vit_large(pretrained=False):
    return _create("vit_large")

@register_model
def vit_quick(pretrained=False):
    return _create("vit_quick")

# Those of vit_quick are made from these.
cfgs = {"vit_small.dino": _cfg(), "vit_small.untrained": _cfg(), "vit_large.untrained": _cfg()}
deprecated = {"vit_old": "vit_small.dino"}
"""


@pytest.fixture
def library(tmp_path, monkeypatch):
    (tmp_path / "timm/models/layers").mkdir(parents=True)
    (tmp_path / "timm/models/layers/vit.py").write_text(CODE)
    monkeypatch.setattr("sys.path", [str(tmp_path / "empty"), str(tmp_path)])
    for function in (missing_architecture, installed._source):
        function.cache_clear()
    yield
    for function in (missing_architecture, installed._source):
        function.cache_clear()


@pytest.mark.parametrize(
    ("name", "pretrained", "lacking"),
    [
        ("vit_small", True, ""),
        ("vit_old", True, ""),
        ("vit_small.dino", True, ""),
        ("vit_quick.dino", True, ""),
        ("vit_smal", False, "no vit_smal in timm; is it vit_small?"),
        ("vit_small.dimo", True, "no vit_small.dimo in timm; is it vit_small.dino"),
        ("vit_large", False, ""),
        ("vit_large", True, "timm has no weights of vit_large; name a file of weights"),
    ],
)
def test_what_a_library_lacks_is_said(library, name, pretrained, lacking):
    said = missing_architecture("timm", name, pretrained=pretrained)
    assert said.startswith(lacking) if lacking else said == ""


def test_a_library_that_is_not_installed_lacks_nothing(library):
    assert missing_architecture("torchvision", "densenet211", pretrained=True) == ""


def test_the_libraries_themselves_are_understood():
    # Ours is no function of torchvision.
    for name in ("densenet", "densenet121", "vgg11", "resnet50", "inception_v3"):
        assert missing_architecture("torchvision", name, pretrained=True) == ""
    (lacking, no_weights) = (
        missing_architecture("timm", name, pretrained=True)
        for name in ("vit_base_patch16_244", "vit_giant_patch14_224")
    )
    assert lacking.startswith("no vit_base_patch16_244 in timm; is it vit_base_patch16_224")
    assert no_weights.startswith("timm has no weights")
    assert missing_architecture("timm", "vit_giant_patch14_224", pretrained=False) == ""
