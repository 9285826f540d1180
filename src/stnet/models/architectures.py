"""Networks of torchvision with a new last layer."""

import torch
from torch import nn
from torchvision import models

from stnet.core.errors import InputError


class Head(nn.Linear):
    """A last layer that computes in float32 under autocast too.

    A log expression of -9 keeps two decimals in bfloat16, and predictions of a gene may differ
    in the fourth. With `keeps_features` set, the features it is given follow its outputs.
    """

    keeps_features = False

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Outputs (n, outputs), or (n, outputs + features), of features (n, features)."""
        with torch.autocast(features.device.type, enabled=False):
            features = features.float()
            outputs = super().forward(features)
            return torch.cat([outputs, features], dim=1) if self.keeps_features else outputs


def build_network(architecture: str, options: dict, n_outputs: int) -> nn.Module:
    """A torchvision classifier with `n_outputs` outputs in place of its classes.

    `architecture` is a name of torchvision's (the paper's is `densenet121`: "120 convolutional
    layers, followed by a fully connected layer"), or `densenet`, the same class with its
    constructor's arguments in `options`. The last layer's weights and bias are zero (released
    code; the bias becomes the training mean by `set_bias`). Raises InputError for an unknown name
    or option.
    """
    try:
        if architecture == "densenet":
            network = models.DenseNet(**options)
        else:
            network = models.get_model(architecture, weights=None, **options)
    except (ValueError, TypeError) as error:
        raise InputError(f"architecture {architecture} with {options}: {error}") from error
    try:
        name = head_name(network)
    except IndexError as error:
        raise InputError(f"architecture {architecture}: no fully connected last layer") from error
    head = Head(network.get_submodule(name).in_features, n_outputs)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    network.set_submodule(name, head)
    return network


def head_name(network: nn.Module) -> str:
    """Name of the last fully connected layer: `classifier` in a DenseNet, `fc` in a ResNet."""
    return [name for name, module in network.named_modules() if isinstance(module, nn.Linear)][-1]


def set_bias(network: nn.Module, means: torch.Tensor) -> None:
    """Set the last layer's bias to the training means of the targets, (genes,) (released code)."""
    with torch.no_grad():
        network.get_submodule(head_name(network)).bias.copy_(means)


def keep_features(network: nn.Module) -> None:
    """Let the network return its last layer's inputs (the latent space) after its outputs."""
    network.get_submodule(head_name(network)).keeps_features = True
