"""Counts to normalised log expression, and back."""

import numpy as np

from stnet.core.errors import InputError


def normalise(counts: np.ndarray, totals: np.ndarray, universe: int, transform: str) -> np.ndarray:
    """Normalised log expression y (spots, genes), natural log, float64.

    `counts` (spots, genes) are counts of some genes, `totals` (spots,) the sums over all genes of
    the universe, `universe` its size G. Values of `transform`:

    - `log_fraction`: ln((1 + c) / (G + sum c)), which adds a pseudo-count to every gene of the
      universe and divides by the spot's total (Methods, "ST-Net design and training"; the released
      code).
    - `log_cp10k`: ln(1 + 10^4 c / sum c), the form of later papers (ours). For a section's complete
      table of counts, scanpy computes it (`targets.section_expression`). This function is for
      counts of some genes only, such as averages over neighbours.
    """
    totals = np.asarray(totals, dtype=np.float64)[:, None]
    if transform == "log_fraction":
        return np.log((1.0 + counts) / (universe + totals))
    if transform == "log_cp10k":
        return np.log1p(1e4 * counts / totals)
    raise InputError(f"targets.*.transform: {transform!r} is not log_fraction or log_cp10k")


def invert(values: np.ndarray, totals: np.ndarray, universe: int, transform: str) -> np.ndarray:
    """Counts (spots, genes) from expression: the inverse of `normalise` with the same arguments."""
    totals = np.asarray(totals, dtype=np.float64)[:, None]
    if transform == "log_fraction":
        return np.exp(values) * (universe + totals) - 1.0
    if transform == "log_cp10k":
        return np.expm1(values) * totals / 1e4
    raise InputError(f"targets.*.transform: {transform!r} is not log_fraction or log_cp10k")
