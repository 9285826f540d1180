"""DenseNet (Huang et al. 2017), the paper's network, with torchvision's names of layers.

torchvision's own builds the same, bit by bit, but importing it imports torch's compiler: two fifths
of what a job that predicts spends before it computes.
"""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

# Growth rate, layers of each block and channels of the first layer, by torchvision's name.
SIZES = {
    "densenet121": (32, (6, 12, 24, 16), 64),
    "densenet161": (48, (6, 12, 36, 24), 96),
    "densenet169": (32, (6, 12, 32, 32), 64),
    "densenet201": (32, (6, 12, 48, 32), 64),
}


def _conv(inputs: int, outputs: int, side: int, stride: int = 1) -> nn.Conv2d:
    """A convolution that keeps the size of the image, up to its stride."""
    return nn.Conv2d(inputs, outputs, side, stride, padding=side // 2, bias=False)


class DenseLayer(nn.Module):
    """A bottleneck and a convolution, whose outputs are added to the block's channels."""

    def __init__(
        self, inputs: int, growth: int, bottleneck: int, drop_rate: float, memory_efficient: bool
    ):
        super().__init__()
        self.norm1, self.relu1 = nn.BatchNorm2d(inputs), nn.ReLU(inplace=True)
        self.conv1 = _conv(inputs, bottleneck * growth, 1)
        self.norm2, self.relu2 = nn.BatchNorm2d(bottleneck * growth), nn.ReLU(inplace=True)
        self.conv2 = _conv(bottleneck * growth, growth, 3)
        self._drop_rate, self._memory_efficient = drop_rate, memory_efficient

    def forward(self, earlier: Sequence[torch.Tensor]) -> torch.Tensor:
        """The layer's channels, (n, growth, side, side), of those of all earlier layers."""
        if self._memory_efficient and any(each.requires_grad for each in earlier):
            narrow = checkpoint(self._bottleneck, *earlier, use_reentrant=False)
        else:
            narrow = self._bottleneck(*earlier)
        found = self.conv2(self.relu2(self.norm2(narrow)))
        if self._drop_rate:
            found = F.dropout(found, self._drop_rate, self.training)
        return found

    def _bottleneck(self, *earlier: torch.Tensor) -> torch.Tensor:
        return self.conv1(self.relu1(self.norm1(torch.cat(earlier, dim=1))))


class DenseBlock(nn.ModuleDict):
    """Layers that each see the outputs of all before it."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """All channels of the block."""
        found = [image]
        for layer in self.values():
            found.append(layer(found))
        return torch.cat(found, dim=1)


class DenseNet(nn.Module):
    """A DenseNet-BC classifier; the defaults are those of DenseNet-121.

    Args:
        growth_rate: channels that a layer adds.
        block_config: layers of each block.
        num_init_features: channels of the first convolution.
        bn_size: channels of a bottleneck, as a multiple of the growth rate.
        drop_rate: dropout after each layer.
        num_classes: outputs.
        memory_efficient: compute bottlenecks again in the backward pass instead of keeping them.

    Source: torchvision's names of arguments and layers, and its order of random initial weights.
    """

    def __init__(
        self,
        growth_rate: int = 32,
        block_config: Sequence[int] = (6, 12, 24, 16),
        num_init_features: int = 64,
        bn_size: int = 4,
        drop_rate: float = 0,
        num_classes: int = 1000,
        memory_efficient: bool = False,
    ):
        super().__init__()
        width = num_init_features
        self.features = nn.Sequential()
        self.features.add_module("conv0", _conv(3, width, 7, stride=2))
        self.features.add_module("norm0", nn.BatchNorm2d(width))
        self.features.add_module("relu0", nn.ReLU(inplace=True))
        self.features.add_module("pool0", nn.MaxPool2d(3, stride=2, padding=1))
        for number, layers in enumerate(block_config, 1):
            block = DenseBlock()
            for layer in range(1, layers + 1):
                block[f"denselayer{layer}"] = DenseLayer(
                    width, growth_rate, bn_size, drop_rate, memory_efficient
                )
                width += growth_rate
            self.features.add_module(f"denseblock{number}", block)
            if number < len(block_config):
                transition = nn.Sequential()
                transition.add_module("norm", nn.BatchNorm2d(width))
                transition.add_module("relu", nn.ReLU(inplace=True))
                transition.add_module("conv", _conv(width, width // 2, 1))
                transition.add_module("pool", nn.AvgPool2d(2, stride=2))
                self.features.add_module(f"transition{number}", transition)
                width //= 2
        self.features.add_module("norm5", nn.BatchNorm2d(width))
        self.classifier = nn.Linear(width, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Outputs (n, classes) of images (n, 3, side, side)."""
        pooled = F.adaptive_avg_pool2d(F.relu(self.features(images), inplace=True), (1, 1))
        return self.classifier(torch.flatten(pooled, 1))


def named(architecture: str, **options) -> DenseNet:
    """The DenseNet of torchvision's name, or with `options` alone as `densenet`."""
    if architecture in SIZES:
        growth, blocks, width = SIZES[architecture]
        return DenseNet(growth, blocks, width, **options)
    return DenseNet(**options)
