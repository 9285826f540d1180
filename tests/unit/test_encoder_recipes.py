"""Encoders of config/encoders.yaml: what timm builds from them, their weights, their refusals."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import save_file
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from timm.layers import SwiGLUPacked
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from stnet.config.features import EncoderFeatures
from stnet.config.known_encoders import RECIPES, check_encoders, read_recipes
from stnet.core.checksums import read_json
from stnet.core.errors import InputError
from stnet.features.encoded import ENGINE, check_encoder
from stnet.networks.encoders import build_encoder
from stnet.networks.image_encoder import Encoder

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/encoders.md").read_text(encoding="utf-8")
KNOWN = read_recipes()

# The encoders as their model cards build them, without timm's names of architectures.
SWIGLU = {"mlp_layer": SwiGLUPacked, "act_layer": nn.SiLU, "init_values": 1e-5}
GIANT = {**SWIGLU, "mlp_ratio": 2.66667 * 2}
PLAIN = {
    "uni": {"patch_size": 16, "init_values": 1e-5, "dynamic_img_size": True},
    "uni2-h": {**GIANT, "patch_size": 14, "no_embed_class": True, "reg_tokens": 8},
    "virchow": {**SWIGLU, "patch_size": 14, "mlp_ratio": 5.3375, "global_pool": ""},
    "virchow2": {
        **{**SWIGLU, "patch_size": 14, "mlp_ratio": 5.3375, "global_pool": ""},
        "reg_tokens": 4,
    },
    "h-optimus-0": {**GIANT, "patch_size": 14, "no_embed_class": True, "reg_tokens": 4},
    "h-optimus-1": {**GIANT, "patch_size": 14, "no_embed_class": True, "reg_tokens": 4},
    "prov-gigapath": {**SWIGLU, "patch_size": 16, "mlp_ratio": 5.33334},
    "phikon": {"patch_size": 16},
    "phikon-v2": {"patch_size": 16, "init_values": 1e-5},
    "kaiko-vitb16": {"patch_size": 16, "dynamic_img_size": True},
}
SMALL = {"img_size": 112, "embed_dim": 48, "depth": 2, "num_heads": 4}
BIOPTIMUS = ([0.707223, 0.578729, 0.703617], [0.211883, 0.230117, 0.177517])
CONSTANTS = {
    "h-optimus-0": BIOPTIMUS,
    "h-optimus-1": BIOPTIMUS,
    "kaiko-vitb16": ([0.5] * 3, [0.5] * 3),
}


def published():
    """Rows of the page's table: features and millions of parameters by name of the row."""
    rows = re.findall(r"^\| [^|]+\| `([\w.-]+)` \| ([\d,]+) \| ([\d,]+) M \|", PAGE, re.M)
    return {name: [int(number.replace(",", "")) for number in each] for name, *each in rows}


@pytest.mark.parametrize("name", KNOWN)
def test_timm_builds_what_was_published(name):
    keys = KNOWN[name]
    with torch.device("meta"):
        encoding = build_encoder(keys.library, keys.architecture, keys.options, None)
        features = encoding.network(torch.zeros(1, 3, 224, 224))
    parameters = sum(each.numel() for each in encoding.network.parameters())
    assert [features.shape[1], round(parameters / 1e6)] == published()[name]
    assert encoding.side == 224
    imagenet = [*IMAGENET_DEFAULT_MEAN], [*IMAGENET_DEFAULT_STD]
    assert (keys.mean, keys.sd) == CONSTANTS.get(name, imagenet)


