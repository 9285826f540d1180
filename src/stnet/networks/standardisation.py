"""Standardise patches by the mean and s.d. of the training patches, or by given ones."""

from collections.abc import Sequence

import numpy as np
import torch

CHANNELS, LEVELS = 3, 256
# Mean and s.d. of the images that torchvision's weights were trained on, for values from 0 to 1.
IMAGENET_MEAN, IMAGENET_SD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# Patches counted at once. Few, because their indices take eight bytes per value.
COUNTED = 64


def count_levels(patches: torch.Tensor) -> np.ndarray:
    """Number of pixels with each value in each channel of each patch: int32 (n, 3, 256).

    Patches are uint8 (n, side, side, 3) on any device. The counts give the constants of any subset
    of the patches.
    """
    if patches.device.type == "cpu":
        return np.stack([_count(patch) for patch in patches.numpy()])
    parts = []
    for some in patches.split(COUNTED):
        bins = torch.arange(len(some) * CHANNELS, device=patches.device).view(-1, 1, CHANNELS)
        values = some.flatten(1, 2) + LEVELS * bins
        parts.append(torch.bincount(values.flatten(), minlength=bins.numel() * LEVELS))
    return torch.cat(parts).view(-1, CHANNELS, LEVELS).to(torch.int32).cpu().numpy()


def _count(patch: np.ndarray) -> np.ndarray:
    channels = patch.reshape(-1, CHANNELS).T
    return np.stack([np.bincount(c, minlength=LEVELS) for c in channels]).astype(np.int32)


class Standardisation:
    """Turn uint8 patches into float32 with mean 0 and s.d. 1 per channel over the training patches.

    `mean` and `sd` are per channel, for values from 0 to 255; patches are on `device`. Source:
    released code, which does not use ImageNet's constants.
    """

    def __init__(self, mean: list[float], sd: list[float], device: str):
        self.mean, self.sd, self.device = list(mean), list(sd), device
        # Copied to the device once: copying them for every batch would stall the GPU.
        self._mean = torch.tensor(self.mean, device=device)
        self._sd = torch.tensor(self.sd, device=device)

    @classmethod
    def of(cls, counts: np.ndarray, device: str) -> "Standardisation":
        """Constants of patches from their counts (n, 3, 256), exact and independent of order."""
        levels = np.arange(LEVELS)
        mean, sd = [], []
        for count in counts.sum(axis=0, dtype=np.int64):
            centre = (count * levels).sum() / count.sum()
            mean.append(float(centre))
            sd.append(float(np.sqrt((count * (levels - centre) ** 2).sum() / count.sum())))
        # A channel with a single value, as in a blank image, is not scaled.
        return cls(mean, [value or 1.0 for value in sd], device)

    @classmethod
    def of_unit(cls, mean: Sequence[float], sd: Sequence[float], device: str) -> "Standardisation":
        """Constants that are for values from 0 to 1."""
        white = LEVELS - 1
        return cls([white * value for value in mean], [white * value for value in sd], device)

    def __call__(self, patches: torch.Tensor) -> torch.Tensor:
        """Standardise uint8 (n, side, side, 3) to float32 (n, 3, side, side), channels last."""
        return ((patches.float() - self._mean) / self._sd).permute(0, 3, 1, 2)
