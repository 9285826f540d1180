"""Networks of torchvision with a new last layer."""

from collections.abc import Sequence

import torch
from torch import nn

from stnet.core.errors import InputError, reason_of
from stnet.core.memory import is_out_of_memory
from stnet.core.suggest import suggest
from stnet.networks.vision import models

# Options of the two architectures with auxiliary classifiers, which only serve ImageNet's classes
# and are left out. `transform_input` rescales standardised input (mean 0, s.d. 1) to the range that
# these weights were trained with elsewhere. Initialisation is the same as for other architectures.
INCEPTION = {"aux_logits": False, "transform_input": True, "init_weights": False}
DEFAULTS = {"inception_v3": INCEPTION, "googlenet": INCEPTION}


class Head(nn.Linear):
    """A last layer that computes in float32, also under autocast.

    In bfloat16, a log expression of -9 has two decimals, but predictions of a gene may differ in
    the fourth. With `keeps_features`, the input features are appended to the outputs.
    """

    keeps_features = False

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Outputs (n, outputs), or (n, outputs + features), of features (n, features)."""
        with torch.autocast(features.device.type, enabled=False):
            features = features.float()
            outputs = super().forward(features)
            return torch.cat([outputs, features], dim=1) if self.keeps_features else outputs


def build_network(architecture: str, options: dict, n_outputs: int) -> nn.Module:
    """A torchvision classifier with `n_outputs` outputs instead of its classes.

    `architecture` is a torchvision name (the paper's is `densenet121`: "120 convolutional layers,
    followed by a fully connected layer"), or `densenet` for the DenseNet class with `options` as
    constructor arguments. The last layer's weights and bias are zero (released code); `set_bias`
    sets the bias to the training mean. Inception v3 and GoogLeNet use `DEFAULTS` unless `options`
    override them, and have no auxiliary classifiers. Raises InputError for an unknown name or
    option.
    """
    try:
        if architecture == "densenet":
            network = models.DenseNet(**options)
        else:
            options = {**DEFAULTS.get(architecture, {}), **options}
            network = models.get_model(architecture, weights=None, **options)
    except (ValueError, TypeError) as error:
        known = models.list_models(module=models)
        similar = "" if architecture in known else suggest(architecture, known)
        raise InputError(f"architecture {architecture} with {options}: {error}{similar}") from error
    if options.get("aux_logits"):
        raise InputError(
            f"architecture_options: aux_logits: auxiliary classifiers of {architecture} only serve"
            " ImageNet's classes; remove the option"
        )
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
    """Make the network return its last layer's inputs (the latent space) after its outputs."""
    network.get_submodule(head_name(network)).keeps_features = True


def check_side(network: nn.Module, architecture: str, side: int) -> None:
    """Raise InputError if a network does not accept patches of `side` pixels.

    This runs the network on one patch, because no attribute states the accepted sizes.
    """
    try:
        with torch.inference_mode():
            device = next(network.parameters()).device
            network.eval()(torch.zeros(1, 3, side, side, device=device))
    except (RuntimeError, AssertionError) as error:
        if is_out_of_memory(error):
            raise
        raise InputError(
            f"view: {architecture} does not accept patches of {side} x {side} pixels"
            f" ({reason_of(error)}); choose another view or architecture"
        ) from error


def freeze(network: nn.Module, trained: str | Sequence[str]) -> list[nn.Module]:
    """Freeze all parameters outside the trained modules, and return the trained modules.

    `trained` is `all` or a list of torchvision's module names, such as `features.denseblock4`; the
    last layer is always trained. Set only the returned modules to training mode, so that batch norm
    in the frozen ones keeps using its running averages. Raises InputError for an unknown module or
    one without parameters.

    Source: ours; the paper trains all layers (released code).
    """
    if trained == "all":
        return [network]
    known = [
        name
        for name, module in network.named_modules()
        if name and next(module.parameters(), None) is not None
    ]
    for name in trained:
        if name not in known:
            raise InputError(
                f"trained: {name!r} is not a module with weights{suggest(name, known)}"
            )
    network.requires_grad_(False)
    modules = [network.get_submodule(name) for name in (*trained, head_name(network))]
    return [module.requires_grad_(True) for module in modules]