def names_of_transformers(state, scaled):
    """A state dict in the layout in which the library transformers saves it."""
    norm1, norm2, fc1, fc2 = (
        "layernorm_before",
        "layernorm_after",
        "intermediate.dense",
        "output.dense",
    )
    if scaled:
        norm1, norm2, fc1, fc2 = "norm1", "norm2", "mlp.fc1", "mlp.fc2"
    found = {
        "embeddings.cls_token": state["cls_token"],
        "embeddings.position_embeddings": state["pos_embed"],
    }
    if scaled:
        found["embeddings.mask_token"] = torch.zeros(1, 48)
    for kind in ("weight", "bias"):
        found[f"embeddings.patch_embeddings.projection.{kind}"] = state[f"patch_embed.proj.{kind}"]
        found[f"layernorm.{kind}"] = state[f"norm.{kind}"]
        for block in range(2):
            own, layer = f"blocks.{block}", f"encoder.layer.{block}"
            joined = state[f"{own}.attn.qkv.{kind}"]
            for start, part in ((0, "query"), (48, "key"), (96, "value")):
                found[f"{layer}.attention.attention.{part}.{kind}"] = joined[start : start + 48]
            found[f"{layer}.attention.output.dense.{kind}"] = state[f"{own}.attn.proj.{kind}"]
            found[f"{layer}.{norm1}.{kind}"] = state[f"{own}.norm1.{kind}"]
            found[f"{layer}.{norm2}.{kind}"] = state[f"{own}.norm2.{kind}"]
            found[f"{layer}.{fc1}.{kind}"] = state[f"{own}.mlp.fc1.{kind}"]
            found[f"{layer}.{fc2}.{kind}"] = state[f"{own}.mlp.fc2.{kind}"]
            if scaled and kind == "weight":
                for scale in (1, 2):
                    gamma = state[f"{own}.ls{scale}.gamma"]
                    found[f"{layer}.layer_scale{scale}.lambda1"] = gamma
    return {name: value.clone() for name, value in found.items()}


def small_file(name, folder):
    """A small network of an encoder's kind with random weights, and its file as published."""
    torch.manual_seed(3)
    network = VisionTransformer(**PLAIN[name], **SMALL, num_classes=0)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.3)
    state = network.state_dict()
    if name.startswith("phikon"):
        state = names_of_transformers(state, scaled=name == "phikon-v2")
    path = folder / Path(KNOWN[name].weights).name
    (save_file if path.suffix == ".safetensors" else torch.save)(state, path)
    return network.double().eval(), path


def settings(name, path):
    keys = KNOWN[name]
    given = {"library": keys.library, "architecture": keys.architecture, "weights": path}
    return given | {"options": {**keys.options, **SMALL}, "mean": keys.mean, "sd": keys.sd}


@torch.inference_mode()
@pytest.mark.parametrize("name", KNOWN)
def test_a_file_as_published_gives_timms_features(name, tmp_path):
    network, path = small_file(name, tmp_path)
    patches = np.random.default_rng(0).integers(0, 256, (3, 112, 112, 3), dtype=np.uint8)
    images = torch.from_numpy(patches).permute(0, 3, 1, 2).double() / 255
    mean, sd = (torch.tensor(each).view(3, 1, 1) for each in (KNOWN[name].mean, KNOWN[name].sd))
    expected = network((images - mean) / sd)
    if expected.ndim == 3:
        registers = PLAIN[name].get("reg_tokens", 0)
        of_patches = expected[:, 1 + registers :].mean(1)
        expected = torch.cat([expected[:, 0], of_patches], dim=1)
    found = Encoder(**settings(name, path), engine=ENGINE, device="cpu").features(patches, 2)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_a_checked_encoder_says_what_it_is(tmp_path):
    _, path = small_file("virchow2", tmp_path)
    # Its patches are not of the encoder's side.
    keys = {"view": "163x1", "settings": settings("virchow2", path), "threads": 1}
    check_encoder(tmp_path / "encoder.json", **keys)
    about = read_json(tmp_path / "encoder.json")
    assert (about["n_features"], about["weights"]) == (96, "pytorch_model")
    assert about["mean"] == KNOWN["virchow2"].mean
    small_file("virchow", tmp_path)
    with pytest.raises(InputError, match=r"pytorch_model\.bin: not weights .* first is reg_token"):
        check_encoder(tmp_path / "encoder.json", **keys)


def test_a_file_of_transformers_that_lacks_a_layer_is_refused(tmp_path):
    _, path = small_file("phikon", tmp_path)
    state = torch.load(path)
    del state["encoder.layer.1.attention.attention.key.weight"]
    torch.save(state, path)
    with pytest.raises(InputError, match=r"1 layers missing, the first is blocks\.1\.attn\.qkv"):
        Encoder(**settings("phikon", path), engine=ENGINE, device="cpu")


