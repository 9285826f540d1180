"""Integrated gradients of a predicted gene (Sundararajan et al. 2017), by captum."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from captum.attr import IntegratedGradients

from stnet.networks.engine import Forward
from stnet.networks.prediction import over_symmetries
from stnet.networks.standardisation import Standardisation

# Largest completeness error to accept, and largest number of steps to try.
MOST_ERROR = 0.05
MOST_STEPS = 1024

# From float32 patches (n, side, side, 3), values 0 … 255, to a gene's predictions (n,).
Prediction = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Attribution:
    """Attribution of a gene's prediction to pixels.

    `values` are float32 (side, side), summed over colours, in target units. They are positive where
    the patch's colour raises the prediction compared with the baseline's. `predicted` and
    `at_baseline` are the predictions of patch and baseline.
    """

    values: np.ndarray
    predicted: float
    at_baseline: float
    steps: int

    @property
    def difference(self) -> float:
        """What the attributions add up to with enough steps."""
        return self.predicted - self.at_baseline

    @property
    def attributed(self) -> float:
        """Sum of the attributions."""
        return float(self.values.sum(dtype=float))

    @property
    def completeness_error(self) -> float:
        """|attributed - difference| relative to |difference|; infinite if only the latter is 0."""
        missed = abs(self.attributed - self.difference)
        if not self.difference:
            return np.inf if missed else 0.0
        return missed / abs(self.difference)

    @property
    def complete(self) -> bool:
        """Whether the completeness error is at most `MOST_ERROR`."""
        return self.completeness_error <= MOST_ERROR


def averaged(forward: Forward, standardise: Standardisation, gene: int) -> Prediction:
    """Prediction of the output `gene`, averaged over the eight symmetries.

    The averaged prediction is reported, so it is the one to explain.
    """

    def predict(patches: torch.Tensor) -> torch.Tensor:
        return over_symmetries(forward, standardise, patches)[:, gene]

    return predict


def attribute(
    predict: Prediction, patch: torch.Tensor, baseline: torch.Tensor, steps: int, batch_size: int
) -> Attribution:
    """Integrated gradients of a patch, by Gauss–Legendre quadrature.

    The number of steps is doubled until the completeness error is accepted, up to `MOST_STEPS`.
    Standardisation is linear, so a path between unstandardised patches gives the same. Source: the
    paper names the method only; the details are ours.

    Args:
        predict: of `averaged`.
        patch: float32 (side, side, 3), values 0 … 255.
        baseline: uniform colour (3,) at the start of the straight path.
        steps: first number of steps.
        batch_size: points on the path per batch.

    Returns:
        The attribution, complete or not.
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
