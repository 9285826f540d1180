"""Integrated gradients of a predicted gene (Sundararajan et al. 2017), by captum."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from captum.attr import IntegratedGradients

from stnet.networks.engine import Forward
from stnet.networks.prediction import over_symmetries
from stnet.networks.standardisation import Standardisation

# The completeness error that is accepted, and the steps after which it has to be.
MOST_ERROR = 0.05
MOST_STEPS = 1024

# From float32 patches (n, side, side, 3), values 0 … 255, to a gene's predictions (n,).
Prediction = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Attribution:
    """What each pixel adds to the prediction of a gene.

    `values` are float32 (side, side), summed over colours, in the units of the targets: positive
    where the patch's own colour instead of the baseline's raises the prediction. `predicted` and
    `at_baseline` are what is predicted of patch and baseline.
    """

    values: np.ndarray
    predicted: float
    at_baseline: float
    steps: int

    @property
    def difference(self) -> float:
        """What the attributions add up to if the path was followed in steps small enough."""
        return self.predicted - self.at_baseline

    @property
    def total(self) -> float:
        """What they add up to."""
        return float(self.values.sum(dtype=float))

    @property
    def completeness_error(self) -> float:
        """By how much the two differ, relative to the difference; infinite where that is none."""
        missed = abs(self.total - self.difference)
        if not self.difference:
            return np.inf if missed else 0.0
        return missed / abs(self.difference)

    @property
    def complete(self) -> bool:
        """Whether the error is one that is accepted."""
        return self.completeness_error <= MOST_ERROR


def averaged(forward: Forward, standardise: Standardisation, gene: int) -> Prediction:
    """Prediction of the output `gene`, averaged over the eight symmetries.

    It is the averaged prediction that is reported, so it is explained: its gradients are the mean
    of those of the eight turned patches, each turned back.
    """

    def predict(patches: torch.Tensor) -> torch.Tensor:
        return over_symmetries(forward, standardise, patches)[:, gene]

    return predict


def attribute(
    predict: Prediction, patch: torch.Tensor, baseline: torch.Tensor, steps: int, batch_size: int
) -> Attribution:
    """Integrated gradients of a patch float32 (side, side, 3), its values 0 … 255.

    The path goes straight from a patch of the one colour `baseline` (3,). Standardising is linear,
    so that of the standardised patch from the standardised baseline is the same. Gauss–Legendre
    quadrature in `steps` points, and in twice as many until the completeness error is accepted or
    no more than `MOST_STEPS` allows; `batch_size` points are computed at once. Source: the paper
    names the method only (ours).
    """
    ends = torch.stack([patch, baseline.expand_as(patch)])
    with torch.no_grad():
        predicted, at_baseline = predict(ends).tolist()
    start, end = ends[1:], ends[:1].clone().requires_grad_()
    explain = IntegratedGradients(predict).attribute
    while True:
        values = explain(end, start, n_steps=steps, internal_batch_size=batch_size)
        values = values[0].detach().sum(dim=-1).float().cpu().numpy()
        found = Attribution(values, predicted, at_baseline, steps)
        if found.complete or 2 * steps > MOST_STEPS:
            return found
        steps *= 2
