"""Initial weights from a file."""

import re
from pathlib import Path

import torch
from torch import nn

from stnet.core.errors import InputError, check_system, reason_of
from stnet.networks.architectures import head_name
from stnet.networks.layer_names import with_names_of_timm
from stnet.networks.tensors import are_finite, read_tensors

# Old checkpoints of torchvision's DenseNets name their layers "norm.1" instead of "norm1".
OLD_DENSENET_NAME = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12])\.")

# Auxiliary classifiers of Inception v3 and GoogLeNet, which `build_network` leaves out.
AUXILIARY = ("AuxLogits.", "aux1.", "aux2.")


def load_weights(network: nn.Module, path: str | Path) -> None:
    """Load all layers of `network` except the last from a safetensors file or a state dict.

    A state dict is read with `weights_only`. Names and shapes must match the network's, except in
    the last layer and auxiliary classifiers; names of the library transformers become timm's.
    Raises InputError naming the file and the first layer that does not fit, or if a weight is not
    finite. Only files that the workflow wrote have a checksum to compare.
    """
    path = Path(path)
    try:
        if path.suffix == ".safetensors":
            state = read_tensors(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
            state = state.get("state_dict", state)
        if not all(isinstance(value, torch.Tensor) for value in state.values()):
            raise TypeError("its values are not tensors")
        # Names that are no text raise TypeError.
        state = {OLD_DENSENET_NAME.sub(r"\1\2.", name): value for name, value in state.items()}
    except InputError:
        raise
    except Exception as error:
        check_system(error, path)
        # PyTorch advises to read the file without `weights_only`, which would run code in it.
        reason = reason_of(error).partition(". ")[0]
        raise InputError(
            f"{path}: not a safetensors file or a state dict ({reason}); download the file of"
            " weights itself, not its page or a pointer of Git LFS"
        ) from error
    head = head_name(network) + "."
    if "embeddings.cls_token" in state:
        state = with_names_of_timm(state)
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
    if not are_finite({name: state[name] for name in wanted}):
        raise InputError(f"{path}: has weights that are infinite or not numbers; fetch it again")
    network.load_state_dict({name: state[name] for name in wanted}, strict=False)
