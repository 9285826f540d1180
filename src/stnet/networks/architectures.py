"""Networks of torchvision with a new last layer."""

from collections.abc import Sequence

import torch
from torch import nn
from torchvision import models

from stnet.core.errors import InputError
from stnet.core.suggest import suggest

# Options of the two architectures with auxiliary classifiers. These are for telling a thousand
# classes apart, so they are left out. The input is brought to the scale of the ImageNet weights,
# which torchvision took over from elsewhere: it expects mean 0 and s.d. 1, as patches have by their
# own standardisation no less than by ImageNet's. Initialisation is that of the other architectures.
INCEPTION = {"aux_logits": False, "transform_input": True, "init_weights": False}
DEFAULTS = {"inception_v3": INCEPTION, "googlenet": INCEPTION}


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
    code; the bias becomes the training mean by `set_bias`). Inception v3 and GoogLeNet are built
    by `DEFAULTS` where `options` do not say otherwise, without their auxiliary classifiers. Raises
    InputError for an unknown name or option.
    """
    try:
        if architecture == "densenet":
            network = models.DenseNet(**options)
        else:
            options = {**DEFAULTS.get(architecture, {}), **options}
            network = models.get_model(architecture, weights=None, **options)
    except (ValueError, TypeError) as error:
        raise InputError(f"architecture {architecture} with {options}: {error}") from error
    if options.get("aux_logits"):
        raise InputError(
            f"architecture_options: aux_logits: auxiliary classifiers of {architecture} are for"
            " ImageNet's classes; leave the option out"
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
    """Let the network return its last layer's inputs (the latent space) after its outputs."""
    network.get_submodule(head_name(network)).keeps_features = True


def check_side(network: nn.Module, architecture: str, side: int) -> None:
    """Raise InputError where a network, on any device, takes no patches of `side` pixels.

    It is tried: what pooling and strides leave of a patch is known to no attribute.
    """
    try:
        with torch.inference_mode():
            device = next(network.parameters()).device
            network.eval()(torch.zeros(1, 3, side, side, device=device))
    except (RuntimeError, AssertionError) as error:
        raise InputError(
            f"view: {architecture} takes no patches of {side} x {side} pixels"
            f" ({str(error).splitlines()[0]}); choose another view or architecture"
        ) from error


def freeze(network: nn.Module, trained: str | Sequence[str]) -> list[nn.Module]:
    """Freeze all parameters but those of the modules that are trained, and return these modules.

    `trained` is `all` or names of torchvision's, such as `features.denseblock4`; the last layer is
    always trained. In training mode only the returned modules may be set: batch norm of the others
    goes on with its running averages. Raises InputError for a name that is no module's, or that of
    a module without parameters.

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
            raise InputError(f"trained: {name!r} is no module with weights{suggest(name, known)}")
    network.requires_grad_(False)
    modules = [network.get_submodule(name) for name in (*trained, head_name(network))]
    return [module.requires_grad_(True) for module in modules]
