"""The eight symmetries of the square, for augmentation and for averaging predictions."""

import torch

N_SYMMETRIES = 8


def apply_symmetry(patches: torch.Tensor, symmetry: int) -> torch.Tensor:
    """Patches (n, channels, side, side) under symmetry 0 … 7, 0 being the identity.

    Bit 0 flips horizontally, bit 1 vertically, bit 2 then turns by 90 degrees: the three
    independent choices of the released code.
    """
    flips = [dim for bit, dim in ((1, 3), (2, 2)) if symmetry & bit]
    if flips:
        patches = patches.flip(flips)
    return patches.rot90(1, (2, 3)) if symmetry & 4 else patches


def augment(patches: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Each patch under a symmetry drawn uniformly from the eight.

    Methods: "randomly rotating the image by 0, 90, 180 or 270° and taking the mirror image 50% of
    the time"; the released code draws two flips and a turn, each with probability one half, which
    is the same distribution.
    """
    drawn = torch.randint(N_SYMMETRIES, (len(patches),), generator=generator)
    augmented = torch.empty_like(patches)
    for symmetry in drawn.unique().tolist():
        rows = (drawn == symmetry).nonzero().squeeze(1).to(patches.device)
        augmented[rows] = apply_symmetry(patches[rows], symmetry)
    return augmented
