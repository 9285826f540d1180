"""Patches as other laboratories might have stained them."""

import numpy as np
import torch

from stnet.slides.colours import STAINS

# Largest factor of a density, and inverse of the smallest (docs/methods.md, "Recolouring").
LARGEST = 2.0


def recolour(patches: torch.Tensor, random: np.random.Generator) -> torch.Tensor:
    """Multiply each patch's densities of haematoxylin, eosin and the rest by factors of its own.

    Patches are uint8 (n, side, side, 3) on any device. Logarithms of the factors are uniform,
    from half to double. Densities of dyes add up (Beer-Lambert law). scikit-image's `rgb2hed` is
    not used, because it sets negative densities to zero, so that factors of one would change a
    patch, too. Source: Tellez et al. 2018, who augment training patches so, but less.
    """
    factors = LARGEST ** random.uniform(-1, 1, (len(patches), len(STAINS), 1))
    mixing = torch.from_numpy(np.linalg.inv(STAINS) @ (factors * STAINS))
    density = -torch.log((patches.float() + 1) / 256).flatten(1, 2)
    mixed = density @ mixing.to(density)
    return (256 * torch.exp(-mixed) - 1).round().clamp(0, 255).byte().view(patches.shape)
