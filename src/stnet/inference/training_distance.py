"""Distance of images from a model's training images, in stain, latent features and scale.

Stain and latent features are vectors per patch. Distances are measured in s.d. from the mean of the
training patches; those of the stain along axes that are not correlated (Mahalanobis distance),
because training stains differ much in strength but little in hue. Each training patient's distance
from all others gives the scale: a section or slide that is farther than every training patient is
out of distribution. The model abstains from a patch that is farther than nearly all patches of
training patients, each seen from the others. Source: ours.
"""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch

from stnet.evaluation.conformal import quantiles_by_patient
from stnet.inference.flags import WARNINGS, flags
from stnet.networks.standardisation import LEVELS, count_levels

logger = logging.getLogger(__name__)

# Fewer training patients give no distance between patients.
FEWEST_PATIENTS = 3
# Share of training patients' patches within the limit (docs/methods.md, "Abstention").
WITHIN_LIMIT = 0.98
# Axes along which training patches vary less, as a share of a feature's variance, are rounding.
LEAST_VARIANCE = 1e-9


def is_far(ood_score: np.ndarray) -> np.ndarray:
    """Which patches the model abstains from, by distances relative to the limit: (patches,)."""
    return ood_score > 1


@dataclass(frozen=True)
class PatchStatistics:
    """Mean and s.d. of a vector over training patches, and how far the patches of a patient are.

    `axes` (features, axes) turn differences in s.d. into ones that are not correlated; None if they
    are taken as they are. Each patch is as far as it is from those of the other patients. `largest`
    is the largest over patients of the median of these distances. `limit` is the distance within
    which 98% of them are, patients weighing alike. Both are None with fewer than three patients.
    """

    mean: list[float]
    sd: list[float]
    axes: list[list[float]] | None
    largest: float | None
    limit: float | None

    @classmethod
    def of(
        cls, values: np.ndarray, patients: np.ndarray, *, correlated: bool = False
    ) -> "PatchStatistics":
        """The statistics of `values` (patches, features) of `patients` (patches,).

        If they are `correlated`, there must be far more patches than features.
        """
        names = np.unique(patients)
        largest = limit = None
        if len(names) >= FEWEST_PATIENTS:
            far = np.empty(len(values))
            for name in names:
                own = patients == name
                far[own] = cls._plain(values[~own], correlated).distances(values[own])
            largest = max(float(np.median(far[patients == name])) for name in names)
            limit = float(quantiles_by_patient(far, patients, [WITHIN_LIMIT])[0])
        return replace(cls._plain(values, correlated), largest=largest, limit=limit)

    @classmethod
    def _plain(cls, values: np.ndarray, correlated: bool) -> "PatchStatistics":
        sd = values.std(axis=0, dtype=np.float64)
        axes = None
        if correlated and sd.any():
            correlations = np.atleast_2d(np.corrcoef(values[:, sd > 0].T))
            variances, vectors = np.linalg.eigh(correlations)
            some = variances > LEAST_VARIANCE
            axes = (vectors[:, some] / np.sqrt(variances[some])).tolist()
        return cls(values.mean(axis=0, dtype=np.float64).tolist(), sd.tolist(), axes, None, None)

    def distances(self, values: np.ndarray) -> np.ndarray:
        """Root mean square over features or axes of differences from the mean, in s.d.: (patches,).

        Features that are constant in training, such as dead ones, are left out.
        """
        sd = np.array(self.sd)
        varies = sd > 0
        scaled = (values[:, varies] - np.array(self.mean)[varies]) / sd[varies]
        if self.axes is not None:
            scaled = scaled @ np.array(self.axes)
        return np.sqrt(np.square(scaled).mean(axis=1))

    def relative(self, values: np.ndarray) -> np.ndarray:
        """`distances` relative to `largest` and to `limit`, NaN if unknown: (2, patches)."""
        scales = np.array([[self.largest], [self.limit]], dtype=float)
        return self.distances(values) / scales


@dataclass(frozen=True)
class TrainingStatistics:
    """Statistics of a network's training patches: micrometres per pixel, stain and latent."""

    um_per_px: float
    stain: PatchStatistics
    latent: PatchStatistics

    @classmethod
    def from_card(cls, card: Mapping) -> "TrainingStatistics":
        """The reference that `to_card` wrote."""
        return cls(
            card["um_per_px"], PatchStatistics(**card["stain"]), PatchStatistics(**card["latent"])
        )

    def to_card(self) -> dict:
        """Plain values, for JSON."""
        return asdict(self)


def stain(patches: torch.Tensor) -> np.ndarray:
    """Mean and s.d. of the optical density of each channel of each patch: float64 (n, 6).

    Patches are uint8 (n, side, side, 3). The density is -log10((value + 1) / 256); densities of
    dyes add up (Beer-Lambert law).
    """
    counts = count_levels(patches).astype(np.float64)
    shares = counts / counts.sum(axis=2, keepdims=True)
    density = -np.log10((np.arange(LEVELS) + 1) / LEVELS)
    mean = shares @ density
    variance = shares @ np.square(density) - np.square(mean)
    return np.concatenate([mean, np.sqrt(np.maximum(variance, 0))], axis=1)


class TrainingDistance:
    """Distances of the patches of one image from training, collected batch by batch."""

    def __init__(self, trained_um_per_px: float, um_per_px: float):
        """Start with the scale of the training patches and that of this image's patches."""
        self._ratio = um_per_px / trained_um_per_px
        self._stain: list[np.ndarray] = []
        self._latent: list[np.ndarray] = []

    def add(self, stain: np.ndarray, latent: np.ndarray) -> None:
        """Add the relative distances of a batch, (patches,) each."""
        self._stain.append(stain)
        self._latent.append(latent)

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
        """Names of the distances that are too far: `stain`, `latent`, `um_per_px`."""
        return flags(self.summary())

    def report(self, name: str) -> None:
        """Log a warning for each flag."""
        values = self.summary()
        for flag in self.flags():
            logger.warning(f"{name}: {WARNINGS[flag]} ({values[flag]:.2f} times)")
