"""Patches and targets of spots on a device."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import anndata as ad
import numpy as np
import torch

from stnet.core.memory import within_memory
from stnet.networks.standardisation import count_levels
from stnet.slides.patches import read_patches


@dataclass(frozen=True)
class Data:
    """Spots on a device: patches uint8 (spots, side, side, 3), targets float32 (spots, genes)."""

    patches: torch.Tensor
    targets: torch.Tensor

    def __post_init__(self):
        """Raise ValueError if the numbers of patches and targets differ."""
        if len(self.patches) != len(self.targets):
            raise ValueError(f"{len(self.patches)} patches for {len(self.targets)} targets")

    @cached_property
    def levels(self) -> np.ndarray:
        """`count_levels` of the patches, computed once for all runs."""
        return count_levels(self.patches)

    @property
    def device(self) -> str:
        """`cpu` or `cuda`."""
        return self.patches.device.type


def to_device(index: str | Path, measured: ad.AnnData, device: str) -> Data:
    """Patches and targets of the spots of `measured` (whole sections) on `cpu` or `cuda`.

    Raises InputError if they do not fit in memory, or as `read_patches`.
    """
    sections = list(dict.fromkeys(measured.obs["section"].astype(str)))
    with within_memory(f"the patches of {measured.n_obs} spots", "the side of the view's patches"):
        patches = read_patches(index, measured.obs_names.tolist(), sections)
        values = torch.from_numpy(np.asarray(measured.X, dtype=np.float32))
        return Data(torch.from_numpy(patches).to(device), values.to(device))
