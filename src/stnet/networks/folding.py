"""A trained DenseNet with fewer operations, for prediction only."""

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from stnet.networks.vision import models


def fold(network: nn.Module) -> nn.Module:
    """Fold batch norms of a DenseNet into convolutions; other networks stay as they are.

    A batch norm that directly follows a convolution becomes part of its weights. The other half
    follow a concatenation and precede a ReLU, so they stay. Transitions average over 2 x 2 pixels
    before their 1 x 1 convolution, not after: both are linear, and a quarter of the pixels is left
    to convolve. Outputs change by rounding only. The network, in evaluation mode, is changed in
    place and returned.

    Source: ours.
    """
    if not isinstance(network, models.DenseNet):
        return network
    _join(network.features, "conv0", "norm0")
    for module in network.features.modules():
        if isinstance(module, models.densenet._DenseLayer):
            _join(module, "conv1", "norm2")
        elif isinstance(module, models.densenet._Transition):
            # In a sequence, the order of the names is that of the computation.
            module.conv, module.pool = module.pool, module.conv
    return network


def _join(parent: nn.Module, convolution: str, norm: str) -> None:
    joined = fuse_conv_bn_eval(parent.get_submodule(convolution), parent.get_submodule(norm))
    setattr(parent, convolution, joined)
    setattr(parent, norm, nn.Identity())
