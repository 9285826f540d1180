"""The usual loop, which the engine must equal and beat: what most code for this task does.

Sample by sample, a region is read with OpenSlide, turned with Pillow and made a tensor with
torchvision; DataLoader workers, float32, one batch after the other (the method's steps and the
released code's shape of them). Nothing here is imported by the workflow.
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
    """Spots of slides: item (spot, symmetry) is a standardised image (3, window, window).

    `slides` and `centres` (x, y) are a path and a pixel a spot, `targets` float32 (spots, genes);
    `mean` and `sd` are per channel of values in 0 … 255. Symmetry None is all eight: (8, 3, …).
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
        """The image, or the eight, and the targets of a spot."""
        spot, symmetry = item
        picture = self.read(spot)
        if symmetry is None:
            turned = [self.tensor(picture, each) for each in range(N_SYMMETRIES)]
            return torch.stack(turned), self.targets[spot]
        return self.tensor(picture, symmetry), self.targets[spot]

    def read(self, spot: int) -> Image.Image:
        """The region around a spot."""
        path = self.slides[spot]
        if path not in self.opened:
            self.opened[path] = OpenSlide(path)
        x, y = self.centres[spot]
        return read_patch_plain(self.opened[path], x, y, self.window)

    def tensor(self, picture: Image.Image, symmetry: int) -> torch.Tensor:
        """A picture turned and standardised."""
        for bit, turn in TURNS:
            if symmetry & bit:
                picture = picture.transpose(turn)
        mean, sd = [value / 255 for value in self.mean], [value / 255 for value in self.sd]
        return functional.normalize(functional.to_tensor(picture).to(self.dtype), mean, sd)


def build(architecture: str, options: dict, n_outputs: int) -> nn.Module:
    """A DenseNet of torchvision with its last layer replaced."""
    model = (
        models.DenseNet if architecture == "densenet" else models.get_model_builder(architecture)
    )
    network = model(**options)
    network.classifier = nn.Linear(network.classifier.in_features, n_outputs)
    return network


def loader(
    spots: Spots, items: Sequence[tuple[int, int | None]], batch_size: int, workers: int
) -> DataLoader:
    """Batches of `items`, in their order."""
    return DataLoader(spots, batch_size, sampler=items, num_workers=workers)


def train_epoch(
    network: nn.Module, optimiser: torch.optim.Optimizer, batches: Iterable, device: str
) -> float:
    """Train on every batch once; the squared error summed over spots, averaged over genes."""
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
    """Predictions (spots, genes) of batches (spots, 8, 3, window, window), averaged over the 8."""
    network.eval()
    parts = []
    for images, _ in batches:
        predicted = network(images.flatten(0, 1).to(device))
        parts.append(predicted.view(len(images), N_SYMMETRIES, -1).mean(1).cpu())
    return torch.cat(parts)
