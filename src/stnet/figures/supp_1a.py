"""Supp. Fig. 1a: counts of the target genes, before and after normalisation and logarithm."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from stnet.core.h5ad import read_h5ad
from stnet.expression.transforms import invert
from stnet.figures.style import (
    BLUE,
    PAGE_MM,
    log_scale,
    new_figure,
    save,
    styled,
    whole_thousands,
)

BINS = 60


def draw(targets: str | Path, figures: Iterable[str | Path]) -> None:
    """Draw Supp. Fig. 1a from a targets file; counts are computed back from the targets."""
    table = read_h5ad(targets)
    transform, universe = table.uns["targets"]["transform"], int(table.uns["targets"]["universe"])
    counts = np.rint(invert(table.X, table.obs["total_counts"].to_numpy(), universe, transform))
    save(before_and_after(counts, table.X), figures)


@styled
def before_and_after(counts: np.ndarray, values: np.ndarray) -> Figure:
    """Histograms of counts and of log expression, both (spots, genes), all entries pooled."""
    figure = new_figure(PAGE_MM, 60)
    before, after = figure.subplots(1, 2)
    before.hist(counts.ravel(), bins=BINS, color=BLUE)
    log_scale(before, "y")
    before.set_xlabel("Counts of a gene in a spot, c")
    before.set_ylabel("Spots × genes (log scale)")
    before.set_title("Before")
    whole_thousands(before, "x")
    after.hist(values.ravel(), bins=BINS, color=BLUE)
    after.set_xlabel("Log expression")
    after.set_ylabel("Spots × genes")
    after.set_title("After normalisation and logarithm")
    whole_thousands(after, "y")
    return figure
