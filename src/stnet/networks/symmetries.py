"""The eight symmetries of the square, for augmentation and for averaging predictions.

Symmetry 0 … 7 is three independent choices, those of the released code: bit 0 flips horizontally,
bit 1 vertically, bit 2 then turns by 90 degrees. Patches are (n, side, side, channels), of bytes:
turning them before they are standardised moves a quarter of the memory.
"""

import torch

N_SYMMETRIES = 8
TURNS = (
    (1, lambda patches: patches.flip(2)),
    (2, lambda patches: patches.flip(1)),
    (4, lambda patches: patches.rot90(1, (1, 2))),
)


def apply_symmetry(patches: torch.Tensor, symmetry: int) -> torch.Tensor:
    """All patches under one symmetry, 0 being the identity."""
    for bit, turn in TURNS:
        if symmetry & bit:
            patches = turn(patches)
    return patches


def augment(patches: torch.Tensor, symmetries: torch.Tensor) -> torch.Tensor:
    """Each patch under its own symmetry, `symmetries` being integers (n,).

    Methods: "randomly rotating the image by 0, 90, 180 or 270° and taking the mirror image 50% of
    the time": symmetries drawn uniformly have the same distribution.
    """
    for bit, turn in TURNS:
        drawn = (symmetries & bit).bool().view(-1, 1, 1, 1)
        patches = torch.where(drawn, turn(patches), patches)
    return patches
