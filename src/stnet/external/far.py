"""Whether a section or slide is far from what a model was trained on, patch after patch."""

import sys

import numpy as np

from stnet.external.model import Applied, Model
from stnet.external.reference import flags

WORDS = {
    "stain": "its stain is farther from the training patients' than that of any of them",
    "latent": "its latent features are farther from the training patients' than those of any",
    "um_per_px": "the network sees it at another scale than its training images",
}


class Far:
    """Distances of the patches of one image, gathered as they are predicted.

    `um_per_px` is that of the pixels which the network was fed.
    """

    def __init__(self, model: Model, um_per_px: float):
        self._ratio = um_per_px / model.um_per_px
        self._stain: list[np.ndarray] = []
        self._latent: list[np.ndarray] = []

    def add(self, applied: Applied) -> None:
        """Count in the patches of a batch."""
        self._stain.append(applied.stain)
        self._latent.append(applied.latent)

    def summary(self) -> dict[str, float]:
        """Median `stain` and `latent` distance of the patches, 1 being that of the farthest
        training patient (NaN if unknown), and `um_per_px` relative to training.
        """
        medians = {
            name: float(np.median(np.concatenate(parts))) if parts else float("nan")
            for name, parts in (("stain", self._stain), ("latent", self._latent))
        }
        return {**medians, "um_per_px": self._ratio}

    def flags(self) -> list[str]:
        """What of it is far: any of `stain`, `latent`, `um_per_px`."""
        return flags(self.summary())

    def report(self, name: str) -> None:
        """Say so on standard error."""
        values = self.summary()
        for flag in self.flags():
            print(f"{name}: {WORDS[flag]} ({values[flag]:.2f} times)", file=sys.stderr)
