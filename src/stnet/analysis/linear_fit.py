"""Ridge regression and gradient descent on principal components, in closed form (ours)."""

from typing import NamedTuple

import numpy as np

# Candidates.
PENALTIES = [10.0**power for power in range(1, 7)]
EPOCHS = [2**power for power in range(15)]


class Fit(NamedTuple):
    """The fit of a held-out group.

    Attributes:
        training: whether a spot is trained on (spots,).
        projected: principal components of all spots (spots, components), fitted to the training.
        sizes: sums of squares of the training spots' components, which are uncorrelated.
        penalty, epochs: what is chosen.
    """

    training: np.ndarray
    projected: np.ndarray
    sizes: np.ndarray
    penalty: float = 0.0
    epochs: int = 0

    def slopes(self, expression: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Products of components and expression of the training spots, and its mean."""
        seen = expression[self.training]
        centre = seen.mean(axis=0)
        return self.projected[self.training].T @ (seen - centre), centre

    def predict(self, expression: np.ndarray, shares: np.ndarray | None = None) -> np.ndarray:
        """Prediction of all spots (spots, genes), from the training spots of `expression`.

        By ridge regression with the chosen penalty, or with other `shares`.
        """
        shares = of_penalty(self.sizes, self.penalty) if shares is None else shares
        slopes, centre = self.slopes(expression)
        return self.projected @ (shares[:, None] * slopes) + centre

    def tuned(self, *errors: np.ndarray) -> "Fit":
        """The fit with the penalty and epochs of the smallest sums of `errors` by candidate."""
        of_penalties, of_epochs = np.split(np.sum(errors, axis=0), [len(PENALTIES)])
        return self._replace(
            penalty=PENALTIES[of_penalties.argmin()], epochs=EPOCHS[of_epochs.argmin()]
        )


def of_penalty(sizes: np.ndarray, penalty: float) -> np.ndarray:
    """What ridge regression on uncorrelated components multiplies their products with."""
    return 1 / (sizes + penalty)


def of_epochs(sizes: np.ndarray, epochs: int) -> np.ndarray:
    """The same of linear regression after some epochs of gradient descent from zero.

    In closed form: components are uncorrelated, so each coefficient descends by itself. The step
    is the longest that does not overshoot in the first component.
    """
    return (1 - (1 - sizes / sizes.max()) ** epochs) / sizes
