"""Standardising patches by the mean and s.d. of the training patches."""

import numpy as np
import torch

CHANNELS, LEVELS = 3, 256


def count_levels(patches: torch.Tensor) -> np.ndarray:
    """How often each value occurs in each channel of each patch: int32 (n, 3, 256).

    Patches are uint8 (n, side, side, 3). Counted once, the constants of any set of patches follow.
    """
    counts = np.empty((len(patches), CHANNELS, LEVELS), dtype=np.int32)
    for row, patch in enumerate(patches):
        for channel, values in enumerate(patch.cpu().numpy().reshape(-1, CHANNELS).T):
            counts[row, channel] = np.bincount(values, minlength=LEVELS)
    return counts


class Standardisation:
    """Turns uint8 patches into float32 of mean 0 and s.d. 1 per channel over the training patches.

    Not ImageNet's constants (released code). `mean` and `sd` are per channel, of values in 0 … 255.
    """

    def __init__(self, mean: list[float], sd: list[float]):
        self.mean, self.sd = list(mean), list(sd)

    @classmethod
    def of(cls, counts: np.ndarray) -> "Standardisation":
        """Constants of the patches that `counts` (n, 3, 256) are of, exact whatever their order."""
        levels = np.arange(LEVELS)
        mean, sd = [], []
        for count in counts.sum(axis=0, dtype=np.int64):
            centre = (count * levels).sum() / count.sum()
            mean.append(float(centre))
            sd.append(float(np.sqrt((count * (levels - centre) ** 2).sum() / count.sum())))
        # A channel of one value only, as in a blank image, has nothing to scale.
        return cls(mean, [value or 1.0 for value in sd])

    def __call__(self, patches: torch.Tensor) -> torch.Tensor:
        """Standardised float32 (n, 3, side, side) of uint8 (n, side, side, 3), memory as it was."""
        mean = torch.tensor(self.mean, device=patches.device)
        sd = torch.tensor(self.sd, device=patches.device)
        return ((patches.float() - mean) / sd).permute(0, 3, 1, 2)
