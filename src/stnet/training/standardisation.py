"""Standardising patches by the mean and s.d. of the training patches."""

import numpy as np
import torch

CHANNELS = 3


class Standardisation:
    """Turns uint8 patches into float32 of mean 0 and s.d. 1 per channel over the training patches.

    Not ImageNet's constants (released code). `mean` and `sd` are per channel, of values in 0 … 255.
    """

    def __init__(self, mean: list[float], sd: list[float]):
        self.mean, self.sd = list(mean), list(sd)

    @classmethod
    def of(cls, patches: np.ndarray) -> "Standardisation":
        """Constants of patches, uint8 (n, side, side, 3), exact whatever their order."""
        levels = np.arange(256)
        mean, sd = [], []
        for channel in range(CHANNELS):
            counts = np.zeros(256, dtype=np.int64)
            for patch in patches[..., channel]:
                counts += np.bincount(patch.ravel(), minlength=256)
            centre = (counts * levels).sum() / counts.sum()
            mean.append(float(centre))
            sd.append(float(np.sqrt((counts * (levels - centre) ** 2).sum() / counts.sum())))
        # A channel of one value only, as in a blank image, has nothing to scale.
        return cls(mean, [value or 1.0 for value in sd])

    def __call__(self, patches: torch.Tensor) -> torch.Tensor:
        """Standardised float32 (n, 3, side, side) of uint8 (n, side, side, 3), memory as it was."""
        mean = torch.tensor(self.mean, device=patches.device)
        sd = torch.tensor(self.sd, device=patches.device)
        return ((patches.float() - mean) / sd).permute(0, 3, 1, 2)
