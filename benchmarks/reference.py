"""The usual training loop, as most code for this task has it: the reference for the engine.

For every sample, a region is read with OpenSlide, flipped and rotated with Pillow and converted
with torchvision, by DataLoader workers, in float32, one batch after the other. The steps are those
of the method and of the released code. The workflow does not import this module.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import torch
from openslide import OpenSlide
from PIL import Image
from tiled import read_patch_plain
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import models
from torchvision.transforms import functional

N_SYMMETRIES = 8
TURNS = (
    (1, Image.Transpose.FLIP_LEFT_RIGHT),
    (2, Image.Transpose.FLIP_TOP_BOTTOM),
    (4, Image.Transpose.ROTATE_90),
)


@dataclass
class Spots(Dataset):
    """Spots of slides; item (spot, symmetry) is a standardised image (3, window, window).

    `slides` and `centres` (x, y) have a path and a pixel for each spot; `targets` is float32,
    (spots, genes). `mean` and `sd` are per channel, of values in 0 … 255. Symmetry None returns all
    eight: (8, 3, window, window).
    """

    slides: Sequence[str]
    centres: Sequence[tuple[int, int]]
    targets: torch.Tensor
    mean: Sequence[float]
    sd: Sequence[float]
    window: int
    dtype: torch.dtype = torch.float32
    opened: dict[str, OpenSlide] = field(default_factory=dict)

    def __getitem__(self, item: tuple[int, int | None]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return one image of a spot, or all eight, and its targets."""
        spot, symmetry = item
        picture = self.read(spot)
        if symmetry is None:
            turned = [self.tensor(picture, each) for each in range(N_SYMMETRIES)]
            return torch.stack(turned), self.targets[spot]
        return self.tensor(picture, symmetry), self.targets[spot]

    def read(self, spot: int) -> Image.Image:
        """Read the region around a spot."""
        path = self.slides[spot]
        if path not in self.opened:
            self.opened[path] = OpenSlide(path)
        x, y = self.centres[spot]
        return read_patch_plain(self.opened[path], x, y, self.window)

    def tensor(self, picture: Image.Image, symmetry: int) -> torch.Tensor:
        """Apply a symmetry and standardise."""
        for bit, turn in TURNS:
            if symmetry & bit:
                picture = picture.transpose(turn)
        mean, sd = [value / 255 for value in self.mean], [value / 255 for value in self.sd]
        return functional.normalize(functional.to_tensor(picture).to(self.dtype), mean, sd)


def build(architecture: str, options: dict, n_outputs: int) -> nn.Module:
    """Build a DenseNet of torchvision with a new last layer."""
    model = (
        models.DenseNet if architecture == "densenet" else models.get_model_builder(architecture)
    )
    network = model(**options)
    network.classifier = nn.Linear(network.classifier.in_features, n_outputs)
    return network


def loader(
    spots: Spots, items: Sequence[tuple[int, int | None]], batch_size: int, workers: int
) -> DataLoader:
    """Batches of `items` in the given order."""
    return DataLoader(spots, batch_size, sampler=items, num_workers=workers)


def train_epoch(
    network: nn.Module, optimiser: torch.optim.Optimizer, batches: Iterable, device: str
) -> float:
    """Train one epoch; return the squared error, summed over spots and averaged over genes."""
    network.train()
    total = 0.0
    for images, targets in batches:
        predicted = network(images.to(device))
        loss = ((predicted - targets.to(device)) ** 2).sum() / targets.shape[1]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        total += loss.item()
    return total


@torch.no_grad()
def predict(network: nn.Module, batches: Iterable, device: str) -> torch.Tensor:
    """Predict batches (spots, 8, 3, window, window), averaged over the 8: (spots, genes)."""
    network.eval()
    parts = []
    for images, _ in batches:
        predicted = network(images.flatten(0, 1).to(device))
        parts.append(predicted.view(len(images), N_SYMMETRIES, -1).mean(1).cpu())
    return torch.cat(parts)
