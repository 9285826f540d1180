"""Supp. Fig. 9: neighbours in the latent space: how well they predict, how far away they are."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stnet.analysis.latent.neighbours import SIDES
from stnet.core.tables import by_patient, read_table
from stnet.evaluation.averages import median
from stnet.figures.style import BLUE, GREY, ORANGE, PAGE_MM, annotate, new_figure, save, styled

HEIGHT_MM = 65
COLOURS = dict(zip(SIDES, (BLUE, ORANGE), strict=True))
NAMES = dict(zip(SIDES, ("most similar neighbour", "most distinct neighbour"), strict=True))
MARKS = dict(zip(SIDES, ({}, {"marker": "o", "markersize": 2.5, "linestyle": ""}), strict=True))
PREDICTIONS = {
    "ours": "Neighbour's own normalised expression",
    "released": "Neighbour's counts, normalised by the spot's total\n(released code)",
}
AMONG = {
    "ours": "Spots of the same section",
    "released": "Sections of a patient pooled\n(released code)",
}


def draw_neighbours(neighbours: str | Path, figures: Iterable[str | Path]) -> None:
    """Draw Supp. Fig. 9a from the table of `neighbour_performance`."""
    save(neighbour_curves(read_table(neighbours)), figures)


def draw_distances(distances: str | Path, figures: Iterable[str | Path]) -> None:
    """Draw Supp. Fig. 9b from the table of `neighbour_distances`."""
    save(distance_curves(read_table(distances)), figures)


@styled
def neighbour_curves(performance: pd.DataFrame) -> Figure:
    """One panel per form: median r over patients of each gene with either neighbour.

    Genes are in the order of the r of the most similar neighbour, so the two r of a gene are above
    each other. The released code sorts each curve on its own, which pairs different genes.
    """
    figure = new_figure(PAGE_MM, HEIGHT_MM)
    panels = figure.subplots(1, len(PREDICTIONS), sharey=True)
    for axis, (form, title) in zip(panels, PREDICTIONS.items(), strict=True):
        of_form = performance[performance["form"] == form]
        axis.set_title(title)
        axis.set_xlabel("Genes, by r of the most similar neighbour")
        if of_form.empty:
            annotate(axis, "no spot has neighbours")
            continue
        genes = of_form["gene"].unique().tolist()
        medians = {side: median(by_patient(of_form, side, genes), axis=0) for side in SIDES}
        order = np.argsort(medians["nearest"])
        for side, values in medians.items():
            style = {"color": COLOURS[side], "label": NAMES[side]} | MARKS[side]
            axis.plot(np.arange(len(order)) + 1, values[order], **style)
        ahead = (medians["nearest"] > medians["farthest"]).sum()
        axis.axhline(0, color=GREY, linewidth=0.6)
        axis.legend(title=f"most similar better in {ahead} of {len(genes)} genes", loc="upper left")
    panels[0].set_ylabel("Median r over patients")
    return figure


@styled
def distance_curves(distances: pd.DataFrame) -> Figure:
    """One panel per form: cumulative distribution of the distance to the nearest latent neighbour.

    The distance to a random spot is drawn beside it.
    """
    figure = new_figure(PAGE_MM, HEIGHT_MM)
    panels = figure.subplots(1, len(AMONG), sharey=True)
    for axis, (form, title) in zip(panels, AMONG.items(), strict=True):
        of_form = distances[distances["form"] == form]
        axis.set_title(title)
        axis.set_xlabel("Distance on the array (spot pitches)")
        if of_form.empty:
            annotate(axis, "no spot has a neighbour")
            continue
        for column, style, name in (
            ("distance", {"color": BLUE}, "nearest in latent space"),
            ("random_distance", {"color": GREY, "linestyle": "-."}, "random spot"),
        ):
            label = f"{name}, mean {of_form[column].mean():.1f}"
            axis.ecdf(of_form[column], label=label, **style)
        farthest = of_form.loc[of_form["adjacent"], "distance"].max()
        if np.isfinite(farthest):
            style = {"color": GREY, "linestyle": "--", "linewidth": 0.8}
            axis.axvline(farthest, label="farthest adjacent spots", **style)
        axis.set_xlim(left=0)
        axis.legend(loc="lower right")
    panels[0].set_ylabel("Cumulative share of spots")
    return figure
