"""Frozen encoders: networks of torchvision or timm without the last layer."""

from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from stnet.core.errors import InputError, reason_of
from stnet.core.suggest import suggest
from stnet.networks.architectures import build_network, head_name
from stnet.networks.standardisation import IMAGENET_MEAN, IMAGENET_SD
from stnet.networks.tensors import write_tensors
from stnet.networks.weights import load_weights

# Value of timm's option `global_pool` for both the class token and the mean of the patch tokens.
TOKEN_AND_MEAN = "token+avg"


class TokenAndMean(nn.Module):
    """A vision transformer of timm that returns its class token and the mean of its patch tokens.

    Registers are left out. Source: model card of Virchow2.
    """

    def __init__(self, transformer: nn.Module):
        super().__init__()
        self._transformer = transformer

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Features (n, 2 x width) of images (n, 3, side, side)."""
        tokens = self._transformer.forward_features(images)
        of_patches = tokens[:, self._transformer.num_prefix_tokens :]
        return torch.cat([tokens[:, 0], of_patches.mean(dim=1)], dim=1)


class Encoding(NamedTuple):
    """A network without its last layer, and the input it needs.

    `network` maps patches (n, 3, side, side) to (n, features). `mean` and `sd` are the constants of
    each channel that it was trained with, for values from 0 to 1. `side` is the required side in
    pixels, or None if it accepts any.
    """

    network: nn.Module
    mean: tuple[float, ...]
    sd: tuple[float, ...]
    side: int | None


def build_encoder(
    library: str, architecture: str, options: dict, weights: str | Path | None
) -> Encoding:
    """An encoder of `torchvision` or `timm`.

    `architecture` is a name in the library (or `densenet`, see `build_network`), `options` are
    arguments of its constructor. timm's `act_layer`, `norm_layer` and `mlp_layer` are written by
    name, as in `SwiGLUPacked`; its `global_pool` may be `TOKEN_AND_MEAN`. `weights` is a file for
    `load_weights`, or None for random weights with a fixed seed. Raises InputError for an unknown
    library, name or option, and for weights that do not fit.
    """
    if library not in ("torchvision", "timm"):
        raise InputError(f"features.*.library: {library!r} is not torchvision or timm")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if library == "timm":
            network = _build_timm(architecture, options)
        else:
            network = build_network(architecture, options, 1)
    if weights is not None:
        load_weights(network, weights)
    name = head_name(network)
    network.set_submodule(name, nn.Identity())
    network.eval()
    if library == "torchvision":
        # Only torchvision's vision transformers require a certain side.
        return Encoding(network, IMAGENET_MEAN, IMAGENET_SD, getattr(network, "image_size", None))
    own = network.pretrained_cfg
    if options.get("global_pool") == TOKEN_AND_MEAN:
        network = TokenAndMean(network)
    is_fixed = own.get("fixed_input_size", False) and not options.get("dynamic_img_size", False)
    side = options.get("img_size", own["input_size"][-1]) if is_fixed else None
    return Encoding(network, tuple(own["mean"]), tuple(own["std"]), side)


def download_timm(architecture: str, output: str | Path) -> None:
    """Write timm's pretrained weights of an architecture as safetensors.

    `architecture` may have a tag that selects the weights, as in `vit_base_patch16_224.dino`. timm
    downloads them from the Hugging Face Hub. Raises InputError if there are none or the download
    fails.
    """
    # Imported here, so that jobs that use torchvision do not pay for it.
    import timm

    try:
        network = timm.create_model(architecture, pretrained=True)
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"weights: timm's weights of {architecture} cannot be downloaded"
            f" ({reason_of(error)}); fetch the file elsewhere and give its path as the"
            " weights of the features"
        ) from error
    write_tensors(output, network.state_dict())


def _build_timm(architecture: str, options: dict) -> nn.Module:
    import timm

    named = dict(options)
    # timm takes activations and norms by name, but not these.
    if isinstance(layer := options.get("mlp_layer"), str):
        layers = {n: each for n, each in vars(timm.layers).items() if "Mlp" in n or "GLU" in n}
        if layer not in layers:
            raise InputError(f"options: mlp_layer: no {layer!r} in timm{suggest(layer, layers)}")
        named["mlp_layer"] = layers[layer]
    if options.get("global_pool") == TOKEN_AND_MEAN:
        # timm refuses it where there is no class token.
        named["global_pool"] = "token"
    try:
        # One output: `load_weights` does not need the last layer in the file.
        network = timm.create_model(architecture, **{**named, "num_classes": 1})
        known = network.get_classifier() is network.get_submodule(head_name(network))
    except KeyError as error:
        raise InputError(f"architecture {architecture} with {options}: no layer {error}") from error
    # The last is that of a download, or of a file that an option names.
    except (RuntimeError, ValueError, TypeError, AssertionError, OSError) as error:
        similar = "" if timm.is_model(architecture) else suggest(architecture, timm.list_models())
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"architecture {architecture} with {options}: {reason}{similar}"
        ) from error
    except IndexError:
        known = False
    if not known:
        raise InputError(f"architecture {architecture}: no fully connected last layer")
    return network
