"""Frozen encoders of torchvision, timm and a file, against the libraries' own forward passes."""

import anndata as ad
import numpy as np
import pytest
import timm
import torch
from data import REAL
from embedding_files import trident_attributes, write_hest, write_trident
from safetensors.torch import load_file, save_file
from sections import section_file
from torch.nn import functional
from torchvision import models
from toy import make_cohort

from stnet.baselines.ridge import predict_ridge
from stnet.core.errors import InputError
from stnet.core.h5ad import write_h5ad
from stnet.core.hashing import file_sha256
from stnet.expression.held_out_job import HeldOutJob
from stnet.features.collect import collect_features
from stnet.features.encoded import ENGINE, encode_section
from stnet.features.precomputed import write_precomputed_features
from stnet.networks.encoders import build_encoder, download_timm
from stnet.networks.image_encoder import Encoder
from stnet.slides.patches import write_index
from stnet.slides.windows import fit_side

SMALL = {"growth_rate": 4, "block_config": [1, 1], "num_init_features": 8}
TYPEGROUPS = REAL / "weights" / "densenet121_typegroups.safetensors"
IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def some_patches(n, side, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, side, side, 3), dtype=np.uint8)


def plain(patches, mean, sd):
    """Patches as torchvision's and timm's transformations bring them to a network."""
    x = torch.from_numpy(patches).permute(0, 3, 1, 2).double() / 255
    return (x - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(sd).view(3, 1, 1)


def encoder(library, architecture, options=None, weights=None, **constants):
    return Encoder(
        library, architecture, options or {}, weights, engine=ENGINE, device="cpu", **constants
    )


@torch.inference_mode()
def test_torchvisions_features_are_the_pooled_maps_under_imagenets_constants(tmp_path):
    torch.manual_seed(1)
    network = models.DenseNet(**SMALL)
    torch.save(network.state_dict(), tmp_path / "own.pt")
    patches = some_patches(5, 64)
    found = encoder("torchvision", "densenet", SMALL, tmp_path / "own.pt").features(patches, 2)
    maps = network.double().eval().features(plain(patches, *IMAGENET))
    expected = functional.relu(maps).mean(dim=(2, 3))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


def test_random_weights_are_the_same_every_time_and_leave_the_stream_of_others():
    patches = some_patches(2, 32)
    torch.manual_seed(5)
    one = encoder("torchvision", "densenet", SMALL)
    drawn = torch.rand(1)
    two = encoder("torchvision", "densenet", SMALL)
    np.testing.assert_array_equal(one.features(patches, 2), two.features(patches, 2))
    torch.manual_seed(5)
    assert torch.equal(drawn, torch.rand(1))
    assert one.name == "random"


@torch.inference_mode()
@pytest.mark.parametrize("suffix", ["safetensors", "pt"])
@pytest.mark.parametrize("architecture", ["test_vit", "test_resnet"])
def test_timms_features_are_its_own_of_a_checkpoint(tmp_path, architecture, suffix):
    torch.manual_seed(2)
    # With the classes it was trained on; timm itself drops them for features.
    network = timm.create_model(architecture, num_classes=7)
    path = tmp_path / f"weights.{suffix}"
    (save_file if suffix == "safetensors" else torch.save)(network.state_dict(), path)
    network.reset_classifier(0)
    side = network.pretrained_cfg["input_size"][-1]
    patches = some_patches(3, 64)
    # A vision transformer takes one side only.
    is_vit = architecture == "test_vit"
    fed = np.stack([fit_side(patch, side) for patch in patches]) if is_vit else patches
    own = network.pretrained_cfg["mean"], network.pretrained_cfg["std"]
    expected = network.double().eval()(plain(fed, *own))
    found = encoder("timm", architecture, weights=path).features(patches, 2)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_a_side_of_its_own_is_that_of_the_options():
    assert build_encoder("timm", "test_vit", {}, None).side == 160
    assert build_encoder("timm", "test_vit", {"img_size": 64}, None).side == 64
    assert build_encoder("timm", "test_vit", {"dynamic_img_size": True}, None).side is None
    assert build_encoder("torchvision", "resnet18", {}, None).side is None
    assert build_encoder("torchvision", "vit_b_16", {"image_size": 32}, None).side == 32


@torch.inference_mode()
def test_constants_of_the_configuration_replace_the_encoders_own():
    patches = some_patches(2, 32)
    raw = encoder("torchvision", "densenet", SMALL, mean=[0.0, 0.0, 0.0], sd=[1.0, 1.0, 1.0])
    network = build_encoder("torchvision", "densenet", SMALL, None).network
    expected = network(plain(patches, [0.0] * 3, [1.0] * 3).float())
    np.testing.assert_allclose(raw.features(patches, 2), expected, rtol=1e-3, atol=1e-5)
    assert (raw.mean, raw.sd) == ([0.0] * 3, [1.0] * 3)


def test_what_does_not_fit_is_said_in_one_line(tmp_path):
    with pytest.raises(InputError, match="'keras' is not torchvision or timm"):
        build_encoder("keras", "resnet18", {}, None)
    with pytest.raises(InputError, match=r"architecture resnet19 with \{\}: Unknown model"):
        build_encoder("timm", "resnet19", {}, None)
    with pytest.raises(InputError, match="unexpected keyword argument 'depht'"):
        build_encoder("timm", "test_vit", {"depht": 2}, None)
    with pytest.raises(InputError, match=r"architecture test_vit with .*: FileNotFoundError"):
        build_encoder("timm", "test_vit", {"checkpoint_path": str(tmp_path / "no.bin")}, None)
    save_file(timm.create_model("test_resnet").state_dict(), tmp_path / "other.safetensors")
    with pytest.raises(InputError, match=r"other\.safetensors: not weights of this architecture"):
        build_encoder("timm", "test_vit", {}, tmp_path / "other.safetensors")


def test_without_a_network_timms_own_weights_are_refused_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    with pytest.raises(InputError, match=r"timm's weights of .* cannot be downloaded .* path") as e:
        download_timm("test_vit.r160_in1k", tmp_path / "weights.safetensors")
    assert "\n" not in str(e.value)
    assert not (tmp_path / "weights.safetensors").exists()


def test_timms_own_weights_are_kept_as_a_file_that_can_be_loaded(tmp_path, monkeypatch):
    own = timm.create_model

    def downloaded(architecture, pretrained=False, **keys):
        assert pretrained
        return own(architecture, **keys)

    path = tmp_path / "weights.safetensors"
    with monkeypatch.context() as patched:
        patched.setattr(timm, "create_model", downloaded)
        download_timm("test_vit", path)
    assert encoder("timm", "test_vit", weights=path).name == "weights"


@pytest.mark.skipif(not TYPEGROUPS.is_file(), reason=f"no weights in {TYPEGROUPS}")
@torch.inference_mode()
def test_a_real_checkpoint_on_raw_colours():
    patches = some_patches(2, 32)
    raw = {"mean": [0.0, 0.0, 0.0], "sd": [1.0, 1.0, 1.0]}
    found = encoder("torchvision", "densenet121", {}, TYPEGROUPS, **raw).features(patches, 2)
    network = models.densenet121(num_classes=12)
    network.load_state_dict(load_file(TYPEGROUPS), strict=False)
    maps = network.eval().features(plain(patches, [0.0] * 3, [1.0] * 3).float())
    expected = functional.relu(maps).mean(dim=(2, 3))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


@pytest.fixture
def view(tmp_path):
    """A section of three spots, one of them unused, its patches and their index."""
    counts, used = np.ones((3, 2), dtype=int), [True, False, True]
    section = section_file(tmp_path / "S1.h5ad", "S1", counts, ["G", "H"], used)
    np.save(tmp_path / "S1.npy", some_patches(2, 32))
    index = tmp_path / "index.tsv"
    write_index([section], [tmp_path / "S1.npy"], index, view="32x1")
    return section, index


def encoded(view, folder, weights=None):
    settings = {
        **{"library": "torchvision", "architecture": "densenet", "options": SMALL},
        **{"mean": None, "sd": None, "weights": weights},
    }
    keys = {"view": "32x1", "device": "cpu", "threads": 1, "code": "0123"}
    output = folder / "features.h5ad"
    encode_section(*view, output, settings=settings, **keys)
    return ad.read_h5ad(output)


def test_a_section_has_a_row_of_features_a_row_of_its_view(view, tmp_path):
    found = encoded(view, tmp_path)
    expected = encoder("torchvision", "densenet", SMALL).features(some_patches(2, 32), 2)
    np.testing.assert_allclose(found.X, expected, rtol=1e-5, atol=1e-6)
    assert found.obs_names.tolist() == ["S1:0x0", "S1:2x2"]
    assert found.var_names.tolist() == [f"feature{i}" for i in range(expected.shape[1])]
    about = found.uns["features"]
    assert (about["kind"], about["view"], about["code"]) == ("encoder", "32x1", "0123")
    assert (about["weights"], about["weights_sha256"]) == ("random", "random")
    np.testing.assert_allclose([about["mean"], about["sd"]], IMAGENET)


def test_weights_are_named_by_what_they_are(view, tmp_path):
    torch.manual_seed(1)
    path = tmp_path / "own.pt"
    torch.save(models.DenseNet(**SMALL).state_dict(), path)
    about = encoded(view, tmp_path, path).uns["features"]
    assert (about["weights"], about["weights_sha256"]) == ("own", file_sha256(path))


def test_a_section_without_used_spots_has_the_same_features(view, tmp_path):
    section, index = view
    table = ad.read_h5ad(section)
    table.obs["used"] = False
    write_h5ad(table, section)
    np.save(tmp_path / "S1.npy", some_patches(0, 32))
    write_index([section], [tmp_path / "S1.npy"], index, view="32x1")
    width = encoder("torchvision", "densenet", SMALL).features(some_patches(1, 32), 1).shape[1]
    assert encoded(view, tmp_path).shape == (0, width)


def test_ridge_predicts_the_same_bits_from_our_features_and_from_the_same_ones_given(tmp_path):
    index, targets = make_cohort(tmp_path)
    network = {"library": "torchvision", "architecture": "densenet", "options": SMALL}
    constants = {"mean": None, "sd": None, "weights": None}
    parts = {"encoder": [], "hest": [], "trident": []}
    for name in ("A1", "B1", "C1", "D1", "E1"):
        section = tmp_path / f"{name}.h5ad"
        paths = {layout: tmp_path / f"{name}-{layout}.h5ad" for layout in parts}
        encode_section(
            *(section, index, paths["encoder"]),
            **{"view": "32x1", "settings": network | constants},
            **{"device": "cpu", "threads": 1, "code": "0"},
        )
        encoded = ad.read_h5ad(paths["encoder"])
        assert len(np.unique(encoded.X, axis=0)) == encoded.n_obs
        order = np.random.default_rng(1).permutation(encoded.n_obs)
        corners = encoded.obsm["spatial"][order] - 16
        names = [encoded.obs_names[row].split(":")[1] for row in order]
        write_hest(tmp_path / "hest.h5", encoded.X[order], names, corners)
        attributes = trident_attributes(name, (200, 200), 32)
        write_trident(tmp_path / "trident.h5", encoded.X[order], corners, attributes)
        for layout in ("hest", "trident"):
            given_file = tmp_path / f"{layout}.h5"
            write_precomputed_features(section, given_file, paths[layout], view="32x1", code="0")
        for layout, path in paths.items():
            parts[layout].append(path)
    predicted = {}
    for layout, paths in parts.items():
        collect_features(paths, tmp_path / "features.h5ad")
        predict_ridge(
            *(targets, tmp_path / "features.h5ad", tmp_path / "predictions.h5ad"),
            HeldOutJob("toy", "A", ["A1"], 1, "0"),
            **{"components": 4, "penalties": [1.0, 10.0], "inner_folds": 2, "seed": 0},
        )
        predicted[layout] = ad.read_h5ad(tmp_path / "predictions.h5ad").X
    assert predicted["encoder"].std() > 0
    np.testing.assert_array_equal(predicted["hest"], predicted["encoder"])
    np.testing.assert_array_equal(predicted["trident"], predicted["encoder"])