@pytest.mark.parametrize(
    ("library", "architecture", "options", "message"),
    [
        ("timm", "vit_gaint_patch14_224", {}, r"Unknown model.*is it vit_giant_patch14_224"),
        ("torchvision", "densnet121", {}, r"Unknown model.*is it densenet121"),
        (
            "timm",
            "test_vit",
            {"mlp_layer": "SwiGLUPaked"},
            r"no 'SwiGLUPaked'.* is it SwiGLUPacked",
        ),
        ("timm", "test_vit", {"act_layer": "sillu"}, "no layer 'sillu'"),
        ("timm", "test_vit", {"global_pool": "mean"}, "pooling"),
        ("timm", "test_resnet", {"global_pool": "token+avg"}, "Invalid pool type"),
        ("timm", "test_vit3", {"global_pool": "token+avg"}, "needs the class token"),
    ],
)
def test_names_that_timm_does_not_know_are_refused(library, architecture, options, message):
    with pytest.raises(InputError, match=message) as error:
        build_encoder(library, architecture, options, None)
    assert "\n" not in str(error.value)


def row(**keys):
    return EncoderFeatures.model_validate({"weights": "w/file.bin", **keys})


def recipe(name, **keys):
    written = yaml.safe_load(RECIPES.read_text())["features"][name]
    return EncoderFeatures.model_validate({**written, **keys})


def test_rows_that_use_weights_otherwise_are_refused():
    imagenet, options = KNOWN["uni"].mean, KNOWN["uni2-h"].options
    bare = {"library": "timm", "architecture": "vit_giant_patch14_reg4_dinov2"}
    cached = "/c/models--bioptimus--H-optimus-0/snapshots/ab/pytorch_model.bin"
    cases = [
        (recipe("h-optimus-0", mean=imagenet), r"mean: \[0\.485, .* \[0\.707223, .*h-optimus-0"),
        (recipe("uni", sd=None), "sd: null is not that of MahmoodLab/UNI"),
        (
            recipe("uni", architecture="vit_base_patch16_224"),
            "architecture: 'vit_base_patch16_224'",
        ),
        (recipe("uni2-h", options=options | {"num_heads": 16}), r"options\.num_heads: 16 is not"),
        (recipe("virchow2", options={}), r"options\.init_values: null is not"),
        (row(**bare, options={"img_size": 224}, weights=cached), "mean: null is not"),
        (row(**bare, weights="w/H-Optimus-0.pth"), "mean: null is not that of bioptimus"),
        (row(**bare, weights="w/h-optimus-0/x.bin"), "mean: null is not that of bioptimus"),
    ]
    for keys, message in cases:
        with pytest.raises(InputError, match=rf"features\.a\.{message}"):
            check_encoders({"a": keys})


def test_rows_that_agree_or_are_of_no_known_encoder_are_taken():
    options = KNOWN["virchow2"].options
    class_token = {key: value for key, value in options.items() if key != "global_pool"}
    rows = [
        *KNOWN.values(),
        recipe("uni", weights="elsewhere.bin", view="448x2"),
        recipe("uni", model_card=None, mean=[0.5] * 3),
        recipe("virchow2", options=class_token | {"act_layer": "silu", "dynamic_img_size": True}),
        row(),
        row(weights="imagenet"),
        row(weights="/uni/data/other.bin"),
        row(weights="w/uni/x.bin", model_card=None),
    ]
    check_encoders({str(number): keys for number, keys in enumerate(rows)})


@pytest.mark.parametrize(
    ("written", "right"), [("1e-5", "1.0e-5"), ("1.5e3", "1.5e+3"), ("-2E-3", "-2.0e-3")]
)
def test_a_number_that_yaml_takes_for_text_is_refused(written, right):
    with pytest.raises(ValueError, match=rf"reads {written} as text; write {re.escape(right)}"):
        row(options=yaml.safe_load(f"{{init_values: {written}}}"))
    row(options=yaml.safe_load(f"{{init_values: {right}, act_layer: silu}}"))
