"""Spread of predictions, over an ensemble and over symmetries, against errors in other patients."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import anndata as ad
import numpy as np
from matplotlib.figure import Figure

from stnet.core.h5ad import read_h5ad
from stnet.core.printed import decimals
from stnet.evaluation.correlation import spearman
from stnet.figures.style import BLUE, GREY, ORANGE, PAGE_MM, new_figure, save, styled

# Layer, name, colour and line of each spread; lines differ for print in black and white.
SPREADS = [
    ("sd", "networks of an ensemble", BLUE, "-"),
    ("symmetry_sd", "symmetries of the patch", ORANGE, "--"),
]
TENTHS = 10


def draw(predictions: Sequence[str | Path], figures: Iterable[str | Path]) -> None:
    """Draw from the predictions of external sections (`stnet.inference.sections`)."""
    tables = [read_h5ad(path, needs=["layers/symmetry_sd"]) for path in predictions]
    save(spread_and_error(ad.concat(tables)), figures)


@styled
def spread_and_error(spots: ad.AnnData) -> Figure:
    """Error by tenth of the spots in order of spread, and rank correlation of both, by gene.

    Errors are relative to the gene's mean. `spots` has the layers `observed`, missing in genes that
    are not measured, `symmetry_sd` and, of an ensemble, `sd`. Source: ours.
    """
    errors = np.abs(spots.layers["observed"] - spots.X).T
    measured = np.isfinite(errors).all(axis=1)
    errors = errors[measured]
    figure = new_figure(PAGE_MM, 62)
    by_tenth, by_gene = figure.subplots(1, 2)
    by_tenth.axhline(1, color=GREY, linewidth=0.6)
    by_gene.axvline(0, color=GREY, linewidth=0.6)
    for layer, name, colour, style in SPREADS:
        if layer not in spots.layers:
            continue
        spread = np.asarray(spots.layers[layer]).T[measured]
        ordered = np.take_along_axis(errors, np.argsort(spread, axis=1, kind="stable"), axis=1)
        parts = np.array_split(ordered, TENTHS, axis=1)
        shares = np.array([part.mean(axis=1) for part in parts]) / errors.mean(axis=1)
        low, middle, high = np.percentile(shares, [10, 50, 90], axis=1)
        place = np.arange(1, TENTHS + 1)
        by_tenth.plot(place, middle, color=colour, linestyle=style)
        by_tenth.fill_between(place, low, high, color=colour, alpha=0.2, linewidth=0)
        rho = np.sort(spearman(spread, errors))
        rho = rho[np.isfinite(rho)]
        label = f"{name}: median {decimals(np.median(rho))}"
        by_gene.step(rho, np.arange(1, len(rho) + 1), color=colour, linestyle=style, label=label)
    by_tenth.set(
        title=f"{spots.n_obs:,} spots, {len(errors)} genes",
        xlabel="Tenth of the spots, from least to most spread",
        ylabel="Error, relative to the gene's mean",
        xticks=place,
    )
    by_gene.set(xlabel="Rank correlation of spread and error", ylabel="Genes up to it")
    by_gene.legend(loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0)
    return figure
