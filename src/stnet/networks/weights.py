"""Initial weights from torchvision or from a file."""

import re
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torchvision import models

from stnet.core.atomic import atomic_path
from stnet.core.errors import InputError
from stnet.networks.architectures import head_name

# Old checkpoints of torchvision's DenseNets name their layers "norm.1" instead of "norm1".
OLD_DENSENET_NAME = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12])\.")

# Auxiliary classifiers of Inception v3 and GoogLeNet, which `build_network` leaves out.
AUXILIARY = ("AuxLogits.", "aux1.", "aux2.")


def download_imagenet(architecture: str, output: str | Path) -> None:
    """Write torchvision's ImageNet weights (IMAGENET1K_V1) of an architecture as safetensors.

    torchvision downloads them and checks their hash. Layer names are torchvision's; the ImageNet
    classifier is included. Raises InputError if there are none or the download fails.
    """
    try:
        network = models.get_model(architecture, weights="IMAGENET1K_V1")
    except (ValueError, KeyError) as error:
        raise InputError(f"weights: no ImageNet weights of {architecture} ({error})") from error
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"weights: the ImageNet weights of {architecture} cannot be downloaded ({error});"
            " download the file elsewhere and give its path as the experiment's weights"
        ) from error
    with atomic_path(output) as temporary:
        save_file(network.state_dict(), temporary)


def load_weights(network: nn.Module, path: str | Path) -> None:
    """Load all layers of `network` except the last from a safetensors file or a state dict.

    A state dict is read with `weights_only`. Names and shapes must match the network's, except in
    the last layer and auxiliary classifiers. Raises InputError naming the file and the first layer
    that does not fit.
    """
    path = Path(path)
    try:
        if path.suffix == ".safetensors":
            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
            state = state.get("state_dict", state)
    except Exception as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: not a safetensors file or a state dict ({reason})") from error
    head = head_name(network) + "."
    state = {OLD_DENSENET_NAME.sub(r"\1\2.", name): value for name, value in state.items()}
    own = network.state_dict()
    wanted = {n for n in own if not n.startswith(head) and not n.endswith("num_batches_tracked")}
    missing = sorted(wanted - state.keys())
    unknown = sorted(n for n in state.keys() - own.keys() if not n.startswith((head, *AUXILIARY)))
    other = sorted(n for n in wanted & state.keys() if state[n].shape != own[n].shape)
    for layers, what in ((missing, "missing"), (unknown, "unknown"), (other, "of other shape")):
        if layers:
            raise InputError(
                f"{path}: not weights of this architecture: {len(layers)} layers {what},"
                f" the first is {layers[0]}"
            )
    network.load_state_dict({name: state[name] for name in wanted}, strict=False)
