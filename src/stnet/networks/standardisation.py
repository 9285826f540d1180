"""Standardising patches by the mean and s.d. of the training patches."""

import numpy as np
import torch

CHANNELS, LEVELS = 3, 256


# Patches counted at once: their indices take eight bytes a value.
COUNTED = 64


def count_levels(patches: torch.Tensor) -> np.ndarray:
    """How often each value occurs in each channel of each patch: int32 (n, 3, 256).

    Patches are uint8 (n, side, side, 3) on any device. Counted once, the constants of any set of
    patches follow.
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
    """Turns uint8 patches into float32 of mean 0 and s.d. 1 per channel over the training patches.

    Not ImageNet's constants (released code). `mean` and `sd` are per channel, of values in 0 … 255;
    patches are on `device`.
    """

    def __init__(self, mean: list[float], sd: list[float], device: str):
        self.mean, self.sd = list(mean), list(sd)
        # Made once: to bring them to a GPU for every batch is to wait for the GPU every time.
        self._mean = torch.tensor(self.mean, device=device)
        self._sd = torch.tensor(self.sd, device=device)

    @classmethod
    def of(cls, counts: np.ndarray, device: str) -> "Standardisation":
        """Constants of the patches that `counts` (n, 3, 256) are of, exact whatever their order."""
        levels = np.arange(LEVELS)
        mean, sd = [], []
        for count in counts.sum(axis=0, dtype=np.int64):
            centre = (count * levels).sum() / count.sum()
            mean.append(float(centre))
            sd.append(float(np.sqrt((count * (levels - centre) ** 2).sum() / count.sum())))
        # A channel of one value only, as in a blank image, has nothing to scale.
        return cls(mean, [value or 1.0 for value in sd], device)

    def __call__(self, patches: torch.Tensor) -> torch.Tensor:
        """Standardised float32 (n, 3, side, side) of uint8 (n, side, side, 3), memory as it was."""
        return ((patches.float() - self._mean) / self._sd).permute(0, 3, 1, 2)
