"""The eight symmetries of the square, for augmentation and for averaging predictions.

A symmetry 0 … 7 combines the three independent choices of the released code: bit 0 flips
horizontally, bit 1 flips vertically, bit 2 then rotates by 90 degrees. Patches are bytes
(n, side, side, channels); transforming them before standardisation moves a quarter of the memory.
"""

import torch

N_SYMMETRIES = 8
TURNS = (
    (1, lambda patches: patches.flip(2)),
    (2, lambda patches: patches.flip(1)),
    (4, lambda patches: patches.rot90(1, (1, 2))),
)


def apply_symmetry(patches: torch.Tensor, symmetry: int) -> torch.Tensor:
    """Apply one symmetry to all patches; 0 is the identity."""
    for bit, turn in TURNS:
        if symmetry & bit:
            patches = turn(patches)
    return patches


def augment(patches: torch.Tensor, symmetries: torch.Tensor) -> torch.Tensor:
    """Apply to each patch its own symmetry; `symmetries` are integers (n,).

    Source: Methods, "randomly rotating the image by 0, 90, 180 or 270° and taking the mirror image
    50% of the time". Symmetries drawn uniformly have the same distribution.
    """
    for bit, turn in TURNS:
        drawn = (symmetries & bit).bool().view(-1, 1, 1, 1)
        patches = torch.where(drawn, turn(patches), patches)
    return patches
